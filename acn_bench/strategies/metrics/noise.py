"""An evaluation in any Avalanche pipeline -> accuracy under noise, and how much of it is forgotten."""

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
    """Accuracy under noise, and what it costs: clean less noisy, on the same images.

    Logs, for each corruption and level and for experience and stream, `NoisyAcc_<corruption>_<level>` and
    `NoiseDrop_<corruption>_<level>`. The stream's is over all images evaluated, as Avalanche's
    `Top1_Acc_Stream`. Costs a forward pass for each level.

    Noise acts on [0, 1] and is clipped there: `mean` and `std`, per channel, are those by which the
    pipeline normalised its images; without them they must lie in [0, 1]. An image's noise depends on
    (seed, its row in the data set) alone; where evaluation shuffles, on its place in the evaluation.

    Args:
        levels: corruption -> levels: of `gaussian` σ, of `salt_and_pepper` the share of pixels.

    Raises LookupError for an unknown corruption, ValueError for a level, mean or std that cannot be; in
    evaluation ValueError for images outside [0, 1].
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
        """Accuracy by (corruption, level) over what was evaluated since the evaluation began."""
        return {noise: self._stream.accuracy(noise) for noise in self._passes.noises}

    def reset(self) -> None:
        """Forget what was evaluated."""
        self._experience, self._stream = _Shares(), _Shares()

    def before_eval(self, strategy: Any) -> None:
        self.reset()
        self._passes.start_stream()

    def before_eval_exp(self, strategy: Any) -> None:
        self._experience = _Shares()
        self._passes.start_experience()

    def after_eval_iteration(self, strategy: Any) -> None:
        right = {None: self._passes.clean(strategy)} | self._passes.noisy(strategy)
        self._experience.add(right, len(strategy.mb_y))
        self._stream.add(right, len(strategy.mb_y))

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
    """How much accuracy under noise is forgotten: that just after learning an experience, less that now.

    Logs, for each corruption and level, `RobustForgetting_<corruption>_<level>` of each experience learned
    before the last one, and of the stream their mean. There is a first value only where an experience was
    evaluated between learning it and learning the next. Streams are kept apart. The arguments, the cost and
    the noise of an image are those of `NoiseRobustness`.
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
        """Mean forgetting by (corruption, level) in the evaluation; empty where nothing can be forgotten."""
        return {noise: fmean(drops) for noise, drops in self._drops.items()}

    def reset(self) -> None:
        """Forget everything, the first accuracies too."""
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
    """Right answers, clean (None) and under each noise."""

    def __init__(self) -> None:
        self.count = 0
        self._right: dict[Noise | None, Any] = {}  # sums on the device: one transfer an experience

    def add(self, right: Mapping[Any, Any], count: int) -> None:
        self.count += count
        for noise, correct in right.items():
            self._right[noise] = self._right.get(noise, 0) + correct.sum()

    def accuracy(self, noise: Noise | None) -> float:
        return int(self._right[noise]) / self.count


def _number(strategy: Any) -> int:
    """The experience's; a piece of an online stream counts as the experience that it was cut from."""
    experience = strategy.experience
    number: int = getattr(experience, "origin_experience", experience).current_experience
    return number
