"""The model of a robustness run and test rows -> what an attack in Linf leaves correct, and its guards.

The images are attacked in batches, in the order of their rows, each with the same seed: an attack draws its random
starts once for a batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from acn_bench.analysis.image_outcomes import packed
from acn_bench.benchmarks.robustness.result import AttackScores, AttackStep
from acn_bench.benchmarks.robustness.spec import RobustnessConfig
from acn_bench.evaluation import attack_cost, attacks, calibration, correctness, gradient_masking
from acn_bench.evaluation.attacks import BATCH, Attacked
from acn_bench.result import Guard
from acn_bench.training.row_model import RowModel


@dataclass(frozen=True)
class AttackOutput:
    """The scores, correct or not per image, and the guards."""

    scores: AttackScores
    examples: dict[str, Tensor]  # each (N,) of uint8
    guards: list[Guard]


def measure(
    config: RobustnessConfig,
    model: RowModel,
    rows: Tensor,
    labels: Tensor,
    device: torch.device,
    progress: Callable[[float], None],
) -> AttackOutput:
    """Attack the network at full depth on rows (N,) with labels (N,), then measure every depth on the same images.

    `progress` takes the share of the work since its last call; shares sum to 1.
    """
    attack, seed = config.benchmark.linf, config.seeds.noise
    assert attack is not None
    network = nn.Sequential(model.backbone, model.head)  # images -> logits
    parts = []
    for part, of_part in zip(rows.split(BATCH), labels.split(BATCH), strict=True):
        images = model.rows.plain(part)
        parts.append(attacks.run(network, images, of_part, attack, seed=seed, device=device))
        progress(len(part) / len(rows))
    attacked = _joined(parts)
    others = gradient_masking.other_attacks(
        network, attacked, labels, attack,
        queries=attack_cost.check_queries(attack), seed=seed, device=device,
    )  # fmt: skip
    return AttackOutput(
        scores=AttackScores(
            images=len(rows),
            clean=int(attacked.clean.sum()),
            clean_outcomes=packed(attacked.clean.tolist()),
            steps=[
                AttackStep(name=name, correct=int(n.sum()), outcomes=packed(n.tolist()))
                for name, n in attacked.after.items()
            ],
            accuracy=_accuracy_by_depth(model, attacked.images, labels, device),
            warnings=list(attacked.warnings),
        ),
        examples={
            "attack.clean": attacked.clean.to(torch.uint8),
            "attack.robust": attacked.robust.to(torch.uint8),
        },
        guards=[
            gradient_masking.gradients_lead(attacked, others),
            gradient_masking.checks_of_autoattack(attacked),
        ],
    )


def _joined(parts: Sequence[Attacked]) -> Attacked:
    """The outcomes of several batches, in order."""
    return Attacked(
        clean=torch.cat([part.clean for part in parts]),
        after={step: torch.cat([part.after[step] for part in parts]) for step in parts[0].after},
        images=torch.cat([part.images for part in parts]),
        warnings=tuple(dict.fromkeys(w for part in parts for w in part.warnings)),
    )


def _accuracy_by_depth(
    model: RowModel, images: Tensor, labels: Tensor, device: torch.device
) -> list[float]:
    """Images (N, C, H, W) on the CPU and labels (N,) on the device -> accuracy after 0 … L blocks, (L+1,)."""
    made = []
    with correctness.evaluating(model):
        for part, of_part in zip(images.split(BATCH), labels.split(BATCH), strict=True):
            features = correctness.features(model.backbone, part.to(device), depths=True)
            made.append(calibration.predictions(model.head(features), of_part))
    return calibration.joined(made).accuracy
