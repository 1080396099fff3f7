"""The sections that any kind of benchmark can list, one a file."""
