"""A supervised run on a few real digits: what is trained, what is measured, and what is left of it."""

import subprocess
import sys
from dataclasses import replace

import msgspec
import pytest
import safetensors.torch
import torch
from PIL import Image

from acn_bench import backbones, records, tensor_file
from acn_bench.backbones import EarlyExit, add_branches
from acn_bench.backbones.early_exit import entropy
from acn_bench.backbones.weights_file import Header
from acn_bench.benchmarks.run import Run
from acn_bench.benchmarks.supervised import cost, network
from acn_bench.benchmarks.supervised.evaluation import outcomes
from acn_bench.benchmarks.supervised.example import SMALLEST_CARD
from acn_bench.benchmarks.supervised.exits import ExitMeasurement
from acn_bench.benchmarks.supervised.images import RunImages, TrainingRows, cache_folder
from acn_bench.benchmarks.supervised.network import RowDropping
from acn_bench.benchmarks.supervised.protocol import measure
from acn_bench.benchmarks.supervised.recipe import recipe
from acn_bench.benchmarks.supervised.result import validate
from acn_bench.benchmarks.supervised.spec import SupervisedSpec
from acn_bench.benchmarks.supervised.split import split
from acn_bench.benchmarks.supervised.task import ImageTask
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import image_folder, images
from acn_bench.data.image_decoding import DamagedImageError
from acn_bench.evaluation import guards
from acn_bench.families.mixer import MixerSpec
from acn_bench.training.resume import ResumeFile
from acn_bench.training.stopping import Stop

CPU = torch.device("cpu")
BACKBONE = MixerSpec(
    wiring="ac", depth=3, patch_size=8, width=16, token_width=8, channel_width=16
)  # fmt: skip
SPEC = SupervisedSpec(
    name="tiny", data="digits10", epochs=2, batch_size=32, learning_rate=5e-3, schedule="cosine", crop_padding=2,
    flip=False, noise={"gaussian": (0.2,)},
)  # fmt: skip


@pytest.fixture(scope="module")
def digits(few):
    """40 training and 20 test images of each of 5 classes."""
    return few(images.load("digits10"), 5, 40, 20)


@pytest.fixture(scope="module")
def config():
    """Makes a config: `config(seed=1, backbone=…, epochs=…)`."""

    def make(*, seed=0, backbone=BACKBONE, precision="fp32", **settings):
        return RunConfig(
            benchmark=msgspec.structs.replace(SPEC, **settings),
            strategy=None,
            backbone=backbone,
            seeds=Seeds(order=seed, init=seed, data=seed, noise=seed),
            fingerprint="0123456789ab",
            precision=precision,
        )

    return make


@pytest.fixture(scope="module")
def run(config, digits):
    """Makes a run: `run(epochs=3)`."""

    def make(images=None, checkpoint=None, **settings):
        return Run(config(**settings), [images or digits], CPU, checkpoint=checkpoint)

    return make


# ---------------------------------------------------------------- which rows


def test_fewer_classes_are_among_more_and_each_seed_has_an_order_of_its_own(config, digits):
    chosen = {n: split(digits, config(classes=n)).classes[0] for n in (2, 3, 5)}
    assert chosen[3][:2] == chosen[2]
    assert set(chosen[3]) < set(chosen[5]) == set(range(5))
    orders = {tuple(split(digits, config(classes=4, seed=s)).classes[0]) for s in range(4)}
    assert len(orders) > 1
    assert split(digits, config(classes=2, class_order="natural", seed=7)).classes[0] == [0, 1]


def test_labels_number_the_chosen_classes_and_no_other_class_is_tested(config, digits):
    rows = split(digits, config(classes=2))
    for labels, chosen in (
        (digits.train_labels, rows.train[0]),
        (digits.train_labels, rows.validation[0]),
        (digits.test_labels, rows.test[0]),
    ):
        numbered = rows.position[labels[chosen]]
        assert set(numbered.tolist()) == {0, 1}
        assert [rows.classes[0][k] for k in numbered.tolist()] == labels[chosen].tolist()
    assert len(rows.test[0]) == 40


