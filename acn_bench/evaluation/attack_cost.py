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
from importlib.util import find_spec
from math import isfinite
from typing import Literal, get_args

from acn_bench.registry import closest

INSTALL = "attacks need pyautoattack, which is not installed: pip install 'acn_bench[robustbench]'"

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
CHECK_QUERIES = 200  # of Square beside an attack that does not contain it, against gradient masking
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
        named = epsilon_name(self.epsilon)
        level = named if isinstance(named, str) else f"{named:g}"
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


def epsilon_name(text: str | float) -> str | float:
    """ε in one form for all its spellings: `8/255` as text, other values as a number. Raises as `epsilon_of`."""
    value = epsilon_of(text)
    steps = round(value * 255)
    return f"{steps}/255" if steps and steps / 255 == value else value


def require_installed() -> None:
    """Raise LookupError where pyautoattack is missing, with what to install."""
    if find_spec("pyautoattack") is None:
        raise LookupError(INSTALL)


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


def check_passes(attack: Attack) -> Passes:
    """Passes of an image in the search for gradient masking; none beside an attack that contains Square."""
    if "square" in attack.steps:
        return Passes(0, 0)
    return Passes(check_queries(attack) + 3 + OVERHEAD, 0)


def check_queries(attack: Attack) -> int:
    """Queries of Square beside the attack: 200, or the attack's own number where it is smaller."""
    return min(CHECK_QUERIES, attack.queries)


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
