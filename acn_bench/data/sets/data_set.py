"""What is known of a data set before it is read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSet:
    """One data set."""

    name: str
    title: str  # in reports
    description: str  # one line for `acn-bench list`
    reader: str  # module:function(name, root) -> the data
    flips: bool  # whether a mirrored image is still of its class
    embedded: str  # the embedded data set to use in its place; its own name where it is embedded
    transfers_to: str | None = None  # the target of a transfer that starts here

    @property
    def is_embedded(self) -> bool:
        """Whether it comes with the package."""
        return self.embedded == self.name
