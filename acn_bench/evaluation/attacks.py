"""A model and images -> correct or not under an adversarial attack in Linf, by pyautoattack (`acn_bench[robustbench]`).

`attack_cost.Attack` has the settings. An attack draws its random starts once for a batch, so the outcome depends on
the seed, on the batch size and on the order of the images, and not on the device's generator.
"""

import importlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from acn_bench.data.generators import preserved_generators
from acn_bench.evaluation.attack_cost import INSTALL, Attack, Step, targets_of

Model = nn.Module | Callable[[Tensor], Tensor]  # images (B, C, H, W) in [0, 1] -> logits (B, K)

BATCH = 100


@dataclass(frozen=True)
class Attacked:
    """What an attack leaves of N images, all on the CPU."""

    clean: Tensor  # (N,) of bool: correct without an attack
    after: dict[Step, Tensor]  # (N,) of bool: correct after each step and those before it
    images: Tensor  # (N, C, H, W): the adversarial image, or the clean one where no step succeeded
    warnings: tuple[str, ...]  # of AutoAttack's own checks

    @property
    def robust(self) -> Tensor:
        """(N,) of bool: correct without an attack and after every step."""
        return list(self.after.values())[-1]

    @property
    def accuracy(self) -> float:
        """Robust accuracy, in [0, 1]."""
        return self.robust.float().mean().item()


def run(
    model: Model,
    images: Tensor,
    labels: Tensor,
    attack: Attack,
    *,
    seed: int = 0,
    batch_size: int = BATCH,
    device: torch.device | str = "cpu",
) -> Attacked:
    """Attack every image that the model classifies correctly.

    Weights, modes, gradients of the weights and the random state stay as they are. A module is attacked in
    evaluation mode; a function that calls a module must see to that itself. To show progress, attack slices of the
    images one after the other.

    Args:
        model: an `nn.Module` on `device`, or a function.
        images: (N, C, H, W), floating, in [0, 1].
        labels: (N,) of integers.
        attack: name, ε and strength.
        seed: of the random starts.
        batch_size: images in one pass.
        device: of the model; images move there batch by batch.

    Raises ValueError for images or labels of another form, fewer than 4 classes or logits that are not (B, K);
    ImportError where pyautoattack is missing.
    """
    return _attacked(model, images, labels, attack, attack.steps, seed, batch_size, device)


def square(
    model: Model,
    images: Tensor,
    labels: Tensor,
    attack: Attack,
    *,
    seed: int = 0,
    batch_size: int = BATCH,
    device: torch.device | str = "cpu",
) -> Tensor:
    """(N,) of bool: correct under Square alone, a black-box attack of `attack.queries` queries. As `run` otherwise."""
    return _attacked(model, images, labels, attack, ("square",), seed, batch_size, device).robust


def correct(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    batch_size: int = BATCH,
    device: torch.device | str = "cpu",
) -> Tensor:
    """(N,) of bool: correct on these images, which may be adversarial ones of another network (a transferred attack)."""
    check_inputs(images, labels)
    with attacking(model):
        return _predict(model, images, batch_size, device)[0] == labels.cpu()


# ---------------------------------------------------------------- pyautoattack


def _attacked(
    model: Model,
    images: Tensor,
    labels: Tensor,
    attack: Attack,
    steps: Sequence[Step],
    seed: int,
    batch_size: int,
    device: torch.device | str,
) -> Attacked:
    check_inputs(images, labels)
    with attacking(model) as messages:
        predicted, classes = _predict(model, images, batch_size, device)
        clean = predicted == labels.cpu()
        adversary = _adversary(model, attack, classes, seed, device)
        adversarial, robust, after = images.detach().clone().cpu(), clean.clone(), {}
        for step in steps:
            rows, made = _step(adversary, step, images, labels, robust, batch_size)
            adversarial[rows] = made
            robust[rows] = False
            after[step] = robust.clone()
    return Attacked(clean, after, adversarial, tuple(dict.fromkeys(messages)))


