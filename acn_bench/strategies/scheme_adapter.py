"""An Avalanche learner and a training scheme -> the same learner, with the scheme's loss.

Avalanche's loop calls `forward()` and then `criterion()`. Both use one pass that returns the logits of every
depth; the output is that of full depth, so penalties, distillation and replayed batches of a strategy are
added to the scheme's loss as they are to cross-entropy.
"""

from typing import Any

from torch import Tensor

from acn_bench.backbones import Heads
from acn_bench.training.row_model import view
from acn_bench.training.schemes import DepthScheme, dropped


class SchemeAdapter:
    """Replaces the learner's `forward` and `criterion` in training; evaluation does not change.

    Steps are counted within each experience. The first experience is trained from scratch: the scheme's rates
    rise over its steps. Later ones fine-tune, unless the strategy starts each from scratch (`from_scratch`).
    """

    def __init__(self, learner: Any, scheme: DepthScheme, *, from_scratch: bool = False) -> None:
        self.learner = learner
        self.scheme = scheme
        self.from_scratch = from_scratch
        self.logits: Tensor | None = None  # of every depth, (L+1, B, K)
        self._plain = learner.forward, learner.criterion
        learner.forward, learner.criterion = self.forward, self.criterion

    @property
    def step(self) -> int:
        """Step within the experience, from 0."""
        return int(self.learner.clock.train_exp_iterations)

    @property
    def total_steps(self) -> int | None:
        """Number of steps of the experience; None for fine-tuning."""
        if self.learner.clock.train_exp_counter and not self.from_scratch:
            return None
        return int(self.learner.train_epochs) * len(self.learner.dataloader)

    def forward(self) -> Tensor:
        """The output of the batch at full depth, (B, K)."""
        learner, model = self.learner, self.learner.model
        if not learner.is_training:
            output: Tensor = self._plain[0]()
            return output
        backbone = model.backbone
        dropping = self.scheme.dropping(backbone.depth, self.step, self.total_steps)
        with dropped(backbone, dropping):
            features = backbone.feature_depths(view(model, learner.mb_x))
        self.logits = _logits(model.head, features, learner.mb_task_id)
        return self.logits[-1]

    def criterion(self) -> Tensor:
        """The scheme's loss of the batch."""
        if not self.learner.is_training:
            loss: Tensor = self._plain[1]()
            return loss
        assert self.logits is not None
        return self.scheme.of_depths(self.logits, self.learner.mb_y, self.step)


def _logits(head: Any, features: Tensor, tasks: Tensor) -> Tensor:
    """Features (L+1, B, D) and task labels (B,) -> (L+1, B, K), each example through its own head."""
    if isinstance(head, Heads):
        rows = head(features.flatten(0, 1), tasks.repeat(len(features)))
        logits: Tensor = rows.unflatten(0, features.shape[:2])
    else:
        logits = head(features)
    return logits
