"""Photographs on disk -> batches of uint8 images by row number, decoded and cropped by threads.

Decoding and resizing leave Python's lock, so threads share the cores and the memory of one process.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Literal, Protocol

import torch
from torch import Tensor

from acn_bench.cores import process_share
from acn_bench.data.image_decoding import DamagedImageError
from acn_bench.data.image_view import View

Fill = Callable[[Sequence[int]], dict[int, DamagedImageError]]


class Photographs(Protocol):
    """Decoded photographs by row: the files of a split, or its cache."""

    @property
    def labels(self) -> Tensor:
        """(N,) int64."""

    def photograph(self, row: int) -> Tensor:
        """(3, H, W) uint8. Raises DamagedImageError."""


class FileSource:
    """One split; it meets `image_source.ImageSource`."""

    def __init__(
        self,
        photographs: Photographs,
        view: View,
        *,
        seed: int,
        device: torch.device,
        damaged: Literal["stop", "skip"] = "stop",
        workers: int | None = None,
    ) -> None:
        self.photographs = photographs
        self.labels = photographs.labels
        self.view = view
        self.seed = seed
        self.device = device
        self.stops = damaged == "stop"
        self.workers = workers or process_share()
        self.damage: dict[int, str] = {}  # row -> what is wrong with its file

    def images(self, rows: Tensor, epoch: int | None) -> Tensor:
        """Rows (B,) -> (B, 3, size, size) uint8 on the device; epoch None: the test view.

        Raises DamagedImageError for the first damaged file of the batch, unless damaged files are skipped.
        """
        size, numbers = self.view.size, rows.tolist()
        pin = self.device.type == "cuda"
        batch = torch.zeros(len(numbers), 3, size, size, dtype=torch.uint8, pin_memory=pin)
        draws = None if epoch is None else self.view.draws(self.seed, epoch, rows)

        pixels, view = (
            batch.numpy(),
            self.view,
        )  # NumPy copies on the thread that asks it to, torch on many

        def fill(places: Sequence[int]) -> dict[int, DamagedImageError]:
            """Write these images into the batch; returns what was damaged, by place."""
            failed = {}
            for place in places:
                try:
                    photograph = self.photographs.photograph(numbers[place])
                except DamagedImageError as e:
                    failed[place] = e
                    continue
                if draws is None:
                    pixels[place] = view.test(photograph).numpy()
                else:
                    image = view.train(photograph, draws[place]).numpy()
                    pixels[place] = image[..., ::-1] if view.mirrors(draws[place]) else image
            return failed

        self._note(numbers, self._filled(fill, len(numbers)))
        return batch.to(self.device, non_blocking=True)

    def readable(self, rows: Tensor) -> Tensor:
        """Rows (B,) that `images` returned -> (B,) bool: False where the file is damaged."""
        return torch.tensor([row not in self.damage for row in rows.tolist()], dtype=torch.bool)

    def _filled(self, fill: Fill, count: int) -> dict[int, DamagedImageError]:
        """Share the places of a batch among the threads."""
        workers = min(self.workers, count)
        if workers <= 1:
            return fill(range(count))
        shares = [range(k, count, workers) for k in range(workers)]
        failed: dict[int, DamagedImageError] = {}
        for part in self._pool.map(fill, shares):
            failed |= part
        return failed

    def _note(self, numbers: list[int], failed: dict[int, DamagedImageError]) -> None:
        if failed and self.stops:
            raise failed[min(failed)]
        for place, error in failed.items():
            self.damage[numbers[place]] = str(error)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.workers, thread_name_prefix="images")
