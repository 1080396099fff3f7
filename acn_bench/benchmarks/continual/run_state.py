"""The measurements of a run so far: accuracy tables, seconds, peak memory, and the number of experiences done."""

from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal

import torch

from acn_bench.benchmarks.continual.accuracy_table import Table
from acn_bench.evaluation import cost
from acn_bench.training.resume import State


@dataclass
class RunState:
    """Filled while a stream of T experiences is trained on and measured."""

    NUMBERS = (
        *("initial", "trained", "measured", "train_seconds", "evaluate_seconds", "peak_memory"),
        "strength_tries",
    )
    TABLES = ("tests", "validations", "masked")

    experiences: int  # T
    device: torch.device
    initial: list[float] | None = None  # accuracy on each experience, before training
    trained: int = 0  # number of experiences trained on
    measured: int = 0  # number of experiences after which the model was measured
    train_seconds: float = 0.0
    evaluate_seconds: float = 0.0
    peak_memory: int = 0  # bytes, in this process and the interrupted ones before it
    # trainings on each experience after the first, to select a strength; see `selection`
    strength_tries: list[list[State]] = field(default_factory=list)
    noise: dict[tuple[str, float], Table] = field(default_factory=dict)  # (corruption, level)
    tests: Table = field(init=False)
    validations: Table = field(init=False)
    masked: Table = field(init=False)
    lap_start: float = field(init=False)

    def __post_init__(self) -> None:
        self.tests, self.validations, self.masked = (Table(self.experiences) for _ in range(3))
        self.start_lap()

    def noise_table(self, corruption: str, level: float) -> Table:
        """The table of one level of a corruption."""
        return self.noise.setdefault((corruption, level), Table(self.experiences))

    def start_lap(self) -> None:
        """Start the clock; the seconds since the last lap are not counted."""
        self.lap_start = perf_counter()

    def end_lap(self, phase: Literal["train", "evaluate"]) -> None:
        """Add the seconds of this lap to the phase, and start the next lap."""
        seconds = perf_counter() - self.lap_start
        if phase == "train":
            self.train_seconds += seconds
        else:
            self.evaluate_seconds += seconds
        self.start_lap()

    def update_peak_memory(self) -> None:
        """Take this process's peak memory into account."""
        self.peak_memory = max(self.peak_memory, cost.peak_memory(self.device))

    def state(self) -> State:
        """The state for a checkpoint."""
        self.update_peak_memory()
        return {
            "numbers": {name: getattr(self, name) for name in self.NUMBERS},
            "tables": {name: getattr(self, name).state() for name in self.TABLES},
            "noise": [[name, level, t.state()] for (name, level), t in self.noise.items()],
        }

    def restore(self, state: State) -> None:
        """Set the state that `state` returned."""
        for name in self.NUMBERS:
            setattr(self, name, state["numbers"][name])
        for name in self.TABLES:
            getattr(self, name).restore(state["tables"][name])
        for name, level, table in state["noise"]:
            self.noise_table(name, level).restore(table)
