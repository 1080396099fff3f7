"""Every metric of a stream of text tasks, by table: those of continual learning."""

from acn_bench.benchmarks.continual.metrics import TABLES

__all__ = ["TABLES"]
