"""A minibatch of an evaluation -> correct or not, clean and under each noise. Changes nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from acn_bench.data.noise import CORRUPTIONS
from acn_bench.registry import closest
from acn_bench.strategies.metrics.rows import RowCounter
from acn_bench.strategies.seeding import preserved_generators

Levels = Mapping[str, Sequence[float]]
Noise = tuple[str, float]  # a corruption and its level

ROUNDING = 1e-4  # how far pixels may lie outside [0, 1] after the normalisation is undone


class NoisyPasses:
    """Runs a strategy's own forward pass on noisy copies of its minibatch."""

    def __init__(
        self,
        owner: str,
        levels: Levels,
        *,
        seed: int,
        mean: Sequence[float] | None,
        std: Sequence[float] | None,
    ) -> None:
        self.owner = owner  # the metric's name, for errors
        self.noises: list[Noise] = [(name, level) for name in levels for level in levels[name]]
        self.seed = seed
        self.mean, self.std = _per_channel(owner, mean, std)
        self._rows = RowCounter()
        for name, level in self.noises:
            if name not in CORRUPTIONS:
                known = list(CORRUPTIONS)
                raise LookupError(f"{owner}: no corruption {name!r}. {closest(name, known)}")
            CORRUPTIONS[name](torch.zeros(1, 1, 1, 1), level)  # raises ValueError

    def start_stream(self) -> None:
        """Start an evaluation."""
        self._rows.start_stream()

    def start_experience(self) -> None:
        """Start an experience of the evaluation."""
        self._rows.start_experience()

    def clean(self, strategy: Any) -> Tensor:
        """Correct or not, (B,), from the strategy's own output."""
        return _correct(strategy.mb_output, strategy)

    def noisy(self, strategy: Any) -> dict[Noise, Tensor]:
        """Correct or not under each noise, (B,) each; call it once per minibatch."""
        batch = strategy.mbatch
        images = self._unit(batch[0])
        rows = self._rows.take(strategy, len(images)).to(images.device)
        correct = {}
        try:
            with preserved_generators():
                for name, level in self.noises:
                    noisy = CORRUPTIONS[name](images, level, self.seed, rows)
                    strategy.mbatch = [self._normalised(noisy), *batch[1:]]
                    correct[name, level] = _correct(strategy.forward(), strategy)
        finally:
            strategy.mbatch = batch
        return correct

    def _unit(self, x: Tensor) -> Tensor:
        """The pipeline's images -> images in [0, 1]."""
        if x.dim() != 4 or not x.is_floating_point():
            raise ValueError(
                f"{self.owner} needs images (B, C, H, W) of floating point, got {tuple(x.shape)} of {x.dtype}"
            )
        if self.mean is not None and len(self.mean) not in (1, x.shape[1]):
            raise ValueError(
                f"{self.owner}: mean and std of {len(self.mean)} channels, and images of {x.shape[1]}"
            )
        if self.mean is not None and self.std is not None:
            x = x * self.std.to(x) + self.mean.to(x)
        low, high = (bound.item() for bound in x.aminmax())
        if not (low >= -ROUNDING and high <= 1 + ROUNDING):  # written so that NaN fails
            undone = "once mean and std were undone " if self.mean is not None else ""
            raise ValueError(
                f"{self.owner}: {undone}the images lie in [{low:.4g}, {high:.4g}], and noise acts on [0, 1]: "
                "give the mean and std by which the pipeline normalised them"
            )
        return x

    def _normalised(self, x: Tensor) -> Tensor:
        if self.mean is None or self.std is None:
            return x
        return (x - self.mean.to(x)) / self.std.to(x)


def _correct(logits: Tensor, strategy: Any) -> Tensor:
    correct: Tensor = logits.argmax(dim=1) == strategy.mb_y
    return correct


def _per_channel(
    owner: str, mean: Sequence[float] | None, std: Sequence[float] | None
) -> tuple[Tensor | None, Tensor | None]:
    """Mean and std as (C, 1, 1) each, or neither."""
    if mean is None and std is None:
        return None, None
    if mean is None or std is None or len(mean) != len(std):
        raise ValueError(f"{owner}: mean {mean} and std {std} must be given for the same channels")
    if not all(s > 0 for s in std):
        raise ValueError(f"{owner}: std must be above 0, not {tuple(std)}")
    return torch.tensor(mean).view(-1, 1, 1), torch.tensor(std).view(-1, 1, 1)