def test_a_few_images_of_each_class_are_drawn_from_rows_that_are_not_held_out(config, digits):
    every, few, first = (
        split(digits, config(**settings))
        for settings in ({}, {"per_class": 7}, {"per_class": 7, "per_class_draw": "first"})
    )
    assert torch.equal(every.validation[0], few.validation[0])
    assert torch.bincount(digits.train_labels[few.train[0]]).tolist() == [7] * 5
    assert torch.isin(few.train[0], every.train[0]).all()
    of_class = every.train[0][digits.train_labels[every.train[0]] == 3]
    assert torch.equal(first.train[0][21:28], of_class[:7])
    assert not torch.equal(few.train[0], first.train[0])


def test_more_classes_or_images_than_there_are_are_refused(config, digits):
    with pytest.raises(ValueError, match=r"classes is 9, and digits10 has 5"):
        split(digits, config(classes=9))
    with pytest.raises(
        ValueError, match=r"per_class is 50, and class 0 of digits10 has 36 training"
    ):
        split(digits, config(per_class=50))


@pytest.mark.parametrize("policy", ["none", "randaugment"])
def test_held_out_images_are_never_mixed_into_training_images(config, digits, policy):
    """CutMix at a share of 1 pastes from the training rows alone: each other row is white here."""
    settings = {"cutmix": 1.0, "crop_padding": 0, "policy": policy, "policy_magnitude": 0}
    spec, rows = config(**settings).benchmark, split(digits, config())
    pixels = torch.full_like(digits.train_images, 255)
    pixels[rows.train[0]] = 0
    images_ = RunImages(replace(digits, train_images=pixels), spec, 0, CPU)
    labels = digits.train_labels[rows.train[0]]
    task = ImageTask(images_, rows.train[0], labels, spec, 5)
    batch = task.batch(torch.arange(task.rows), 0)
    assert batch.inputs[0].max() == 0
    assert (batch.targets.sum(dim=1) - 1).abs().max() < 1e-6
    assert ((batch.targets > 0).sum(dim=1) > 1).any()


def test_photographs_are_trained_on_by_the_same_rows_as_images_in_memory():
    """`TrainingRows` numbers the rows of a folder from 0."""

    class Source:
        labels, damage = torch.arange(9), {7: "broken"}

        def images(self, rows, _):
            return rows.view(-1, 1, 1, 1)

        def readable(self, rows):
            return rows != 7

    trained = TrainingRows(Source(), torch.tensor([2, 7, 8]), torch.tensor([0, 1, 1]))
    assert trained.images(torch.tensor([2, 1]), 0).flatten().tolist() == [8, 7]
    assert trained.readable(torch.tensor([2, 1])).tolist() == [True, False]


# ---------------------------------------------------------------- how it is trained


def test_the_recipe_holds_what_the_released_code_does_otherwise(config):
    made = recipe(config(clip_norm=1.0, clip_scale=65536, warmup_epochs=1.5), rows=100)
    assert made.clip_norm == pytest.approx(1 / 65536)
    assert made.warmup_steps == 6  # of 4 steps an epoch


def test_an_image_drops_the_same_blocks_in_every_batch():
    def drawn(rows):
        return RowDropping((0.0, 0.3, 0.6), seed=1, step=5, rows=rows).draw(len(rows))

    rows = torch.arange(64)
    assert torch.equal(drawn(rows)[:, 10:20], drawn(rows[10:20]))
    assert drawn(rows)[0].all()
    assert 0 < (~drawn(rows)[2]).sum() < 64


def test_micro_batches_change_nothing_but_rounding(run):
    """Dropped blocks and mixed images included."""
    settings = {"drop_path": 0.3, "cutmix": 0.5, "epochs": 1}
    whole, parted = (measure(run(**settings, micro_batch=n)).result.train_loss for n in (None, 8))
    assert whole == pytest.approx(parted, rel=1e-5)


def test_recorded_gradients_change_nothing_that_is_trained(run):
    settings = {"drop_path": 0.3, "cutmix": 0.5}
    plain, recorded = (measure(run(**settings, gradients=g)) for g in (False, True))
    assert all(torch.equal(plain.weights[name], recorded.weights[name]) for name in plain.weights)
    assert [g for g in recorded.guards if not g.passed] == []
    first, last = recorded.result.gradients
    assert first != last
    for norms in (first, last):
        assert norms.full[-1] == pytest.approx(norms.direct[-1])  # no later block mediates
        assert norms.mediated[-1] == 0 < min(norms.mediated[:-1])


