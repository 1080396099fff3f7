"""Plug-ins of strategies that Avalanche lacks, or has wrong."""
