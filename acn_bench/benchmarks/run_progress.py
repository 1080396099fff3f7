"""Work done so far, in images trained -> the share of the run that is done."""

from acn_bench.benchmarks.run import Progress
from acn_bench.training.resume import State


class RunProgress:
    """Counts the work of a run and reports its share, in [0, 1]. `total`: images trained."""

    def __init__(self, total: float, report: Progress) -> None:
        self.total = total
        self.report = report
        self.done = 0.0  # images trained

    @property
    def share(self) -> float:
        """The share of the work that is done, at most 1: the total is an estimate."""
        return min(self.done / self.total, 1.0)

    def add(self, images: float) -> None:
        """Count more work, and report."""
        self.done += images
        self.report(self.share)

    def advance_to(self, images: float) -> None:
        """Move progress to at least `images`; skipped epochs count as done."""
        self.add(max(images - self.done, 0.0))

    def finish(self) -> None:
        """Report that the run is complete."""
        self.report(1.0)

    def state(self) -> State:
        """The state for a checkpoint."""
        return {"done": self.done}

    def restore(self, state: State) -> None:
        """Set the state that `state` returned, and report."""
        self.done = state["done"]
        self.report(self.share)
