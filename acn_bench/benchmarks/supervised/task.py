"""The training rows of a run -> batches for the trainer, and their loss by the scheme of the card."""

import torch
from torch import Tensor, nn

from acn_bench.benchmarks.supervised.augmentation import Augmentation
from acn_bench.benchmarks.supervised.images import RunImages
from acn_bench.benchmarks.supervised.network import summed_loss, training_scheme
from acn_bench.benchmarks.supervised.spec import SupervisedSpec
from acn_bench.training.trainer import Batch


class ImageTask:
    """It meets `training.trainer.Task`; its rows count from 0 within the training rows."""

    def __init__(
        self, images: RunImages, train: Tensor, labels: Tensor, spec: SupervisedSpec, classes: int, seed: int
    ) -> None:  # fmt: skip
        """`train` are rows of the data set (N,), `labels` (N,) their labels, both on the CPU; `seed` that of the data."""
        self.images = images
        self.train = train
        self.labels = labels
        self.scheme = training_scheme(spec)
        self.augmentation = Augmentation(spec, classes, seed)
        self.seed = seed

    @property
    def rows(self) -> int:
        """The number of training rows."""
        return len(self.train)

    def batch(self, rows: Tensor, epoch: int) -> Batch:
        """Rows (B,) -> their augmented images and targets; damaged images are left out."""
        source = self.train[rows]
        images = self.images.training(source, epoch)
        there = self.images.readable(source)
        if not there.all():
            rows, source, images = rows[there], source[there], images[there.to(images.device)]
        labels = self.labels[rows].to(images.device, non_blocking=True)
        given, targets = self.augmentation(images, labels, source, epoch)
        return Batch(inputs=(given, source), targets=targets, weight=float(len(rows)))

    def loss(self, model: nn.Module, batch: Batch, step: int, total_steps: int) -> Tensor:
        """The sum of the losses of the batch's images."""
        images, rows = batch.inputs
        if not len(rows):  # all damaged: no gradient, and a sum that the trainer can add up
            return sum(
                (p.sum() * 0 for p in model.parameters()), torch.zeros((), device=images.device)
            )
        targets: Tensor = batch.targets
        return summed_loss(
            model, self.scheme, images, targets, rows, (step, total_steps), self.seed
        )
