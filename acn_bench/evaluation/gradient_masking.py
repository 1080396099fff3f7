"""Whether a network's gradients mislead the attack that uses them (gradient masking, Athalye et al. 2018).

AC changes gradients, so a higher robust accuracy may only mean that a white-box attack follows worse gradients.
Two attacks use none of them: Square (black-box) and images that were made on another network (transferred). Where
one of them breaks images that the white-box attack left correct, the robust accuracy is not evidence.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from acn_bench.evaluation import attacks
from acn_bench.evaluation.attack_cost import Attack
from acn_bench.evaluation.attacks import BATCH, Attacked, Model
from acn_bench.result import Guard

QUERIES = 200  # of Square beside an attack that does not contain it
TOLERATED = 0.002  # share of the images, as in AutoAttack's own check of Square


def other_attacks(
    model: Model,
    attacked: Attacked,
    labels: Tensor,
    attack: Attack,
    transferred: Mapping[str, Tensor] | None = None,
    *,
    queries: int = QUERIES,
    seed: int = 0,
    batch_size: int = BATCH,
    device: torch.device | str = "cpu",
) -> dict[str, Tensor]:
    """What the attacks without this network's gradients leave correct: {name of the attack: (N,) of bool}.

    Square runs on the images that the white-box steps left correct, and counts the others as broken; after
    `standard` its own Square is taken. `transferred` holds adversarial images (N, C, H, W) of other networks, made
    from the same images at the same ε: `Attacked.images`, by the network's name.
    """
    robust = white_box(attacked)
    found = {}
    if "square" in attacked.after:
        found[f"Square, {attack.queries} queries"] = attacked.robust
    elif robust.any():
        under = robust.clone()
        weaker = Attack(attack.name, attack.epsilon, attack.iterations, queries)
        under[robust] = attacks.square(
            model, attacked.images[robust], labels[robust.to(labels.device)], weaker,
            seed=seed, batch_size=batch_size, device=device,
        )  # fmt: skip
        found[f"Square, {queries} queries"] = under
    for name, images in (transferred or {}).items():
        found[f"transferred from {name}"] = attacks.correct(
            model, images, labels, batch_size=batch_size, device=device
        )
    return found


def white_box(attacked: Attacked) -> Tensor:
    """(N,) of bool: correct after every step that uses gradients."""
    return next(after for step, after in reversed(attacked.after.items()) if step != "square")


def gradients_lead(attacked: Attacked, others: Mapping[str, Tensor]) -> Guard:
    """No attack without gradients breaks what the white-box attack left correct.

    `others` as `other_attacks` gives them. More than 0.2 % of the images, and at least one, fail the guard.
    """
    robust, count = white_box(attacked), len(attacked.clean)
    broken = {name: int((robust & ~correct).sum()) for name, correct in others.items()}
    return Guard(
        name="no black-box or transferred attack beats the white-box attack",
        passed=all(n <= TOLERATED * count for n in broken.values()),
        detail="; ".join(
            f"{name} breaks {n or 'none'} of {int(robust.sum())} images that the white-box attack left correct"
            for name, n in broken.items()
        )
        or "no image was left correct",
    )


def checks_of_autoattack(attacked: Attacked) -> Guard:
    """AutoAttack found no randomised defence, no zero gradients, no probabilities in place of logits."""
    return Guard(
        name="AutoAttack's own checks find nothing",
        passed=not attacked.warnings,
        detail="; ".join(attacked.warnings),
    )
