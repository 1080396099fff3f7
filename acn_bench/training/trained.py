"""The config of a trained network -> the network, as a run measures it; nothing is trained."""

from importlib import import_module
from typing import cast

import torch
from torch import Tensor, nn

from acn_bench import backbones, user_functions
from acn_bench.backbones import Backbone
from acn_bench.config import RunConfig
from acn_bench.errors import message
from acn_bench.families import checkpoints
from acn_bench.families.trained import ZOO_MODULE, TrainedSpec
from acn_bench.training.row_model import RowInputs, RowModel


def row_model(config: RunConfig, rows: RowInputs) -> RowModel:
    """The network and its head, whose input is row numbers. Raises as `network`."""
    made = network(config)
    if isinstance(made, Backbone):
        return RowModel(made, made.head, rows)
    return RowModel(_Whole(made), nn.Identity(), rows)


def network(config: RunConfig) -> nn.Module:
    """Images (B, C, H, W) in [0, 1] -> logits (B, K), in evaluation mode.

    Raises LookupError and ValueError where the file or the function is missing, or is no such network.
    """
    spec = cast(TrainedSpec, config.backbone)
    if spec.function is not None:
        make = user_functions.function(spec.function, "trained network")
        with user_functions.guarded(f"{spec.function} failed"):
            made = make()
        if not isinstance(made, nn.Module):
            raise ValueError(
                f"{spec.function} must return an nn.Module, not a {type(made).__name__}"
            )
        return made.eval()
    if spec.zoo:
        return _of_zoo(spec)
    if checkpoints.digest(spec.file) != spec.source:
        raise ValueError(f"{spec.file} changed since the run was planned")
    loaded = backbones.load(spec.file)
    if not isinstance(loaded, Backbone):
        raise ValueError(
            f"{spec.file} has a head for each experience, and this benchmark measures one head"
        )
    loaded.precision = config.precision
    return loaded


def _of_zoo(spec: TrainedSpec) -> nn.Module:
    """A model of RobustBench's zoo. Raises LookupError where robustbench is not installed, or knows no such model."""
    if checkpoints.zoo_digest(spec.file) != spec.source:
        raise ValueError(f"{spec.file} changed since the run was planned")
    try:  # by name: runs of other networks execute none of it
        robustbench = import_module(ZOO_MODULE)
    except ImportError as e:
        raise LookupError(f"{spec.name}: {message(e)}") from e
    dataset, threat_model, name = spec.zoo.split("/")
    model: nn.Module = robustbench.zoo_model(name, spec.file.parents[2], dataset, threat_model)
    return model


def check(config: RunConfig, classes: int, shape: tuple[int, int, int]) -> None:
    """Pass one image of shape (C, H, W). Raises ValueError where the output is no logits of so many classes."""
    made, name = network(config), config.backbone.name
    with (
        user_functions.guarded(f"{name} cannot take an image of {shape}"),
        torch.inference_mode(),
    ):
        logits = made(torch.full((1, *shape), 0.5))
    if not isinstance(logits, Tensor) or logits.shape != (1, classes):
        given = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(
            f"{name} returns {given} for one image, and the data have {classes} classes: expected (1, {classes})"
        )


class _Whole(nn.Module):
    """A network that has no head of its own; a run replaces heads."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits
