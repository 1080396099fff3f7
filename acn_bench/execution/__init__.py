"""Making the runs of a plan: prepare, execute, record, report."""
