"""A function -> the same function, whose activations are not kept but made again for its gradient.

Gradient checkpointing (Chen et al. 2016): of each block only what it saw is held until the backward pass,
which runs the block once more. Values and gradients are the same to the bit, with the same autocast and
the same random numbers; a training step takes about a third longer.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def checkpointed(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`function`, of which only the arguments are kept; itself where there are no gradients."""
    if not torch.is_grad_enabled():
        return function
    return partial(checkpoint, function, use_reentrant=False)