def test_weights_do_not_depend_on_the_scheme_and_the_statistics_are_saved(config):
    plain, branched = (
        network.untrained(
            config(scheme=s, branches=(1,), branch_weights=(0.5,), normalisation=n), 5
        )
        for s, n in (("plain", "half"), ("branches", "cifar10"))
    )
    others = branched.state_dict()
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, others[name]) != name.startswith("normalise."), name
    assert others["normalise.mean"].flatten().tolist() == pytest.approx([0.4914, 0.4822, 0.4465])


# ---------------------------------------------------------------- what is left


def assert_equal(one, other):
    """Bit for bit, in all but seconds and memory."""
    for a, b in ((one.weights, other.weights), (one.examples, other.examples)):
        assert list(a) == list(b)
        assert all(torch.equal(a[name], b[name]) for name in a)
    results = [msgspec.to_builtins(m.result) for m in (one, other)]
    for result in results:
        del result["seconds"], result["peak_memory"]
    assert results[0] == results[1]
    assert one.guards == other.guards


@pytest.mark.parametrize(
    "settings",
    [{"ema_decay": 0.9, "evaluate_every": 1}, {"scheme": "layerskip"}, {"gradients": True}],
)
def test_a_run_that_was_stopped_twice_ends_as_if_it_had_not_been(run, tmp_path, settings):
    """In the middle of an epoch, and in the epoch after it: an epoch has 6 steps."""
    settings = {**settings, "cutmix": 0.5, "warmup_epochs": 1}
    expected = measure(run(**settings))
    notes: list[str] = []

    def resumed(steps):
        about = {"run": "run", "code": "abc"}
        file = ResumeFile(tmp_path / "run-abc.safetensors", about, 100.0, notes.append)
        stop, taken = Stop(), []

        def progress(share):
            taken.append(share)
            if len(taken) == steps:
                stop.request()

        return replace(run(checkpoint=file, **settings), progress=progress, stop=stop)

    for steps in (3, 5):
        with pytest.raises(SystemExit):
            measure(resumed(steps))
    assert_equal(measure(resumed(0)), expected)
    assert [note.partition(" at ")[0] for note in notes] == 2 * ["resumed from its checkpoint"]


def test_a_network_is_measured_while_it_is_trained_and_trains_the_same(run):
    plain, curved = measure(run(epochs=5)), measure(run(epochs=5, evaluate_every=2))
    curve = curved.result.curve
    assert [point.epoch for point in curve] == [2, 4, 5]
    assert curve[-1].test == curved.result.test.top1[-1]
    assert curve[-1].validation == curved.result.validation.top1[-1]
    assert (curve[0].test, curve[0].validation) != (curve[-1].test, curve[-1].validation)
    assert all(torch.equal(plain.weights[name], curved.weights[name]) for name in plain.weights)
    assert plain.result.curve == []
    assert plain.guards == curved.guards
    result, spec = curved.result, run(epochs=5, evaluate_every=2).config.benchmark
    validate(result, spec)
    for wrong in (curve[:-1], [*curve[:-1], msgspec.structs.replace(curve[-1], test=10_000)]):
        with pytest.raises(ValueError, match=r"result\.curve"):
            validate(msgspec.structs.replace(result, curve=wrong), spec)


def test_the_weights_of_a_run_are_those_that_it_measured(run, digits, tmp_path):
    """With a moving average and branches; `backbones.load` rebuilds the network, and cuts of it are the record's."""
    settings = {
        "ema_decay": 0.8,
        "scheme": "branches",
        "branches": (1, 2),
        "branch_weights": (0.5, 0.5),
    }
    begun = run(**settings, exit_thresholds=(1.4,))
    output = measure(begun)
    header = Header(begun.config.backbone, 3, "fp32").encoded()
    path = tmp_path / "weights.safetensors"
    path.write_bytes(tensor_file.encoded(output.weights, header))
    loaded = backbones.load(path)
    assert loaded.branches is not None
    with torch.no_grad():
        logits = loaded.forward_depths(digits.test_images / 255)
    result = output.result
    assert outcomes(logits, digits.test_labels).scores == result.test
    assert result.weights == "average"
    assert measure(run(**settings | {"ema_decay": None})).result.test != result.test
    left = EarlyExit(loaded, 1.4, by="branches")(digits.test_images / 255).depth
    assert [int((left == k).sum()) for k in result.exits.depths] == result.exits.counts[0].left
    assert all(guard.passed for guard in output.guards), output.guards
    examples = safetensors.torch.load(tensor_file.encoded(output.examples, {}))
    assert examples["test"].sum(dim=1).tolist() == result.test.top1
    assert examples["test.gaussian.0.2"].shape == (1, 100)


