"""The Mixer against the textbook, and its sizes against arithmetic."""

import pytest
import torch
from torch import Tensor, nn

from acn_bench.backbones import build


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


# The paper's sizes: 32×32×3 images in patches of 4, so 8·8 = 64 tokens of 3·4·4 = 48 values; D 128,
# token MLP 64, channel MLP 512, 16 blocks, 10 classes. A Linear from a to b has (a + 1)·b weights.
STEM = (48 + 1) * 128
NORM = 2 * 128
HEAD = (128 + 1) * 10
CHANNEL = (128 + 1) * 512 + (512 + 1) * 128
# What a wiring has beside the blocks: the input of block i of DenseNet combines i outputs through a Linear without bias,
# that of DenseFormer through i scalars. The paper's DenseNet has 10 blocks, its DenseFormer 16.
PROJECTIONS = (1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9 + 10) * 128 * 128
SCALARS = 16 * 17 // 2


def test_the_plain_mixer_at_the_papers_sizes_has_the_parameters_that_arithmetic_says():
    block = NORM + (64 + 1) * 64 + (64 + 1) * 64 + NORM + CHANNEL
    expected = STEM + 16 * block + NORM + HEAD
    assert expected == 2_256_522
    for name in ("ac_mixer", "residual_mixer", "feedforward_mixer"):
        assert count(build(name, 10, depth=16)) == expected
    assert count(build("denseformer_mixer", 10, depth=16)) == expected + SCALARS
    ten = STEM + 10 * block + NORM + HEAD + PROJECTIONS
    assert count(build("densenet_mixer", 10, depth=10)) == ten


def test_the_released_mixer_at_the_papers_sizes_has_the_parameters_that_arithmetic_says():
    tokens = (65 + 1) * 64 + (64 + 1) * 65  # with the CLS token, 65 of them
    tail = (128 + 1) * 128 + NORM
    block = NORM + tokens + NORM + CHANNEL + tail
    expected = STEM + 128 + 16 * block + NORM + HEAD
    for name in ("ac_mixer", "residual_mixer"):
        assert count(build(name, 10, depth=16, variant="released")) == expected
    former = build("denseformer_mixer", 10, depth=16, variant="released")
    assert count(former) == expected + SCALARS
    ten = STEM + 128 + 10 * block + NORM + HEAD + PROJECTIONS
    assert count(build("densenet_mixer", 10, depth=10, variant="released")) == ten


@pytest.mark.parametrize("variant", ["plain", "released"])
def test_arms_of_one_seed_start_from_equal_tensors(small, variant):
    names = ["ac_mixer", "residual_mixer"]
    names += ["feedforward_mixer"] if variant == "plain" else []
    states = [small(name, variant=variant, seed=3).state_dict() for name in names]
    for state in states[1:]:
        assert list(state) == list(states[0])
        assert all(torch.equal(state[key], states[0][key]) for key in state)
    other = small(names[0], variant=variant, seed=4).state_dict()
    assert not torch.equal(other["head.weight"], states[0]["head.weight"])


# ---------------------------------------------------------------- the textbook


