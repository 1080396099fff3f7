"""Stock Avalanche on a few digits: a strategy, its stream, and what was logged."""

import warnings
from types import SimpleNamespace

import pytest
import torch
from avalanche.benchmarks import nc_benchmark
from avalanche.evaluation.metrics import accuracy_metrics
from avalanche.models import as_multitask
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive
from torch import nn

from acn_bench.backbones import build
from acn_bench.data import images

PER_EXPERIENCE = 3
EXPERIENCES = 3
ORDER = [4, 0, 7, 8, 2, 5, 1, 6, 3]  # of the classes


class Digits(torch.utils.data.Dataset):
    """The first three-times-three digits, as anybody would give them to Avalanche."""

    def __init__(self, pixels, labels, transform=lambda image: image):
        keep = labels < PER_EXPERIENCE * EXPERIENCES
        self.images = pixels[keep].float() / 255
        self.targets = labels[keep].tolist()
        self.transform = transform

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        return self.transform(self.images[index]), self.targets[index]


@pytest.fixture(scope="session")
def digits():
    """Makes the training and the test side."""
    data = images.load("digits10")

    def make(transform=lambda image: image):
        return (
            Digits(data.train_images[:400], data.train_labels[:400], transform),
            Digits(data.test_images[:300], data.test_labels[:300], transform),
        )

    return make


@pytest.fixture(scope="session")
def stream(digits):
    """Makes the stream of three experiences."""

    def make(task_incremental, transform=lambda image: image):
        with torch.random.fork_rng():
            return nc_benchmark(
                *digits(transform),
                n_experiences=EXPERIENCES,
                task_labels=task_incremental,
                fixed_class_order=ORDER,
                class_ids_from_zero_in_each_exp=task_incremental,
            )

    return make


@pytest.fixture(scope="session")
def network():
    """Makes a tiny Mixer of three blocks."""

    def make(task_incremental, seed=0, **sizes):
        torch.manual_seed(seed)
        sizes = {"patch_size": 8, "width": 24, "token_width": 16, "channel_width": 32} | sizes
        model = build(
            "ac_mixer", num_classes=PER_EXPERIENCE if task_incremental else 9, depth=3, **sizes
        )
        return as_multitask(model, "head") if task_incremental else model

    return make


@pytest.fixture(scope="session")
def pipeline(network):
    """Makes a stock Naive with these metrics; nothing is logged but to the loggers given."""

    def make(task_incremental, *metrics, loggers=(), model=None, strategy=Naive, **changes):
        model = model or network(task_incremental)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "No loggers specified")
            evaluator = EvaluationPlugin(
                accuracy_metrics(experience=True, stream=True), *metrics, loggers=list(loggers)
            )
        settings = {
            "model": model,
            "optimizer": torch.optim.Adam(model.parameters(), lr=3e-3),
            "criterion": nn.CrossEntropyLoss(),
            "train_mb_size": 16,
            "train_epochs": 4,
            "eval_mb_size": 32,
            "evaluator": evaluator,
        }
        return strategy(**settings | changes)

    return make


@pytest.fixture(scope="session")
def run(pipeline, stream):
    """Trains a pipeline on the stream; evaluates all of it after each experience."""

    def make(
        task_incremental,
        *metrics,
        experiences=EXPERIENCES,
        transform=lambda image: image,
        **changes,
    ):
        learner = pipeline(task_incremental, *metrics, **changes)
        benchmark = stream(task_incremental, transform)
        logged = []
        for experience in benchmark.train_stream[:experiences]:
            learner.train(experience)
            logged.append(learner.eval(benchmark.test_stream))
        return SimpleNamespace(strategy=learner, test=benchmark.test_stream, logged=logged)

    return make


@pytest.fixture(scope="session")
def examples(digits):
    """An evaluation experience -> its images (N, …), labels, and rows: those of the same pixels."""
    _, test = digits()

    def find(experience):
        images, labels = zip(*[(x, y) for x, y, _ in experience.dataset], strict=True)
        same = [(test.images == image).flatten(1).all(dim=1).nonzero() for image in images]
        return torch.stack(images), torch.tensor(labels), torch.cat(same).squeeze(1)

    return find
