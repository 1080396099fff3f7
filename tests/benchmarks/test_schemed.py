"""A run by each scheme: in Avalanche's loop, for both arms, and nowhere else."""

import pytest
import torch

from acn_bench.strategies.ewc import EwcSpec
from acn_bench.strategies.gdumb import GdumbSpec
from acn_bench.strategies.joint import JointSpec
from acn_bench.strategies.lwf import LwfSpec
from acn_bench.strategies.replay import ReplaySpec
from acn_bench.strategies.seeding import preserved_generators

SCHEMES = ["plain", "aligned", "layerskip", "layerdrop"]


def trained(run, experiences=1):
    """Train on the first experiences; the trunk's weights."""
    with preserved_generators():
        stream = run._stream()
        for experience in stream.train_stream[:experiences]:
            run._train(experience)
    return torch.cat([p.detach().flatten().clone() for p in run.model.backbone.parameters()])


def test_every_scheme_trains_otherwise_and_leaves_evaluation_alone(run):
    trunks = {s: trained(run(scheme=s)) for s in SCHEMES}
    for i, a in enumerate(SCHEMES):
        for b in SCHEMES[i + 1 :]:
            assert not torch.equal(trunks[a], trunks[b]), (a, b)
    made = run(scheme="layerdrop")
    trained(made)
    assert made.model.backbone.dropping is None
    right = made.evaluation.correct(0, made.split.test, test=True)
    again = made.evaluation.correct(0, made.split.test, test=True)
    assert all(torch.equal(a.depths, b.depths) for a, b in zip(right, again, strict=True))


def test_the_loss_of_a_step_is_the_schemes(run):
    made = run(scheme="aligned", epochs=1, batch_size=1000)
    rows = torch.cat([made.split.train[0]])
    model = made.model
    model.train()
    images = made.rows.augmented(rows)
    labels = made.split.label(made.data.train_labels[rows], task_incremental=True)
    with torch.no_grad():
        losses = [
            torch.nn.functional.cross_entropy(model.head(f, 0), labels)
            for f in model.backbone.feature_depths(images)
        ]
    trained(made)
    assert made.monitor.loss == [[pytest.approx((losses[1] + 2 * losses[2]).item() / 3, rel=1e-4)]]


@pytest.mark.parametrize("heads", ["each", "one"])
@pytest.mark.parametrize("scheme", ["aligned", "layerskip", "layerdrop"])
def test_a_whole_run_has_every_figure(measure, scheme, heads):
    measured = measure(scheme=scheme, heads=heads, noise={})
    assert all(g.passed for g in measured.guards), [g for g in measured.guards if not g.passed]
    result = measured.result
    assert result.accuracy[1][0] is not None
    assert len(result.depth_accuracy[1][1]) == 3
    assert result.images_seen == measure(heads=heads, noise={}).result.images_seen


@pytest.mark.parametrize(
    "strategy",
    [
        EwcSpec(name="ewc", strength=100.0),
        ReplaySpec(name="replay", memory=30, memory_batch_size=16),
        LwfSpec(name="lwf"),
        JointSpec(name="joint"),
        GdumbSpec(name="gdumb", memory=30),
    ],
    ids=lambda s: s.name,
)
def test_strategies_add_to_the_schemes_loss(run, strategy):
    joint = strategy.name == "joint"

    def weights(strategy, scheme):
        made = run(strategy=strategy, scheme=scheme, epochs=1)
        if not joint:
            return trained(made, 2)
        with preserved_generators():
            made._train(made._stream().train_stream)
        return torch.cat([p.detach().flatten() for p in made.model.backbone.parameters()])

    assert not torch.equal(weights(strategy, "aligned"), weights(strategy, "plain"))
    if not joint:
        assert not torch.equal(weights(strategy, "aligned"), weights(None, "aligned"))


def test_rates_rise_in_the_first_experience_and_stay_in_later_ones(run):
    made = run(scheme="layerskip")
    rates = []
    features = made.model.backbone.feature_depths
    made.model.backbone.feature_depths = lambda x: (
        rates.append(made.model.backbone.dropping.rates[-1]) or features(x)
    )
    trained(made, 2)
    first, second = rates[: len(rates) // 2], rates[len(rates) // 2 :]
    assert first[0] == 0
    assert first == sorted(first)
    assert first[-1] == pytest.approx(0.1)
    assert second == [pytest.approx(0.1)] * len(second)


def test_both_arms_drop_the_same_blocks(run):
    def draws(wiring):
        made = run(scheme="layerdrop", wiring=wiring)
        seen = []
        for block in made.model.backbone.blocks:
            block.register_forward_hook(
                lambda m, *_: seen.append(made.model.backbone.blocks[0] is m)
            )
        trained(made)
        return seen

    assert draws("ac") == draws("residual")
