"""A learner between two epochs -> State: all that decides how it goes on; and back.

Weights, the optimizer's moments and the clock are the same for every strategy; what it keeps beside
them, its builder declares as a `StrategyState`. A strategy that declares none is never kept: its runs begin anew.
"""

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from acn_bench.strategies.stream import Examples
from acn_bench.training.resume import State

CLOCK = (
    "train_iterations",
    "train_exp_counter",
    "train_exp_epochs",
    "train_exp_iterations",
    "train_epoch_iterations",
    "total_iterations",
)


class StrategyState(Protocol):
    """What a strategy keeps beside weights and moments.

    `restore` comes before an experience begins; where it had begun, once more after its beginning, which
    sets some things anew.
    """

    inside: bool  # it can go on between two epochs; if not, between two experiences alone

    def state(self) -> State:
        """What it keeps, as of now."""

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        """Take `state` back; weights, moments and clock of `learner` are restored."""


class Stateless:
    """A strategy that keeps nothing."""

    inside = True

    def state(self) -> State:
        return {}

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        pass


def with_state(learner: Any, strategy_state: StrategyState) -> Any:
    """The learner, which now has its keeper."""
    learner.strategy_state = strategy_state
    return learner


def state_of(learner: Any) -> StrategyState | None:
    """What the learner's builder declared; None where it declared nothing."""
    strategy_state: StrategyState | None = getattr(learner, "strategy_state", None)
    return strategy_state


# ---------------------------------------------------------------- the whole learner


def learner_state(learner: Any, model: nn.Module) -> State:
    """Everything that decides the rest of training; `model` is the network that it trains."""
    return {
        "weights": weights(model),
        "tasks": tasks(model),
        "moments": {
            name: dict(learner.optimizer.state[p])
            for name, p in model.named_parameters()
            if learner.optimizer.state.get(p)
        },
        "clock": {name: getattr(learner.clock, name) for name in CLOCK},
        "kept": learner.strategy_state.state(),
    }


def restore_learner(learner: Any, model: nn.Module, state: State, examples: Examples) -> None:
    """Make the learner what it was; parameters stay the same objects."""
    if learner.optimized_param_id is None:  # else the first experience would wipe the optimizer
        learner.make_optimizer(reset_optimizer_state=True)
    learner.optimizer.state.clear()
    set_weights(model, state["weights"])
    set_tasks(model, state["tasks"])
    for name, p in model.named_parameters():
        if name in state["moments"]:
            moments = state["moments"][name]
            learner.optimizer.state[p] = {k: _copied(v, p.device) for k, v in moments.items()}
    for name in CLOCK:
        setattr(learner.clock, name, state["clock"][name])
    learner.strategy_state.restore(state["kept"], learner, examples)


def weights(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers, those too that a state_dict leaves out."""
    return {n: t.detach() for n, t in (*model.named_parameters(), *model.named_buffers())}


@torch.no_grad()
def set_weights(model: nn.Module, values: dict[str, Tensor]) -> None:
    """Set parameters and buffers in place. Raises KeyError where a name is missing."""
    for name, tensor in weights(model).items():
        tensor.copy_(values[name])


def tasks(model: nn.Module) -> list[int]:
    """The task labels that a model with a head each was trained on."""
    return sorted(getattr(model, "known_train_tasks_labels", ()))


def set_tasks(model: Any, labels: list[int]) -> None:
    """Set them, where the model has heads of experiences."""
    if hasattr(model, "known_train_tasks_labels"):
        model.known_train_tasks_labels = set(labels)


def _copied(value: Any, device: torch.device) -> Any:
    return value.to(device, copy=True) if isinstance(value, Tensor) else value


def copies(tensors: list[Tensor], device: torch.device) -> list[Tensor]:
    """Tensors of a state, to be changed in place."""
    return [t.to(device, copy=True) for t in tensors]
