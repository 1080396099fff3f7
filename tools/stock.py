"""Stock Avalanche on the same rows, network and strategies: PIL images, per-image transforms, fp32.

The comparisons of speed and accuracy use it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from avalanche.benchmarks import nc_benchmark
from avalanche.core import SupervisedPlugin
from avalanche.evaluation.metrics import accuracy_metrics
from avalanche.models import as_multitask
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import EWC, LwF, Naive, Replay, SynapticIntelligence
from PIL import Image
from torch import nn
from torch.utils.data import Dataset
from torchvision import transforms

from acn_bench import catalog
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.data.images import ImageData
from acn_bench.data.split import Split
from acn_bench.strategies.ewc import EwcSpec
from acn_bench.strategies.lwf import LwfSpec
from acn_bench.strategies.naive import NaiveSpec
from acn_bench.strategies.replay import ReplaySpec
from acn_bench.strategies.si import SiSpec

STRATEGIES = ("naive", "si", "ewc", "lwf", "replay")

# SplitCIFAR100's own, as Avalanche 0.6 has them.
NORMALISE = transforms.Normalize((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))
CROP = transforms.RandomCrop(32, padding=4)
TRAIN = transforms.Compose(
    [CROP, transforms.RandomHorizontalFlip(), transforms.ToTensor(), NORMALISE]
)
EVALUATE = transforms.Compose([transforms.ToTensor(), NORMALISE])


class PilImages(Dataset[tuple[Any, int]]):
    """The rows as PIL images, as torchvision's CIFAR classes give them to Avalanche."""

    def __init__(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        self.images = [Image.fromarray(p.permute(1, 2, 0).numpy()) for p in pixels]
        self.targets = labels.tolist()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.images[index], self.targets[index]


@dataclass(frozen=True)
class Transforms:
    """Transforms from a PIL image to the network's input."""

    train: Any = TRAIN
    evaluate: Any = EVALUATE


def stream(data: ImageData, split: Split, protocol: ContinualSpec, inputs: Transforms) -> Any:
    """The rows of a split as an Avalanche stream, task-incremental (multi-head)."""
    rows, tests = torch.cat(split.train), torch.cat(split.test)
    return nc_benchmark(
        PilImages(data.train_images[rows], split.position[data.train_labels[rows]]),
        PilImages(data.test_images[tests], split.position[data.test_labels[tests]]),
        n_experiences=protocol.experiences,
        task_labels=True,
        shuffle=False,
        class_ids_from_zero_in_each_exp=True,
        train_transform=inputs.train,
        eval_transform=inputs.evaluate,
    )


def learner(
    name: str, network: nn.Module, protocol: ContinualSpec, plugins: Sequence[SupervisedPlugin]
) -> Any:
    """A strategy of stock Avalanche with the values of its card; the network gets one head per experience."""
    model = as_multitask(network, "head")
    arguments = {
        "model": model,
        "optimizer": torch.optim.AdamW(
            model.parameters(), protocol.learning_rate, weight_decay=protocol.weight_decay
        ),
        "criterion": nn.CrossEntropyLoss(),
        "train_mb_size": protocol.batch_size,
        "eval_mb_size": protocol.batch_size,
        "train_epochs": protocol.epochs,
        "plugins": list(plugins),
        "evaluator": EvaluationPlugin(accuracy_metrics(experience=True)),  # the accuracy matrix
    }
    match catalog.strategy(name).options:
        case NaiveSpec():
            return Naive(**arguments)
        case SiSpec() as si:
            return SynapticIntelligence(si_lambda=si.strength, eps=si.damping, **arguments)
        case EwcSpec() as ewc:
            return EWC(ewc_lambda=ewc.strength, **arguments)
        case LwfSpec() as lwf:
            return LwF(alpha=lwf.alpha, temperature=lwf.temperature, **arguments)
        case ReplaySpec() as replay:
            return Replay(mem_size=replay.memory, **arguments)
    raise LookupError(f"no stock side for {name!r}. Known: {', '.join(STRATEGIES)}")
