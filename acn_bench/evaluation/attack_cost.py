"""The settings of an adversarial attack, and the passes that it needs; module `attacks` runs it. Never torch.

Attacks are bounded in Linf: no value of an image in [0, 1] changes by more than ε. The steps are those of
AutoAttack (Croce & Hein 2020), each on the images that the steps before it left correct:

- `standard`: APGD-CE, APGD-T and FAB-T (9 target classes each), and Square: AutoAttack's standard version, which
  RobustBench's leaderboards use;
- `apgd`: APGD-CE and APGD-T alone. It costs a fifth of `standard`'s passes at most, and its robust accuracy is an
  upper bound of `standard`'s.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Literal, get_args

from acn_bench.registry import closest

AttackName = Literal["standard", "apgd"]
Step = Literal["apgd-ce", "apgd-t", "fab-t", "square"]

STEPS: dict[str, tuple[Step, ...]] = {
    "standard": ("apgd-ce", "apgd-t", "fab-t", "square"),
    "apgd": ("apgd-ce", "apgd-t"),
}
TITLES = {"standard": "AutoAttack (standard)", "apgd": "APGD-CE + APGD-T"}
EPSILON = 8 / 255  # RobustBench's on CIFAR; on ImageNet 4/255
ITERATIONS = 100  # AutoAttack's, of APGD and FAB
QUERIES = 5000  # AutoAttack's, of Square
TARGETS = 9  # AutoAttack's number of target classes
FEWEST_CLASSES = 4  # the loss of APGD-T compares the four largest logits
OVERHEAD = 9  # forward passes of a step beside the attack: checks, predictions before and after


@dataclass(frozen=True)
class Attack:
    """One attack in Linf. Fewer iterations or queries than AutoAttack's give a weaker attack, never comparable.

    Raises LookupError for an unknown name, ValueError for a value out of range.
    """

    name: AttackName = "standard"
    epsilon: float = EPSILON
    iterations: int = ITERATIONS
    queries: int = QUERIES

    def __post_init__(self) -> None:
        if self.name not in get_args(AttackName):
            raise LookupError(f"unknown attack {self.name!r:.60}. {closest(str(self.name), STEPS)}")
        if not 0 < self.epsilon <= 1:
            raise ValueError(
                f"epsilon must lie in (0, 1], as images do, not {self.epsilon}; 8/255 is usual"
            )
        for name, value in (("iterations", self.iterations), ("queries", self.queries)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps, in order."""
        return STEPS[self.name]

    @property
    def as_published(self) -> bool:
        """Whether iterations and queries are AutoAttack's."""
        return self.iterations == ITERATIONS and self.queries == QUERIES

    @property
    def title(self) -> str:
        """For a report: `AutoAttack (standard), Linf, ε = 8/255`."""
        shorter = f", {self.iterations} iterations, {self.queries} queries"
        epsilon = Fraction(self.epsilon * 255).limit_denominator(100)
        exact = epsilon.denominator == 1 and abs(self.epsilon * 255 - epsilon) < 1e-6
        level = f"{epsilon}/255" if exact else f"{self.epsilon:g}"
        return f"{TITLES[self.name]}, Linf, ε = {level}{'' if self.as_published else shorter}"


def epsilon_of(text: str | float) -> float:
    """`8/255`, `0.03` or a number -> ε. Raises ValueError for other texts, and outside (0, 1]."""
    try:
        value = float(Fraction(text) if isinstance(text, str) else text)
    except (ValueError, ZeroDivisionError, OverflowError) as e:
        raise ValueError(
            f"epsilon must be a number or a fraction such as 8/255, not {text!r:.40}"
        ) from e
    if not isfinite(value) or not 0 < value <= 1:
        raise ValueError(f"epsilon must lie in (0, 1], as images do, not {text}; 8/255 is usual")
    return value


@dataclass(frozen=True)
class Passes:
    """Passes of one image through the network."""

    forward: int
    backward: int

    def __add__(self, other: "Passes") -> "Passes":
        return Passes(self.forward + other.forward, self.backward + other.backward)

    @property
    def trained_images(self) -> float:
        """The same work in trained images, of about 3 passes: forward, and backward to inputs and to weights."""
        return (self.forward + self.backward) / 3


def most_passes(attack: Attack, classes: int) -> Passes:
    """Passes of an image that stays correct to the end: no image needs more."""
    total = Passes(0, 0)
    for step in attack.steps:
        total += step_passes(step, attack, classes)
    return total


def least_passes(attack: Attack, classes: int) -> Passes:
    """Passes of an image that the first step breaks. One that is wrong without an attack needs 1."""
    return step_passes(attack.steps[0], attack, classes)


def step_passes(step: Step, attack: Attack, classes: int) -> Passes:
    """Passes of one image in one step, to its end."""
    n, targets = attack.iterations, targets_of(classes)
    passes = {
        "apgd-ce": Passes(1 + n + 1, n + 1),  # APGD takes the gradient at its start, too
        "apgd-t": Passes(1 + targets * (n + 2), targets * (n + 1)),
        "fab-t": Passes(1 + targets * (2 * n + 3), targets * n),
        "square": Passes(attack.queries + 3, 0),
    }[step]
    return passes + Passes(OVERHEAD, 0)


def targets_of(classes: int) -> int:
    """The number of target classes: AutoAttack's 9, or all other classes. Raises ValueError below 4 classes."""
    if classes < FEWEST_CLASSES:
        raise ValueError(
            f"an attack needs at least {FEWEST_CLASSES} classes, not {classes}: "
            "the targeted loss compares the four largest logits"
        )
    return min(TARGETS, classes - 1)


def cost_sentence(attack: Attack, images: int, classes: int) -> str:
    """The cost of a plan, before anything runs."""
    least, most = least_passes(attack, classes), most_passes(attack, classes)
    return (
        f"{attack.title}: per image {least.forward:,} forward and {least.backward:,} backward passes if its first "
        f"step succeeds, at most {most.forward:,} and {most.backward:,}; {images:,} images cost at most as much as "
        f"training on {round(images * most.trained_images):,} images"
    )
