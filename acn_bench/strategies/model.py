"""A backbone -> a model that Avalanche can train on row numbers.

Every strategy of Avalanche, unmodified, moves row numbers about; what it trains gathers and augments
the images of these rows on the device. With a head each, all heads exist from the start.
"""

from collections.abc import Sequence

from avalanche.models import MultiTaskModule
from torch import Tensor, nn

from acn_bench.data.batches import Rows
from acn_bench.strategies.chance import seed_everything

MASKED = -1000.0  # the logit of a class that a narrower head does not have, as in Avalanche


class Heads(nn.ModuleList):
    """A linear head per experience; features (B, D) and task labels -> logits (B, widest head)."""

    def __init__(self, heads: Sequence[nn.Linear]) -> None:
        super().__init__(heads)
        self.width = max(head.out_features for head in heads)

    def forward(self, features: Tensor, task_labels: Tensor | int) -> Tensor:
        if isinstance(task_labels, int):
            return self._padded(self[task_labels](features))
        logits = features.new_full((len(features), self.width), MASKED)
        for task in task_labels.unique().tolist():
            mine = task_labels == task
            logits[mine] = self._padded(self[task](features[mine]))
        return logits

    def _padded(self, logits: Tensor) -> Tensor:
        missing = self.width - logits.shape[1]
        return nn.functional.pad(logits, (0, missing), value=MASKED) if missing else logits


class RowModel(nn.Module):
    """Row numbers (B,) -> logits (B, K) through one head."""

    def __init__(self, backbone: nn.Module, head: nn.Module, rows: Rows) -> None:
        super().__init__()
        backbone.head = nn.Identity()  # features out: the heads are ours
        self.backbone = backbone
        self.head = head
        self.rows = rows

    def forward(self, rows: Tensor) -> Tensor:
        logits: Tensor = self.head(self.backbone(self.view(rows)))
        return logits

    def view(self, rows: Tensor) -> Tensor:
        """Rows (B,) -> the images that the network sees: augmented in training, plain in evaluation."""
        return self.rows.augmented(rows) if self.training else self.rows.plain(rows)


class MultiHeadRowModel(MultiTaskModule):  # type: ignore[misc]  # Avalanche is untyped
    """Row numbers (B,) and task labels (B,) -> logits (B, K), each example through its own head."""

    def __init__(self, backbone: nn.Module, head: Heads, rows: Rows) -> None:
        super().__init__()
        backbone.head = nn.Identity()
        self.backbone = backbone
        self.head = head
        self.rows = rows
        self.max_class_label = head.width

    view = RowModel.view

    def forward(self, x: Tensor, task_labels: Tensor | int | None) -> Tensor | dict[int, Tensor]:
        features = self.backbone(self.view(x))
        if task_labels is None:  # as Avalanche has it: every head that was trained
            return {task: self.head(features, task) for task in self.known_train_tasks_labels}
        logits: Tensor = self.head(features, task_labels)
        return logits

    def forward_single_task(self, x: Tensor, task_label: int) -> Tensor:
        logits: Tensor = self.head(self.backbone(self.view(x)), task_label)
        return logits


def heads(width: int, classes: Sequence[int], seed: int) -> Heads:
    """A head for each experience, `classes[e]` wide; its weights depend on (seed, e) alone."""
    made = []
    for experience, count in enumerate(classes):
        seed_everything("head", seed, experience)
        made.append(nn.Linear(width, count))
    return Heads(made)
