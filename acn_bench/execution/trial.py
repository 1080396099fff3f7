"""The user's own networks and strategies, tried in this process before anything runs.

A run does more with a network than its own pipeline may do: it replaces the head, measures single images, counts
FLOPs and saves the weights. What fails in the trial would fail each run, or its end.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, count

import msgspec
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from acn_bench import tensor_file
from acn_bench.benchmarks.run import Run, weights_on_cpu
from acn_bench.config import RunConfig
from acn_bench.data.data_set import DataSet
from acn_bench.data.generators import preserved_generators
from acn_bench.errors import reason
from acn_bench.evaluation import correctness, cost
from acn_bench.execution import estimate
from acn_bench.registry import KINDS
from acn_bench.training.network import seeded
from acn_bench.user_functions import guarded

IMAGES = 4  # of the batch that a network is tried on


class _MisfitError(Exception):
    """A sentence, without its full stop, on what does not fit."""


def try_own(
    configs: Sequence[RunConfig],
    data: Sequence[DataSet],
    device: torch.device,
    note: Callable[[str], None] = lambda _: None,
) -> None:
    """Raise ValueError that names the first factory or builder whose network or strategy no run could use.

    `note` takes sentences for the user: foreign code may take long.
    """
    own = [c for c in configs if not c.backbone.trained]
    networks = {c.backbone.function: c for c in own if c.backbone.function}
    for factory, config in networks.items():
        note(f"trying {factory} on {IMAGES} images")
        with preserved_generators():
            alone = _try_network(factory, config, data, device)
        if alone is not None:
            of_factory = [c for c in configs if c.backbone.function == factory]
            _refuse_single_images(factory, alone, of_factory, data)
    strategies = {c.strategy.function: c for c in configs if c.strategy and c.strategy.function}
    for builder, config in strategies.items():
        note(f"trying {builder}")
        protocol = KINDS.load(config.benchmark.kind).protocol_module
        with _named(builder):
            protocol.build(Run(config, data, device))


@contextmanager
def _named(function: str) -> Iterator[None]:
    """Name the function in front of what the block raises, unless the message begins with it."""

    def why(error: BaseException) -> str:
        return str(error) if isinstance(error, _MisfitError) else reason(error)

    try:
        with guarded(function, why=why):
            yield
    except ValueError as e:
        cause = e.__cause__
        if type(cause) is ValueError and str(cause).startswith(f"{function} "):
            raise cause from cause.__cause__
        raise


# ---------------------------------------------------------------- networks


def _try_network(
    factory: str, config: RunConfig, data: Sequence[DataSet], device: torch.device
) -> str | None:
    """Train and measure the network once, as a run does; why it cannot train on one image, None where it can."""
    shape = config.benchmark.image_shape(data[0].image_shape)
    classes = estimate.cost_of(config, data).classes
    if shape is None:  # the estimate refuses it
        return None
    network, width = seeded(config, classes)
    with _named(factory):
        _refuse_lazy(network)
        network.to(device).train()
        images = torch.rand(IMAGES, *shape, device=device)
        _replace_head(network, images, classes)
        head = nn.Linear(width, classes, device=device)
        optimizer = torch.optim.AdamW(chain(network.parameters(), head.parameters()), fused=True)
        _train(network, head, images)
        optimizer.step()
        _measure(network, head, images)
    try:
        with _named(factory):
            network.train()
            _train(network, head, images[:1])
    except ValueError as e:
        return str(e).removeprefix(f"{factory}: ")
    return None


def _refuse_lazy(network: nn.Module) -> None:
    if any(is_lazy(tensor) for tensor in chain(network.parameters(), network.buffers())):
        raise _MisfitError(
            "its network has lazy modules, which have no weights yet: pass one image through it in the factory"
        )


def _replace_head(network: nn.Module, images: Tensor, classes: int) -> None:
    """Replace the head as a run does. Raises _MisfitError where it is not the last layer."""
    outputs: list[Tensor] = []  # of the head
    hook = network.head.register_forward_hook(lambda *call: outputs.append(call[-1]))  # type: ignore[union-attr]
    logits = network(images)
    _check_output(logits, (len(images), classes), "logits")
    if not outputs or not torch.equal(outputs[-1], logits):
        raise _MisfitError(
            "the output of its network is not that of `.head`, which must be its last layer"
        )
    outputs.clear()
    try:
        network.head = nn.Identity()
        replaced = isinstance(network.head, nn.Identity)
    except AttributeError as e:
        raise _MisfitError(f"`.head` of its network cannot be replaced ({reason(e)})") from e
    network(images)
    if outputs or not replaced:
        raise _MisfitError(
            "`.head` of its network cannot be replaced: another name or a property leads to it"
        )
    hook.remove()


def _train(network: nn.Module, head: nn.Linear, images: Tensor) -> None:
    features = network(images)
    _check_output(features, (len(images), head.in_features), "the input of `.head`")
    labels = torch.zeros(len(images), dtype=torch.int64, device=images.device)
    nn.functional.cross_entropy(head(features), labels).backward()


def _measure(network: nn.Module, head: nn.Linear, images: Tensor) -> None:
    """What a run does before, between and after its training."""
    cost.by_depth(network, head, images[:1])
    with correctness.evaluating(network):
        for batch in (images, images[:1]):
            features = correctness.features(network, batch, depths=False)[0]
            _check_output(features, (len(batch), head.in_features), "the input of `.head`")
    tensor_file.encoded(weights_on_cpu(network), {})


def _check_output(output: object, shape: tuple[int, ...], what: str) -> None:
    """Raise _MisfitError for what is no finite tensor of floats of this shape; `what` should be there."""
    wanted = f"where {what} {shape} should be"
    if not isinstance(output, Tensor):
        raise _MisfitError(f"its network returns a {type(output).__name__} {wanted}")
    if tuple(output.shape) != shape or not output.is_floating_point():
        raise _MisfitError(f"its network returns {tuple(output.shape)} of {output.dtype} {wanted}")
    if not output.isfinite().all():
        raise _MisfitError(
            f"its network returns NaN or infinite values {wanted}, on images in [0, 1]"
        )


# ---------------------------------------------------------------- batches of one image


def _refuse_single_images(
    factory: str, alone: str, configs: Iterable[RunConfig], data: Sequence[DataSet]
) -> None:
    """Raise ValueError where a batch of one image is left over in a training, which `alone` says it cannot take."""
    distinct = {msgspec.json.encode((c.benchmark, c.strategy, c.seeds)): c for c in configs}
    for config in distinct.values():
        planning = KINDS.load(config.benchmark.kind).planning_module
        known = getattr(planning, "train_rows", None)
        rows: list[int] = known(config, data) if known else []
        size = estimate.cost_of(config, data).batch_size
        left_over = [n for n in rows if _leaves_one(n, size)]
        if left_over:
            other = next(b for b in count(size + 1) if not any(_leaves_one(n, b) for n in rows))
            raise ValueError(
                f"{factory}: its network cannot be trained on one image ({alone}), and {left_over[0]:,} images in "
                f"batches of {size} leave one over: --set batch_size={other}"
            )


def _leaves_one(rows: int, batch_size: int) -> bool:
    return rows % batch_size == 1 % batch_size