def layer_norm(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    variance = centred.square().mean(-1, keepdim=True)
    return centred / (variance + norm.eps).sqrt() * norm.weight + norm.bias


def mlp(x: Tensor, m: nn.Module) -> Tensor:
    h = x @ m.fc1.weight.T + m.fc1.bias
    h = h * (1 + torch.erf(h / 2**0.5)) / 2
    return h @ m.fc2.weight.T + m.fc2.bias


def patches(images: Tensor, size: int, proj: nn.Conv2d) -> Tensor:
    """Row after row of patches, each flattened as (C, p, p) and multiplied by one matrix."""
    B, C, H, W = images.shape
    cut = images.view(B, C, H // size, size, W // size, size).permute(0, 2, 4, 1, 3, 5)
    return cut.reshape(B, -1, C * size * size) @ proj.weight.flatten(1).T + proj.bias


def randomised(network: nn.Module) -> nn.Module:
    """Every weight random, so that no term of the comparison is 0 or 1."""
    generator = torch.Generator().manual_seed(5)
    network.double().eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(0.3 * torch.randn(weight.shape, generator=generator, dtype=weight.dtype))
    return network


@torch.no_grad()
def test_the_plain_residual_mixer_is_the_textbook_mixer(small, images):
    network = randomised(small("residual_mixer"))
    x = patches((images.double() - 0.5) / 0.5, 8, network.stem.proj)
    for block in network.blocks:
        tokens, channels = block.token_mixing, block.channel_mixing
        x = x + mlp(layer_norm(x, tokens.norm).transpose(1, 2), tokens.mlp).transpose(1, 2)
        x = x + mlp(layer_norm(x, channels.norm), channels.mlp)
    features = layer_norm(x, network.readout.norm).mean(1)
    expected = features @ network.head.weight.T + network.head.bias
    torch.testing.assert_close(network(images.double()), expected, rtol=0, atol=1e-10)


@torch.no_grad()
def test_the_plain_ac_mixer_is_equation_1(small, images):
    network = randomised(small("ac_mixer"))
    x = patches((images.double() - 0.5) / 0.5, 8, network.stem.proj)
    total = x
    for block in network.blocks:
        tokens, channels = block.token_mixing, block.channel_mixing
        x = mlp(layer_norm(x, tokens.norm).transpose(1, 2), tokens.mlp).transpose(1, 2)
        x = mlp(layer_norm(x, channels.norm), channels.mlp)
        total = total + x
    features = layer_norm(total, network.readout.norm).mean(1)
    expected = features @ network.head.weight.T + network.head.bias
    torch.testing.assert_close(network(images.double()), expected, rtol=0, atol=1e-10)


@torch.no_grad()
@pytest.mark.parametrize("wiring", ["ac", "residual"])
def test_the_released_mixer_is_the_block_of_the_authors_code(small, images, wiring):
    network = randomised(small(f"{wiring}_mixer", variant="released"))
    skip = 1 if wiring == "residual" else 0
    x = patches((images.double() - 0.5) / 0.5, 8, network.stem.patches.proj)
    x = torch.cat([network.stem.token.expand(len(x), -1, -1), x], dim=1)
    total = x
    for block in network.blocks:
        tokens, channels = block.token_mixing, block.channel_mixing
        h = mlp(layer_norm(x, tokens.norm).transpose(1, 2), tokens.mlp).transpose(1, 2) + skip * x
        h = mlp(layer_norm(h, channels.norm), channels.mlp) + skip * h
        tail = h @ block.tail.weight.T + block.tail.bias + x
        x = layer_norm(tail.clamp(min=0), block.tail_norm)
        total = total + x
    state = total if wiring == "ac" else x
    features = layer_norm(state[:, 0], network.readout.norm)
    expected = features @ network.head.weight.T + network.head.bias
    torch.testing.assert_close(network(images.double()), expected, rtol=0, atol=1e-10)


@torch.no_grad()
def test_the_plain_residual_mixer_gives_the_logits_of_timm(small, images):
    timm = pytest.importorskip("timm", reason="timm is no dependency")
    network = randomised(small("residual_mixer", mean=None))
    timm_mixer = timm.models.mlp_mixer.MlpMixer(
        num_classes=7, img_size=32, patch_size=8, num_blocks=3, embed_dim=24
    )
    for block in timm_mixer.blocks:
        block.mlp_tokens = timm.layers.Mlp(16, 12)
        block.mlp_channels = timm.layers.Mlp(24, 32)
    timm_mixer.double().eval()
    weights = [p for name, p in network.named_parameters() if not name.startswith("blocks.")]
    copied = [*weights[:2], *(p for b in network.blocks for p in b.parameters()), *weights[2:]]
    for weight, other in zip(copied, timm_mixer.parameters(), strict=True):
        other.copy_(weight)
    torch.testing.assert_close(
        network(images.double()), timm_mixer(images.double()), rtol=0, atol=1e-10
    )
