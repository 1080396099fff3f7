"""A network and examples -> correctness, linear probes, cost, throughput, and guards. Plain torch."""
