"""A transfer on a few rows of real digits: what is trained, when it stops, what is cut, what is measured."""

from dataclasses import replace

import msgspec
import pytest
import torch

from acn_bench.backbones import truncate
from acn_bench.benchmarks.run import Run
from acn_bench.benchmarks.transfer import cost, protocol
from acn_bench.benchmarks.transfer.spec import TransferSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.data.split import whole
from acn_bench.evaluation import guards
from acn_bench.families.mixer import MixerSpec
from acn_bench.spec import FactorySpec

CPU = torch.device("cpu")
PROTOCOL = TransferSpec(
    name="tiny", data="digits100", target="digits10", epochs=3, finetune_epochs=2, batch_size=32,
    crop_padding=1, flip=False, probe_penalties=(1e-3,),
)  # fmt: skip
BACKBONE = MixerSpec(
    wiring="ac", depth=2, patch_size=8, width=32, token_width=16, channel_width=64
)  # fmt: skip


@pytest.fixture(scope="module")
def data(few):
    """Five classes of digits100, and all of digits10."""
    return few(images.load("digits100"), 5, 60, 30), few(images.load("digits10"), 10, 40, 20)


def config(*, wiring="ac", seeds=None, backbone=None, **protocol):
    return RunConfig(
        benchmark=msgspec.structs.replace(PROTOCOL, **protocol),
        strategy=None,
        backbone=backbone or msgspec.structs.replace(BACKBONE, wiring=wiring),
        seeds=seeds or Seeds(),
        fingerprint="",
    )


@pytest.fixture(scope="module")
def measure(data):
    known = {}

    def measured(**changes):
        made = config(**changes)
        if made.run_id not in known:
            known[made.run_id] = protocol.measure(Run(made, data, CPU))
        return known[made.run_id]

    return measured


def test_a_run_measures_source_probes_and_fine_tuning_at_every_depth(measure):
    result = measure().result
    for accuracy in (result.source.accuracy, result.probed.accuracy, result.finetuned.accuracy):
        assert len(accuracy.test) == len(accuracy.validation) == 3
    assert len(result.source.held_out) == len(result.source.train_loss) == 3
    assert len(result.finetuned.held_out) == 2
    assert result.source.held_out[-1] == result.source.accuracy.validation[-1]
    assert result.source_rows.train == 270
    assert result.source_rows.validation == 30
    assert result.target_rows.test == 200
    assert (result.source_classes, result.target_classes) == (5, 10)
    assert result.probed.accuracy.test[-1] > 0.2  # chance level: 0.1
    assert result.finetuned.train_loss[-1] < result.finetuned.train_loss[0]


def test_every_guard_passes_and_every_image_is_counted(measure):
    for changes in ({}, {"scheme": "layerskip"}):
        made = measure(**changes)
        assert all(g.passed for g in made.guards), [g for g in made.guards if not g.passed]
        result = made.result
        cuts = 1 if result.cut in (None, 2) else 2
        assert result.images_seen == 3 * 270 + cuts * 2 * 360


def test_the_same_run_twice_is_the_same_to_the_bit(measure, data):
    state = torch.random.get_rng_state()
    torch.manual_seed(1234)
    again = protocol.measure(Run(config(), data, CPU))
    torch.random.set_rng_state(state)
    for name, value in measure().weights.items():
        assert torch.equal(value, again.weights[name]), name
    assert again.result.probed == measure().result.probed


def test_a_run_leaves_the_global_generators_alone(data):
    state = torch.random.get_rng_state()
    protocol.measure(Run(config(epochs=1, finetune_epochs=1), data, CPU))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_an_arm_stops_after_the_first_epoch_that_reaches_the_source_accuracy(measure):
    whole_run = measure().result.source
    wanted = whole_run.held_out[0]
    stopped = measure(source_accuracy=wanted).result.source
    assert stopped.held_out == whole_run.held_out[:1]
    never = measure(source_accuracy=1.0).result.source
    assert never.held_out == whole_run.held_out


def test_the_schemes_and_the_wirings_are_different_trainings(measure):
    losses = [
        measure(**changes).result.source.train_loss
        for changes in ({}, {"scheme": "aligned"}, {"scheme": "layerskip"}, {"wiring": "residual"})
    ]
    assert len({tuple(loss) for loss in losses}) == 4


def test_fine_tuning_is_by_the_loss_of_the_output_unless_it_is_said(measure):
    plain = measure(scheme="aligned").result.finetuned.train_loss
    same = measure(scheme="aligned", finetune_scheme="source").result.finetuned.train_loss
    assert plain != same


def test_all_blocks_kept_is_the_whole_network_once(measure):
    whole_cut = measure(tolerance=0.0).result
    if whole_cut.cut == 2:
        assert whole_cut.finetuned_cut == whole_cut.finetuned
    cut = measure(tolerance=0.99, source_accuracy=0.3).result
    if cut.cut is not None:
        assert cut.cut == 0
        assert len(cut.finetuned_cut.accuracy.test) == 1


def test_the_cut_is_chosen_on_held_out_source_rows_and_its_probe_is_that_of_the_depth(data):
    run = protocol.TransferRun(Run(config(epochs=1), data, CPU))
    model = protocol.one_head(run.config, 5, run.source.rows)
    source = run._train(model, run.source, run._source_training())
    curve = source.accuracy.validation

    def choose(validation):
        accuracy = msgspec.structs.replace(source.accuracy, validation=validation)
        return run._cut(model, msgspec.structs.replace(source, accuracy=accuracy))

    assert len(curve) == 3
    assert choose([0.2, 0.79, 0.8]) == 1  # within a point
    assert choose([0.2, 0.78, 0.8]) == 2
    assert choose([0.2, 0.2, 0.2]) is None  # chance level
    frozen = protocol.RowModel(model.backbone, model.head, run.target.rows)
    rows = run.target.test[:7]
    smaller = protocol.RowModel(truncate(model.backbone, 1), model.head, run.target.rows)
    with torch.inference_mode():
        features = run.evaluation.features(frozen.eval(), rows)
        torch.testing.assert_close(
            features[1:2], run.evaluation.features(smaller.eval(), rows, depths=False)
        )


def test_probing_changes_nothing_of_the_network(data):
    run = protocol.TransferRun(Run(config(), data, CPU))
    model = protocol.one_head(run.config, 5, run.source.rows)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    run._probe(model)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(g.passed for g in run.checks.guards)


def test_both_arms_hold_out_the_same_rows_and_see_them_in_the_same_order(data):
    runs = [protocol.TransferRun(Run(config(wiring=w), data, CPU)) for w in ("ac", "residual")]
    assert torch.equal(runs[0].source.validation, runs[1].source.validation)
    other = protocol.TransferRun(Run(config(seeds=Seeds(data=1)), data, CPU))
    assert not torch.equal(runs[0].source.validation, other.source.validation)
    rows = runs[0].source.train[:8]
    views = [run.source.rows.augmented(rows) for run in runs]
    assert torch.equal(*views)


def test_the_new_head_depends_on_the_seed_of_the_weights_alone(data):
    def head(**seeds):
        run = protocol.TransferRun(Run(config(seeds=Seeds(**seeds)), data, CPU))
        model = protocol.one_head(run.config, 5, run.source.rows)
        return run._with_target_head(model.backbone, model.head).head.weight

    assert torch.equal(head(), head(data=1, order=1, noise=1))
    assert not torch.equal(head(), head(init=1))


def test_a_network_of_a_factory_is_transferred_whole(data, factory):
    made = protocol.measure(
        Run(config(backbone=FactorySpec(factory=factory), epochs=1, finetune_epochs=1), data, CPU)
    )
    result = made.result
    assert result.cut is None
    assert result.finetuned_cut is None
    assert len(result.probed.accuracy.test) == len(result.finetuned.accuracy.test) == 1
    assert all(g.passed for g in made.guards if "batches" not in g.name)


@pytest.mark.parametrize("matched", [True, False])
def test_layerskip_drops_at_its_full_rates_where_the_end_of_the_training_is_open(data, matched):
    accuracy = 0.4 if matched else None
    run = protocol.TransferRun(
        Run(config(scheme="layerskip", epochs=100, source_accuracy=accuracy), data, CPU)
    )
    training = run._source_training()
    early = training.scheme.dropping(2, step=1, total_steps=1000 if training.from_scratch else None)
    assert (early.rates[-1] == training.scheme.max_rate) == matched
    assert early.rates[-1] > 0


def test_too_few_rows_to_hold_any_out_is_told(data, few):
    target = data[1]
    with pytest.raises(ValueError, match="too few to hold out"):
        whole(few(target, 10, 2, 1), config().benchmark.validation, Seeds().data)


def test_a_data_set_of_one_class_is_refused(data):
    alone = replace(data[1], class_names=("0",), train_labels=data[1].train_labels * 0)
    with pytest.raises(ValueError, match=f"{alone.name} has one class"):
        cost.check(config(), [data[0], alone])


def test_test_images_among_the_training_images_are_noticed(data):
    source, target = data
    leaked = replace(source, train_images=torch.cat([source.train_images, target.test_images]))
    assert guards.train_and_test_disjoint([source, target], target).passed
    assert not guards.train_and_test_disjoint([leaked, target], target).passed


def test_several_checks_an_epoch_change_nothing_of_the_training_but_where_it_stops(measure):
    once, often = measure().result.source, measure(checks_per_epoch=3).result.source
    assert len(often.held_out) == 3 * len(once.held_out)
    assert often.held_out[2::3] == once.held_out
    assert often.accuracy == once.accuracy
