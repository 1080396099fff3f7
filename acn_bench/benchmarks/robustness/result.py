"""Raw measurements of a robustness run."""

import struct
from base64 import b64decode
from collections.abc import Sequence

from acn_bench import validation
from acn_bench.analysis.image_outcomes import unpacked
from acn_bench.benchmarks.robustness.spec import RobustnessSpec
from acn_bench.result import Result, RowCounts
from acn_bench.spec import Struct

BINS = 15  # of confidence
# of the example images of a record: all their pixels together, and the side of one
MOST_PIXELS, MOST_SIDE = 2**15, 64


class Scores(Struct, frozen=True, kw_only=True):
    """Of the same predictions after 0 … L blocks, each (L+1,); one value if the network has no depths."""

    accuracy: list[float]
    nll: list[float]  # negative log-likelihood, in nats
    ece: list[float]  # expected calibration error, 15 bins of equal width
    brier: list[float]  # over all classes, in [0, 2]
    # correct or not for each image at full depth, as `image_outcomes.packed`; older records have none
    outcomes: str = ""


class CorruptedScores(Scores, frozen=True, kw_only=True):
    """The scores on test images under one corruption."""

    corruption: str
    level: float  # of noise; a severity, 1 … 5, of a common corruption


class Reliability(Struct, frozen=True, kw_only=True):
    """Predictions at full depth by confidence, each (15,)."""

    severity: int  # of all common corruptions together; 0: clean
    count: list[int]
    correct: list[int]
    confidence: list[float]  # sum over the bin


class AttackStep(Struct, frozen=True, kw_only=True):
    """One step of an attack."""

    name: str
    correct: int  # images that are still correct after it and the steps before it
    outcomes: str = ""  # which ones, as `image_outcomes.packed`


class AttackScores(Struct, frozen=True, kw_only=True):
    """What an attack in Linf on the first test images leaves."""

    images: int
    clean: int  # correct at full depth without an attack
    clean_outcomes: str = ""  # which ones, as `image_outcomes.packed`
    steps: list[AttackStep]
    # after 0 … L blocks on the adversarial images, which were made at full depth, (L+1,)
    accuracy: list[float]
    warnings: list[str]  # of AutoAttack


class ExampleImage(Struct, frozen=True, kw_only=True):
    """The first test image under one condition, as the network's input before its normalisation."""

    corruption: str  # empty: clean
    level: float  # 0: clean
    png: str  # a file of 8 bits in base64

    @property
    def file(self) -> bytes:
        """The PNG file. Raises ValueError where the text is no base64."""
        return b64decode(self.png, validate=True)


class RobustnessResult(Result, frozen=True, kw_only=True, tag="robustness"):
    """Raw measurements; the network is trained once, and all scores are of it."""

    classes: int
    rows: RowCounts
    train_loss: list[
        float
    ]  # per check: an epoch, or 1 / checks_per_epoch of one; of a trained network, none
    held_out: list[float]  # accuracy at full depth on the held-out rows, at each check
    validation: Scores | None  # on clean held-out rows, at the end; none of a trained network
    # (L+1, 2) over the held-out rows: how many examples each depth loses and gains against full depth
    changes: list[list[int]]
    clean: Scores  # on clean test images
    noise: list[CorruptedScores]
    corruptions: list[CorruptedScores]
    reliability: list[Reliability]
    attack: AttackScores | None = None
    example_images: list[ExampleImage] = []  # clean first; older records have none
    # share of the most frequent class among the held-out rows; null where none are, and in older records
    held_out_most_frequent: float | None = None


def validate(result: RobustnessResult, spec: RobustnessSpec) -> None:
    """Raise ValueError if the parts of a result do not fit each other, or its settings."""
    depths = len(result.clean.accuracy)
    tests = result.rows.test
    _scores("clean", result.clean, depths, tests)
    if result.validation is not None:
        _scores("validation", result.validation, depths, result.rows.validation)
    elif result.images_seen:
        raise ValueError("result.validation is missing: a training holds rows out")
    validation.most_frequent(
        "result.held_out_most_frequent", result.held_out_most_frequent, result.classes
    )
    noise = [(name, level) for name, levels in spec.noise.items() for level in levels]
    _conditions("noise", result.noise, noise, depths, tests)
    common = [(name, float(s)) for name in spec.common for s in spec.severities]
    _conditions("corruptions", result.corruptions, common, depths, tests)
    _attack(result.attack, spec, tests, depths)
    _images(result.example_images, [("", 0.0), *noise, *common])
    validation.long("result.train_loss", result.train_loss, len(result.held_out))
    if not result.held_out and result.images_seen:
        raise ValueError("result.held_out is empty: every epoch ends with a measurement")
    for k, bins in enumerate(result.reliability):
        for name in ("count", "correct", "confidence"):
            validation.long(f"result.reliability[{k}].{name}", getattr(bins, name), BINS)


