"""The data sets that the registry names: what a plan needs to know of each. Never imports torch."""
