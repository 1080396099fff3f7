"""The training rows of a run -> batches for the trainer, and their loss by the scheme of the card."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from acn_bench.benchmarks.supervised.augmentation import augmentations
from acn_bench.benchmarks.supervised.images import RunImages
from acn_bench.benchmarks.supervised.network import summed_loss, training_scheme
from acn_bench.benchmarks.supervised.spec import SupervisedSpec
from acn_bench.data.epoch_source import EpochSource
from acn_bench.data.image_batches import ImageBatches
from acn_bench.training.trainer import Batch


class ImageTask:
    """It meets `training.trainer.Task`."""

    def __init__(
        self, images: RunImages, rows: Tensor, labels: Tensor, spec: SupervisedSpec, classes: int
    ) -> None:
        """`rows` are those of the training set to train on (N,), `labels` (N,) theirs, both on the CPU."""
        wanted = augmentations(spec)
        self.source = images.trained(rows, labels, wanted.policy)
        made = isinstance(self.source, EpochSource)  # with the policy
        self.augmentations = replace(wanted, policy=None) if made else wanted
        self.batches = ImageBatches(self.source, self.augmentations, seed=images.seed)
        self.ahead = images.ahead
        self.scheme = training_scheme(spec)
        self.classes = classes
        self.seed = images.seed

    @property
    def rows(self) -> int:
        """The number of training rows."""
        return len(self.source.labels)

    def batch(self, rows: Tensor, epoch: int) -> Batch:
        """Rows (B,) -> their augmented images and targets; damaged images are left out."""
        made = self.batches.train(rows, epoch)
        mixed = self.augmentations.mixer is not None
        targets = made.probabilities(self.classes) if mixed else made.labels
        return Batch((made.images, made.rows), targets, float(len(made.rows)))

    def loss(self, model: nn.Module, batch: Batch, step: int, total_steps: int) -> Tensor:
        """The sum of the losses of the batch's images."""
        images, rows = batch.inputs
        if not len(rows):  # all are damaged
            zero = torch.zeros((), device=images.device)
            return sum((p.sum() * 0 for p in model.parameters()), zero)
        steps = step, total_steps
        return summed_loss(model, self.scheme, images, batch.targets, rows, steps, self.seed)
