"""What holds for every backbone in every wiring and variant."""

import pytest
import safetensors.torch
import torch

from acn_bench.backbones import truncate
from acn_bench.naming import BACKBONES, inventory, variants

EVERY = [(name, variant) for name in BACKBONES for variant in variants(name)]


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_it_trains_a_step_reads_every_depth_and_truncates(small, inputs, tmp_path, name, variant):
    network, given = small(name, variant=variant), inputs(name)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-2)
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(*given), torch.arange(4))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]

    with torch.no_grad():
        depths = network.eval().forward_depths(*given)
        assert depths.shape == (4, 4, 7)
        assert torch.equal(depths[-1], network(*given))
        for k in range(4):
            torch.testing.assert_close(truncate(network, k)(*given), depths[k])

        safetensors.torch.save_file(network.state_dict(), tmp_path / "weights.safetensors")
        other = small(name, variant=variant, seed=1).eval()
        other.load_state_dict(safetensors.torch.load_file(tmp_path / "weights.safetensors"))
        assert torch.equal(other(*given), depths[-1])


def test_every_backbone_is_listed_with_its_variants():
    listed = inventory()["backbones"]
    assert len(listed) == 15
    assert all(f"({', '.join(variants(name))})" in listed[name] for name in BACKBONES)


@pytest.mark.parametrize("name", [n for n in BACKBONES if n.partition("_")[0] == "feedforward"])
def test_what_was_never_released_is_refused_with_that_sentence(small, name):
    with pytest.raises(LookupError, match="no code of it was released"):
        small(name, variant="released")


def test_plain_arms_of_one_seed_start_from_equal_tensors(small):
    for family in ("mixer", "vit", "bert"):
        arms = [small(f"{w}_{family}").state_dict() for w in ("ac", "residual", "feedforward")]
        assert arms[0].keys() == arms[1].keys() == arms[2].keys()
        assert all(torch.equal(t, other[k]) for other in arms[1:] for k, t in arms[0].items())
