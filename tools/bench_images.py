"""Compare the speeds of acn_bench's image pipeline with those of torchvision, timm and Avalanche, in images/s.

python tools/bench_images.py [--photographs FOLDER] [--repetitions 5] [--out reports/<date>-speed]

Each side has one thread and one process, and is timed by the time of its processor. Photographs become augmented
float images of 224 × 224; they are cuts of two photographs of scikit-learn, 500 × 375 as ImageNet's are on average,
or those of FOLDER/train/<class>/ and FOLDER/val/<class>/. Small images are 32 × 32.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from stopwatch import Side, Timed, alternate, save, table
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms as T  # noqa: N812
from torchvision.datasets import ImageFolder

from acn_bench.data import image_folder, images
from acn_bench.data.augmentations.autoaugment import AutoAugment
from acn_bench.data.augmentations.randaugment import RandAugment
from acn_bench.data.epoch_source import EpochSource
from acn_bench.data.image_batches import Augmentations, ImageBatches
from acn_bench.data.image_source import open_sources
from acn_bench.execution import local

BATCH, COUNT, SMALL = 64, 256, 4096
CPU = torch.device("cpu")
SET = "imagefolder10"  # a name of the registry
MEAN = STD = (0.5, 0.5, 0.5)
POLICIES: dict[str, tuple[list[Any], AutoAugment | RandAugment | None]] = {
    "crop and flip": ([], None),
    "AutoAugment": ([T.AutoAugment(T.AutoAugmentPolicy.CIFAR10)], AutoAugment()),
    "RandAugment": ([T.RandAugment()], RandAugment()),
}
TENSOR = [T.ToTensor(), T.Normalize(MEAN, STD)]


# ---------------------------------------------------------------- photographs


def write_photographs(root: Path) -> None:
    """JPEG files of 500 × 375 in two classes, mirrored and cut so that no two are equal."""
    for name in ("china", "flower"):
        whole = Image.fromarray(load_sample_image(f"{name}.jpg"))  # 640 × 427
        for k in range(COUNT // 2):
            left, top = k % 16 * 8, k // 16 * 6
            cut = whole.crop((left, top, left + 500, top + 375))
            path = root / SET / "train" / name / f"{k:03}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            cut.save(path, quality=90)
        (root / SET / "val" / name).mkdir(parents=True)
        cut.save(root / SET / "val" / name / "0.jpg", quality=90)


def torchvision_photographs(root: Path) -> dict[str, Timed]:
    """ImageFolder and DataLoader, as their tutorials use them."""

    def run(policy: list[Any]) -> int:
        steps = [T.RandomResizedCrop(224), T.RandomHorizontalFlip(), *policy, *TENSOR]
        folder = ImageFolder(root / SET / "train", T.Compose(steps))
        rows = range(0, len(folder), max(1, len(folder) // COUNT))
        return _count(DataLoader(torch.utils.data.Subset(folder, rows), BATCH))

    return {"plain": partial(run, []), "RandAugment": partial(run, [T.RandAugment()])}


def our_photographs(root: Path, cache: Path) -> dict[str, Timed]:
    """Files, and the cache of uint8 squares."""
    data = image_folder.load(SET, root)
    arguments: dict[str, Any] = {"seed": 0, "device": CPU, "workers": 1}
    files, _ = open_sources(data, **arguments)
    cached, _ = open_sources(data, **arguments, cache=cache)
    rows = torch.arange(0, len(data.train), max(1, len(data.train) // COUNT))

    def run(source: Any, policy: RandAugment | None) -> int:
        batches = ImageBatches(source, Augmentations(policy=policy), seed=0)
        return sum(len(batches.train(part, 0).images) for part in rows.split(BATCH))

    return {
        f"{kind} {name}": partial(run, source, policy)
        for kind, source in (("files", files), ("cache", cached))
        for name, policy in (("plain", None), ("RandAugment", RandAugment()))
    }


# ---------------------------------------------------------------- small images


class SmallImages(Dataset[Any]):
    """Images in memory, as CIFAR's data sets hold them."""

    def __init__(self, transform: Any = None) -> None:
        digits = images.load("digits100")
        self.data = digits.train_images[:SMALL].permute(0, 2, 3, 1).numpy()
        self.targets = digits.train_labels[:SMALL].tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, row: int) -> tuple[Any, int]:
        image = Image.fromarray(self.data[row])
        return (self.transform(image) if self.transform else image), self.targets[row]


def torchvision_small() -> dict[str, Timed]:
    """A DataLoader over PIL transforms."""

    def run(policy: list[Any]) -> int:
        return _count(torchvision_loader(policy))

    return {name: partial(run, policy) for name, (policy, _) in POLICIES.items()}


