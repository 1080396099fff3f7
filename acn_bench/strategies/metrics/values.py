"""A number with its metric and name -> the `MetricValue` of Avalanche's evaluator and loggers."""

from typing import Any

from avalanche.evaluation import PluginMetric
from avalanche.evaluation.metric_results import MetricValue
from avalanche.evaluation.metric_utils import get_metric_name


def of_experience(metric: PluginMetric, strategy: Any, name: str, value: float) -> MetricValue:
    """`<name>_Exp/eval_phase/test_stream/Task000/Exp000`, at the training iteration."""
    full = get_metric_name(f"{name}_Exp", strategy, add_experience=True)
    return MetricValue(metric, full, value, strategy.clock.train_iterations)


def of_stream(metric: PluginMetric, strategy: Any, name: str, value: float) -> MetricValue:
    """`<name>_Stream/eval_phase/test_stream`, over all tasks; Avalanche's own name has the last task's label."""
    full = get_metric_name(f"{name}_Stream", strategy, add_task=False)
    return MetricValue(metric, full, value, strategy.clock.train_iterations)
