"""A row model, rows and labels -> the model trained by a scheme, one epoch or a part of one at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from acn_bench.backbones import Backbone
from acn_bench.data.counter import bits
from acn_bench.data.generators import seed_everything
from acn_bench.training.divergence import finite
from acn_bench.training.row_model import RowModel, view
from acn_bench.training.schemes import DepthScheme, Scheme, dropped


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a model is trained. Order of the batches and drawn numbers depend on (seed, stage, epoch) alone."""

    stage: str  # a word for errors, and for what is drawn
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    scheme: Scheme
    checks: int = 1  # parts of an epoch; whoever looks on does it after each
    from_scratch: bool  # a scheme's rates rise over the steps of a training from scratch
    seed: int


def train(
    model: RowModel,
    rows: Tensor,
    labels: Tensor,
    fitting: TrainConfig,
    trained: Callable[[int], None] = lambda _: None,
) -> Iterator[float]:
    """Train on rows (N,) with labels (N,), both on the device; yields the mean loss of each part of an epoch.

    Whoever has seen enough stops asking. Calls `trained(images)` after each step. Raises DivergedError.
    """
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=fitting.learning_rate,
        weight_decay=fitting.weight_decay,
        fused=True,
    )
    steps = -(-len(rows) // fitting.batch_size)
    for epoch in range(fitting.epochs):
        model.train()
        model.rows.epoch = epoch
        seed_everything(fitting.stage, fitting.seed, epoch)
        order = bits("order", fitting.stage, fitting.seed, epoch, rows).argsort()
        ends = {steps * part // fitting.checks for part in range(1, fitting.checks + 1)}
        total, since = torch.zeros((), device=rows.device), 0  # on the device: no transfer a step
        for k, batch in enumerate(order.split(fitting.batch_size)):
            optimizer.zero_grad()
            total_steps = steps * fitting.epochs if fitting.from_scratch else None
            loss = _loss(
                model, rows[batch], labels[batch], fitting.scheme, epoch * steps + k, total_steps
            )
            loss.backward()
            optimizer.step()
            total, since = total + loss.detach(), since + 1
            trained(len(batch))
            if k + 1 in ends:
                yield finite(total.item() / since, f"{fitting.stage}, epoch {epoch}")
                model.train()
                total, since = torch.zeros_like(total), 0


def _loss(
    model: RowModel, rows: Tensor, labels: Tensor, scheme: Scheme, step: int, total: int | None
) -> Tensor:
    if not isinstance(scheme, DepthScheme):
        return nn.functional.cross_entropy(model(rows), labels)
    backbone = model.backbone
    assert isinstance(backbone, Backbone)  # a plan refuses a scheme for anything else
    with dropped(backbone, scheme.dropping(backbone.depth, step, total)):
        features = backbone.feature_depths(view(model, rows))
    return scheme.of_depths(model.head(features), labels, step)
