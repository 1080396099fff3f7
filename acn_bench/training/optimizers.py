"""A network and a recipe -> its optimizer, and the schedule of its learning rate."""

from math import cos, pi

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from acn_bench.training.recipe import Recipe


def optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimizer of all parameters that need a gradient."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [{"params": trained, "weight_decay": recipe.weight_decay}]
    if not recipe.decay_norms:
        groups = [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            groups, lr=recipe.learning_rate, momentum=recipe.momentum, fused=True
        )
    adam = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return adam(groups, lr=recipe.learning_rate, betas=recipe.betas, eps=recipe.epsilon, fused=True)


def schedule(optimizer: torch.optim.Optimizer, recipe: Recipe, total_steps: int) -> LambdaLR:
    """The learning rate of each step; its `step()` follows that of the optimizer."""
    return LambdaLR(optimizer, lambda step: factor(recipe, step, total_steps))


def factor(recipe: Recipe, step: int, total_steps: int) -> float:
    """The learning rate of a step, from 0, as a share of the recipe's: linear warm-up from 0, then the decay."""
    if step < recipe.warmup_steps:
        return step / recipe.warmup_steps
    if recipe.schedule == "constant" or not recipe.learning_rate:
        return 1.0
    done = (step - recipe.warmup_steps) / max(total_steps - recipe.warmup_steps, 1)
    done = min(done, 1.0)
    left = 1 - done if recipe.schedule == "linear" else (1 + cos(pi * done)) / 2
    final = recipe.final_learning_rate / recipe.learning_rate
    return final + (1 - final) * left
