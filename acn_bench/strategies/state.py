"""A learner between two epochs <-> State: everything that decides the rest of its training.

Every strategy has weights, the optimizer's moments and a clock. The builder declares whatever else its strategy
stores as a `StrategyState`. A strategy without one has no checkpoints: an interrupted run starts from the beginning.
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
    """What a strategy stores in addition to weights and moments: memories, teachers, importances.

    `restore` is called before an experience begins. For a checkpoint from within an experience it is called
    again after `before_training_exp`, which resets part of the state.
    """

    resumes_within_experience: bool  # False: checkpoints are written between experiences only

    def state(self) -> State:
        """The current state."""

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        """Set the state; weights, moments and clock of `learner` are restored already."""


class Stateless:
    """The state of a strategy that stores nothing."""

    resumes_within_experience = True

    def state(self) -> State:
        return {}

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        pass


def with_state(learner: Any, strategy_state: StrategyState) -> Any:
    """Declare the state of the learner's strategy; returns the learner."""
    learner.strategy_state = strategy_state
    return learner


def state_of(learner: Any) -> StrategyState | None:
    """The state that the learner's builder declared; None where it declared none."""
    strategy_state: StrategyState | None = getattr(learner, "strategy_state", None)
    return strategy_state


def share_at_limit(learner: Any) -> list[float] | None:
    """Per experience, the share of the weights whose importance is at its limit; None where there is no limit."""
    shares: list[float] | None = getattr(state_of(learner), "share_at_limit", None)
    return shares


# ---------------------------------------------------------------- the whole learner


def learner_state(learner: Any, model: nn.Module) -> State:
    """Everything that decides the rest of training; `model` is the network that the learner trains."""
    return {
        "weights": weights(model),
        "tasks": tasks(model),
        "moments": {
            name: dict(learner.optimizer.state[p])
            for name, p in model.named_parameters()
            if learner.optimizer.state.get(p)
        },
        "clock": {name: getattr(learner.clock, name) for name in CLOCK},
        "strategy": learner.strategy_state.state(),
    }


def restore_learner(learner: Any, model: nn.Module, state: State, examples: Examples) -> None:
    """Restore the learner in place; parameters stay the same objects."""
    if learner.optimized_param_id is None:  # else the first experience would wipe the optimizer
        learner.make_optimizer(reset_optimizer_state=True)
    learner.optimizer.state.clear()
    set_weights(model, state["weights"])
    set_tasks(model, state["tasks"])
    for name, p in model.named_parameters():
        if name in state["moments"]:
            moments = state["moments"][name]
            learner.optimizer.state[p] = {k: _copy(v, p.device) for k, v in moments.items()}
    for name in CLOCK:
        setattr(learner.clock, name, state["clock"][name])
    learner.strategy_state.restore(state["strategy"], learner, examples)


def weights(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers, including buffers that a state_dict omits."""
    return {n: t.detach() for n, t in (*model.named_parameters(), *model.named_buffers())}


@torch.no_grad()
def set_weights(model: nn.Module, values: dict[str, Tensor]) -> None:
    """Set parameters and buffers in place. Raises KeyError where a name is missing."""
    for name, tensor in weights(model).items():
        tensor.copy_(values[name])


def tasks(model: nn.Module) -> list[int]:
    """The task labels that a multi-head model was trained on; empty for a single head."""
    return sorted(getattr(model, "known_train_tasks_labels", ()))


def set_tasks(model: Any, labels: list[int]) -> None:
    """Set the task labels of a multi-head model; does nothing for a single head."""
    if hasattr(model, "known_train_tasks_labels"):
        model.known_train_tasks_labels = set(labels)


def _copy(value: Any, device: torch.device) -> Any:
    return value.to(device, copy=True) if isinstance(value, Tensor) else value


def copies(tensors: list[Tensor], device: torch.device) -> list[Tensor]:
    """Copies on the device, which may be changed in place."""
    return [t.to(device, copy=True) for t in tensors]
