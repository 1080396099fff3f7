"""A strategy's spec and a model -> the Avalanche learner."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.templates import SupervisedTemplate
from torch import nn

from acn_bench.spec import Strategy
from acn_bench.strategies.budget import UNTIL_STOPPED
from acn_bench.strategies.prediction import HeadPrediction, Prediction
from acn_bench.strategies.state import StrategyState, with_state

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec


def prediction(learner: SupervisedTemplate, model: Any) -> Prediction:
    """The prediction rule: the strategy's own (iCaRL: nearest class mean), or the model's head."""
    own: Prediction | None = getattr(learner, "own_prediction", None)
    return own or HeadPrediction(model.head)


def learner(
    spec: Strategy,
    model: nn.Module,
    protocol: "ContinualSpec",
    device: torch.device,
    plugins: Sequence[SupervisedPlugin],
) -> SupervisedTemplate:
    """The learner, ready to `train`; `plugins` run before the strategy's own plug-ins."""
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=protocol.learning_rate,
        weight_decay=protocol.weight_decay,
        fused=True,
    )
    settings: dict[str, Any] = {
        "model": model,
        "optimizer": optimizer,
        "criterion": nn.CrossEntropyLoss(),
        "train_mb_size": protocol.batch_size,
        "train_epochs": protocol.epochs if protocol.budget == "epochs" else UNTIL_STOPPED,
        "eval_mb_size": protocol.batch_size,
        "device": device,
        "plugins": list(plugins),
        "evaluator": _silent_evaluator,
    }
    heads = ["head.*"] if protocol.heads == "each" else []
    made: SupervisedTemplate = spec.learner(heads, settings)
    return made


def with_plugin(
    plugin: SupervisedPlugin, settings: dict[str, Any], strategy_state: StrategyState
) -> SupervisedTemplate:
    """Avalanche's plain learner with the plug-in, and the state for its checkpoints."""
    made = SupervisedTemplate(**settings | {"plugins": [*settings["plugins"], plugin]})
    return with_state(made, strategy_state)


def _silent_evaluator() -> EvaluationPlugin:
    """No metrics: the protocol measures the accuracy matrix itself. Avalanche warns of no loggers."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No loggers specified")
        return EvaluationPlugin()