def _attack(attack: AttackScores | None, spec: RobustnessSpec, tests: int, depths: int) -> None:
    settings = spec.linf
    if (attack is None) != (settings is None):
        raise ValueError("result.attack does not fit benchmark.attack: one of them has no attack")
    if attack is None or settings is None:
        return
    if attack.images != spec.attacked(tests):
        raise ValueError(
            f"result.attack.images is {attack.images}, and the settings attack {spec.attacked(tests)}"
        )
    if tuple(step.name for step in attack.steps) != settings.steps:
        raise ValueError("result.attack.steps are not those of its attack, in order")
    counts = [attack.images, attack.clean, *(step.correct for step in attack.steps), 0]
    if counts != sorted(counts, reverse=True):
        raise ValueError("result.attack.steps: no step makes an image correct")
    validation.shares("result.attack.accuracy", attack.accuracy, depths)
    _outcomes("result.attack.clean_outcomes", attack.clean_outcomes, attack.images, attack.clean)
    for k, step in enumerate(attack.steps):
        place = f"result.attack.steps[{k}].outcomes"
        _outcomes(place, step.outcomes, attack.images, step.correct)


def _images(images: Sequence[ExampleImage], known: Sequence[tuple[str, float]]) -> None:
    """Small PNG files of conditions that the settings have; a report hands them to a browser as they are."""
    pixels = 0
    for k, image in enumerate(images):
        place = f"result.example_images[{k}]"
        if (image.corruption, image.level) not in known:
            raise ValueError(f"{place} is of a condition that the settings do not have")
        width, height = _png_size(place, image)
        if max(width, height) > MOST_SIDE:
            raise ValueError(f"{place} is {width} × {height} px: at most {MOST_SIDE} px are kept")
        pixels += width * height
    if pixels > MOST_PIXELS:
        raise ValueError(
            f"result.example_images has {pixels:,} pixels: at most {MOST_PIXELS:,} are kept"
        )


def _png_size(place: str, image: ExampleImage) -> tuple[int, int]:
    try:
        file = image.file
    except ValueError as e:
        raise ValueError(f"{place}.png is no base64") from e
    # a signature, the first chunk's length and name, width and height
    if len(file) < 24 or file[:8] != b"\x89PNG\r\n\x1a\n" or file[12:16] != b"IHDR":
        raise ValueError(f"{place}.png is no PNG file")
    if len(file) > 8 * MOST_SIDE**2:
        raise ValueError(f"{place}.png has {len(file):,} bytes: an image of its size needs fewer")
    width, height = struct.unpack(">II", file[16:24])
    return width, height


def _conditions(
    place: str,
    measured: Sequence[CorruptedScores],
    expected: Sequence[tuple[str, float]],
    depths: int,
    images: int,
) -> None:
    if [(m.corruption, m.level) for m in measured] != list(expected):
        raise ValueError(f"result.{place} does not hold the conditions of its settings, in order")
    for k, scores in enumerate(measured):
        _scores(f"{place}[{k}]", scores, depths, images)


def _scores(place: str, scores: Scores, depths: int, images: int) -> None:
    validation.shares(f"result.{place}.accuracy", scores.accuracy, depths)
    _outcomes(f"result.{place}.outcomes", scores.outcomes, images, scores.accuracy[-1] * images)
    for name in ("nll", "ece", "brier"):
        validation.not_negative(f"result.{place}.{name}", getattr(scores, name), depths)


def _outcomes(place: str, text: str, images: int, correct: float) -> None:
    """Of so many images, so many are correct; an older record has no outcomes."""
    if not text:
        return
    try:
        found = sum(unpacked(text, images))
    except ValueError as e:
        raise ValueError(f"{place}: {e}") from e
    if abs(found - correct) > 0.01:  # an accuracy is a share, rounded as a float is
        raise ValueError(f"{place} holds {found} correct images, not {correct:g}")
