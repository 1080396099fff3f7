"""Early exit: where each example exits, its logits, and that no later block runs for it."""

from collections import Counter

import pytest
import torch
from torch import nn

from acn_bench import backbones
from acn_bench.backbones import EarlyExit, Heads, MultiHead, add_branches, truncate
from acn_bench.backbones.early_exit import entropy
from acn_bench.backbones.wiring import WIRINGS

EVERY = [f"{wiring}_{family}" for wiring in WIRINGS for family in ("mixer", "vit", "bert")]


@pytest.fixture
def sharp(small):
    """Makes a network with low entropy for some examples and high for others, with branches after blocks 1 and 3."""

    def make(name, *, depth=4, **sizes):
        network = small(name, depth=depth, **sizes).eval()
        add_branches(network, after=(1, 3))
        with torch.no_grad():
            network.head.weight.normal_(std=2.0)
            for p in network.branches.parameters():
                p.normal_(std=0.5)
        return network

    return make


def counted(network):
    """Counts calls and examples of each block, counted from 1."""
    counts = Counter()
    for i, block in enumerate(network.blocks, start=1):
        block.register_forward_hook(lambda _, given, __, i=i: counts.update({i: len(given[0])}))
    return counts


def by_hand(network, given, exits, threshold):
    """Logits and depths from one whole pass, read at every exit: the first with low entropy, else the last."""
    if exits == "head":
        rows = dict(enumerate(network.forward_depths(*given)))
        del rows[0]
    else:
        rows = network.exit_logits(*given)
    logits, depth = rows[network.depth].clone(), torch.full((len(given[0]),), network.depth)
    for k in sorted(rows, reverse=True):
        sure = entropy(rows[k]) < threshold
        logits[sure], depth[sure] = rows[k][sure], k
    return logits, depth


def between(network, given, exits):
    """A threshold in the widest gap of the first exits' entropies, so that some examples exit there and some do not."""
    first = network.forward_depths(*given)[1] if exits == "head" else network.exit_logits(*given)[1]
    entropies = entropy(first.detach()).sort().values
    widest = (entropies[1:] - entropies[:-1]).argmax()
    return float(entropies[widest : widest + 2].mean())


# ---------------------------------------------------------------- the exit of each example


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("exits", ["head", "branches"])
def test_each_example_gets_the_logits_of_the_first_exit_below_the_threshold(
    sharp, inputs, name, exits
):
    network, given = sharp(name), inputs(name)
    with torch.no_grad():
        threshold = between(network, given, exits)
        logits, depth = by_hand(network, given, exits, threshold)
        counts = counted(network)
        output = EarlyExit(network, threshold, exits)(*given)
    assert output.depth.tolist() == depth.tolist()
    assert len(set(depth.tolist())) > 1
    torch.testing.assert_close(output.logits, logits, rtol=1e-4, atol=1e-4)
    # later blocks do not run for an example that has exited
    assert counts == Counter(
        {k: int((depth >= k).sum()) for k in range(1, 5) if (depth >= k).any()}
    )


@pytest.mark.parametrize(
    "name", ["ac_mixer:released", "ac_vit:released", "residual_mixer:released"]
)
def test_the_authors_blocks_exit_too(sharp, images, name):
    name, _, variant = name.partition(":")
    network = sharp(name, variant=variant)
    with torch.no_grad():
        for exits in ("head", "branches"):
            logits, depth = by_hand(network, (images,), exits, 0.7)
            output = EarlyExit(network, 0.7, exits)(images)
            assert torch.equal(output.depth, depth)
            torch.testing.assert_close(output.logits, logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["ac_mixer", "densenet_vit", "residual_bert", "ac_bert"])
@pytest.mark.parametrize("exits", ["head", "branches"])
def test_in_bf16_logits_are_float32_and_those_of_the_whole_pass(sharp, inputs, name, exits):
    network, given = sharp(name, precision="bf16"), inputs(name)
    with torch.no_grad():
        threshold = between(network, given, exits)
        logits, depth = by_hand(network, given, exits, threshold)
        output = EarlyExit(network, threshold, exits)(*given)
    assert output.logits.dtype == torch.float32
    assert torch.equal(output.depth, depth)
    torch.testing.assert_close(output.logits, logits, rtol=0.05, atol=0.1)


