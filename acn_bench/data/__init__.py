"""Where examples come from: CIFAR, embedded digits, corruptions, batches."""
