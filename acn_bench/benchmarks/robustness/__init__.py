"""Train on images, then measure on clean, noisy and corrupted test images at every depth."""
