"""A learner's training -> what its strategy adds to the loss, and what its state looks like after each experience.

A strategy declares what there is to measure on its `StrategyState`: `adds_loss`, `weight_importances()`, `stored_rows()`.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from avalanche.core import SupervisedPlugin
from torch import Tensor

from acn_bench.strategies.state import state_of
from acn_bench.training.resume import State

ALIKE = 0.01  # importances are alike within this of their median
MOST = 2**22  # importances: of more, evenly spaced ones are measured


@runtime_checkable
class Penalising(Protocol):
    """A strategy with a quadratic penalty."""

    def weight_importances(self) -> list[Tensor]:
        """The importance of each penalised weight, as the penalty uses it; empty before the first."""


@runtime_checkable
class Remembering(Protocol):
    """A strategy with a memory of examples."""

    def stored_rows(self) -> Tensor:
        """The rows of the examples in memory, (M,)."""


@dataclass
class Measures:
    """Per training, in turn; each list is empty where the strategy has nothing of the kind."""

    added_loss: list[float] = field(default_factory=list)  # mean over steps
    added_varies: list[bool] = field(default_factory=list)  # whether two steps differ
    importance: list[list[float]] = field(default_factory=list)  # at the quantiles asked for
    alike: list[float] = field(default_factory=list)  # share within `ALIKE` of their median
    memory: list[list[int]] = field(default_factory=list)  # examples of each class of the data

    @property
    def measured(self) -> dict[str, Any]:
        """The lists that are not empty, by name."""
        return {name: values for name, values in vars(self).items() if values}


class StrategyMonitor(SupervisedPlugin, supports_distributed=True):  # type: ignore[call-arg,misc]
    """Measures one learner. `before` is to stand before the plug-ins of the strategy, and this one after them."""

    def __init__(self, labels: Tensor, classes: int, quantiles: tuple[float, ...]) -> None:
        """`labels` (N,): the class of each row; `classes`: how many; `quantiles`: in [0, 1]."""
        super().__init__()
        self.before = _LossBefore()
        self.labels, self.classes, self.quantiles = labels, classes, quantiles
        self.measures = Measures()
        self._steps = 0
        self._sum = self._least = self._most = torch.zeros(())  # on the device: no transfer a step

    def watch(self, learner: Any) -> None:
        """Append this plug-in where the learner's strategy adds to the loss."""
        self.before.active = bool(getattr(state_of(learner), "adds_loss", False))
        if self.before.active:
            learner.plugins.append(self)

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        zero = torch.zeros((), device=strategy.device)
        self._steps, self._sum, self._least, self._most = (
            0,
            zero,
            zero + torch.inf,
            zero - torch.inf,
        )

    def before_backward(self, strategy: Any, **kwargs: Any) -> None:
        added = strategy.loss.detach().squeeze() - self.before.loss
        self._steps += 1
        self._sum = self._sum + added
        self._least = torch.minimum(self._least, added)
        self._most = torch.maximum(self._most, added)

    def after_experience(self, learner: Any) -> None:
        """Measure the strategy's state; call it when training on an experience has ended."""
        strategy_state: Any = state_of(learner)
        measures = self.measures
        if self.before.active:
            measures.added_loss.append(self._sum.item() / max(self._steps, 1))
            measures.added_varies.append(bool(self._most > self._least))
        if isinstance(strategy_state, Penalising):
            quantiles, alike = distribution(strategy_state.weight_importances(), self.quantiles)
            measures.importance.append(quantiles)
            measures.alike.append(alike)
        if isinstance(strategy_state, Remembering):
            stored = self.labels[strategy_state.stored_rows()]
            measures.memory.append(torch.bincount(stored, minlength=self.classes).tolist())

    def state(self) -> State:
        """The state for a checkpoint."""
        running = [self._sum, self._least, self._most] if self._steps else []
        return {"measures": dict(vars(self.measures)), "running": running, "steps": self._steps}

    def restore(self, state: State) -> None:
        """Set the state that `state` returned."""
        self.measures = Measures(**{name: list(v) for name, v in state["measures"].items()})
        self._steps = state["steps"]
        if state["running"]:
            device = self._sum.device
            self._sum, self._least, self._most = (t.to(device) for t in state["running"])


class _LossBefore(SupervisedPlugin, supports_distributed=True):  # type: ignore[call-arg,misc]
    """Keeps the loss before the strategy's plug-ins add to it, in place."""

    active = False
    loss: Tensor = torch.zeros(())

    def before_backward(self, strategy: Any, **kwargs: Any) -> None:
        if self.active:
            self.loss = strategy.loss.detach().squeeze().clone()


@torch.no_grad()
def distribution(
    importances: list[Tensor], quantiles: tuple[float, ...]
) -> tuple[list[float], float]:
    """The importances at the quantiles, and the share of them within `ALIKE` of their median."""
    values = torch.cat([t.flatten() for t in importances])
    values = values[:: -(-len(values) // MOST)].sort().values
    last = len(values) - 1
    median = values[last // 2]
    alike = (values - median).abs() <= ALIKE * median.abs()
    return [values[round(q * last)].item() for q in quantiles], alike.float().mean().item()
