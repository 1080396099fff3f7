"""Give networks of this package to RobustBench, and load models of its zoo.

    from acn_bench.backbones.robustbench import as_robustbench_model   # before any import of robustbench
    from robustbench.eval import benchmark

    model = as_robustbench_model(build("ac_mixer", num_classes=10))
    benchmark(model, dataset="cifar10", threat_model="Linf", eps=8 / 255)

Importing this module imports robustbench, with substitutes for what its wheel misses (module
`robustbench_imports`).
"""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from acn_bench.backbones.backbone import ImageBackbone, TextBackbone
from acn_bench.backbones.patches import Normalise
from acn_bench.backbones.robustbench_imports import import_robustbench
from acn_bench.registry import closest
from acn_bench.user_functions import guarded

import_robustbench()

ThreatModel = Literal["Linf", "L2", "corruptions"]
ZooDataSet = Literal["cifar10", "cifar100", "imagenet"]


class RobustBenchModel(nn.Module):
    """Images (B, C, H, W) in [0, 1] -> logits (B, K), as RobustBench calls a model."""

    def __init__(self, model: nn.Module, normalise: nn.Module) -> None:
        super().__init__()
        self.normalise = normalise
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.model(self.normalise(x))
        if not isinstance(logits, Tensor) or logits.dim() != 2:
            found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise ValueError(
                f"RobustBench needs logits (B, K); {type(self.model).__name__} gives {found}"
            )
        return logits


def as_robustbench_model(
    model: nn.Module, mean: Sequence[float] | None = None, std: Sequence[float] | None = None
) -> RobustBenchModel:
    """A network -> a model for robustbench: images (B, C, H, W) in [0, 1] in, logits (B, K) out.

    It shares the weights and sets `model` to evaluation mode. Gradients flow to the images.

    Args:
        model: any image network with one head.
        mean: per channel, where the network takes normalised images. A network of timm brings its own.
        std: likewise.

    Raises ValueError for a multi-head network, one of texts, and where it is unclear who normalises.
    """
    _refuse_other_inputs(model)
    return RobustBenchModel(model, _normalise(model, mean, std)).eval()


def _refuse_other_inputs(model: nn.Module) -> None:
    if not isinstance(model, nn.Module):
        raise ValueError(f"expected a torch.nn.Module, got {type(model).__name__}")
    if isinstance(model, TextBackbone):
        raise ValueError("RobustBench evaluates networks of images; this one reads texts")
    if "task_labels" in _argument_names(model):
        raise ValueError(
            "RobustBench calls a model with images alone; a multi-head network needs task labels. "
            "Choose one head first: a module that calls model(x, task) for a fixed task"
        )


def _argument_names(model: nn.Module) -> set[str]:
    try:
        return set(inspect.signature(model.forward).parameters)
    except ValueError:  # of a scripted module
        return set()


def _normalise(
    model: nn.Module, mean: Sequence[float] | None, std: Sequence[float] | None
) -> nn.Module:
    if (mean is None) != (std is None):
        raise ValueError("mean and std belong together: give both, or neither")
    inside = isinstance(getattr(model, "normalise", None), Normalise)
    if mean is not None and std is not None:
        if inside:
            raise ValueError("this network normalises images itself: leave out mean and std")
        return Normalise(mean, std)
    if inside:
        return nn.Identity()
    config = getattr(model, "pretrained_cfg", None)
    if isinstance(config, Mapping) and {"mean", "std"} <= config.keys():  # of timm
        return Normalise(config["mean"], config["std"])
    if isinstance(model, ImageBackbone):
        raise ValueError(
            "this network was built with mean=None, so its pipeline normalises: give as_robustbench_model "
            "the mean and std of that pipeline (0 and 1 per channel for images in [0, 1])"
        )
    return nn.Identity()


def zoo_model(
    name: str,
    folder: Path | str,
    dataset: ZooDataSet = "cifar10",
    threat_model: ThreatModel = "Linf",
) -> nn.Module:
    """A model of RobustBench's zoo, in evaluation mode, from weights that lie in `folder`. Downloads nothing.

    The layout is that of `robustbench.utils.load_model(model_dir=folder)`:
    `<folder>/<dataset>/<threat model>/<name>.pt`.

    Raises LookupError where the zoo has no such model, where its weights are missing, or where robustbench reads
    them from no file; ValueError where the file does not hold them.
    """
    from robustbench.model_zoo import model_dicts
    from robustbench.model_zoo.enums import BenchmarkDataset
    from robustbench.model_zoo.enums import ThreatModel as Threat
    from robustbench.utils import load_model

    zoo: dict[str, dict[str, Any]] = model_dicts[BenchmarkDataset(dataset)][Threat(threat_model)]
    if name not in zoo:
        raise LookupError(
            f"RobustBench's zoo has no {name!r:.60} for {dataset}, {threat_model}. {closest(name, zoo)}"
        )
    if zoo[name]["gdrive_id"] is None or (dataset == "imagenet" and "Standard" in name):
        raise LookupError(
            f"robustbench downloads the weights of {name} each time, and reads them from no file"
        )
    for file in _weights_files(zoo[name], Path(folder) / dataset / threat_model / f"{name}.pt"):
        if not file.is_file():
            arguments = f"{name!r}, {str(folder)!r}, {dataset!r}, {threat_model!r}"
            raise LookupError(
                f"the weights of RobustBench's {name} are missing: {file}. Where there is a network, "
                f"robustbench.utils.load_model({arguments}) downloads them"
            )
    with guarded(f"robustbench cannot read the weights of {name} below {folder}"):
        model: nn.Module = load_model(name, folder, dataset, threat_model)
    return model.eval()


def _weights_files(entry: dict[str, Any], path: Path) -> list[Path]:
    """The files that robustbench reads; an ensemble has one for each network."""
    ids = entry["gdrive_id"]
    return [Path(f"{path}_m{i}.pt") for i in range(len(ids))] if isinstance(ids, list) else [path]
