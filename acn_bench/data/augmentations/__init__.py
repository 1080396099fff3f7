"""Random changes of training images, batched on the device; each depends on (seed, epoch, row) alone."""
