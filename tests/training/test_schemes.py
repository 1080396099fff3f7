"""Each scheme by hand, and what it does to a network."""

from math import exp, log

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from acn_bench.backbones import add_branches, depth_logits
from acn_bench.backbones.dropping import Dropping
from acn_bench.backbones.wiring import WIRINGS
from acn_bench.training.schemes import SCHEMES, DepthScheme, LayerSkip, scheme


def approx(values):
    return pytest.approx(values, abs=1e-12)


# ---------------------------------------------------------------- weights and rates by hand


def test_layerdrop_trains_the_output_alone():
    assert scheme("layerdrop").weights(4) == (0, 0, 0, 0, 1)


def test_aligned_weighs_depth_k_with_2k_over_l_times_l_plus_1():
    # L = 4: 2(l + 1) / 20 for l = 0 … 3
    assert scheme("aligned").weights(4) == approx((0, 0.1, 0.2, 0.3, 0.4))
    assert scheme("aligned").weights(1) == approx((0, 1))
    # L = 16: w_0 = 2 / 272, w_15 = 32 / 272
    sixteen = scheme("aligned").weights(16)
    assert (sixteen[1], sixteen[8], sixteen[16]) == approx((2 / 272, 16 / 272, 32 / 272))
    assert sum(sixteen) == approx(1)


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


def test_the_curriculum_moves_on_by_its_shift_and_turns_on_every_r_th():
    # L = 6, R = 3, shift 2: l - 2t is a multiple of 3 on the circle of 6
    skip = LayerSkip(every=3, shift=2, last_always=False)
    on = [{i for i, c in enumerate(skip.curriculum(6, t)) if c} for t in range(4)]
    assert on == [{0, 3}, {2, 5}, {4, 1}, {0, 3}]
    still = LayerSkip(shift=0, last_always=False)
    assert still.curriculum(16, 0) == still.curriculum(16, 7)


def test_at_the_papers_values_layerskip_is_its_formulas():
    # L = 16, e_scale = 0.2; step 4 turns on l = 4 and 3: e(4) = 0.2 (1+2+3+4), e(3) = 0.2 (1+2+3),
    # e(15) = 15 + 0.2 (1 + … + 14) = 15 + 0.2 · 105 = 36
    weights = scheme("layerskip").weights(16, 4)
    expected = {4: 1.2 / 39.2, 5: 2.0 / 39.2, 16: 36 / 39.2}
    assert weights == approx(tuple(expected.get(k, 0.0) for k in range(17)))
    # p(l, t) = S D p_max, D(l) = e^(l ln2 / 15) - 1, S(t) = e^(t ln2 / 99) - 1
    rates = scheme("layerskip").dropping(16, 33, 100).rates
    late = exp(33 * log(2) / 99) - 1
    assert rates == approx(tuple(0.1 * late * (exp(k * log(2) / 15) - 1) for k in range(16)))


DEPTH_SCHEMES = [name for name in SCHEMES if isinstance(scheme(name), DepthScheme)]


@pytest.mark.parametrize("name", DEPTH_SCHEMES)
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
    assert scheme("aligned").dropping(3) is None


def test_an_unknown_scheme_is_refused_with_the_nearest_right_one():
    with pytest.raises(LookupError, match=r"unknown scheme 'layerskp'\. Did you mean 'layerskip'"):
        scheme("layerskp")


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        (
            "layerdrop",
            {"rat": 0.1},
            LookupError,
            r"layerdrop has no option 'rat'\. Did you mean 'rate'",
        ),
        ("layerdrop", {"rate": 1.2}, ValueError, "rate is a probability, from 0 to 1, not 1.2"),
        ("layerskip", {"max_rate": -0.1}, ValueError, "max_rate is a probability.* not -0.1"),
        ("layerskip", {"max_rate": float("nan")}, ValueError, "not nan"),
        (
            "layerskip",
            {"exit_scale": -1.0},
            ValueError,
            "exit_scale is a weight, 0 or more, not -1.0",
        ),
        (
            "layerskip",
            {"every": 0},
            ValueError,
            r"every \(R\) is a number of blocks, 1 or more, not 0",
        ),
        ("branches", {"exit_weights": (0.8, -0.6)}, ValueError, r"0 or more, not \(0.8, -0.6\)"),
    ],
)
def test_an_option_that_cannot_be_is_refused(name, options, error, message):
    with pytest.raises(error, match=message):
        scheme(name, **options)


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
        result = scheme(name).loss(network.train(name != "layerskip"), x, y, 1, 100)
        torch.testing.assert_close(result, loss)


