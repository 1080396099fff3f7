import pytest
import torch
from torch import nn

from acn_bench.backbones import build
from acn_bench.backbones.sublayers import Attention, DiracMLP


def randomised(network):
    """Every weight, bias and norm drawn anew, in float64: zeros and ones would hide mistakes."""
    for weight in network.double().eval().parameters():
        nn.init.normal_(weight, std=0.3)
    return network


@torch.no_grad()
def test_the_plain_residual_vit_gives_the_logits_of_timm(small, images):
    timm = pytest.importorskip("timm", reason="timm is no dependency")
    network = randomised(small("residual_vit", mean=None))
    timm_vit = timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=24, depth=3, num_heads=3, num_classes=7
    )
    names = {
        "stem.cls_token": "cls_token",
        "stem.pos_embed": "pos_embed",
        "stem.patches.": "patch_embed.",
        "readout.norm": "norm",
    }
    state = {}
    for name, weight in network.state_dict().items():
        for name_here, name_there in names.items():
            name = name.replace(name_here, name_there)
        state[name] = weight
    timm_vit.double().eval().load_state_dict(state)
    x = images.double()
    torch.testing.assert_close(network(x), timm_vit(x), rtol=0, atol=1e-10)


def test_parameters_at_the_papers_size():
    D, H, P, T, L = 768, 4 * 768, 16, (224 // 16) ** 2, 12
    block = (3 * D * D + 3 * D) + (D * D + D) + (D * H + H) + (H * D + D) + 2 * 2 * D
    plain = (3 * P * P * D + D) + D + (T + 1) * D + L * block + 2 * D + (1000 * D + 1000)
    assert plain == 86_567_656  # ViT-B/16

    def count(name, variant="plain", heads=12):
        with torch.device("meta"):
            model = build(name, 1000, depth=L, variant=variant, image_size=224, patch_size=P,
                          width=D, heads=heads)  # fmt: skip
        return sum(p.numel() for p in model.parameters())

    assert {count(f"{w}_vit") for w in ("ac", "residual", "feedforward")} == {plain}
    assert (
        count("densenet_vit") == plain + L * (L + 1) // 2 * D * D
    )  # the input of block i combines i outputs
    assert count("denseformer_vit") == plain + L * (L + 1) // 2  # a scalar for each of them
    assert count("residual_vit", "released", heads=8) == plain
    norms = L * 2 * D  # one on each attention's output
    assert count("ac_vit", "released", heads=8) == plain + norms


def test_the_plain_residual_vit_has_as_many_parameters_as_timms():
    timm = pytest.importorskip("timm", reason="timm is no dependency")
    with torch.device("meta"):
        timm_vit = timm.create_model("vit_base_patch16_224")
        network = build("residual_vit", 1000, depth=12, image_size=224, patch_size=16,
                     width=768, heads=12)  # fmt: skip
    sizes = [sorted(tuple(p.shape) for p in model.parameters()) for model in (network, timm_vit)]
    assert sizes[0] == sizes[1]


def test_the_released_ac_block_has_frozen_identity_paths():
    torch.manual_seed(0)
    mlp, x = DiracMLP(4, 12).double(), torch.randn(2, 3, 4).double()
    I1 = torch.eye(12, 4).double()
    I2 = torch.eye(4, 12).double()
    h = nn.functional.gelu(x @ (mlp.fc1.weight + I1).T + mlp.fc1.bias)
    torch.testing.assert_close(mlp(x), h @ (mlp.fc2.weight + I2).T + mlp.fc2.bias)
    assert len(list(mlp.parameters())) == 4


def test_the_released_attention_scales_after_the_softmax():
    torch.manual_seed(0)
    attention, x = Attention(8, 2, scale_after_softmax=True), torch.randn(1, 5, 8)
    q, k, v = attention.qkv(x).view(1, 5, 3, 2, 4).permute(2, 0, 3, 1, 4)
    weights = (q @ k.transpose(-2, -1)).softmax(-1) * 4**-0.5
    by_hand = attention.proj((weights @ v).transpose(1, 2).reshape(1, 5, 8))
    torch.testing.assert_close(attention(x), by_hand)


def test_both_ways_to_attend_agree(monkeypatch):
    torch.manual_seed(0)
    attention, x = Attention(8, 2), torch.randn(3, 5, 8)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]]).bool()
    fused = attention(x, mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        plain = attention(x, mask)
    torch.testing.assert_close(plain.float(), fused, atol=0.05, rtol=0.05)
    later = x.clone()
    later[1, 2:] = 7  # what the mask hides
    torch.testing.assert_close(attention(later, mask)[1, :2], fused[1, :2])


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="width 24 is not a multiple of heads 5"):
        build("ac_vit", 2, width=24, heads=5)
