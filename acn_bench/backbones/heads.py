"""Multi-head networks: a backbone and one head per experience; task labels choose each example's head."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from acn_bench.backbones.backbone import Backbone, truncate
from acn_bench.errors import shorten

MASKED = -1000.0  # pads the logits of a narrower head, as in Avalanche


class Heads(nn.ModuleList):
    """A linear head per experience; features (B, D) and task labels -> logits (B, widest head)."""

    def __init__(self, heads: Sequence[nn.Linear]) -> None:
        super().__init__(heads)
        self.width = max(head.out_features for head in heads)

    def forward(self, features: Tensor, task_labels: Tensor | int) -> Tensor:
        if isinstance(task_labels, int):
            return self._padded(self._head(task_labels)(features))
        self._check(features, task_labels)
        tasks = task_labels.unique().tolist()
        if len(tasks) == 1:
            return self._padded(self._head(tasks[0])(features))
        logits = features.new_full((len(features), self.width), MASKED)
        for task in tasks:
            rows = task_labels == task
            logits[rows] = self._padded(self._head(task)(features[rows]))
        return logits

    def _head(self, task: int) -> nn.Module:
        if not 0 <= task < len(self):
            raise ValueError(f"unknown head {task}: the heads are 0 to {len(self) - 1}")
        return self[task]

    def _check(self, features: Tensor, task_labels: Tensor) -> None:
        expected = f"expected task labels ({len(features)},) of integers or one int for all, got "
        if not isinstance(task_labels, Tensor):
            raise ValueError(f"{expected}{shorten(task_labels)}")
        if task_labels.shape != features.shape[:1] or task_labels.is_floating_point():
            raise ValueError(f"{expected}{tuple(task_labels.shape)} of {task_labels.dtype}")

    def _padded(self, logits: Tensor) -> Tensor:
        missing = self.width - logits.shape[1]
        return nn.functional.pad(logits, (0, missing), value=MASKED) if missing else logits


class MultiHead(nn.Module):
    """Inputs and task labels, (B,) or one for all -> float32 logits (B, K) of the widest head."""

    def __init__(self, backbone: Backbone, head: Heads) -> None:
        super().__init__()
        backbone.head = nn.Identity()  # the backbone returns features
        self.backbone = backbone
        self.head = head

    @property
    def depth(self) -> int:
        """L, the number of blocks."""
        return self.backbone.depth

    def forward(self, x: Tensor, task_labels: Tensor | int, **named: Any) -> Tensor:
        logits: Tensor = self.head(self.backbone.features(x, **named), task_labels)
        return logits

    def feature_depths(self, *inputs: Tensor | None, **named: Tensor | None) -> Tensor:
        """Inputs -> the heads' input after 0, 1, …, L blocks, (L+1, B, D)."""
        return self.backbone.feature_depths(*inputs, **named)

    def forward_depths(self, x: Tensor, task_labels: Tensor | int, **named: Any) -> Tensor:
        """Inputs -> logits of every depth, (L+1, B, K); the last row equals `self(...)`."""
        features = self.feature_depths(x, **named)
        return torch.stack([self.head(f, task_labels) for f in features])

    def truncated(self, k: int) -> "MultiHead":
        """The first k blocks and all heads, sharing their weights. Raises ValueError as `truncate` does."""
        return MultiHead(truncate(self.backbone, k), self.head)
