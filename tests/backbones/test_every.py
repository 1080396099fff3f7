"""What holds for every backbone in every wiring and variant."""

import pytest
import torch

from acn_bench.backbones import load, save, truncate
from acn_bench.families.names import BACKBONES, variants
from acn_bench.inventory import inventory

EVERY = [(name, variant) for name in BACKBONES for variant in variants(name)]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_it_trains_has_every_depth_truncates_and_comes_back_from_a_file(
    small, inputs, tmp_path, name, variant, precision
):
    network, given = small(name, variant=variant, precision=precision), inputs(name)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-2)
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(*given), torch.arange(4))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())

    with torch.no_grad():
        depths = network.eval().forward_depths(*given)
        assert (depths.shape, depths.dtype) == ((4, 4, 7), torch.float32)
        assert torch.equal(depths[-1], network(*given))
        for k in range(4):
            cut = truncate(network, k)
            assert cut.depth == k
            torch.testing.assert_close(cut(*given), depths[k])
            assert _weights(cut) < _weights(network) or k == 3
            save(cut, tmp_path / "network.safetensors")
            assert torch.equal(load(tmp_path / "network.safetensors")(*given), cut(*given))


def _weights(network):
    return sum(p.numel() for p in network.parameters())


def test_every_backbone_is_listed_with_its_variants():
    listed = inventory()["backbones"]
    assert len(listed) == 15
    assert all(f"({', '.join(variants(name))})" in listed[name] for name in BACKBONES)
    released = {name for name, variant in EVERY if variant == "released"}
    assert released == {
        *(
            f"{wiring}_{family}"
            for wiring in ("ac", "residual")
            for family in ("mixer", "vit", "bert")
        ),
        *("densenet_mixer", "denseformer_mixer"),
    }


@pytest.mark.parametrize("name", [name for name in BACKBONES if variants(name) == ("plain",)])
def test_what_was_never_released_is_refused_with_that_sentence(small, name):
    with pytest.raises(LookupError, match="no code of it was released"):
        small(name, variant="released")


def test_plain_arms_of_one_seed_start_from_equal_tensors(small):
    for family in ("mixer", "vit", "bert"):
        arms = [small(f"{w}_{family}").state_dict() for w in ("ac", "residual", "feedforward")]
        assert arms[0].keys() == arms[1].keys() == arms[2].keys()
        assert all(torch.equal(t, other[k]) for other in arms[1:] for k, t in arms[0].items())
