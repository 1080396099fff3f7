"""A backbone -> a multi-head model that Avalanche can train on row numbers.

Every strategy of Avalanche, unmodified, moves row numbers about; what it trains gathers and augments
the images of these rows on the device. With a head each, all heads exist from the start.
"""

from dataclasses import dataclass

from avalanche.models import MultiTaskModule
from torch import Tensor, nn

from acn_bench.backbones import Heads
from acn_bench.data.batches import Rows
from acn_bench.training.row_model import RowModel, view


class RowFeatures(nn.Module):
    """Row numbers (B,) -> features (B, D): the part of a model that iCaRL keeps apart from its head."""

    def __init__(self, model: RowModel) -> None:
        super().__init__()
        self.backbone = model.backbone
        self.rows = model.rows

    def forward(self, rows: Tensor) -> Tensor:
        features: Tensor = self.backbone(view(self, rows))
        return features


@dataclass
class Kept:
    """The features of a batch, while a strategy asks for it again through other heads."""

    rows: Tensor | None = None
    features: Tensor | None = None


class MultiHeadRowModel(MultiTaskModule):  # type: ignore[misc]  # Avalanche is untyped
    """Row numbers (B,) and task labels (B,) -> logits (B, K), each example through its own head."""

    def __init__(self, backbone: nn.Module, head: Heads, rows: Rows) -> None:
        super().__init__()
        backbone.head = nn.Identity()
        self.backbone = backbone
        self.head = head
        self.rows = rows
        self.max_class_label = head.width
        self.kept: Kept | None = None

    def forward(self, x: Tensor, task_labels: Tensor | int | None) -> Tensor | dict[int, Tensor]:
        features = self._features(x)
        if task_labels is None:  # as Avalanche has it: every head that was trained
            return {task: self.head(features, task) for task in self.known_train_tasks_labels}
        logits: Tensor = self.head(features, task_labels)
        return logits

    def _features(self, rows: Tensor) -> Tensor:
        """Rows (B,) -> features (B, D); those of the very batch that passed before, where they are kept."""
        if self.kept is None:
            return self.backbone(view(self, rows))  # type: ignore[no-any-return]
        if self.kept.rows is not rows:
            self.kept.rows, self.kept.features = rows, self.backbone(view(self, rows))
        assert self.kept.features is not None
        return self.kept.features

    def forward_single_task(self, x: Tensor, task_label: int) -> Tensor:
        logits: Tensor = self.head(self.backbone(view(self, x)), task_label)
        return logits
