"""The facts of a data set that are known before it is loaded; `data.data_set.DataSet` is a loaded one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Original:
    """The sizes of the full original set."""

    train: int  # examples
    test: int
    classes: int
    shape: tuple[int, int, int] | None  # (C, H, W) of every image; None: of several sizes


@dataclass(frozen=True)
class DataSetInfo:
    """One line of the registry of data sets."""

    name: str
    title: str  # its name in reports
    description: str  # one line of `acn-bench list`
    reader: str  # module:function(name, root) -> DataSet
    flips: bool  # whether a mirrored image keeps its class
    embedded: str  # the embedded substitute; its own name where it is embedded itself
    transfers_to: str | None = None  # the target of a transfer whose source this is
    # of official corrupted images: the corruptions that a mean is over, those that may be there besides, and how
    # the files differ from the published formulas
    corruptions: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    note: str = ""
    # as `reader`, where it differs for runs that train nothing: training examples may be absent
    tests_reader: str = ""
    original: Original | None = None  # plans on paper need no files where it is known

    @property
    def is_embedded(self) -> bool:
        """Whether it comes with the package and needs no files."""
        return self.embedded == self.name
