"""Every strategy is Avalanche's, runs in Avalanche's loop, and acts."""

import pytest
import torch
from avalanche.training.plugins import EWCPlugin, ReplayPlugin, SynapticIntelligencePlugin
from avalanche.training.supervised import JointTraining

from acn_bench.spec import EwcSpec, JointSpec, ReplaySpec, SiSpec
from acn_bench.strategies.chance import generators_kept

SI = SiSpec(name="si", strength=100.0, importance_max=None)
EWC = EwcSpec(name="ewc", strength=100.0)
REPLAY = ReplaySpec(name="replay", memory=30, memory_batch_size=32)


def trained(run, experiences=3):
    """Train on the first experiences, one by one; returns the trunk's weights after each."""
    after = []
    with generators_kept():
        stream = run._stream()
        for experience in stream.train_stream[:experiences]:
            run._train(experience)
            after.append(trunk(run))
    return after


def trunk(run):
    return torch.cat([p.detach().flatten().clone() for p in run.model.backbone.parameters()])


def plugin(run, kind):
    (found,) = (p for p in run.learner.plugins if isinstance(p, kind))
    return found


@pytest.mark.parametrize("spec", [SI, EWC, REPLAY], ids=lambda s: s.name)
def test_it_learns_the_first_experience_as_naive_does_and_the_second_otherwise(small, spec):
    naive, other = trained(small(), 2), trained(small(spec), 2)
    assert torch.equal(naive[0], other[0])
    assert not torch.allclose(naive[1], other[1], atol=1e-4)


def test_si_finds_weights_important_on_the_cpu(small):
    run = small(SI)
    trained(run, 1)
    si = plugin(run, SynapticIntelligencePlugin)
    importance = torch.cat([omega.flatten() for omega in si.importance])
    assert (importance > 0).float().mean() > 0.5
    assert importance.max() > 0.01


def test_the_importance_of_si_is_clipped_to_the_named_maximum(small):
    run = small(SiSpec(name="si", importance_max=1e-3))
    trained(run, 1)
    si = plugin(run, SynapticIntelligencePlugin)
    assert max(omega.max().item() for omega in si.importance) == pytest.approx(1e-3)


@pytest.mark.parametrize(
    "spec",
    [SiSpec(name="si", strength=1e6, importance_max=None), EwcSpec(name="ewc", strength=1e6)],
    ids=lambda s: s.name,
)
def test_a_penalty_of_a_million_holds_the_trunk(small, spec):
    free, held = trained(small(), 2), trained(small(spec), 2)
    assert (held[1] - held[0]).norm() < 0.6 * (free[1] - free[0]).norm()


def test_ewc_keeps_one_quadratic_that_equals_the_sum_over_experiences(small):
    run = small(EWC)
    with generators_kept():
        stream = run._stream()
        ewc = plugin(run, EWCPlugin)
        seen = []
        fisher = ewc.compute_importances
        ewc.compute_importances = lambda *a, **k: seen.append(fisher(*a, **k)) or seen[-1]
        anchors = []
        for experience in stream.train_stream:
            run._train(experience)
            anchors.append({n: p.detach().clone() for n, p in run.model.named_parameters()})
    kept = [(n, p) for n, p in run.model.named_parameters() if not n.startswith("head.")]
    shifted = [p.detach() + 0.01 * torch.sin(torch.arange(p.numel())).view_as(p) for _, p in kept]
    expected = sum(
        (f[n].data.double() * (theta.double() - anchor[n].double()).square()).sum()
        for f, anchor in zip(seen, anchors, strict=True)
        for (n, _), theta in zip(kept, shifted, strict=True)
    )
    found = ewc.constant + sum(
        (a.double() * (theta.double() - m.double()).square()).sum()
        for a, m, theta in zip(ewc.importance, ewc.anchor, shifted, strict=True)
    )
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)


def test_a_replayed_example_changes_the_loss_and_is_counted(small):
    naive, replay = small(), small(REPLAY)
    trained(naive, 2), trained(replay, 2)
    assert replay.watch.loss[0] == naive.watch.loss[0]
    assert replay.watch.loss[1] != naive.watch.loss[1]
    assert replay.watch.images_seen > 1.4 * naive.watch.images_seen
    memory = plugin(replay, ReplayPlugin).storage_policy.buffer
    assert len(memory) == 30


def test_the_memory_is_the_same_for_both_arms(small):
    def memory(wiring):
        run = small(REPLAY, backbone={"wiring": wiring})
        trained(run, 2)
        buffer = plugin(run, ReplayPlugin).storage_policy.buffer
        return [int(buffer[k][0]) for k in range(len(buffer))]

    assert memory("ac") == memory("residual")


def test_joint_sees_every_experience_at_once(small):
    run = small(JointSpec(name="joint"))
    assert isinstance(run.learner, JointTraining)
    rows = set()
    forward = run.model.forward
    run.model.forward = lambda x, t: rows.update(x.tolist()) or forward(x, t)
    result = run.measure().result
    assert rows >= {int(r) for part in run.split.train for r in part}
    assert result.accuracy[0] == [None, None, None]
    assert None not in result.accuracy[-1]


@pytest.mark.parametrize("spec", [SI, EWC, None], ids=["si", "ewc", "naive"])
def test_heads_of_other_experiences_do_not_move(small, spec):
    run = small(spec)
    with generators_kept():
        stream = run._stream()
        for current, experience in enumerate(stream.train_stream):
            before = [h.weight.detach().clone() for h in run.model.head]
            run._train(experience)
            moved = [
                not torch.equal(b, h.weight) for b, h in zip(before, run.model.head, strict=True)
            ]
            assert moved == [head == current for head in range(3)]
