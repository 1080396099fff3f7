"""The weights of each step -> their exponential moving average."""

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of the raw module that `update_parameters(model)` averages into; its buffers are averaged, too.

    Take it before the module is compiled or wrapped, and update it with the raw module: the names of a
    compiled or wrapped one differ, and an average by name would stand still.
    """
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