@pytest.mark.parametrize("by", ["head", "branches"])
def test_exits_are_counted_as_early_exit_takes_them(by):
    torch.manual_seed(0)
    net = backbones.from_spec(BACKBONE, 4).eval()
    if by == "branches":
        add_branches(net, (1, 2))
    pixels, labels = torch.rand(60, 3, 32, 32), torch.arange(60) % 4
    with torch.no_grad():
        middle = entropy(net.forward_depths(pixels)[1]).median().item()
        early = ExitMeasurement(net, [0.0, middle, 9.0])
        leaves = early.leaves(early.logits(pixels), labels)
    exits = early.exits(leaves, pixels[:1])
    for counts in exits.counts:
        taken = EarlyExit(net, counts.threshold, by=by)(pixels)
        right = taken.logits.argmax(dim=1) == labels
        for k, depth in enumerate(exits.depths):
            here = taken.depth == depth
            assert (counts.left[k], counts.correct[k]) == (
                int(here.sum()),
                int((here & right).sum()),
            )
    assert exits.counts[0].left[-1] == exits.counts[-1].left[0] == 60
    if by == "head":
        assert 0 < exits.counts[1].left[0] < 60


def test_top5_and_losses_are_those_of_the_logits():
    logits = torch.randn(2, 50, 8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(50) % 8
    made = outcomes(logits, labels)
    expected = torch.nn.functional.cross_entropy(logits[1].double(), labels)
    assert made.scores.loss[1] == pytest.approx(expected.item(), abs=1e-6)
    rank = (logits[0] > logits[0].gather(1, labels[:, None])).sum(dim=1)
    assert torch.equal(made.top5[0], rank < 5)
    assert torch.equal(made.top1[0], rank == 0)
    assert outcomes(torch.zeros(1, 3, 2), torch.tensor([0, 1, 1])).scores.top1 == [1]


# ---------------------------------------------------------------- folders


@pytest.fixture
def folder(tmp_path):
    """Photographs of two classes: 12 of each to train on, 4 to test."""
    draw = torch.Generator().manual_seed(0)
    for side, count in (("train", 12), ("val", 4)):
        for k, name in enumerate(("dark", "light")):
            place = tmp_path / "imagenet" / side / name
            place.mkdir(parents=True)
            for n in range(count):
                pixels = torch.randint(120 * k, 120 * k + 120, (40, 48, 3), generator=draw)
                Image.fromarray(pixels.to(torch.uint8).numpy()).save(place / f"{n}.jpg")
    return tmp_path


def test_photographs_of_any_size_are_trained_on_and_damaged_ones_are_counted(run, folder):
    for length, place in ((200, "train/dark/3.jpg"), (201, "val/light/1.jpg")):
        file = folder / "imagenet" / place  # files that are equal would be found by a guard
        file.write_bytes(file.read_bytes()[:length])
    data = image_folder.load("imagenet", folder)
    settings = {
        "data": "imagenet", "crop": "resized", "image_size": 32, "resized": 36, "validation": 0.25, "epochs": 2,
        "mixup": 0.5,
    }  # fmt: skip
    with pytest.raises(DamagedImageError, match=r"3\.jpg|1\.jpg"):
        measure(run(data, **settings))
    output = measure(run(data, **settings, damaged="skip"))
    result = output.result
    assert result.skipped == 2
    assert result.rows.test == 7
    assert len(output.examples["test.rows"]) == 7
    assert result.rows.train + result.rows.validation in (23, 24)
    assert all(guard.passed for guard in output.guards)


def test_cached_photographs_are_decoded_once_and_tested_alike(run, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("ACN_BENCH_CACHE", str(tmp_path / "cache"))
    data = image_folder.load("imagenet", folder)
    settings = {
        "data": "imagenet",
        "image_size": 32,
        "resized": 36,
        "validation": 0.25,
        "crop": "resized",
    }
    spec = run(data, **settings, cached=True).config.benchmark
    cached, plain = (
        RunImages(data, s, 0, CPU) for s in (spec, msgspec.structs.replace(spec, cached=False))
    )
    rows = torch.arange(8)
    assert torch.equal(cached.test.images(rows, None), plain.test.images(rows, None))
    assert not torch.equal(cached.train.images(rows, 0), plain.train.images(rows, 0))
    for photograph in folder.rglob("*.jpg"):
        photograph.write_bytes(b"")
    assert torch.equal(
        RunImages(data, spec, 0, CPU).train.images(rows, 0), cached.train.images(rows, 0)
    )
    assert cache_folder(images.load("digits10")) is None


PHOTOGRAPHS = {"data": "imagenet", "crop": "resized", "image_size": 32, "resized": 36, "validation": 0.25, "epochs": 2}  # fmt: skip


def test_photographs_that_are_read_ahead_train_the_same_network(run, folder, monkeypatch):
    data = image_folder.load("imagenet", folder)
    settings = {**PHOTOGRAPHS, "batch_size": 4, "mixup": 0.5, "policy": "randaugment"}
    ahead = measure(run(data, **settings))
    monkeypatch.setattr(RunImages, "ahead", 0)
    assert_equal(measure(run(data, **settings)), ahead)


def test_a_test_file_that_is_a_training_file_too_is_found(folder):
    data = image_folder.load("imagenet", folder)
    found = guards.train_and_test_files_disjoint(data.train, data.test)
    assert (found.passed, found.detail) == (True, "0 of 8 test files are among the training files")
    data.test.path(3).write_bytes(data.train.path(17).read_bytes())
    image_folder.load.cache_clear()
    again = image_folder.load("imagenet", folder)
    found = guards.train_and_test_files_disjoint(again.train, again.test)
    assert (found.passed, found.detail) == (False, "1 of 8 test files are among the training files")


def test_the_cache_of_a_plan_is_made_once_and_its_progress_is_counted(run, folder, monkeypatch):
    monkeypatch.setenv("ACN_BENCH_CACHE", str(folder / "cache"))
    data, counted = image_folder.load("imagenet", folder), []
    plain, cached = (run(data, **PHOTOGRAPHS, cached=c).config for c in (False, True))
    for config in (plain, cached, cached):
        cost.prepare(config, [data], lambda done, total: counted.append((done, total)))
    assert counted == [(24, 24), (8, 8)]  # the second time everything is there
    for photograph in (folder / "imagenet").rglob("*.jpg"):
        photograph.write_bytes(b"")
    assert measure(run(data, **PHOTOGRAPHS, cached=True)).result.skipped == 0


@pytest.mark.slow
@pytest.mark.parametrize("wrapping", ["ddp", "fsdp"])
def test_two_processes_measure_what_one_does(tmp_path, wrapping):
    """As many images a step: the same counts, and losses up to the order of sums."""
    card = tmp_path / "card.toml"
    card.write_text(
        SMALLEST_CARD.replace("cutmix", f'wrapping = "{wrapping}"\nevaluate_every = 2\ncutmix', 1)
    )
    results = []
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    for name, command in (("one", [sys.executable]), ("two", launcher)):
        words = [*command, "-m", "acn_bench", "run", str(card), "--no-report", "--jobs", "1"]
        done = subprocess.run(
            [*words, "--out", str(tmp_path / name)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        made = sorted(records.load_all([tmp_path / name]), key=lambda r: r.run_id)
        results.append([record.result for record in made])
    for one, two in zip(*results, strict=True):
        assert one.train_loss == pytest.approx(two.train_loss, rel=1e-5)
        assert (one.test.top1, one.noise[0].top1) == (two.test.top1, two.noise[0].top1)
        assert one.curve == two.curve != []
        assert (one.images_seen, one.rows, one.exits) == (two.images_seen, two.rows, two.exits)
