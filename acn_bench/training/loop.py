"""Train a row model by a scheme, epoch by epoch or in parts of an epoch."""

from collections.abc import Callable, Iterable, Iterator
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
    """How to train a model. The order of batches and the random numbers depend on (seed, stage, epoch) alone."""

    stage: str  # names the training in errors, and seeds its random numbers
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    scheme: Scheme
    checks: int = 1  # parts of an epoch; `train` yields after each
    from_scratch: bool  # then the scheme's drop rates ramp up over the steps
    seed: int


def train(
    model: RowModel,
    rows: Tensor,
    labels: Tensor,
    config: TrainConfig,
    trained: Callable[[int], None] = lambda _: None,
) -> Iterator[float]:
    """Train on rows (N,) with labels (N,), both on the device. Yield the mean loss of each part of an epoch.

    The caller stops early by not taking the next value. Calls `trained(images)` after each step. Raises
    DivergedError.
    """
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=True,
    )
    steps = -(-len(rows) // config.batch_size)
    for epoch in range(config.epochs):
        model.train()
        model.rows.epoch = epoch
        seed_everything(config.stage, config.seed, epoch)
        order = bits("order", config.stage, config.seed, epoch, rows).argsort()
        ends = {steps * part // config.checks for part in range(1, config.checks + 1)}
        total, since = (
            torch.zeros((), device=rows.device),
            0,
        )  # on the device: saves a transfer per step
        for k, batch in enumerate(order.split(config.batch_size)):
            optimizer.zero_grad()
            total_steps = steps * config.epochs if config.from_scratch else None
            loss = _loss(
                model, rows[batch], labels[batch], config.scheme, epoch * steps + k, total_steps
            )
            loss.backward()
            optimizer.step()
            total, since = total + loss.detach(), since + 1
            trained(len(batch))
            if k + 1 in ends:
                yield finite(total.item() / since, f"{config.stage}, epoch {epoch}")
                model.train()
                total, since = torch.zeros_like(total), 0


def until(
    losses: Iterable[float], accuracy: Callable[[], float], enough: float | None
) -> tuple[list[float], list[float]]:
    """Train while `losses`, as `train` yields them, are taken: each loss, and the held-out accuracy after it.

    Stops at an accuracy of `enough`, if it is given.
    """
    taken: list[float] = []
    held_out: list[float] = []
    for loss in losses:
        taken.append(loss)
        held_out.append(accuracy())
        if enough is not None and held_out[-1] >= enough:
            break
    return taken, held_out


def _loss(
    model: RowModel, rows: Tensor, labels: Tensor, scheme: Scheme, step: int, total: int | None
) -> Tensor:
    if not isinstance(scheme, DepthScheme):
        return nn.functional.cross_entropy(model(rows), labels)
    backbone = model.backbone
    assert isinstance(backbone, Backbone)  # the plan refuses a depth scheme for other networks
    with dropped(backbone, scheme.dropping(backbone.depth, step, total)):
        features = backbone.feature_depths(view(model, rows))
    return scheme.of_depths(model.head(features), labels, step)
