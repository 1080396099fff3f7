"""Each scheme by hand, and what it does to a network."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from acn_bench.backbones import depth_logits
from acn_bench.backbones.dropping import Dropping
from acn_bench.training.schemes import SCHEMES, LayerSkip, scheme


def approx(values):
    return pytest.approx(values, abs=1e-12)


# ---------------------------------------------------------------- weights and rates by hand


def test_plain_and_layerdrop_train_the_output_alone():
    for name in ("plain", "layerdrop"):
        assert scheme(name).weights(4) == (0, 0, 0, 0, 1)


def test_aligned_weighs_depth_k_with_2k_over_l_times_l_plus_1():
    # L = 4: 2(l + 1) / 20 for l = 0 … 3
    assert scheme("aligned").weights(4) == approx((0, 0.1, 0.2, 0.3, 0.4))
    assert scheme("aligned").weights(1) == approx((0, 1))
    assert sum(scheme("aligned").weights(16)) == approx(1)


def test_layerskip_weighs_the_depths_that_are_on():
    # L = 4, e_scale = 0.2: e = 0, 0.2, 0.2 (1 + 2), 3 + 0.2 (1 + 2) = 0, 0.2, 0.6, 3.6; R = 3
    # step 0 turns on l = 0, 3; step 1 l = 1, 0 and the last; step 2 l = 2, 1 and the last; step 3 l = 3, 2
    skip = scheme("layerskip")
    assert skip.weights(4, 0) == approx((0, 0, 0, 0, 1))
    assert skip.weights(4, 1) == approx((0, 0, 0.2 / 3.8, 0, 3.6 / 3.8))
    assert skip.weights(4, 2) == approx((0, 0, 0.2 / 4.4, 0.6 / 4.4, 3.6 / 4.4))
    assert skip.weights(4, 3) == approx((0, 0, 0, 0.6 / 4.2, 3.6 / 4.2))
    assert skip.weights(4, 4) == skip.weights(4, 0)


def test_with_every_loss_on_layerskip_weighs_as_its_paper_says():
    # L = 4: 0, 0.2, 0.6, 3.6 in all 4.4
    assert LayerSkip(every=1).weights(4) == approx((0, 0, 0.2 / 4.4, 0.6 / 4.4, 3.6 / 4.4))


def test_the_curriculum_turns_on_every_15th_of_16_and_moves_on_by_one():
    skip = LayerSkip(last_always=False)
    on = [{i for i, c in enumerate(skip.curriculum(16, t)) if c} for t in range(33)]
    assert on[:3] == [{0, 15}, {1, 0}, {2, 1}]
    assert on[15] == {15, 14}
    assert on[16:32] == on[:16]
    with_last = [{i for i, c in enumerate(LayerSkip().curriculum(16, t)) if c} for t in range(16)]
    assert with_last == [o | {15} for o in on[:16]]


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("depth", [1, 2, 3, 16])
def test_weights_sum_to_one_and_never_fall_on_the_embedding(name, depth):
    options = [{}] if name != "layerskip" else [{}, {"last_always": False}, {"every": 40}]
    for made in (scheme(name, **o) for o in options):
        for step in range(2 * depth + 1):
            weights = made.weights(depth, step)
            assert len(weights) == depth + 1
            assert sum(weights) == approx(1)
            assert min(weights) >= 0
            assert weights[0] == 0


def test_layerskip_drops_the_deeper_and_the_later_the_more():
    skip = scheme("layerskip")
    assert skip.dropping(4, 0, 11).rates == approx((0, 0, 0, 0))  # S(0) = 0
    end = skip.dropping(4, 10, 11).rates  # S(T - 1) = 1; D(0) = 0, D(L - 1) = 1
    assert end == approx((0, 0.1 * (2 ** (1 / 3) - 1), 0.1 * (2 ** (2 / 3) - 1), 0.1))
    half = skip.dropping(4, 5, 11).rates  # S = 2^(1/2) - 1
    assert half == approx(tuple(r * (2**0.5 - 1) for r in end))
    assert skip.dropping(4, 7).rates == approx(end)  # fine-tuning: S = 1
    assert skip.dropping(4, 99, 11).rates == approx(end)
    assert skip.dropping(4, 0, 1).rates == approx((0, 0, 0, 0))
    assert skip.dropping(1, 10, 11).rates == approx((0,))
    assert skip.dropping(4).per_example


def test_layerdrop_drops_every_block_alike_and_for_the_whole_batch():
    assert scheme("layerdrop").dropping(3) == Dropping((0.2, 0.2, 0.2), per_example=False)
    assert scheme("layerdrop", rate=0.1).dropping(2, 5, 10).rates == (0.1, 0.1)
    assert scheme("plain").dropping(3) is None
    assert scheme("aligned").dropping(3) is None


def test_an_unknown_scheme_is_refused_with_the_nearest_right_one():
    with pytest.raises(LookupError, match=r"unknown scheme 'layerskp'\. Did you mean 'layerskip'"):
        scheme("layerskp")


# ---------------------------------------------------------------- losses


@pytest.fixture
def batch():
    """Fourteen images, and labels of seven classes."""
    images = torch.rand(14, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return images, torch.arange(14) % 7


def test_the_loss_is_the_weighted_sum_of_the_losses_of_all_depths(small, batch):
    network, (x, y) = small("residual_mixer"), batch
    by_depth = [cross_entropy(row, y) for row in network.forward_depths(x)]
    expected = {
        "plain": by_depth[3],
        "aligned": (by_depth[1] + 2 * by_depth[2] + 3 * by_depth[3]) / 6,
        # L = 3, step 1: e = 0, 0.2, 2.2; l = 0, 1 and the last are on
        "layerskip": (0.2 * by_depth[2] + 2.2 * by_depth[3]) / 2.4,
    }
    for name, loss in expected.items():
        found = scheme(name).loss(network.train(name != "layerskip"), x, y, 1, 100)
        torch.testing.assert_close(found, loss)


def test_any_loss_will_do_and_so_will_the_heads_of_anybody(small, batch):
    class Heads(nn.Module):
        def __init__(self, backbone):
            super().__init__()
            backbone.head = nn.Identity()
            self.backbone, self.heads = backbone, nn.ModuleList(nn.Linear(24, 7) for _ in range(2))

        def feature_depths(self, x):
            return self.backbone.feature_depths(x)

        def head(self, features, task):
            return self.heads[task](features)

    x, y = batch
    model = Heads(small("ac_mixer"))
    logits = depth_logits(model, x, 1)

    def squares(rows, labels):
        return (rows - nn.functional.one_hot(labels, 7)).square().mean()

    found = scheme("aligned", criterion=squares).of_depths(logits, y)
    expected = sum((k / 6) * squares(logits[k], y) for k in range(1, 4))
    torch.testing.assert_close(found, expected)


def test_blocks_drop_in_the_loss_and_only_there(small, batch):
    network, (x, y) = small("ac_mixer"), batch
    drop_all = scheme("layerdrop", rate=1.0)
    loss = drop_all.loss(network, x, y)
    torch.testing.assert_close(loss, cross_entropy(network.forward_depths(x)[0], y))
    assert network.dropping is None
    loss.backward()
    assert all(p.grad is None for p in network.blocks.parameters())
    in_evaluation = drop_all.loss(network.eval(), x, y)
    torch.testing.assert_close(in_evaluation, cross_entropy(network(x), y))
    with pytest.raises(ValueError, match="floating point"):
        drop_all.loss(network, x.int(), y)
    assert network.dropping is None


def test_plain_is_for_any_network_and_the_others_say_what_they_need(batch):
    x, y = batch
    network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 7))
    torch.testing.assert_close(scheme("plain").loss(network, x, y), cross_entropy(network(x), y))
    for name in ("aligned", "layerskip", "layerdrop"):
        with pytest.raises(TypeError, match="a Sequential has no blocks to train apart"):
            scheme(name).loss(network, x, y)


# ---------------------------------------------------------------- learning


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("backbone", ["residual_mixer", "ac_vit", "ac_mixer", "residual_bert"])
def test_each_scheme_learns_a_batch_by_heart(small, batch, name, backbone):
    x, y = batch
    if backbone.endswith("bert"):
        x = torch.randint(1, 50, (14, 8), generator=torch.Generator().manual_seed(0))
    network = small(backbone, depth=2)
    made = scheme(name)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for step in range(120):
        optimizer.zero_grad()
        made.loss(network, x, y, step, 120).backward()
        optimizer.step()
    network.eval()
    assert torch.equal(network(x).argmax(1), y)
    if name == "aligned":
        assert (network.forward_depths(x)[1].argmax(1) == y).float().mean() > 0.9


def test_aligned_training_makes_shallow_depths_of_use(small, digits):
    def shallow_accuracy(name):
        network = small("residual_mixer", num_classes=10, depth=4)
        made = scheme(name)
        optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
        order = torch.Generator().manual_seed(0)
        for step in range(150):
            rows = torch.randint(len(digits.train_labels), (32,), generator=order)
            optimizer.zero_grad()
            x, y = digits.train_images[rows] / 255, digits.train_labels[rows]
            made.loss(network, x, y, step, 150).backward()
            optimizer.step()
        with torch.no_grad():
            logits = network.eval().forward_depths(digits.test_images / 255)
        return (logits.argmax(-1) == digits.test_labels).float().mean(dim=1).tolist()

    plain, aligned = shallow_accuracy("plain"), shallow_accuracy("aligned")
    assert aligned[1] > plain[1] + 0.1
    assert aligned[2] > plain[2]
    assert aligned[4] > 0.7
