"""A config and its split -> the plug-in that ends the training of each experience, in images or in seconds."""

from functools import partial

from acn_bench.benchmarks.continual.spec import ContinualConfig
from acn_bench.benchmarks.run_progress import RunProgress
from acn_bench.data.split import Split
from acn_bench.evaluation import cost
from acn_bench.strategies.budget import Budget
from acn_bench.training.row_model import RowInputs


def experience_budget(
    config: ContinualConfig, split: Split, rows: RowInputs, progress: RunProgress
) -> Budget | None:
    """The limit of each experience; None with budget = "epochs"."""
    protocol, strategy = config.benchmark, config.strategy
    assert strategy is not None
    # as many images as naive training has in its epochs
    images = [protocol.epochs * len(own) for own in split.train]
    if strategy.at_once:
        images = [sum(images)]
    if protocol.budget == "epochs":
        return None
    if protocol.seconds is None:
        return Budget(images, lambda: rows.trained)
    seconds = protocol.seconds * protocol.experiences / len(images)
    mean_images = sum(images) / len(images)
    return Budget(
        [seconds] * len(images),
        partial(cost.seconds, rows.device),
        lambda share: progress.add(share * mean_images),
    )