def _adversary(
    model: Model, attack: Attack, classes: int, seed: int, device: torch.device | str
) -> Any:
    """AutoAttack's standard version with the attack's iterations and queries; its steps are called one by one."""
    adversary = _pyautoattack().AutoAttack(
        model, norm="Linf", eps=attack.epsilon, seed=seed, version="standard", device=device
    )
    for apgd in (adversary.apgd, adversary.apgd_targeted):
        _set_iterations(apgd, attack.iterations)
    adversary.fab.n_iter = attack.iterations
    adversary.square.n_queries = attack.queries
    adversary.apgd_targeted.n_target_classes = adversary.fab.n_target_classes = targets_of(classes)
    return adversary


def _step(
    adversary: Any, step: Step, images: Tensor, labels: Tensor, robust: Tensor, batch_size: int
) -> tuple[Tensor, Tensor]:
    """One step on the images that are still correct -> the rows that it breaks, and their adversarial images."""
    rows = robust.nonzero().squeeze(1)
    if len(rows) == 0:
        return rows, images[:0].cpu()
    x, y = images.cpu()[rows], labels.cpu()[rows].long()
    adversary.attacks_to_run = [step]
    made, predicted = adversary.run_standard_evaluation(x, y, batch_size=batch_size)
    broken = predicted != y
    return rows[broken], made[broken]


def _set_iterations(apgd: Any, iterations: int) -> None:
    """As the constructor of APGD does; AutoAttack's passes it 100."""
    apgd.n_iter = apgd.n_iter_orig = iterations
    apgd.n_iter_2, apgd.n_iter_min, apgd.size_decr = (
        max(int(share * iterations), 1) for share in (0.22, 0.06, 0.03)
    )


def _pyautoattack() -> Any:
    try:
        return importlib.import_module("pyautoattack")
    except ImportError as e:
        raise ImportError(INSTALL) from e


@contextmanager
def attacking(model: Model) -> Iterator[list[str]]:
    """Inside, gradients reach images alone, and random draws stay inside. Yields AutoAttack's warnings, as they come."""
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    training = [m for m in modules if m.training]
    trained = [p for m in modules[:1] for p in m.parameters() if p.requires_grad]
    trace = sys.gettrace()  # AutoAttack sets one of its own, and removes it
    try:
        for m in training:
            m.training = False
        for p in trained:
            p.requires_grad_(False)
        with (
            _collected_warnings() as messages,
            preserved_generators(),
            torch.inference_mode(False),
            torch.enable_grad(),
        ):
            yield messages
    finally:
        sys.settrace(trace)
        for m in training:
            m.training = True
        for p in trained:
            p.requires_grad_(True)


@contextmanager
def _collected_warnings() -> Iterator[list[str]]:
    """AutoAttack logs what it finds suspicious; without a handler Python would print it."""
    messages: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("auto-attack")
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates


# ---------------------------------------------------------------- images and logits


def check_inputs(images: Tensor, labels: Tensor) -> None:
    """Raise ValueError where images are not (N, C, H, W) in [0, 1], or labels not (N,) of integers."""
    if images.dim() != 4 or not images.is_floating_point():
        raise ValueError(
            f"expected images (N, C, H, W), floating, got {tuple(images.shape)} of {images.dtype}"
        )
    if len(images) == 0:
        raise ValueError("there are no images to attack")
    low, high = images.aminmax()
    if not (low >= 0 and high <= 1):  # NaN is neither
        raise ValueError(f"images must lie in [0, 1], not {low.item():g} … {high.item():g}")
    if labels.shape != images.shape[:1] or labels.is_floating_point():
        raise ValueError(
            f"expected labels ({len(images)},) of integers, got {tuple(labels.shape)} of {labels.dtype}"
        )


@torch.no_grad()
def _predict(
    model: Model, images: Tensor, batch_size: int, device: torch.device | str
) -> tuple[Tensor, int]:
    """Images (N, C, H, W) -> predicted classes (N,) on the CPU, and the number of classes."""
    predicted, classes = [], 0
    for x in images.split(batch_size):
        logits = model(x.to(device))
        if not isinstance(logits, Tensor) or logits.dim() != 2 or len(logits) != len(x):
            raise ValueError("an attack needs a model whose output is logits (B, K)")
        predicted.append(logits.argmax(dim=1).cpu())
        classes = logits.shape[1]
    return torch.cat(predicted), classes