def test_any_loss_will_do_and_so_will_the_heads_of_anybody(small, batch):
    class Heads(nn.Module):
        def __init__(self, backbone):
            super().__init__()
            backbone.head = nn.Identity()
            self.backbone, self.heads = backbone, nn.ModuleList(nn.Linear(24, 7) for _ in range(2))

        def feature_depths(self, x):
            return self.backbone.feature_depths(x)

        def head(self, features, task_labels):
            return self.heads[task_labels](features)

    x, y = batch
    model = Heads(small("ac_mixer"))
    logits = depth_logits(model, x, 1)

    def squares(rows, labels):
        return (rows - nn.functional.one_hot(labels, 7)).square().mean()

    result = scheme("aligned", criterion=squares).of_depths(logits, y)
    expected = sum((k / 6) * squares(logits[k], y) for k in range(1, 4))
    torch.testing.assert_close(result, expected)


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


def test_the_loss_of_branches_is_that_of_the_output_plus_those_of_the_branches_by_fixed_weights(
    small, batch
):
    x, y = batch
    network = small("ac_mixer", depth=5)
    add_branches(network, after=(4, 1, 2))
    ce = {k: cross_entropy(row, y) for k, row in network.exit_logits(x).items()}
    assert list(ce) == [1, 2, 4, 5]
    torch.testing.assert_close(ce[5], cross_entropy(network(x), y))
    total = scheme("branches").loss(network, x, y)
    torch.testing.assert_close(total, ce[5] + 0.8 * ce[1] + 0.6 * ce[2] + 0.4 * ce[4])
    other = scheme("branches", exit_weights=(0, 0, 2)).loss(network, x, y)
    torch.testing.assert_close(other, ce[5] + 2 * ce[4])
    total.backward()
    assert all(p.grad.abs().max() > 0 for p in network.branches.parameters())


def test_branches_that_are_missing_or_not_as_many_as_the_weights_are_named(small, batch):
    network = small("residual_vit")
    with pytest.raises(ValueError, match=r"has no branches: backbones.add_branches"):
        scheme("branches").loss(network, *batch)
    add_branches(network, after=(1, 2))
    message = r"3 exit_weights \(0.8, 0.6, 0.4\) for 2 branches, after 1, 2"
    with pytest.raises(ValueError, match=message):
        scheme("branches").loss(network, *batch)


@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize("family", ["mixer", "vit", "bert"])
def test_each_scheme_trains_every_wiring_of_every_family(small, batch, wiring, family):
    x, y = batch
    if family == "bert":
        x = torch.randint(1, 50, (14, 8), generator=torch.Generator().manual_seed(0))
    for name in SCHEMES:
        network = small(f"{wiring}_{family}", depth=2)
        options = {"exit_weights": (0.8,)} if name == "branches" else {}
        add_branches(network, after=(1,))
        torch.manual_seed(0)  # under which layerdrop keeps both blocks
        scheme(name, **options).loss(network, x, y, 1, 3).backward()
        for block in network.blocks:
            assert sum(p.grad.abs().sum() for p in block.parameters()) > 0, name


def test_plain_is_for_any_network_and_the_others_say_what_they_need(batch):
    x, y = batch
    network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 7))
    torch.testing.assert_close(scheme("plain").loss(network, x, y), cross_entropy(network(x), y))
    for name in set(SCHEMES) - {"plain"}:
        with pytest.raises(TypeError, match="a Sequential has no blocks to train apart"):
            scheme(name).loss(network, x, y)


# ---------------------------------------------------------------- learning


@pytest.mark.parametrize("name", [name for name in SCHEMES if name != "branches"])
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


def test_branches_learn_a_batch_by_heart_with_the_network(small, batch):
    x, y = batch
    network = small("ac_mixer", depth=2)
    add_branches(network, after=(1,))
    made = scheme("branches", exit_weights=(0.8,))
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(80):
        optimizer.zero_grad()
        made.loss(network, x, y).backward()
        optimizer.step()
    for logits in network.exit_logits(x).values():
        assert torch.equal(logits.argmax(1), y)


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
