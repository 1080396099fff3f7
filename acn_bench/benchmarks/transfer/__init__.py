"""Transfer: training on a source, then fine-tuning and linear probes on a target."""
