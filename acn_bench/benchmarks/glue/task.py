"""The training rows of a GLUE run -> batches for the trainer, and their loss."""

import torch
from torch import Tensor, nn

from acn_bench.data.counter import bits
from acn_bench.data.tokens.encoded import Encoded
from acn_bench.training import row_order
from acn_bench.training.trainer import Batch

POOL = 50  # batches whose rows are sorted by length together


class GlueBatches:
    """It meets `training.trainer.Task`; its rows count from 0 within the training rows."""

    def __init__(
        self,
        texts: Encoded,
        labels: Tensor,
        rows: Tensor,
        *,
        types: bool,
        batch_size: int,
        by_length: bool,
        seed: int,
    ) -> None:
        """`texts` and `labels` are of the whole training set and on the device; `rows` (N,) are trained on."""
        self.texts = texts
        self.labels = labels
        self.train = rows
        self.types = types
        self.batch_size, self.by_length, self.seed = batch_size, by_length, seed
        self.lengths = texts.lengths.cpu()[rows.cpu()]

    @property
    def rows(self) -> int:
        """The number of training rows."""
        return len(self.train)

    def order(self, epoch: int) -> Tensor:
        """The order of an epoch: random, or random but for batches of similar length."""
        order = row_order.order(self.seed, epoch, self.rows)
        if not self.by_length:
            return order
        return sorted_by_length(order, self.lengths, self.batch_size, self.seed, epoch)

    def batch(self, rows: Tensor, epoch: int) -> Batch:
        """Rows (B,) -> token ids, mask and types, padded to the longest of them."""
        source = self.train[rows.to(self.train.device)]
        inputs = self.texts.batch(source, types=self.types)
        return Batch(inputs=inputs, targets=self.labels[source], weight=float(len(rows)))

    def loss(self, model: nn.Module, batch: Batch, step: int, total_steps: int) -> Tensor:
        """The sum of the cross-entropies, or of the squared errors of a regression."""
        return summed_loss(model(*batch.inputs), batch.targets)


def summed_loss(outputs: Tensor, labels: Tensor) -> Tensor:
    """Logits (B, K) and classes (B,), or numbers (B, 1) and numbers (B,)."""
    if labels.is_floating_point():
        return nn.functional.mse_loss(outputs.squeeze(1), labels, reduction="sum")
    return nn.functional.cross_entropy(outputs, labels, reduction="sum")


def sorted_by_length(
    order: Tensor, lengths: Tensor, batch_size: int, seed: int, epoch: int
) -> Tensor:
    """A random order (N,) -> one whose batches hold texts of similar length; the batches come in random order.

    Rows are sorted within pools of 50 batches. Rows that fill no batch stay at the end.
    """
    whole = len(order) // batch_size * batch_size
    pools = order[:whole].split(POOL * batch_size)
    near = [pool[lengths[pool].argsort(stable=True)] for pool in pools]
    batches = torch.cat([*near, order[:0]]).view(-1, batch_size)
    shuffled = bits("batches", seed, epoch, torch.arange(len(batches))).argsort(stable=True)
    return torch.cat([batches[shuffled].flatten(), order[whole:]])
