"""Vision Transformer (Dosovitskiy et al. 2021): stem, blocks and readout, textbook and released.

`plain` is the textbook block, pre-norm, with two branches that the wiring joins; the head's input is the
LayerNorm of the CLS token. In the residual wiring it is timm's VisionTransformer, tensor for tensor.

`released` is the block of the authors' code (`vit/vit_code/ac_vit.py`), which departs from the paper:
1/√d is applied after the softmax, in either arm; the AC arm alone has a LayerNorm on the output of
attention, and frozen identity ("Dirac") paths beside both layers of its MLP. CLS and positions start
from N(0, 1), and the head's input is the LayerNorm of the mean over all tokens. Dropout is 0, as there.
"""

import torch
from torch import Tensor, nn

from acn_bench.backbones.backbone import Parts
from acn_bench.backbones.patches import PatchEmbedding
from acn_bench.backbones.readouts import FirstToken
from acn_bench.backbones.sublayers import MLP, Attention, DiracMLP, hidden_width
from acn_bench.backbones.wiring import Join
from acn_bench.families.vit import ViTSpec

EPS = 1e-6  # of the plain LayerNorms, as in the original and in timm
RELEASED_EPS = 1e-5  # PyTorch's default, as in the released code
POSITION_STD = 0.02  # of CLS and positions, as in the original


class ViTBlock(nn.Module):
    """The textbook block: LayerNorm, attention, join; then LayerNorm, MLP, join."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = MLP(width, hidden)

    def forward(self, x: Tensor, join: Join) -> Tensor:  # (B, T, D)
        x = join(x, self.attn(self.norm1(x)))
        return join(x, self.mlp(self.norm2(x)))


class ReleasedViTBlock(nn.Module):
    """The block of the authors' code; `auto_compressing` adds the parts that only their AC arm has."""

    def __init__(self, width: int, heads: int, hidden: int, auto_compressing: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=RELEASED_EPS)
        self.attn = Attention(width, heads, scale_after_softmax=True)
        ac = auto_compressing
        self.attn_norm = nn.LayerNorm(width, eps=RELEASED_EPS) if ac else nn.Identity()
        self.norm2 = nn.LayerNorm(width, eps=RELEASED_EPS)
        self.mlp = DiracMLP(width, hidden) if ac else MLP(width, hidden)

    def forward(self, x: Tensor, join: Join) -> Tensor:  # (B, T, D)
        x = join(x, self.attn_norm(self.attn(self.norm1(x))))
        return join(x, self.mlp(self.norm2(x)))


class Embedding(nn.Module):
    """Patches, a CLS token in front, and learned positions: (B, C, H, W) -> (B, 1 + T, D)."""

    def __init__(self, patches: PatchEmbedding, width: int, std: float) -> None:
        super().__init__()
        self.patches = patches
        self.cls_token = nn.Parameter(std * torch.randn(1, 1, width))
        self.pos_embed = nn.Parameter(std * torch.randn(1, 1 + patches.tokens, width))

    def forward(self, images: Tensor) -> Tensor:
        x: Tensor = self.patches(images)
        cls = self.cls_token.to(x.dtype).expand(x.shape[0], -1, -1)
        return torch.cat([cls, x], dim=1) + self.pos_embed


class MeanReadout(nn.Module):
    """The LayerNorm of the mean over all tokens, CLS included, (B, T, D) -> (B, D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=RELEASED_EPS)

    def pool(self, x: Tensor) -> Tensor:
        return x.mean(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.pool(x))
        return out


def vit(spec: ViTSpec) -> Parts:
    """The parts of a ViT. Plain modules, and therefore their initial weights, are the same in every wiring."""
    hidden = hidden_width(spec.width, spec.mlp_ratio)
    patches = PatchEmbedding(spec.image_size, spec.in_channels, spec.patch_size, spec.width)
    released = spec.variant == "released"
    stem = Embedding(patches, spec.width, 1.0 if released else POSITION_STD)
    blocks: list[nn.Module] = [
        ReleasedViTBlock(spec.width, spec.heads, hidden, spec.wiring == "ac")
        if released
        else ViTBlock(spec.width, spec.heads, hidden)
        for _ in range(spec.depth)
    ]
    readout = MeanReadout(spec.width) if released else FirstToken(spec.width, EPS)
    shape = (spec.in_channels, spec.image_size, spec.image_size)
    return Parts(shape, stem, blocks, readout, spec.width)
