"""What every run leaves: costs and times, the checks that ran beside it, and what made it."""

from acn_bench.spec import Precision, Struct


class Seconds(Struct, frozen=True, kw_only=True):
    """Wall-clock time."""

    train: float
    evaluate: float


class Result(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What a run of any kind leaves; the subclass is the kind, and adds what was measured. L blocks."""

    parameters: list[int]  # (L+1,) of the network cut to k blocks, all its heads included
    flops: list[int]  # (L+1,) of one image forward, 2 per multiply-add
    seconds: Seconds
    peak_memory: int  # bytes: of the process on the CPU, of the allocator on a GPU
    images_seen: int  # in training steps, replayed ones included
    precision: Precision


class RowCounts(Struct, frozen=True, kw_only=True):
    """The number of training, held-out and test rows of a data set."""

    train: int
    validation: int
    test: int


class DataProvenance(Struct, frozen=True, kw_only=True):
    """Where the examples came from."""

    name: str
    fingerprint: str
    canonical: bool  # true only for the full original files
    train: int
    test: int


class Guard(Struct, frozen=True, kw_only=True):
    """A check that ran beside the measurement, and its outcome."""

    name: str
    passed: bool
    detail: str


class Provenance(Struct, frozen=True, kw_only=True):
    """What made the record."""

    code: str  # hash of the files that training and evaluation import
    commit: str | None
    versions: dict[str, str]
    device: str
    time: str  # ISO 8601, UTC, when the run ended
    data: DataProvenance  # what is trained on, first where there are several
    further: list[DataProvenance] = []  # the others, in the protocol's order
    comparable: bool  # with published figures
    why_not: list[str]
    guards: list[Guard]

    @property
    def datasets(self) -> list[DataProvenance]:
        """Every data set of the run, in the protocol's order."""
        return [self.data, *self.further]
