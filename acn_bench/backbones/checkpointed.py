"""A function -> the same function under gradient checkpointing (Chen et al. 2016).

Only the arguments are stored until the backward pass, which calls the function again to compute its
activations. Values and gradients are equal bit for bit, with the same autocast and the same random numbers; a
training step takes about a third longer.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def checkpointed(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`function` under gradient checkpointing; `function` itself where gradients are off."""
    if not torch.is_grad_enabled():
        return function
    return partial(checkpoint, function, use_reentrant=False)