def torchvision_loader(policy: list[Any]) -> Any:
    """Batches of images and labels."""
    return DataLoader(SmallImages(_small(policy)), BATCH, shuffle=True)


def timm_small() -> dict[str, Timed]:
    """Timm's loader, with its own RandAugment."""
    policies = {"crop and flip": None, "RandAugment": "rand-m9-n2"}

    def run(policy: str | None) -> int:
        return _count(timm_loader(policy))

    return {name: partial(run, policy) for name, policy in policies.items()}


def timm_loader(policy: str | None) -> Any:
    """Batches of images and labels."""
    from timm.data import create_loader

    return create_loader(
        SmallImages(),
        (3, 32, 32),
        BATCH,
        is_training=True,
        auto_augment=policy,
        num_workers=0,
        use_prefetcher=False,
        persistent_workers=False,
        train_crop_mode="rkrc",
        color_jitter=None,
        device=CPU,
    )


def avalanche_small() -> dict[str, Timed]:
    """Avalanche's data set and loader, with torchvision's transforms."""

    def run(policy: list[Any]) -> int:
        return _count(avalanche_loader(policy))

    return {name: partial(run, policy) for name, (policy, _) in POLICIES.items()}


def avalanche_loader(policy: list[Any]) -> Any:
    """Batches of images, labels and task labels."""
    from avalanche.benchmarks import nc_benchmark
    from avalanche.benchmarks.utils.data_loader import TaskBalancedDataLoader

    data = SmallImages(_small(policy))
    stream = nc_benchmark(data, data, n_experiences=1, task_labels=True, seed=0).train_stream
    return TaskBalancedDataLoader(stream[0].dataset, batch_size=BATCH, shuffle=True)


def our_small() -> dict[str, Timed]:
    """Batches of 64, and epochs that are augmented at once."""
    source, _ = open_sources(images.load("digits100"), seed=0, device=CPU)
    epoch = 0

    def run(policy: AutoAugment | RandAugment | None, at_once: bool) -> int:
        nonlocal epoch
        epoch += 1
        batches = ImageBatches(source, Augmentations(policy=policy), seed=0)
        if at_once:
            batches = ImageBatches(EpochSource(source, policy), seed=0)
        order = torch.randperm(len(source.labels))
        return sum(len(batches.train(rows, epoch).images) for rows in order.split(BATCH))

    return {
        f"{name}{word}": partial(run, policy, at_once)
        for name, (_, policy) in POLICIES.items()
        for word, at_once in (("", False), (", at once", True))
    }


def _small(policy: list[Any]) -> Any:
    return T.Compose([T.RandomCrop(32, 4), T.RandomHorizontalFlip(), *policy, *TENSOR])


def _count(loader: Any) -> int:
    return sum(len(batch[0]) for batch in loader)


# ---------------------------------------------------------------- all of them


def compare_photographs(root: Path, cache: Path, repetitions: int) -> dict[str, Any]:
    """Torchvision first."""
    theirs = Side(partial(torchvision_photographs, root), local.ENVIRONMENT, process_time)
    ours = Side(partial(our_photographs, root, cache), local.ENVIRONMENT, process_time)
    results = {}
    for name in ("plain", "RandAugment"):
        arms = {
            "ImageFolder, DataLoader": (theirs, name),
            "acn_bench, files": (ours, f"files {name}"),
            "acn_bench, cache": (ours, f"cache {name}"),
        }
        title = f"photographs, {name}  (images/s)"
        results[title] = table(title, alternate(arms, repetitions))
    return results


def compare_small(repetitions: int) -> dict[str, Any]:
    """Torchvision first."""
    makes = {
        "torchvision": torchvision_small,
        "timm": timm_small,
        "Avalanche": avalanche_small,
        "acn_bench": our_small,
    }
    sides = {n: Side(make, local.ENVIRONMENT, process_time) for n, make in makes.items()}
    results = {}
    for name in POLICIES:
        arms = {
            side: (sides[side], name) for side in sides if (side, name) != ("timm", "AutoAugment")
        }
        arms["acn_bench, epoch at once"] = (sides["acn_bench"], f"{name}, at once")
        title = f"32 × 32, {name}  (images/s)"
        results[title] = table(title, alternate(arms, repetitions))
    return results


def main() -> None:
    """Measure, print and save all speeds."""
    parser = argparse.ArgumentParser(description="Speed of the image pipeline.")
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if options.photographs is None:
            write_photographs(root)
        else:
            (root / SET).symlink_to(options.photographs.absolute())
        speeds = compare_photographs(root, root / "cache", options.repetitions)
    speeds |= compare_small(options.repetitions)
    save(options.out, "images", {"clock": "processor time", "speeds": speeds})


if __name__ == "__main__":
    main()
