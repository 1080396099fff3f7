"""What a run has found so far: tables, seconds, and how far it is."""

from dataclasses import dataclass, field

from acn_bench.benchmarks.continual.accuracy_table import Table
from acn_bench.training.resume import State


@dataclass
class RunState:
    """Filled while a stream of T experiences is trained on and measured."""

    NUMBERS = ("initial", "trained", "measured", "train_seconds", "evaluate_seconds", "peak_memory")
    TABLES = ("tests", "validations", "masked")

    experiences: int  # T
    initial: list[float] | None = None  # accuracy on each, before training
    trained: int = 0  # experiences that are trained on
    measured: int = 0  # and measured
    train_seconds: float = 0.0
    evaluate_seconds: float = 0.0
    peak_memory: int = 0  # bytes, in the processes that came before this one
    noise: dict[tuple[str, float], Table] = field(default_factory=dict)  # (corruption, level)
    tests: Table = field(init=False)
    validations: Table = field(init=False)
    masked: Table = field(init=False)

    def __post_init__(self) -> None:
        self.tests, self.validations, self.masked = (Table(self.experiences) for _ in range(3))

    def noisy(self, corruption: str, level: float) -> Table:
        """The table of one level of a corruption."""
        return self.noise.setdefault((corruption, level), Table(self.experiences))

    def state(self) -> State:
        """For a checkpoint."""
        return {
            "numbers": {name: getattr(self, name) for name in self.NUMBERS},
            "tables": {name: getattr(self, name).state() for name in self.TABLES},
            "noise": [[name, level, t.state()] for (name, level), t in self.noise.items()],
        }

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""
        for name in self.NUMBERS:
            setattr(self, name, state["numbers"][name])
        for name in self.TABLES:
            getattr(self, name).restore(state["tables"][name])
        for name, level, table in state["noise"]:
            self.noisy(name, level).restore(table)
