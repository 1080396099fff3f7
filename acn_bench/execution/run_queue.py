"""The runs of a plan -> the next run for each worker process; a busy run is tried again by who found it busy."""

import time
from collections import deque
from collections.abc import Iterator, Sequence

from acn_bench.config import RunConfig


class RunQueue:
    """Runs to make. One worker watches a busy run: only who has seen a lease for long can tell that it expired."""

    def __init__(self, configs: Sequence[RunConfig], patience: float | None = None) -> None:
        """`patience`: seconds after which a run that others make is left to them; None: never."""
        self.patience = patience
        self._waiting = deque(configs)
        self._busy: deque[tuple[RunConfig, int]] = deque()  # with the worker that watches it
        self._since: dict[str, float] = {}  # run_id -> busy, as one worker saw it, since then

    def __bool__(self) -> bool:
        """Whether any run is left."""
        return bool(self._waiting or self._busy)

    def next(self, worker: int) -> RunConfig | None:
        """A run for an idle worker: one that was not tried, one that it watches, one that another watches."""
        if self._waiting:
            return self._waiting.popleft()
        for entry in self._busy:
            if entry[1] == worker:
                self._busy.remove(entry)
                return entry[0]
        if not self._busy:
            return None
        config, _ = self._busy.popleft()
        self._since.pop(config.run_id, None)
        return config

    def repeat(self, config: RunConfig) -> None:
        """Queue a run whose process died."""
        self._waiting.append(config)

    def is_left(self, config: RunConfig, worker: int) -> bool:
        """Queue a busy run again; True for one that this plan leaves to others."""
        now = time.monotonic()
        since = self._since.setdefault(config.run_id, now)
        if self.patience is not None and not self._waiting and now - since >= self.patience:
            return True
        self._busy.append((config, worker))
        return False

    def ended(self) -> None:
        """A run of this plan has ended: watch the busy ones anew, since their workers may die meanwhile."""
        self._since.clear()

    def __iter__(self) -> Iterator[RunConfig]:
        yield from self._waiting
        yield from (config for config, _ in self._busy)
