"""A strategy's spec and a model -> the Avalanche learner: one short builder per kind."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import EvaluationPlugin, ReplayPlugin
from avalanche.training.supervised import JointTraining, Naive
from avalanche.training.templates import SupervisedTemplate
from torch import nn

from acn_bench.spec import (
    ContinualSpec,
    EwcSpec,
    JointSpec,
    NaiveSpec,
    ReplaySpec,
    SiSpec,
    StrategySpec,
)
from acn_bench.strategies.ewc import ElasticWeightConsolidation
from acn_bench.strategies.si import SynapticIntelligence

Settings = dict[str, Any]  # what every constructor of Avalanche's takes
Heads = Sequence[str]  # parameters that belong to one experience alone


def naive(spec: NaiveSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """Fine-tuning."""
    return Naive(**settings)


def joint(spec: JointSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """All experiences at once; its `train` takes the whole stream."""
    return JointTraining(**settings)


def si(spec: SiSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """Synaptic Intelligence."""
    plugin = SynapticIntelligence(spec.strength, spec.damping, spec.importance_max, heads)
    return _with(plugin, settings)


def ewc(spec: EwcSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """Elastic Weight Consolidation."""
    plugin = ElasticWeightConsolidation(spec.strength, spec.fisher_batch_size, heads)
    return _with(plugin, settings)


def replay(spec: ReplaySpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """Experience replay."""
    return _with(ReplayPlugin(spec.memory, batch_size_mem=spec.memory_batch_size), settings)


BUILDERS: dict[type, Callable[..., SupervisedTemplate]] = {
    NaiveSpec: naive,
    JointSpec: joint,
    SiSpec: si,
    EwcSpec: ewc,
    ReplaySpec: replay,
}


def learner(
    spec: StrategySpec,
    model: nn.Module,
    protocol: ContinualSpec,
    device: torch.device,
    plugins: Sequence[SupervisedPlugin],
) -> SupervisedTemplate:
    """The learner, ready to `train`; `plugins` come before the strategy's own."""
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=protocol.learning_rate,
        weight_decay=protocol.weight_decay,
        fused=True,
    )
    settings: Settings = {
        "model": model,
        "optimizer": optimizer,
        "criterion": nn.CrossEntropyLoss(),
        "train_mb_size": protocol.batch_size,
        "train_epochs": protocol.epochs,
        "eval_mb_size": protocol.batch_size,
        "device": device,
        "plugins": list(plugins),
        "evaluator": _silent_evaluator,
    }
    heads = ["head.*"] if protocol.heads == "each" else []
    return BUILDERS[type(spec)](spec, heads, settings)


def _with(plugin: SupervisedPlugin, settings: Settings) -> SupervisedTemplate:
    return SupervisedTemplate(**settings | {"plugins": [*settings["plugins"], plugin]})


def _silent_evaluator() -> EvaluationPlugin:
    """No metrics: the protocol measures the accuracy matrix itself. Avalanche warns of no loggers."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No loggers specified")
        return EvaluationPlugin()
