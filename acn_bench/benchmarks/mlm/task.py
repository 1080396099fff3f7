"""Packed sequences of an MLM run -> masked batches for the trainer, and their loss."""

import torch
from torch import Tensor, nn

from acn_bench.data.tokens.masking import Masking
from acn_bench.data.tokens.packed import Packed
from acn_bench.training.trainer import Batch


class MaskedBatches:
    """It meets `training.trainer.Task`; its rows count from 0 within the training rows.

    The weight of a batch is its number of masked tokens. The trainer adds it up over micro-batches and processes before
    the first backward pass: every masked token of a step weighs the same.
    """

    def __init__(self, text: Packed, rows: Tensor, masking: Masking, device: torch.device) -> None:
        """`rows` (N,) of the text are trained on; they lie on the CPU, as the text does."""
        self.text, self.train, self.masking, self.device = text, rows, masking, device

    @property
    def rows(self) -> int:
        """The number of training sequences."""
        return len(self.train)

    def batch(self, rows: Tensor, epoch: int) -> Batch:
        """Rows (B,) -> masked ids and which tokens to predict (B, T), and these tokens (n,)."""
        source = self.train[rows]
        ids = self.text.batch(source).to(self.device)
        changed, chosen = self.masking.masked(ids, source.to(self.device), epoch)
        targets = ids[chosen]
        return Batch(inputs=(changed, chosen), targets=targets, weight=float(len(targets)))

    def loss(self, model: nn.Module, batch: Batch, step: int, total_steps: int) -> Tensor:
        """The sum of the cross-entropies of the masked tokens."""
        logits = model(*batch.inputs)
        return nn.functional.cross_entropy(logits, batch.targets, reduction="sum")
