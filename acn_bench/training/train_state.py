"""The state of a training, in one process or sharded over several <-> whole tensors by name, and numbers."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from acn_bench.backbones import Backbone
from acn_bench.errors import shorten
from acn_bench.tensor_file import Later
from acn_bench.training import shards
from acn_bench.training.checkpoints import Parts, Written
from acn_bench.training.distributed import Processes

MODEL, AVERAGE, OPTIMIZER = "model", "average", "optimizer"  # files of a checkpoint
Named = Iterator[tuple[str, Tensor]]


@dataclass
class Counts:
    """The numbers of a training so far: what a checkpoint holds beside tensors."""

    step: int = 0  # finished steps
    epoch: int = 0  # of the next step
    step_of_epoch: int = 0  # finished steps of that epoch
    rows: int = 0  # trained on, over all processes
    seconds: float = 0.0
    loss_sum: float = 0.0  # of the epoch so far
    weight_sum: float = 0.0
    losses: list[float] = field(default_factory=list)  # mean of each epoch
    learning_rates: list[float] = field(default_factory=list)  # of the last step of each epoch
    share: float = 0.0  # of the training that is done
    measured: list[Any] = field(default_factory=list)  # after epochs, in JSON

    def encoded(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True)
class TrainState:
    """The tensors of a training, which may be sharded."""

    model: nn.Module  # raw
    average: AveragedModel | None
    optimizer: torch.optim.Optimizer
    schedule: LambdaLR
    processes: Processes

    @property
    def sharded(self) -> bool:
        """Whether a process holds a part of the tensors alone."""
        return any(isinstance(p, DTensor) for p in self.model.parameters())

    def parts(self, folder: Path | None) -> Written:
        """The tensors of each file. Those of a sharded training pass through `folder`, which all processes share.

        All processes must call it then. Raises OSError in all of them where one cannot write.
        """
        parts: dict[str, Mapping[str, Tensor | Later]] = {}
        for part, named in self._named(self.optimizer.state).items():
            tensors = dict(named)
            if folder is None:
                parts[part] = tensors
            else:
                shards.write(folder / part, shards.sharded(tensors))
                parts[part] = shards.Shards(folder / part).of(tensors)
        return parts

    def finite(self) -> bool:
        """Whether all weights are finite numbers; the same in all processes."""
        broken = torch.stack(
            [(~_local(p).isfinite().all()).float() for p in self.model.parameters()]
        )
        broken = broken.sum()
        return not self.processes.total(broken).item()  # of any process

    def load(self, parts: Parts, step: int) -> None:
        """Take over the first process's `parts`, and set the schedule to `step`. Raises ValueError for others."""
        _fill_optimizer(self.optimizer)
        for part, named in self._named(self.optimizer.state).items():
            like, values = dict(named), parts.get(part, {})
            wrong = _mismatch(part, like, values) if self.processes.first else None
            if wrong := self.processes.agreed(wrong):
                raise ValueError(wrong)
            for name, tensor in like.items():
                self._receive(tensor, values.get(name))
        self.schedule.last_epoch = step
        for group, rate in zip(self.optimizer.param_groups, self._rates(step), strict=True):
            group["lr"] = rate
        self.schedule._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _rates(self, step: int) -> list[float]:
        s = self.schedule
        return [float(base * f(step)) for base, f in zip(s.base_lrs, s.lr_lambdas, strict=True)]

    def _named(self, state: Any) -> dict[str, Named]:
        """The tensors of each file, by name."""
        prefix = "backbone." if isinstance(self.model, Backbone) else ""  # as in a weights file

        def weights(module: nn.Module) -> Named:
            for name, tensor in module.state_dict().items():
                yield (name if name.startswith("head.") else prefix + name), tensor

        def moments() -> Named:
            for name, parameter in self.model.named_parameters():
                for key, value in sorted(state.get(parameter, {}).items()):
                    if isinstance(value, Tensor):
                        yield f"{key}.{name}", value

        named = {MODEL: weights(self.model), OPTIMIZER: moments()}
        if self.average is not None:
            counted = ("n_averaged", self.average.n_averaged)
            named[AVERAGE] = iter([counted, *weights(self.average.module)])
        return named

    def _receive(self, tensor: Tensor, value: Tensor | None) -> None:
        """Set a tensor, which may be sharded, to the first process's whole value."""
        whole = torch.empty(tensor.shape, dtype=tensor.dtype, device=tensor.device)
        if value is not None:
            whole.copy_(value)
        if self.processes.size > 1:
            dist.broadcast(whole, 0)
        with torch.no_grad():
            if isinstance(tensor, DTensor):
                mesh, places = tensor.device_mesh, tensor.placements
                tensor.copy_(distribute_tensor(whole, mesh, places, src_data_rank=None))
            else:
                tensor.copy_(whole)


def _fill_optimizer(optimizer: torch.optim.Optimizer) -> None:
    """Make its moments, which it makes in its first step; the weights are overwritten afterwards."""
    rates = [group["lr"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = 0.0
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate


def _local(tensor: Tensor) -> Tensor:
    """The part of a sharded tensor that this process holds."""
    return tensor.to_local().detach() if isinstance(tensor, DTensor) else tensor.detach()


def _mismatch(part: str, like: dict[str, Tensor], values: dict[str, Tensor]) -> str | None:
    """How the tensors of a file differ from those that are needed, in a sentence; None where they do not."""
    for name in sorted({*like, *values}):
        if name not in values or name not in like:
            which = "lacks" if name in like else "has"
            return f"the checkpoint's {part}.safetensors {which} {shorten(name)}"
        if like[name].shape != values[name].shape or like[name].dtype != values[name].dtype:
            return (
                f"the checkpoint's {part}.safetensors has {shorten(name)} as {tuple(values[name].shape)} of "
                f"{values[name].dtype}, not {tuple(like[name].shape)} of {like[name].dtype}"
            )
    return None
