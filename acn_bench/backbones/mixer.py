"""MLP-Mixer (Tolstikhin et al. 2021): stem, blocks and pooling, in the textbook and the released form.

`plain` is the textbook block, exactly as in equation 1: two branches, token mixing and channel mixing,
each joined by the wiring; the head's input is the mean over tokens.

`released` is the block of the authors' code (`mixer/mixer_github/{ac,res}_mixer.py`), which departs
from equation 1: after the two branches comes a tail LayerNorm(ReLU(W h + x)) with a skip of its own in
either wiring; and the head's input is a learned CLS token, drawn from N(0, 1).
"""

import torch
from torch import Tensor, nn

from acn_bench.backbones.backbone import Parts
from acn_bench.backbones.patches import PatchEmbedding
from acn_bench.backbones.readouts import FirstToken
from acn_bench.backbones.sublayers import ChannelMixing, TokenMixing
from acn_bench.backbones.wiring import Join
from acn_bench.families.mixer import MixerSpec

EPS = 1e-6  # of the plain block's LayerNorms, as in the original and in timm
RELEASED_EPS = 1e-5  # PyTorch's default, as in the released code


class MixerBlock(nn.Module):
    """The textbook block: token mixing, join; channel mixing, join."""

    def __init__(self, tokens: int, width: int, token_width: int, channel_width: int) -> None:
        super().__init__()
        self.token_mixing = TokenMixing(width, tokens, token_width, EPS)
        self.channel_mixing = ChannelMixing(width, channel_width, EPS)

    def forward(self, x: Tensor, join: Join) -> Tensor:  # (B, T, D)
        x = join(x, self.token_mixing(x))
        return join(x, self.channel_mixing(x))


class ReleasedMixerBlock(nn.Module):
    """The block of the authors' code: as above, then LayerNorm(ReLU(W h + x))."""

    def __init__(self, tokens: int, width: int, token_width: int, channel_width: int) -> None:
        super().__init__()
        self.token_mixing = TokenMixing(width, tokens, token_width, RELEASED_EPS)
        self.channel_mixing = ChannelMixing(width, channel_width, RELEASED_EPS)
        self.tail = nn.Linear(width, width)
        self.tail_norm = nn.LayerNorm(width, eps=RELEASED_EPS)

    def forward(self, x: Tensor, join: Join) -> Tensor:  # (B, T, D)
        h = join(x, self.token_mixing(x))
        h = join(h, self.channel_mixing(h))
        out: Tensor = self.tail_norm(torch.relu(self.tail(h) + x))
        return out


class ClassToken(nn.Module):
    """Patch embedding with a learned token in front, (B, C, H, W) -> (B, 1 + T, D)."""

    def __init__(self, patches: PatchEmbedding, width: int) -> None:
        super().__init__()
        self.patches = patches
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.tokens = patches.tokens + 1

    def forward(self, images: Tensor) -> Tensor:
        x: Tensor = self.patches(images)
        return torch.cat([self.token.to(x.dtype).expand(x.shape[0], -1, -1), x], dim=1)


class MeanOfTokens(nn.Module):
    """LayerNorm, then the mean over tokens, (B, T, D) -> (B, D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=EPS)

    def pool(self, x: Tensor) -> Tensor:
        return x.mean(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.norm(x))


def mixer(spec: MixerSpec) -> Parts:
    """The parts of an MLP-Mixer. Its modules, and therefore its initial weights, are the same in every wiring."""
    patches = PatchEmbedding(spec.image_size, spec.in_channels, spec.patch_size, spec.width)
    shape = (spec.in_channels, spec.image_size, spec.image_size)
    sizes = (spec.width, spec.token_width, spec.channel_width)
    if spec.variant == "plain":
        blocks: list[nn.Module] = [MixerBlock(patches.tokens, *sizes) for _ in range(spec.depth)]
        return Parts(shape, patches, blocks, MeanOfTokens(spec.width), spec.width)
    stem = ClassToken(patches, spec.width)
    blocks = [ReleasedMixerBlock(stem.tokens, *sizes) for _ in range(spec.depth)]
    return Parts(shape, stem, blocks, FirstToken(spec.width, RELEASED_EPS), spec.width)
