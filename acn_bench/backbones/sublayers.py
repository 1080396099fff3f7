"""The branches of a block: attention, MLP, token and channel mixing, without any skip connection."""

import math
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional


def hidden_width(width: int, ratio: float) -> int:
    """Hidden channels of the MLP in a transformer's block. Raises ValueError where there would be none."""
    hidden = round(width * ratio) if math.isfinite(ratio) else 0
    if hidden < 1:
        raise ValueError(f"mlp_ratio {ratio} times width {width} must give 1 channel or more")
    return hidden


class MLP(nn.Module):
    """Linear → GELU (exact) → Linear over the last dimension, (…, width) -> (…, width)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        linear = _onednn_linear if _only_evaluates(x, self.fc1, self.fc2) else _call
        return linear(self.fc2, self.act(linear(self.fc1, x)))


def _call(layer: nn.Linear, x: Tensor) -> Tensor:
    out: Tensor = layer(x)
    return out


def _only_evaluates(x: Tensor, *layers: nn.Module) -> bool:
    """Whether the faster kernels apply: bf16 on a CPU, no gradients, Linears without hooks."""
    return (
        not torch.is_grad_enabled()
        and x.is_cpu
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
        and not torch.compiler.is_compiling()
        and _has_onednn_bf16()
        and all(
            type(layer) is nn.Linear and not layer._forward_hooks and not layer._forward_pre_hooks
            for layer in layers
        )
    )


@cache
def _has_onednn_bf16() -> bool:
    """Whether this build and this processor have oneDNN's product, which is not a public function."""
    ops = torch.ops.mkldnn
    return hasattr(ops, "_linear_pointwise") and bool(ops._is_mkldnn_bf16_supported())


def _onednn_linear(layer: nn.Linear, x: Tensor) -> Tensor:
    """`layer(x)` with the bias added inside the product; PyTorch would first copy it into every row."""
    rows = x.to(torch.bfloat16, memory_format=torch.contiguous_format)
    weight, bias = layer.weight.to(torch.bfloat16), layer.bias.to(torch.bfloat16)
    out: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return out


def _linear_from_the_left(layer: nn.Linear, x: Tensor) -> Tensor:
    """`layer` over the tokens of x (B, T, D), without a transposed copy: (B, S, D)."""
    weight, bias = layer.weight.to(torch.bfloat16), layer.bias.to(torch.bfloat16)
    x = x.to(torch.bfloat16)
    return torch.baddbmm(bias[:, None], weight.expand(len(x), -1, -1), x)


class DiracMLP(nn.Module):
    """An MLP with frozen identity paths: GELU(W1 x + b1 + I1 x), then W2 h + b2 + I2 h (released AC-ViT).

    I1 and I2 are identity matrices padded with zeros: I1 adds x to the first hidden channels, and I2 adds
    these channels to the output.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        if hidden < width:
            raise ValueError(
                f"an identity path needs a hidden width of {width} or more, not {hidden}"
            )
        self.fc1 = nn.Linear(width, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        width = x.shape[-1]
        inner = self.fc1(x)
        h = self.act(inner + functional.pad(x.to(inner.dtype), (0, inner.shape[-1] - width)))
        out: Tensor = self.fc2(h) + h[..., :width]
        return out


class Attention(nn.Module):
    """Multi-head self-attention, (B, T, D) -> (B, T, D).

    `mask` (B, T) is false for a masked token. `scale_after_softmax` multiplies the attention weights by 1/√d
    and does not scale the scores (the released ViTs). `dropout` acts on the attention weights, in training.
    """

    def __init__(
        self, width: int, heads: int, *, scale_after_softmax: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}")
        self.heads = heads
        self.scale = (width // heads) ** -0.5
        self.scale_after_softmax = scale_after_softmax
        self.dropout = dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        B, T, D = x.shape
        qkv: Tensor = self.qkv(x)
        q, k, v = qkv.view(B, T, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)
        mask = None if mask is None else mask[:, None, None, :]
        mixed = self._mix(q, k, v, mask)  # (B, heads, T, d)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(B, T, D))
        return out

    def _mix(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        # The fused kernel is slower than these lines in bf16 on a CPU, and cannot scale after the softmax.
        if not self.scale_after_softmax and not (q.is_cpu and q.dtype == torch.bfloat16):
            return functional.scaled_dot_product_attention(q, k, v, mask, dropout)
        before, after = (1.0, self.scale) if self.scale_after_softmax else (self.scale, 1.0)
        scores = (q * before) @ k.transpose(-2, -1)
        if mask is None:
            weights = scores.softmax(dim=-1)
        else:  # finite, then 0: a row with every token masked gives 0, as the fused kernel does, and no NaN
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
            weights = scores.softmax(dim=-1).masked_fill(~mask, 0)
        return functional.dropout(weights * after, dropout).to(v.dtype) @ v


class TokenMixing(nn.Module):
    """LayerNorm, then an MLP across tokens, (B, T, D) -> (B, T, D)."""

    def __init__(self, width: int, tokens: int, hidden: int, eps: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=eps)
        self.mlp = MLP(tokens, hidden)

    def forward(self, x: Tensor) -> Tensor:
        x, mlp = self.norm(x), self.mlp
        if _only_evaluates(x, mlp.fc1, mlp.fc2):
            return _linear_from_the_left(mlp.fc2, mlp.act(_linear_from_the_left(mlp.fc1, x)))
        mixed: Tensor = mlp(x.transpose(1, 2))
        return mixed.transpose(1, 2)


class ChannelMixing(nn.Module):
    """LayerNorm, then an MLP across channels, (B, T, D) -> (B, T, D)."""

    def __init__(self, width: int, hidden: int, eps: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=eps)
        self.mlp = MLP(width, hidden)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mlp(self.norm(x))
        return out
