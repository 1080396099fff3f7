"""Attacks find the images that a network gets wrong within ε, change nothing else, and cost what the plan says."""

import copy
import logging
import sys

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

pytest.importorskip("pyautoattack", reason="pyautoattack is no dependency")

from acn_bench.data import images
from acn_bench.evaluation import attack_cost, attacks, gradient_masking
from acn_bench.evaluation.attack_cost import Attack, epsilon_of

QUICK = {"iterations": 5, "queries": 20}


class Coarse(nn.Module):
    """Rounds its images, so that its gradients are zero and it is no more robust: gradient masking."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model((x * 16).round() / 16)


@pytest.fixture(scope="module")
def digits():
    """Eight digits that the network of `linear` classifies correctly, and their labels."""
    data = images.load("digits10")
    return data.test_images[:64:8].float() / 255, data.test_labels[:64:8]


@pytest.fixture(scope="module")
def linear(digits):
    """A small network, fitted to the digits."""
    x, y = digits
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(192, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(100):
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        optimizer.step()
    optimizer.zero_grad()
    assert (model(x).argmax(1) == y).all()
    return model.eval()


# ---------------------------------------------------------------- what an attack finds


def test_a_larger_epsilon_leaves_fewer_images_correct(linear, digits):
    levels = [1e-5, 0.05, 0.5]
    accuracies = [attacks.run(linear, *digits, Attack("apgd", e, **QUICK)).accuracy for e in levels]
    assert accuracies[0] == 1
    assert accuracies[2] == 0
    assert accuracies == sorted(accuracies, reverse=True)


def test_adversarial_images_lie_within_epsilon_and_are_wrong_where_it_says_so(linear, digits):
    x, y = digits
    attack = Attack("apgd", 0.12, **QUICK)
    attacked = attacks.run(linear, x, y, attack)
    assert 0 < attacked.accuracy < 1
    assert (attacked.images - x).abs().max() <= attack.epsilon + 1e-6
    assert attacked.images.min() >= 0
    assert attacked.images.max() <= 1
    assert torch.equal(linear(attacked.images).argmax(1) == y, attacked.robust)
    assert torch.equal(attacked.images[attacked.robust], x[attacked.robust])


def test_an_image_that_is_wrong_without_an_attack_is_never_robust(linear, digits):
    x, y = digits
    wrong = (y + 1) % 10
    attacked = attacks.run(
        linear, x, torch.where(torch.arange(8) < 2, wrong, y), Attack("apgd", 1e-5, **QUICK)
    )
    assert attacked.clean.tolist() == attacked.robust.tolist() == [False] * 2 + [True] * 6


def test_steps_never_win_an_image_back(linear, digits):
    after = attacks.run(linear, *digits, Attack("standard", 0.1, **QUICK)).after
    assert list(after) == ["apgd-ce", "apgd-t", "fab-t", "square"]
    for earlier, later in zip(list(after.values())[:-1], list(after.values())[1:], strict=True):
        assert not (later & ~earlier).any()


def test_the_outcome_is_that_of_autoattack_itself(linear, digits):
    import pyautoattack

    x, y = digits
    adversary = pyautoattack.AutoAttack(linear, norm="Linf", eps=0.12, seed=3, version="standard")
    adversary.attacks_to_run = ["apgd-ce", "apgd-t"]
    for apgd in (adversary.apgd, adversary.apgd_targeted):
        attacks._set_iterations(apgd, 10)
    with torch.random.fork_rng():
        expected, _ = adversary.run_standard_evaluation(x, y, batch_size=4)
    attack = Attack("apgd", 0.12, iterations=10)
    attacked = attacks.run(linear, x, y, attack, seed=3, batch_size=4)
    assert 0 < attacked.accuracy < 1
    assert torch.equal(attacked.images, expected)


def test_shorter_iterations_are_those_of_an_apgd_made_for_them(linear):
    from pyautoattack.autopgd_base import APGDAttack

    for iterations in (1, 5, 40, 100):
        changed = APGDAttack(linear, eps=0.1)
        attacks._set_iterations(changed, iterations)
        assert vars(changed) == vars(APGDAttack(linear, eps=0.1, n_iter=iterations))


def test_with_five_classes_every_other_class_is_a_target(digits):
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 5))
    attacked = attacks.run(model, digits[0], digits[1] % 5, Attack("standard", 0.5, **QUICK))
    assert attacked.warnings == ()


# ---------------------------------------------------------------- what it leaves alone


def test_a_seed_gives_the_same_outcome_and_leaves_every_generator_alone(linear, digits):
    attack = Attack("apgd", 0.2, **QUICK)
    state = torch.random.get_rng_state()
    first = attacks.run(linear, *digits, attack, seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(3)
    again, other = (attacks.run(linear, *digits, attack, seed=seed) for seed in (1, 2))
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)


def test_weights_modes_and_gradients_stay_as_they_were(digits):
    model = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Dropout(0.5), nn.Linear(192, 10))
    model[3].bias.requires_grad_(False)
    before = [p.clone() for p in model.parameters()]
    attacked = attacks.run(model, *digits, Attack("standard", 0.01, **QUICK))
    assert attacked.warnings == ()  # dropout was off
    assert all(map(torch.equal, before, model.parameters()))
    assert [m.training for m in model.modules()] == [True] * 5
    assert [p.requires_grad for p in model.parameters()] == [True, False]
    assert [p.grad for p in model.parameters()] == [None, None]


def test_a_tracer_stays_installed(linear, digits):
    def tracer(*_):
        return None

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        attacks.run(linear, *digits, Attack("apgd", 0.5, iterations=1))
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)


@pytest.mark.gpu
def test_a_network_on_a_gpu_is_attacked_from_the_same_starts(linear, digits):
    x, y = digits
    attack = Attack("standard", 0.12, iterations=10, queries=50)
    here = attacks.run(linear, x, y, attack)
    there = attacks.run(copy.deepcopy(linear).cuda(), x.cuda(), y.cuda(), attack, device="cuda")
    assert (there.robust != here.robust).sum() <= 1  # rounding can move a near tie
    assert (there.images - x).abs().max() <= attack.epsilon + 1e-6
    guard = gradient_masking.gradients_lead(
        there,
        gradient_masking.other_attacks(
            copy.deepcopy(linear).cuda(),
            there,
            y.cuda(),
            attack,
            {"cpu": here.images},
            device="cuda",
        ),
    )
    assert guard.passed


def test_it_runs_inside_inference_mode(linear, digits):
    with torch.inference_mode():
        assert attacks.run(linear, *digits, Attack("apgd", 0.5, **QUICK)).accuracy == 0


# ---------------------------------------------------------------- what it costs


@pytest.mark.parametrize("name", ["apgd", "standard"])
def test_an_image_that_survives_needs_the_passes_that_the_plan_names(linear, digits, name):
    passed = {"forward": 0, "backward": 0}

    def counted(x):
        passed["forward"] += len(x)
        logits = linear(x)
        if logits.requires_grad:
            logits.register_hook(
                lambda grad: passed.update(backward=passed["backward"] + len(grad))
            )
        return logits

    attack = Attack(name, 1e-6, iterations=3, queries=7)
    assert attacks.run(counted, *digits, attack).accuracy == 1
    most = attack_cost.most_passes(attack, 10)
    assert passed == {"forward": 8 * (most.forward + 1), "backward": 8 * most.backward}


def test_autoattack_at_full_strength_is_thousands_of_passes_and_the_plan_says_so():
    sentence = attack_cost.cost_sentence(Attack(), images=1000, classes=10)
    assert sentence == (
        "AutoAttack (standard), Linf, ε = 8/255: per image 111 forward and 101 backward passes if its first step "
        "succeeds, at most 7,888 and 1,910; 1,000 images cost at most as much as training on 3,266,000 images"
    )
    assert attack_cost.most_passes(Attack("apgd"), 10) == attack_cost.Passes(1039, 1010)


def test_a_weaker_attack_says_so_in_its_title():
    assert Attack("apgd").title == "APGD-CE + APGD-T, Linf, ε = 8/255"
    assert Attack("apgd", 0.03).title == "APGD-CE + APGD-T, Linf, ε = 0.03"
    assert "20 iterations" in Attack(iterations=20).title
    assert not Attack(queries=100).as_published


# ---------------------------------------------------------------- gradient masking


def test_an_honest_network_passes_the_guard(linear, digits):
    x, y = digits
    attack = Attack("apgd", 0.12, iterations=20)
    attacked = attacks.run(linear, x, y, attack)
    assert attacked.robust.any()
    others = gradient_masking.other_attacks(linear, attacked, y, attack, queries=100)
    guard = gradient_masking.gradients_lead(attacked, others)
    assert guard.passed
    assert guard.detail.startswith("Square, 100 queries breaks none of")


def test_masked_gradients_fail_the_guard_by_a_black_box_attack(linear, digits):
    x, y = digits
    masked, attack = Coarse(linear), Attack("apgd", 0.3, iterations=5)
    attacked = attacks.run(masked, x, y, attack)
    assert attacked.accuracy > 0.5  # an attack by gradients alone would call it robust
    others = gradient_masking.other_attacks(masked, attacked, y, attack, queries=100)
    guard = gradient_masking.gradients_lead(attacked, others)
    assert not guard.passed
    assert not gradient_masking.checks_of_autoattack(attacked).passed
    assert "zero gradient" in gradient_masking.checks_of_autoattack(attacked).detail


def test_masked_gradients_fail_the_guard_by_images_of_another_network(linear, digits):
    x, y = digits
    masked, attack = Coarse(linear), Attack("apgd", 0.3, iterations=5)
    attacked, surrogate = (attacks.run(m, x, y, attack) for m in (masked, linear))
    others = gradient_masking.other_attacks(
        masked, attacked, y, attack, {"residual": surrogate.images}, queries=1
    )
    guard = gradient_masking.gradients_lead(
        attacked, {"transferred from residual": others["transferred from residual"]}
    )
    assert not guard.passed
    assert guard.detail.startswith("transferred from residual breaks")


def test_the_guard_reads_the_square_of_autoattack_itself(linear, digits):
    x, y = digits
    masked, attack = Coarse(linear), Attack("standard", 0.3, iterations=2, queries=100)
    attacked = attacks.run(masked, x, y, attack)
    others = gradient_masking.other_attacks(masked, attacked, y, attack)
    assert list(others) == ["Square, 100 queries"]
    assert not gradient_masking.gradients_lead(attacked, others).passed


def test_a_network_that_answers_at_random_is_reported_and_nothing_is_printed(
    linear, digits, capsys
):
    def noisy(x):
        return linear(x) + 0.01 * torch.randn(len(x), 10)

    found = attacks.run(noisy, *digits, Attack("apgd", 0.1, iterations=1))
    assert "randomized" in gradient_masking.checks_of_autoattack(found).detail
    assert capsys.readouterr() == ("", "")
    assert logging.getLogger("auto-attack").handlers == []


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda x, y: (x * 255, y), r"images must lie in \[0, 1\], not 0 … 255"),
        (
            lambda x, y: (x.masked_fill(x > 0.5, torch.nan), y),
            r"images must lie in \[0, 1\], not nan",
        ),
        (lambda x, y: ((x * 255).byte(), y), "floating"),
        (lambda x, y: (x[0], y), r"expected images \(N, C, H, W\)"),
        (lambda x, y: (x[:0], y[:0]), "there are no images"),
        (lambda x, y: (x, y[:3]), r"expected labels \(8,\) of integers"),
        (lambda x, y: (x, y.float()), r"expected labels \(8,\) of integers"),
    ],
)
def test_images_and_labels_of_another_form_are_refused(linear, digits, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        attacks.run(linear, *change(*digits), Attack("apgd", 0.1, **QUICK))


def test_three_classes_are_too_few(digits):
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 3))
    with pytest.raises(ValueError, match="at least 4 classes, not 3"):
        attacks.run(model, digits[0], digits[1] % 3, Attack("apgd", 0.1, **QUICK))


def test_a_model_without_logits_is_refused(digits):
    with pytest.raises(ValueError, match="logits"):
        attacks.run(lambda x: x, *digits, Attack("apgd", 0.1, **QUICK))


def test_epsilon_is_a_number_or_a_fraction():
    assert epsilon_of("8/255") == 8 / 255
    assert epsilon_of("0.03") == epsilon_of(0.03) == 0.03
    for text in ("8/0", "a lot", "", "nan", "0", "-1/255", "8", float("inf")):
        with pytest.raises(ValueError, match="epsilon must"):
            epsilon_of(text)


def test_settings_out_of_range_are_refused_in_one_sentence():
    with pytest.raises(LookupError, match="Did you mean 'standard'"):
        Attack("standart")
    with pytest.raises(ValueError, match=r"epsilon must lie in \(0, 1\]"):
        Attack("apgd", 8)
    with pytest.raises(ValueError, match="queries must be at least 1"):
        Attack("standard", queries=0)


def test_without_pyautoattack_the_message_says_how_to_install_it(linear, digits, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyautoattack", None)
    with pytest.raises(ImportError, match=r"pip install 'acn_bench\[robustbench\]'"):
        attacks.run(linear, *digits, Attack("apgd", 0.1, **QUICK))
