"""Probes of every depth: linearly decodable classes, on rows that the probes were not fitted on."""

import pytest
import torch

from acn_bench.backbones import build
from acn_bench.benchmarks.continual import probing
from acn_bench.evaluation.probing import depth_probes, right
from acn_bench.spec import FactorySpec
from acn_bench.strategies.icarl import IcarlSpec


def test_a_probe_of_each_depth_decodes_what_is_linearly_decodable():
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(400) % 4
    noise = torch.randn(400, 4, generator=draw)
    sure = torch.nn.functional.one_hot(y, 4) * 8 + noise
    features = torch.stack([noise, sure, sure.roll(1, dims=1)])  # any linear code will do
    probes = depth_probes(features[:, :200], y[:200])
    shares = right(probes, features[:, 200:], y[200:]).float().mean(dim=1)
    assert shares[0] < 0.45
    assert shares[1:].tolist() == [1, 1]


def test_a_single_class_is_always_right():
    features, y = torch.rand(2, 5, 3), torch.zeros(5, dtype=torch.long)
    assert right(depth_probes(features, y), features, y).all()


@pytest.mark.parametrize("name", ["densenet_mixer", "residual_vit", "ac_bert"])
def test_it_reads_any_backbone_and_leaves_it_alone(name):
    sizes = {
        "mixer": {"patch_size": 8, "width": 24, "token_width": 12, "channel_width": 32},
        "vit": {"patch_size": 8, "width": 24, "heads": 3},
        "bert": {"vocab_size": 50, "max_length": 16, "width": 24, "heads": 3},
    }
    model = build(name, 5, depth=2, **sizes[name.rpartition("_")[2]]).eval()
    text = name.endswith("bert")
    x = torch.randint(1, 50, (40, 8)) if text else torch.rand(40, 3, 32, 32)
    y = torch.arange(40) % 5
    before = {k: v.clone() for k, v in model.state_dict().items()}
    features = model.feature_depths(x)
    correct = right(depth_probes(features, y), features, y)
    assert correct.shape == (3, 40)
    assert correct[-1].float().mean() > 0.4  # 24 features, 40 examples: nearly by heart
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize(
    ("shape", "labels", "penalty", "message"),
    [
        (
            (2, 5, 3),
            4,
            1e-3,
            r"expected features \(L\+1, N, D\) and labels \(N,\), got \(2, 5, 3\) and",
        ),
        ((5, 3), 5, 1e-3, r"got \(5, 3\)"),
        ((2, 0, 3), 0, 1e-3, r"got \(2, 0, 3\)"),
        ((2, 5, 3), 5, -1.0, "the penalty must be 0 or more, not -1.0"),
    ],
)
def test_what_cannot_be_probed_is_refused(shape, labels, penalty, message):
    with pytest.raises(ValueError, match=message):
        depth_probes(torch.rand(shape), torch.zeros(labels, dtype=torch.long), penalty)


# ---------------------------------------------------------------- in a run


@pytest.mark.parametrize("heads", ["each", "one"])
def test_a_run_records_it_beside_the_head_where_it_is_asked_for(measure, heads):
    changes = {"heads": heads, "noise": {}}
    plain, probed = measure(**changes), measure(**changes, linear_probe=True)
    assert plain.result.probe_accuracy is None
    assert plain.result.validation.probe_accuracy is None
    result = probed.result
    for curves, right_, counts in (
        (result.probe_accuracy, probed.examples["test.probe"], result.test_counts),
        (
            result.validation.probe_accuracy,
            probed.examples["validation.probe"],
            result.validation.counts,
        ),
    ):
        assert [len(curve) for curve in curves] == [3, 3]  # T, and L + 1
        parts = right_.split(counts, dim=1)
        for curve, part in zip(curves, parts, strict=True):
            assert curve == pytest.approx(part.double().mean(dim=1).tolist())
    # nothing else is touched
    assert result.accuracy == plain.result.accuracy
    assert all(torch.equal(a, probed.weights[k]) for k, a in plain.weights.items())
    (guard,) = [g for g in probed.guards if g.name.startswith("the linear probe")]
    assert guard.passed
    # the head forgets the first experience, and a probe can still decode it
    assert sum(c[-1] for c in result.probe_accuracy) > sum(result.accuracy[-1])


def test_probes_are_fitted_on_the_training_rows_of_each_experience_alone(run, monkeypatch):
    made, asked, fitted_on = run(linear_probe=True), [], []
    plain, fit = made.rows.plain, probing.depth_probes
    monkeypatch.setattr(made.rows, "plain", lambda rows: asked.append(rows) or plain(rows))
    monkeypatch.setattr(
        probing, "depth_probes", lambda x, y: fitted_on.append((asked[-1], y)) or fit(x, y)
    )
    probing.Probing(
        made.model.backbone, made.rows, made.data, made.split, task_incremental=True
    ).measure()
    for (rows, labels), train in zip(fitted_on, made.split.train, strict=True):
        assert torch.equal(rows, train)
        assert sorted(set(labels.tolist())) == [0, 1, 2]
    # then the test rows, which come after the training rows, and the held-out rows
    offset = len(made.data.train_labels)
    assert torch.equal(asked[1], made.split.test[0] + offset)
    assert torch.equal(asked[2], made.split.validation[0])


def test_what_predicts_without_a_head_is_probed_too(measure):
    result = measure(
        strategy=IcarlSpec(name="icarl", memory=30),
        heads="one",
        epochs=1,
        noise={},
        linear_probe=True,
    ).result
    assert result.depth_accuracy is None
    assert len(result.probe_accuracy) == 2


def test_a_network_without_depths_has_no_probe(measure, factory):
    backbone = FactorySpec(factory=factory)
    result = measure(backbone=backbone, epochs=1, noise={}, linear_probe=True).result
    assert result.probe_accuracy is None
