"""The corruptions beside the published formulas: NumPy, SciPy, scikit-image, OpenCV and Pillow, one image at a time.

ImageNet-C's constants are those of imagecorruptions-imaug, which is run as it is; CIFAR-C's are written down here, as
make_cifar_c.py of hendrycks/robustness has them.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage, stats
from torch import Tensor

from acn_bench.data.corruptions import corrupt, edges, elastic_transform, fog, glass_blur, motion
from acn_bench.data.corruptions import snow as snow_module
from acn_bench.data.corruptions import spatter as spatter_module
from acn_bench.data.corruptions.corruption import Constants, _eight_bits, _truncated
from acn_bench.registry import CORRUPTIONS

published = pytest.importorskip("imagecorruptions.corruptions", exc_type=ImportError)
cv2 = pytest.importorskip("cv2", exc_type=ImportError)
color = pytest.importorskip("skimage.color")
gaussian = pytest.importorskip("skimage.filters").gaussian

Array = NDArray[Any]
every_severity = pytest.mark.parametrize("severity", range(1, 6))


def as_photographs(pixels: Tensor) -> list[Array]:
    return [image.permute(1, 2, 0).numpy() for image in pixels]


def eight_bits(values: list[Array]) -> Tensor:
    """What `np.uint8` makes of a list of images in [0, 255]."""
    return torch.from_numpy(np.stack([np.uint8(v) for v in values])).permute(0, 3, 1, 2)


def distance(corrupted: Tensor, expected: Tensor) -> Tensor:
    return (_eight_bits(corrupted).int() - expected.int()).abs()


# ---------------------------------------------------------------- without draws: the same bytes


def contrast(x: Array, c: float) -> Array:
    means = np.mean(x / 255, axis=(0, 1), keepdims=True)
    return np.clip((x / 255 - means) * c + means, 0, 1) * 255


def brightness(x: Array, c: float) -> Array:
    hsv = color.rgb2hsv(x / 255)
    hsv[:, :, 2] = np.clip(hsv[:, :, 2] + c, 0, 1)
    return np.clip(color.hsv2rgb(hsv), 0, 1) * 255


def saturate(x: Array, c: tuple[float, float]) -> Array:
    hsv = color.rgb2hsv(x / 255)
    hsv[:, :, 1] = np.clip(hsv[:, :, 1] * c[0] + c[1], 0, 1)
    return np.clip(color.hsv2rgb(hsv), 0, 1) * 255


def gaussian_blur(x: Array, c: float) -> Array:
    return np.clip(gaussian(x / 255, sigma=c, channel_axis=-1), 0, 1) * 255


def defocus_blur(x: Array, c: tuple[float, float]) -> Array:
    kernel = published.disk(radius=c[0], alias_blur=c[1])
    channels = [cv2.filter2D(x[:, :, d] / 255, -1, kernel) for d in range(3)]
    return np.clip(np.stack(channels, axis=-1), 0, 1) * 255


def clipped_zoom(x: Array, factor: float) -> Array:
    size = len(x)
    side = int(np.ceil(size / factor))
    top = (size - side) // 2
    x = ndimage.zoom(x[top : top + side, top : top + side], (factor, factor, 1), order=1)
    trim = (len(x) - size) // 2
    return x[trim : trim + size, trim : trim + size]


def zoom_blur(x: Array, factors: Array) -> Array:
    x = (x / 255).astype(np.float32)
    total = np.zeros_like(x)
    for factor in factors:
        total += clipped_zoom(x, factor)
    return np.clip((x + total) / (len(factors) + 1), 0, 1) * 255


def jpeg_compression(x: Array, quality: int) -> Array:
    file = io.BytesIO()
    Image.fromarray(x).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def pixelate(x: Array, share: float) -> Array:
    small, side = int(len(x) * share), len(x)
    image = Image.fromarray(x).resize((small, small), Image.Resampling.BOX)
    return np.array(image.resize((side, side), Image.Resampling.BOX))


CIFAR_C: dict[Callable[..., Array], list[Any]] = {
    contrast: [0.75, 0.5, 0.4, 0.3, 0.15],
    brightness: [0.05, 0.1, 0.15, 0.2, 0.3],
    saturate: [(0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)],
    gaussian_blur: [0.4, 0.6, 0.7, 0.8, 1],
    defocus_blur: [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)],
    zoom_blur: [np.arange(1, end, 0.01) for end in (1.06, 1.11, 1.16, 1.21, 1.26)],
    jpeg_compression: [80, 65, 58, 50, 40],
    pixelate: [0.95, 0.9, 0.85, 0.75, 0.65],
}


@pytest.mark.parametrize("formula", CIFAR_C, ids=lambda formula: formula.__name__)
def test_eight_corruptions_are_the_published_ones_byte_for_byte(
    formula: Callable[..., Array], images: Tensor, pixels: Tensor
) -> None:
    for severity, c in enumerate(CIFAR_C[formula], start=1):
        expected = eight_bits([formula(x, c) for x in as_photographs(pixels)])
        corrupted = corrupt(images, formula.__name__, severity)
        assert distance(corrupted, expected).max() == 0, severity


@pytest.mark.parametrize(
    "name",
    ["contrast", "brightness", "saturate", "gaussian_blur", "defocus_blur", "jpeg_compression"],
)
def test_imagenets_constants_give_the_bytes_of_imagecorruptions(
    name: str, images: Tensor, pixels: Tensor
) -> None:
    formula = getattr(published, name)
    for severity in range(1, 6):
        photographs = [Image.fromarray(x) for x in as_photographs(pixels)]
        expected = eight_bits([np.asarray(formula(x, severity)) for x in photographs])
        apart = distance(corrupt(images, name, severity, "imagenet_c"), expected)
        assert apart.max() <= 1
        assert (apart > 0).float().mean() < 1e-3  # a mean or a sum that is a whole number


@every_severity
def test_imagenets_zoom_and_pixels_are_the_published_ones(
    severity: int, images: Tensor, pixels: Tensor
) -> None:
    # imagecorruptions takes another part of the enlarged image, and enlarges by the nearest pixel
    steps = [(1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)][severity - 1]
    share = [0.6, 0.5, 0.4, 0.3, 0.25][severity - 1]
    for name, formula, c in (
        ("zoom_blur", zoom_blur, np.arange(1, *steps)),
        ("pixelate", pixelate, share),
    ):
        expected = eight_bits([formula(x, c) for x in as_photographs(pixels)])
        assert distance(corrupt(images, name, severity, "imagenet_c"), expected).max() == 0


@pytest.mark.parametrize("size", [16, 20, 31, 33, 50])
def test_jpeg_gives_pillows_bytes_for_any_size(size: int) -> None:
    noise = torch.randint(0, 256, (2, 3, size, size), generator=torch.Generator().manual_seed(size))
    noise = noise.to(torch.uint8)
    expected = eight_bits([jpeg_compression(x, 40) for x in as_photographs(noise)])
    assert distance(corrupt(noise.float() / 255, "jpeg_compression", 5), expected).max() == 0


# ---------------------------------------------------------------- for given draws


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("reach", [1, 2, 4])
def test_glass_moves_pixels_as_the_published_loop_does(
    reach: int, pixels: Tensor, generator: np.random.Generator
) -> None:
    side = 32 - 2 * reach
    moves = generator.integers(-reach, reach, (3, 2, side, side))
    expected = [x.copy() for x in as_photographs(pixels[:3])]
    for x, move in zip(expected, moves, strict=True):
        for h in range(32 - reach, reach, -1):
            for w in range(32 - reach, reach, -1):
                dx, dy = move[:, h - reach - 1, w - reach - 1]
                x[h, w], x[h + dy, w + dx] = x[h + dy, w + dx], x[h, w]  # rows of one array: a copy
    moved = glass_blur.replaced(pixels[:3], torch.from_numpy(moves), reach)
    assert torch.equal(moved, eight_bits(expected))


@every_severity
@pytest.mark.parametrize("constants", ["cifar_c", "imagenet_c"])
def test_motion_is_that_of_imagecorruptions_for_any_angle(
    constants: str, severity: int, pixels: Tensor, generator: np.random.Generator
) -> None:
    radius, sigma = getattr(CORRUPTIONS.load("motion_blur"), constants)[severity - 1]
    degrees = generator.uniform(-180, 180, len(pixels))
    degrees[:4] = 0, 45, -90, 180
    blurred = motion.motion_blur(pixels, radius, sigma, torch.from_numpy(degrees))
    expected = [
        np.round(published._motion_blur(x, radius, sigma, angle))
        for x, angle in zip(as_photographs(pixels), degrees, strict=True)
    ]
    apart = (blurred.int() - eight_bits(expected).int()).abs()
    assert apart.max() <= 1
    assert (apart > 0).float().mean() < 1e-3  # float32 here


@pytest.mark.parametrize("decay", [3, 2.5, 1.75, 1.4])
def test_fog_is_that_of_the_diamond_square_algorithm(
    decay: float, generator: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # imagecorruptions draws the centres of a step, then its two halves of the edges, row by row
    u = generator.random((16, 16))
    drawn, step = [], 16
    while step >= 2:
        half = step // 2
        drawn += [u[half::step, half::step], u[::step, half::step], u[half::step, ::step]]
        step = half
    draws = iter(drawn)
    monkeypatch.setattr(np.random, "uniform", lambda low, high, _: low + (high - low) * next(draws))
    expected = published.plasma_fractal(mapsize=16, wibbledecay=decay)
    heights = fog.plasma(torch.from_numpy(u)[..., None], decay)[..., 0].numpy()
    assert np.abs(heights - expected).max() < 1e-6  # float32 there


@every_severity
def test_snow_is_the_published_one_for_given_flakes(
    severity: int, pixels: Tensor, generator: np.random.Generator
) -> None:
    c = snow_module.snow.cifar_c[severity - 1]
    noise = generator.standard_normal((len(pixels), 32, 32))
    degrees = generator.uniform(-135, -45, len(pixels))
    expected = []
    for x, z, angle in zip(as_photographs(pixels), noise, degrees, strict=True):
        flakes = clipped_zoom((z * c[1] + c[0])[..., None], c[2])
        flakes[flakes < c[3]] = 0
        flakes = (np.clip(flakes.squeeze(), 0, 1) * 255).astype(np.uint8)
        flakes = np.round(published._motion_blur(flakes, c[4], c[5], angle))[..., None] / 255
        bright = x.astype(np.float32) / 255
        grey = cv2.cvtColor(bright, cv2.COLOR_RGB2GRAY)[..., None]
        pale = c[6] * bright + (1 - c[6]) * np.maximum(bright, grey * 1.5 + 0.5)
        expected.append(np.clip(pale + flakes + np.rot90(flakes, k=2), 0, 1) * 255)
    snowed = snow_module.snowed(pixels, c, torch.from_numpy(noise), torch.from_numpy(degrees))
    apart = (_truncated(snowed).int() - eight_bits(expected).int()).abs()
    assert apart.max() <= 1
    assert (apart > 0).float().mean() < 0.01  # float32 there


@every_severity
def test_elastic_is_the_published_one_for_given_moves(
    severity: int, pixels: Tensor, generator: np.random.Generator
) -> None:
    c = elastic_transform.elastic_transform.cifar_c[severity - 1]
    points = generator.uniform(-c[2], c[2], (len(pixels), 3, 2))
    field = generator.uniform(-1, 1, (len(pixels), 2, 32, 32))
    start = np.array([[26, 26], [26, 6], [6, 6]], dtype=np.float32)
    expected = []
    for x, point, noise in zip(as_photographs(pixels), points, field, strict=True):
        matrix = cv2.getAffineTransform(start, start + point.astype(np.float32))
        border = cv2.BORDER_REFLECT_101
        warped = cv2.warpAffine(x.astype(np.float32) / 255, matrix, (32, 32), borderMode=border)
        dx, dy = (
            (gaussian(n, c[1], mode="reflect", truncate=3) * c[0]).astype(np.float32) for n in noise
        )
        rows, columns = np.mgrid[:32, :32]
        channels = [
            ndimage.map_coordinates(
                warped[..., k], (rows + dy, columns + dx), order=1, mode="reflect"
            )
            for k in range(3)
        ]
        expected.append(np.clip(np.stack(channels, axis=-1), 0, 1) * 255)
    deformed = elastic_transform.deformed(
        pixels, c, torch.from_numpy(points), torch.from_numpy(field)
    )
    apart = (_truncated(deformed).int() - eight_bits(expected).int()).abs()
    # OpenCV before 5 rounds places to 1/32 px, which is a few steps at an edge
    assert (apart > 1).float().mean() < (0.001 if int(cv2.__version__[0]) >= 5 else 0.2)


@pytest.fixture
def without_ipp() -> Any:
    """OpenCV's own arithmetic: Intel's library measures distances in float32 instead."""
    used = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    yield
    cv2.ipp.setUseIPP(used)


@every_severity
@pytest.mark.usefixtures("without_ipp")
def test_spatter_is_the_published_one_for_given_drops(
    severity: int, pixels: Tensor, generator: np.random.Generator
) -> None:
    c = spatter_module.spatter.cifar_c[severity - 1]
    noise = generator.standard_normal((len(pixels), 32, 32))
    expected = []
    for x, z in zip(as_photographs(pixels), noise, strict=True):
        liquid = gaussian(z * c[1] + c[0], sigma=c[2])
        liquid[liquid < c[3]] = 0
        clean = x.astype(np.float32) / 255
        if severity <= 3:
            shine = (lit((liquid * 255).astype(np.uint8)) * c[4])[..., None]
            expected.append(np.clip(clean + shine * np.array([175, 238, 238]) / 255, 0, 1) * 255)
        else:
            cover = gaussian((liquid > c[3]).astype(np.float32), sigma=c[4])
            cover = np.where(cover < 0.8, 0, cover)[..., None]
            mud = np.array([63, 42, 20]) / 255 * cover
            expected.append(np.clip(clean * (1 - cover) + mud, 0, 1) * 255)
    spattered = spatter_module.spattered(pixels, c, torch.from_numpy(noise))
    apart = (_truncated(spattered).int() - eight_bits(expected).int()).abs()
    assert (apart > 1).float().mean() < 0.002
    assert (apart > 0).float().mean() < 0.01


def lit(liquid: Array) -> Array:
    """The published light of water, in [0, 1]."""
    depth = cv2.distanceTransform(255 - cv2.Canny(liquid, 50, 150), cv2.DIST_L2, 5)
    depth = np.minimum(depth, 20)
    depth = cv2.equalizeHist(cv2.blur(depth, (3, 3)).astype(np.uint8))
    kernel = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
    depth = cv2.blur(cv2.filter2D(depth, cv2.CV_8U, kernel), (3, 3)).astype(np.float32)
    light = liquid * depth
    return light / max(1, light.max())


@pytest.mark.usefixtures("without_ipp")
def test_edges_and_distances_are_opencvs(pixels: Tensor) -> None:
    grey = pixels[:, 1]
    found = edges.canny(grey, 50, 150)
    expected = [cv2.Canny(x.numpy(), 50, 150) for x in grey]
    assert 0.02 < found.float().mean() < 0.5
    assert torch.equal(found, torch.from_numpy(np.stack(expected) > 0))
    sparse = found & (torch.arange(32) % 13 == 0)
    distances = [cv2.distanceTransform(255 - np.uint8(x.numpy()) * 255, 2, 5) for x in sparse]
    assert torch.equal(
        edges.distance(sparse, 20).float() / 2**16,
        torch.from_numpy(np.minimum(np.stack(distances), 20)),
    )


# ---------------------------------------------------------------- by distribution


@pytest.fixture
def grey() -> Tensor:
    """(60, 3, 32, 32): one value, so that what is left is noise."""
    return torch.full((60, 3, 32, 32), 102 / 255)


@pytest.mark.parametrize(
    ("name", "spread"),
    [
        ("gaussian_noise", [0.04, 0.06, 0.08, 0.09, 0.10]),
        ("speckle_noise", [0.4 * c for c in (0.06, 0.1, 0.12, 0.16, 0.2)]),
    ],
)
def test_noise_has_the_published_spread(name: str, spread: list[float], grey: Tensor) -> None:
    for severity, expected in enumerate(spread, start=1):
        noise = corrupt(grey, name, severity).double() - 0.4
        assert abs(noise.mean() + 0.5 / 255) < 0.0008  # truncation takes half a step
        assert noise.std() == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("constants", "photons"), [("cifar_c", [500, 250, 100, 75, 50]), ("imagenet_c", [60, 25, 12, 5, 3])]
)  # fmt: skip
def test_shot_noise_has_the_chances_of_a_poisson_number(
    constants: Constants, photons: list[int], grey: Tensor
) -> None:
    for severity, c in enumerate(photons, start=1):
        counts = np.arange(3 * c + 20)
        values = np.uint8(np.clip(counts / c, 0, 1) * 255)
        expected = np.bincount(values, stats.poisson.pmf(counts, 0.4 * c), minlength=256)
        noisy = _eight_bits(corrupt(grey, "shot_noise", severity, constants)).flatten()
        shares = noisy.bincount(minlength=256).numpy() / noisy.numel()
        assert np.abs(shares - expected).max() < 0.003


@every_severity
def test_impulse_noise_strikes_values_not_pixels(severity: int, grey: Tensor) -> None:
    share = [0.01, 0.02, 0.03, 0.05, 0.07][severity - 1]
    struck = corrupt(grey, "impulse_noise", severity)
    black, white = (struck == 0), (struck == 1)
    assert black.float().mean() == pytest.approx(share / 2, rel=0.1)
    assert white.float().mean() == pytest.approx(share / 2, rel=0.1)
    changed = (black | white).any(dim=1).float().mean()
    assert changed == pytest.approx(1 - (1 - share) ** 3, rel=0.1)


def test_fog_is_as_thick_as_published(images: Tensor) -> None:
    expected = []
    np.random.seed(0)
    for x in as_photographs(_eight_bits(images)):
        heights = published.plasma_fractal(mapsize=32, wibbledecay=1.75)[..., None]
        brightest = (x / 255).max()
        expected.append((x / 255 + 1.5 * heights) * brightest / (brightest + 1.5))
    fogged = corrupt(images, "fog", 5)
    assert fogged.mean().item() == pytest.approx(float(np.mean(expected)), abs=0.05)


@pytest.mark.parametrize(("constants", "step"), [("cifar_c", 5), ("imagenet_c", 1)])
def test_frost_is_a_part_of_one_of_five_photographs(constants: Constants, step: int) -> None:
    share = {"cifar_c": 0.2, "imagenet_c": 0.4}[constants]
    folder = Path(published.__file__).parent / "frost"
    files = [folder / f"frost{k}.{'png' if k < 4 else 'jpg'}" for k in range(1, 6)]
    bank = [cv2.resize(cv2.imread(str(f)), (0, 0), fx=1 / step, fy=1 / step) for f in files]
    layers = [np.uint8(photograph[..., ::-1] * share) for photograph in bank]
    frosted = _eight_bits(corrupt(torch.zeros(5, 3, 32, 32), "frost", 1, constants))
    chosen = [[is_part(x, layer) for layer in layers] for x in as_photographs(frosted)]
    assert all(any(found) for found in chosen)
    assert sum(any(column) for column in zip(*chosen, strict=True)) >= 2


def is_part(x: Array, layer: Array) -> bool:
    places = (layer[: 1 - len(x), : 1 - len(x)] == x[0, 0]).all(axis=-1)
    places &= (layer[: 1 - len(x), len(x) - 1 :] == x[0, -1]).all(axis=-1)
    places &= (layer[len(x) - 1 :, : 1 - len(x)] == x[-1, 0]).all(axis=-1)
    return any(
        np.array_equal(layer[row : row + len(x), column : column + len(x)], x)
        for row, column in np.argwhere(places)
    )