@pytest.mark.parametrize("name", ["ac_mixer", "denseformer_vit", "residual_bert"])
def test_an_example_does_not_depend_on_its_neighbours(sharp, inputs, name):
    network, given = sharp(name).double(), inputs(name)
    if not name.endswith("bert"):
        given = tuple(t.double() for t in given)
    exits = EarlyExit(network, between(network, given, "branches"), "branches")
    together = exits(*given)
    order = torch.tensor([2, 0, 3, 1])
    shuffled = exits(*(t[order] for t in given))
    assert torch.equal(shuffled.depth, together.depth[order])
    torch.testing.assert_close(shuffled.logits, together.logits[order])
    for e in range(len(given[0])):
        alone = exits(*(t[e : e + 1] for t in given))
        assert alone.depth == together.depth[e]
        torch.testing.assert_close(alone.logits[0], together.logits[e])


def test_the_mask_of_a_text_goes_with_it(sharp, inputs):
    network = sharp("ac_bert")
    ids, mask, types = inputs("ac_bert")
    exits = EarlyExit(network, between(network, (ids, mask, types), "branches"), "branches")
    named = exits(ids, attention_mask=mask, token_type_ids=types)
    assert torch.equal(named.logits, exits(ids, mask, types).logits)
    other = ids.clone()
    other[mask == 0] = 7  # masked tokens have no effect, before and after the batch shrinks
    assert torch.equal(exits(other, mask, types).logits, named.logits)
    assert exits(ids).logits.shape == named.logits.shape


def test_at_threshold_0_no_example_exits_early_and_without_a_bound_all_exit_at_once(sharp, images):
    network = sharp("ac_mixer")
    counts = counted(network)
    for exits in ("head", "branches"):
        late = EarlyExit(network, 0, exits)(images)
        torch.testing.assert_close(late.logits, network(images))
        assert late.depth.tolist() == [4] * 4
        counts.clear()
        early = EarlyExit(network, float("inf"), exits)(images)
        assert early.depth.tolist() == [1] * 4
        assert counts == {1: 4}
    assert not early.logits.requires_grad


def test_entropy_is_in_nats_and_certainty_has_none():
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, 1000.0, 0.0, 0.0]])
    torch.testing.assert_close(entropy(logits), torch.tensor([4.0, 1.0]).log())


def test_only_the_exits_that_are_asked_for_are(sharp, images):
    network = sharp("residual_mixer")
    assert EarlyExit(network, after=(3, 2)).depths == (2, 3, 4)
    assert EarlyExit(network, after=(4,)).depths == (4,)
    assert EarlyExit(network).depths == (1, 2, 3, 4)
    assert EarlyExit(network, by="branches").depths == (1, 3, 4)
    output = EarlyExit(network, float("inf"), "branches", after=(3,))(images)
    assert output.depth.tolist() == [3] * 4


def test_an_empty_batch_has_an_empty_output(sharp, images):
    output = EarlyExit(sharp("ac_vit"))(images[:0])
    assert output.logits.shape == (0, 7)
    assert output.depth.shape == (0,)


# ---------------------------------------------------------------- branches


def test_the_input_of_a_branch_is_the_pooled_token_before_any_norm(sharp, images):
    network = sharp("ac_mixer")
    with torch.no_grad():
        state = truncate(network, 3).hidden_state(images)  # x_0 + x_1 + x_2 + x_3
        branch = network.branches["3"]
        hidden = nn.functional.gelu(branch.fc1(state.mean(dim=1)))
        torch.testing.assert_close(network.exit_logits(images)[3], branch.fc2(hidden))
        vit = sharp("residual_vit")
        first = truncate(vit, 1).hidden_state(images)[:, 0]
        torch.testing.assert_close(vit.exit_logits(images)[1], vit.branches["1"](first))
    assert branch.fc1.weight.shape == (48, 24)
    assert branch.fc2.weight.shape == (7, 48)


@pytest.mark.parametrize("name", ["ac_mixer", "densenet_vit", "residual_bert"])
def test_a_cut_network_keeps_the_branches_before_its_end(sharp, inputs, name):
    network, given = sharp(name), inputs(name)
    with torch.no_grad():
        threshold = between(network, given, "branches")
        for k in range(4):
            small = truncate(network, k)
            earlier = [b for b in (1, 3) if b < k]
            assert (list(small.branches.depths) if small.branches else []) == earlier
            torch.testing.assert_close(small(*given), network.forward_depths(*given)[k])
            if earlier:
                logits, depth = by_hand(small, given, "branches", threshold)
                output = EarlyExit(small, threshold, "branches")(*given)
                assert torch.equal(output.depth, depth)
                torch.testing.assert_close(output.logits, logits, rtol=1e-4, atol=1e-4)
            logits, depth = by_hand(small, given, "head", threshold) if k else (small(*given), 0)
            output = EarlyExit(small, threshold)(*given)
            assert (output.depth == depth).all()
            torch.testing.assert_close(output.logits, logits, rtol=1e-4, atol=1e-4)
    assert network.branches.depths == (1, 3)


