"""A strategy's spec and a model -> the Avalanche learner: one short builder per kind."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import EvaluationPlugin, ReplayPlugin
from avalanche.training.supervised import DER, ER_ACE, Cumulative, ICaRL, JointTraining, Naive
from avalanche.training.templates import SupervisedTemplate
from torch import nn

from acn_bench import registry
from acn_bench.spec import (
    AgemSpec,
    BuilderSpec,
    ContinualSpec,
    CumulativeSpec,
    DerSpec,
    ErAceSpec,
    EwcSpec,
    GdumbSpec,
    GemSpec,
    IcarlSpec,
    JointSpec,
    LwfSpec,
    MasSpec,
    NaiveSpec,
    ReplaySpec,
    SiSpec,
    StrategySpec,
)
from acn_bench.strategies.budget import UNTIL_STOPPED
from acn_bench.strategies.cumulative import Gathered
from acn_bench.strategies.ewc import ElasticWeightConsolidation
from acn_bench.strategies.gdumb import GDumb
from acn_bench.strategies.gem import AveragedGradientEpisodicMemory, GradientEpisodicMemory
from acn_bench.strategies.icarl import Exemplars
from acn_bench.strategies.lwf import LearningWithoutForgetting
from acn_bench.strategies.mas import MemoryAwareSynapses
from acn_bench.strategies.memory import ClassMemory, ClassMemoryWithLogits, ExperienceMemory
from acn_bench.strategies.prediction import HeadPrediction, NearestMeanPrediction, Prediction
from acn_bench.strategies.row_models import RowFeatures
from acn_bench.strategies.si import SynapticIntelligence
from acn_bench.strategies.state import Stateless, StrategyState, with_state

Settings = dict[str, Any]  # what every constructor of Avalanche's takes
Heads = Sequence[str]  # parameters that belong to one experience alone


def naive(spec: NaiveSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """Fine-tuning."""
    return with_state(Naive(**settings), Stateless())


def joint(spec: JointSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """All experiences at once; its `train` takes the whole stream."""
    return with_state(JointTraining(**settings), Stateless())


def si(spec: SiSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """Synaptic Intelligence."""
    plugin = SynapticIntelligence(spec.strength, spec.damping, spec.importance_max, heads)
    return _with(plugin, settings, plugin)


def ewc(spec: EwcSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """Elastic Weight Consolidation."""
    plugin = ElasticWeightConsolidation(spec.strength, spec.fisher_batch_size, heads)
    return _with(plugin, settings, plugin)


def replay(spec: ReplaySpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """Experience replay."""
    memory = ExperienceMemory(spec.memory)
    batch = spec.memory_batch_size
    plugin = ReplayPlugin(spec.memory, batch_size_mem=batch, storage_policy=memory)
    return _with(plugin, settings, memory)


def cumulative(spec: CumulativeSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """Each experience together with all earlier ones."""
    return with_state(Cumulative(**settings), Gathered())


def lwf(spec: LwfSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """Learning without Forgetting; with a head each, all earlier heads are distilled."""
    plugin = LearningWithoutForgetting(spec.alpha, spec.temperature)
    return _with(plugin, settings, plugin)


def mas(spec: MasSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """Memory Aware Synapses."""
    plugin = MemoryAwareSynapses(spec.strength, spec.decay, heads)
    return _with(plugin, settings, plugin)


def gem(spec: GemSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """Gradient Episodic Memory."""
    plugin = GradientEpisodicMemory(spec.memory_per_experience, spec.margin)
    return _with(plugin, settings, plugin)


def agem(spec: AgemSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """Averaged GEM."""
    plugin = AveragedGradientEpisodicMemory(spec.memory_per_experience, spec.sample_size)
    return _with(plugin, settings, plugin)


def der(spec: DerSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """Dark Experience Replay, and DER++ where `beta` is above zero; its memory knows task labels."""
    made = DER(
        mem_size=spec.memory,
        batch_size_mem=spec.memory_batch_size,
        alpha=spec.alpha,
        beta=spec.beta,
        **settings,
    )
    made.storage_policy = ClassMemoryWithLogits(spec.memory)
    return with_state(made, made.storage_policy)


def icarl(spec: IcarlSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """Herding, distillation and the nearest class mean; its loss is its own."""
    model = settings["model"]
    others = {k: v for k, v in settings.items() if k not in ("model", "criterion")}
    made = ICaRL(
        feature_extractor=RowFeatures(model),
        classifier=model.head,
        memory_size=spec.memory,
        buffer_transform=int,  # a remembered row is a number like any other
        fixed_memory=True,
        **others,
    )
    return with_state(made, Exemplars(made))


def er_ace(spec: ErAceSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """Replay in which the classes of the experience compete with each other alone."""
    made = ER_ACE(mem_size=spec.memory, batch_size_mem=spec.memory_batch_size, **settings)
    made.storage_policy = ClassMemory(spec.memory)
    return with_state(made, made.storage_policy)


def gdumb(spec: GdumbSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """From scratch on a balanced memory."""
    plugin = GDumb(spec.memory)
    return _with(plugin, settings, plugin)


def builder(spec: BuilderSpec, heads: Heads, settings: Settings) -> SupervisedTemplate:
    """What a builder outside the package makes. Raises ValueError where it fails, or makes no learner."""
    make = registry.function(spec.builder, "strategy builder")
    try:
        made = make(spec, heads, settings)
    except Exception as e:  # anybody's code
        raise ValueError(f"{spec.builder} failed: {type(e).__name__}: {e}") from e
    if not isinstance(made, SupervisedTemplate):
        raise ValueError(
            f"{spec.builder} must make a strategy of Avalanche's, not a {type(made).__name__}"
        )
    return made


BUILDERS: dict[type, Callable[..., SupervisedTemplate]] = {
    NaiveSpec: naive,
    JointSpec: joint,
    CumulativeSpec: cumulative,
    ReplaySpec: replay,
    EwcSpec: ewc,
    SiSpec: si,
    LwfSpec: lwf,
    MasSpec: mas,
    GemSpec: gem,
    AgemSpec: agem,
    DerSpec: der,
    IcarlSpec: icarl,
    ErAceSpec: er_ace,
    GdumbSpec: gdumb,
    BuilderSpec: builder,
}


def prediction(learner: SupervisedTemplate, model: Any) -> Prediction:
    """What the learner predicts with: the model's head, or the means that iCaRL keeps."""
    if isinstance(learner, ICaRL):
        return NearestMeanPrediction(learner, model.head.out_features)
    return HeadPrediction(model.head)


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
        "train_epochs": protocol.epochs if protocol.budget == "epochs" else UNTIL_STOPPED,
        "eval_mb_size": protocol.batch_size,
        "device": device,
        "plugins": list(plugins),
        "evaluator": _silent_evaluator,
    }
    heads = ["head.*"] if protocol.heads == "each" else []
    return BUILDERS[type(spec)](spec, heads, settings)


def _with(
    plugin: SupervisedPlugin, settings: Settings, strategy_state: StrategyState
) -> SupervisedTemplate:
    made = SupervisedTemplate(**settings | {"plugins": [*settings["plugins"], plugin]})
    return with_state(made, strategy_state)


def _silent_evaluator() -> EvaluationPlugin:
    """No metrics: the protocol measures the accuracy matrix itself. Avalanche warns of no loggers."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No loggers specified")
        return EvaluationPlugin()
