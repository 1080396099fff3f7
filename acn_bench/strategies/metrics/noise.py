"""An evaluation in any Avalanche pipeline -> accuracy under noise, and its forgetting."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from avalanche.evaluation import PluginMetric
from avalanche.evaluation.metric_results import MetricValue
from avalanche.evaluation.metric_utils import stream_type

from acn_bench.strategies.metrics.passes import Levels, Noise, NoisyPasses
from acn_bench.strategies.metrics.values import of_experience, of_stream

LEVELS: Levels = {"gaussian": (0.1, 0.2, 0.4), "salt_and_pepper": (0.01, 0.05, 0.1)}
FORGETTING_LEVELS: Levels = {"gaussian": (0.2,), "salt_and_pepper": (0.05,)}

Stats = Sequence[float]


class NoiseRobustness(PluginMetric):  # type: ignore[misc]  # Avalanche is untyped
    """Accuracy under noise, and its drop: clean minus noisy accuracy on the same images.

    Logs `NoisyAcc_<corruption>_<level>` and `NoiseDrop_<corruption>_<level>` for each experience and for the
    stream. The stream's value is over all images evaluated, as Avalanche's `Top1_Acc_Stream`. Costs a forward
    pass for each level.

    Noise is added to images in [0, 1], and clipped to it: `mean` and `std`, per channel, are those that the
    pipeline normalised its images with; without them images must lie in [0, 1]. An image's noise depends only
    on (seed, its row in the data set); if evaluation shuffles, on its position in the evaluation.

    Args:
        levels: corruption -> levels: σ of `gaussian`, share of pixels of `salt_and_pepper`.
        seed: of the noise.
        mean: per channel, of the pipeline's normalisation.
        std: per channel, of the pipeline's normalisation.

    Raises LookupError for an unknown corruption, ValueError for an invalid level, mean or std; in evaluation
    ValueError for images outside [0, 1].
    """

    def __init__(
        self,
        levels: Mapping[str, Sequence[float]] = LEVELS,
        *,
        seed: int = 0,
        mean: Stats | None = None,
        std: Stats | None = None,
    ) -> None:
        super().__init__()
        self._passes = NoisyPasses(str(self), levels, seed=seed, mean=mean, std=std)
        self._experience = _Shares()
        self._stream = _Shares()

    def result(self) -> dict[Noise, float]:
        """Accuracy by (corruption, level) over all images since the evaluation began."""
        return {noise: self._stream.accuracy(noise) for noise in self._passes.noises}

    def reset(self) -> None:
        """Clear the evaluated images."""
        self._experience, self._stream = _Shares(), _Shares()

    def before_eval(self, strategy: Any) -> None:
        self.reset()
        self._passes.start_stream()

    def before_eval_exp(self, strategy: Any) -> None:
        self._experience = _Shares()
        self._passes.start_experience()

    def after_eval_iteration(self, strategy: Any) -> None:
        correct = {None: self._passes.clean(strategy)} | self._passes.noisy(strategy)
        self._experience.add(correct, len(strategy.mb_y))
        self._stream.add(correct, len(strategy.mb_y))

    def after_eval_exp(self, strategy: Any) -> list[MetricValue]:
        return self._values(strategy, self._experience, of_experience)

    def after_eval(self, strategy: Any) -> list[MetricValue]:
        return self._values(strategy, self._stream, of_stream)

    def __str__(self) -> str:
        return "NoiseRobustness"

    def _values(self, strategy: Any, shares: "_Shares", of: Any) -> list[MetricValue]:
        values = []
        for noise in self._passes.noises if shares.count else []:
            noisy = shares.accuracy(noise)
            label = "_".join(map(str, noise))
            values.append(of(self, strategy, f"NoisyAcc_{label}", noisy))
            drop = shares.accuracy(None) - noisy
            values.append(of(self, strategy, f"NoiseDrop_{label}", drop))
        return values


class RobustForgetting(PluginMetric):  # type: ignore[misc]
    """Forgetting of accuracy under noise: the accuracy just after learning an experience minus the current one.

    Logs `RobustForgetting_<corruption>_<level>` of each experience learned before the last one, and their mean
    for the stream. An experience must be evaluated after it is learned and before the next one is. Each
    stream (train, test, …) has its own values. Arguments, cost and noise are those of `NoiseRobustness`.
    """

    def __init__(
        self,
        levels: Mapping[str, Sequence[float]] = FORGETTING_LEVELS,
        *,
        seed: int = 0,
        mean: Stats | None = None,
        std: Stats | None = None,
    ) -> None:
        super().__init__()
        self._passes = NoisyPasses(str(self), levels, seed=seed, mean=mean, std=std)
        self._learned: int | None = None  # the experience that was trained on last
        self._first: dict[tuple[str, int], dict[Noise, float]] = {}  # by stream and experience
        self._experience = _Shares()
        self._drops: dict[Noise, list[float]] = {}  # of this evaluation

    def result(self) -> dict[Noise, float]:
        """Mean forgetting by (corruption, level) in the evaluation; empty before the second experience."""
        return {noise: fmean(drops) for noise, drops in self._drops.items()}

    def reset(self) -> None:
        """Clear everything, the first accuracies included."""
        self._learned, self._first, self._drops = None, {}, {}
        self._experience = _Shares()

    def before_training_exp(self, strategy: Any) -> None:
        self._learned = _number(strategy)

    def before_eval(self, strategy: Any) -> None:
        self._drops = {}
        self._passes.start_stream()

    def before_eval_exp(self, strategy: Any) -> None:
        self._experience = _Shares()
        self._passes.start_experience()

    def after_eval_iteration(self, strategy: Any) -> None:
        self._experience.add(self._passes.noisy(strategy), len(strategy.mb_y))

    def after_eval_exp(self, strategy: Any) -> list[MetricValue]:
        if not self._experience.count:
            return []
        now = {noise: self._experience.accuracy(noise) for noise in self._passes.noises}
        key = stream_type(strategy.experience), _number(strategy)
        if key[1] == self._learned:
            self._first[key] = now
            return []
        drops = {noise: first - now[noise] for noise, first in self._first.get(key, {}).items()}
        for noise, drop in drops.items():
            self._drops.setdefault(noise, []).append(drop)
        return [of_experience(self, strategy, self._label(n), drop) for n, drop in drops.items()]

    def after_eval(self, strategy: Any) -> list[MetricValue]:
        return [
            of_stream(self, strategy, self._label(n), mean) for n, mean in self.result().items()
        ]

    def __str__(self) -> str:
        return "RobustForgetting"

    def _label(self, noise: Noise) -> str:
        return "_".join(map(str, (self, *noise)))


class _Shares:
    """Counts correct predictions, on clean images (None) and under each noise."""

    def __init__(self) -> None:
        self.count = 0
        # sums on the device: one transfer per experience
        self._correct: dict[Noise | None, Any] = {}

    def add(self, correct: Mapping[Any, Any], count: int) -> None:
        self.count += count
        for noise, of_noise in correct.items():
            self._correct[noise] = self._correct.get(noise, 0) + of_noise.sum()

    def accuracy(self, noise: Noise | None) -> float:
        return int(self._correct[noise]) / self.count


def _number(strategy: Any) -> int:
    """The number of the experience; for a part of an online stream, of the experience that it is part of."""
    experience = strategy.experience
    number: int = getattr(experience, "origin_experience", experience).current_experience
    return number
