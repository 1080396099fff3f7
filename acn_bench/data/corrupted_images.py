"""The protocol of official corrupted test images, on disk: `data.cifar_c` and `data.official_folders` read some."""

from typing import Protocol

from torch import Tensor

from acn_bench.data.data_set import DataSet


class CorruptedImages(DataSet, Protocol):
    """The test images of one data set under each corruption and severity; they need not be in memory."""

    def require(self, corruption: str) -> None:
        """Raise LookupError where the corruption has no file."""

    def pixels(
        self, corruption: str, severity: int, rows: Tensor, size: int | None = None
    ) -> Tensor:
        """Images (B, C, H, W) uint8, on the CPU; rows (B,) count from 0 in the test set.

        `size` is the side, in pixels, of photographs; images of one size have no use for it.
        """