def test_branches_travel_with_the_network(sharp, images, tmp_path):
    network = sharp("ac_mixer")
    path = tmp_path / "exits.safetensors"
    backbones.save(network, path)
    loaded = backbones.load(path)
    assert loaded.branches.depths == (1, 3)
    a, b = (EarlyExit(n, by="branches")(images) for n in (network, loaded))
    assert torch.equal(a.logits, b.logits)
    assert torch.equal(a.depth, b.depth)
    backbones.save(truncate(network, 2), path)
    assert backbones.load(path).branches.depths == (1,)
    backbones.save(truncate(network, 1), path)
    assert backbones.load(path).branches is None


def test_state_dicts_need_the_same_branches(sharp, small, images):
    network = sharp("residual_mixer")
    other = small("residual_mixer", depth=4, seed=5).eval()
    with pytest.raises(ValueError, match=r"branches\.1\.\S+\.weight is not expected"):
        other.load_state_dict(network.state_dict())
    add_branches(other, after=(3, 1))
    other.load_state_dict(network.state_dict())
    a, b = (EarlyExit(n, by="branches")(images) for n in (network, other))
    assert torch.equal(a.logits, b.logits)


def test_branches_change_nothing_else_and_are_moved_with_the_network(sharp, small, images):
    network = small("ac_mixer", depth=4).eval()
    before = network.forward_depths(images)
    add_branches(network.double(), after=(2,))
    assert network.branches["2"].fc1.weight.dtype == torch.float64
    network.float()
    assert torch.equal(network.forward_depths(images), before)
    network.branches = None
    assert list(network.state_dict()) == list(small("ac_mixer", depth=4).state_dict())


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"after": (2, 5)}, "no exit can come after block 5: the network has 4"),
        ({"after": (0,)}, "no exit can come after block 0"),
        (
            {"by": "branches", "after": (2,)},
            "no branch comes after block 2; branches come after 1, 3",
        ),
        ({"threshold": -0.1}, "an entropy, 0 or more, not -0.1"),
        ({"threshold": float("nan")}, "not nan"),
        ({"by": "branch"}, "unknown exits 'branch'. Did you mean 'branches'"),
    ],
)
def test_exits_that_cannot_be_are_refused(sharp, options, message):
    with pytest.raises(ValueError, match=message):
        EarlyExit(sharp("ac_mixer"), **options)


def test_missing_branches_are_named_with_what_makes_them(small):
    with pytest.raises(
        ValueError, match=r"has no branches: add them with add_branches\(model, after=\(…\)\)"
    ):
        EarlyExit(small("ac_mixer"), by="branches")


@pytest.mark.parametrize("after", [(0,), (3,), (1, 9), ()])
def test_a_branch_comes_after_a_block_before_the_last(small, after):
    with pytest.raises(
        ValueError, match=r"no branch can come after block .*: the network has 3 blocks"
    ):
        add_branches(small("ac_mixer"), after)


def test_the_papers_branches_need_more_than_12_blocks(small):
    with pytest.raises(ValueError, match="after block 4: the network has 3 blocks"):
        add_branches(small("ac_mixer"))
    assert add_branches(small("ac_mixer", depth=13)).depths == (4, 8, 12)


def test_a_network_without_one_head_has_no_exits(small, images):
    with pytest.raises(TypeError, match="needs a Backbone with a single head, not a Linear"):
        EarlyExit(nn.Linear(2, 2))
    network = MultiHead(small("ac_mixer"), Heads([nn.Linear(24, 2), nn.Linear(24, 3)]))
    with pytest.raises(
        TypeError, match=r"For head e of a MultiHead, set `backbone.head = heads\[e\]`"
    ):
        EarlyExit(network)
    with pytest.raises(ValueError, match="a Linear, not a Identity"):
        add_branches(network.backbone, after=(1,))
    network.backbone.head = network.head[1]
    assert EarlyExit(network.backbone)(images).logits.shape == (4, 3)


def test_a_head_of_another_width_than_the_branches_is_refused(sharp):
    network = sharp("ac_mixer")
    network.head = nn.Linear(24, 5)
    with pytest.raises(ValueError, match="the branches have 7 classes, and the head has 5"):
        EarlyExit(network, by="branches")
