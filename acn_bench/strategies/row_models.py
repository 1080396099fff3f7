"""A backbone -> a multi-head model that Avalanche can train on row numbers.

Avalanche's unmodified strategies pass row numbers in place of images; the model gathers and augments the
images of these rows on the device. All heads exist from the start.
"""

from dataclasses import dataclass

from avalanche.models import MultiTaskModule
from torch import Tensor, nn

from acn_bench.backbones import Heads
from acn_bench.training.row_model import RowInputs, RowModel, view, without_head


class RowFeatures(nn.Module):
    """Row numbers (B,) -> features (B, D): iCaRL's feature extractor, a model without its head."""

    def __init__(self, model: RowModel) -> None:
        super().__init__()
        self.backbone = model.backbone
        self.rows = model.rows

    def forward(self, rows: Tensor) -> Tensor:
        features: Tensor = self.backbone(view(self, rows))
        return features


@dataclass
class CachedFeatures:
    """The features (B, D) of a batch of rows (B,), reused when the same batch passes through other heads."""

    rows: Tensor | None = None
    features: Tensor | None = None


class MultiHeadRowModel(MultiTaskModule):  # type: ignore[misc]  # Avalanche is untyped
    """Row numbers (B,) and task labels (B,) -> logits (B, K), each example through its own head."""

    def __init__(self, backbone: nn.Module, head: Heads, rows: RowInputs) -> None:
        super().__init__()
        self.backbone = without_head(backbone)
        self.head = head
        self.rows = rows
        self.max_class_label = head.width
        self.cache: CachedFeatures | None = None  # None: nothing is cached

    def forward(self, x: Tensor, task_labels: Tensor | int | None) -> Tensor | dict[int, Tensor]:
        features = self._features(x)
        if task_labels is None:  # Avalanche's convention: every head that was trained
            return {task: self.head(features, task) for task in self.known_train_tasks_labels}
        logits: Tensor = self.head(features, task_labels)
        return logits

    def _features(self, rows: Tensor) -> Tensor:
        """Rows (B,) -> features (B, D); with a cache, those of the last batch if it is the same tensor."""
        if self.cache is None:
            return self.backbone(view(self, rows))  # type: ignore[no-any-return]
        if self.cache.rows is not rows:
            self.cache.rows, self.cache.features = rows, self.backbone(view(self, rows))
        assert self.cache.features is not None
        return self.cache.features

    def forward_single_task(self, x: Tensor, task_label: int) -> Tensor:
        logits: Tensor = self.head(self.backbone(view(self, x)), task_label)
        return logits
