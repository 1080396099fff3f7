"""From a run's files to a smaller network: it is what the note says, and nothing is lost on the way."""

import hashlib
import os
import re
import subprocess
import sys

import msgspec
import pytest
import safetensors.torch
import torch
from msgspec.structs import replace
from typer.testing import CliRunner

from acn_bench import backbones, device, records, weights_header
from acn_bench.backbones import build
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.benchmarks.continual.split import split
from acn_bench.cli import app
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.evaluation import throughput
from acn_bench.execution import runner
from acn_bench.execution.job import Placement
from acn_bench.families.mixer import MixerSpec
from acn_bench.record import encode
from acn_bench.run_folder import RunFolder
from acn_bench.spec import FactorySpec
from acn_bench.strategies.naive import NaiveSpec
from acn_bench.truncation import Choice, Cut, rows, truncate, truncate_file

CPU = torch.device("cpu")
BACKBONE = MixerSpec(wiring="ac", depth=3, patch_size=8, width=16, token_width=8, channel_width=16)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.setattr(throughput, "SECONDS", 1e-3)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Makes a task-incremental or a class-incremental run, each once; the folder of its benchmark."""
    made = {}

    def make(heads="each"):
        if heads not in made:
            config = RunConfig(
                benchmark=ContinualSpec(
                    name="tiny", data="digits100", experiences=2, classes_per_experience=2, epochs=1,
                    heads=heads, crop_padding=0, batch_size=16,
                ),
                strategy=NaiveSpec(name="naive"),
                backbone=BACKBONE,
                seeds=Seeds(),
                fingerprint=images.load("digits100").fingerprint,
            )  # fmt: skip
            folder = RunFolder(tmp_path_factory.mktemp(heads) / "tiny")
            runner.run(config, folder, data_root=None, placement=Placement("cpu"))
            made[heads] = folder
        return made[heads]

    return make


@pytest.fixture
def folder(runs, tmp_path):
    """The files of a task-incremental run, as a test may change them."""
    for path in [*runs().records.glob("*.json"), *runs().weights.iterdir()]:
        copy = tmp_path / "tiny" / path.parent.name / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    return RunFolder(tmp_path / "tiny")


def weights(folder):
    (path,) = folder.weights.iterdir()
    return path


def record(folder):
    (path,) = folder.records.glob("*.json")
    return path


def set_curve(folder, curve, changes=None, count=500):
    """Let the record say that every experience ended with this held-out depth curve."""
    saved = records.load(record(folder))
    held = replace(
        saved.result.validation,
        accuracy=[[curve[-1], None], [curve[-1], curve[-1]]],
        depth_accuracy=[[curve, None], [curve, curve]],
        counts=[count, count],
        changes=changes,
        probe_accuracy=None,
    )
    set_validation(folder, held)


def set_validation(folder, held):
    """Let the record say this of the held-out rows."""
    saved = records.load(record(folder))
    result = replace(saved.result, validation=held)
    record(folder).write_bytes(encode(replace(saved, result=result)))


def call(*words):
    return CliRunner().invoke(app, ["truncate", *map(str, words)])


# ---------------------------------------------------------------- what is written


@pytest.mark.parametrize("heads", ["each", "one"])
def test_the_file_that_was_written_has_the_test_accuracy_that_the_note_says(runs, tmp_path, heads):
    folder, out = runs(heads), tmp_path / "small.safetensors"
    digits, config = images.load("digits100"), records.load(record(folder)).config
    parts = split(digits, config.benchmark, config.seeds)
    for k in range(4):
        cut, paths = truncate(weights(folder), out, Choice(depth=k), CPU)
        model = backbones.load(paths[0])
        accuracies = []
        for j, rows_j in enumerate(parts.test):
            x = digits.test_images[rows_j].float() / 255
            with torch.no_grad():
                logits = model(x, j) if heads == "each" else model(x)
            labels = parts.label(digits.test_labels[rows_j], task_incremental=heads == "each")
            accuracies.append((logits.argmax(1) == labels).double().mean().item())
        assert model.depth == cut.blocks.after == k
        assert sum(accuracies) / 2 == pytest.approx(cut.test_accuracy.after)
        assert sum(p.numel() for p in model.parameters()) == cut.parameters.after
    assert cut.test_accuracy.after == cut.test_accuracy.before


def test_its_output_is_that_row_of_every_depth(folder, tmp_path):
    x = torch.rand(5, 3, 32, 32)
    labels = torch.tensor([0, 1, 1, 0, 1])
    whole = backbones.load(weights(folder))
    out = tmp_path / "new" / "small.safetensors"
    truncate(weights(folder), out, Choice(depth=1), CPU)
    with torch.no_grad():
        expected = whole.forward_depths(x, labels)[1]
        torch.testing.assert_close(backbones.load(out)(x, labels), expected)


def test_the_note_says_what_was_cut_from_what(folder, tmp_path):
    set_curve(folder, [0.5, 0.9, 0.94, 0.95])
    out = tmp_path / "small.safetensors"
    cut, paths = truncate(weights(folder), out, Choice(), CPU)
    saved = records.load(record(folder))
    assert paths == [out, tmp_path / "small.json"]
    assert msgspec.json.decode(paths[1].read_bytes(), type=Cut) == cut
    assert cut.sha256 == hashlib.sha256(weights(folder).read_bytes()).hexdigest()
    assert (cut.run_id, cut.checkpoint) == (saved.run_id, weights(folder).name)
    assert (cut.chosen, cut.tolerance, cut.held_out) == ("by tolerance", 0.01, 1000)
    assert (cut.blocks.before, cut.blocks.after) == (3, 2)
    assert (cut.validation_accuracy.before, cut.validation_accuracy.after) == (0.95, 0.94)
    assert (cut.parameters.before, cut.parameters.after) == (
        saved.result.parameters[3], saved.result.parameters[2]
    )  # fmt: skip
    assert (cut.flops.before, cut.flops.after) == (saved.result.flops[3], saved.result.flops[2])
    assert cut.bytes.after == out.stat().st_size < cut.bytes.before
    assert cut.speed.repetitions >= 7
    assert 0 < cut.speed.after.lowest <= cut.speed.after.median <= cut.speed.after.highest
    assert next(row[1:3] for row in rows(cut)) == ("3", "2")


def test_tolerance_test_and_hand_choose(folder, tmp_path):
    set_curve(folder, [0.5, 0.938, 0.944, 0.95], [[450, 0], [17, 5], [8, 2], [0, 0]])

    def saved(choice):
        return truncate(weights(folder), tmp_path / "s.safetensors", choice, CPU)[0].blocks.after

    assert saved(Choice()) == 2
    assert saved(Choice(tolerance=0.02)) == 1
    assert saved(Choice(by_test=True)) == 3  # not shown, by a thousand examples
    assert saved(Choice(tolerance=0.02, by_test=True)) == 2
    assert saved(Choice(depth=0)) == 0
    with pytest.raises(
        ValueError, match="--depth chooses by hand and --tolerance by held-out rows"
    ):
        Choice(tolerance=0.05, depth=3)


def test_the_note_gives_all_three_tolerances_and_both_rules_together(folder, tmp_path):
    set_curve(folder, [0.5, 0.938, 0.944, 0.95], [[450, 0], [17, 5], [8, 2], [0, 0]])
    cut, _ = truncate(weights(folder), tmp_path / "s.safetensors", Choice(depth=1), CPU)
    result = [(e.tolerance, e.by_tolerance, e.by_test) for e in cut.enough]
    # of a thousand examples: not enough to show half a point, or one, and enough to show two
    assert result == [(0.005, 3, 3), (0.01, 2, 3), (0.02, 1, 2)]
    assert "2 at 1 points, 3 by test" in next(
        row[3] for row in rows(cut) if row[0] == "sufficient depth"
    )


def test_the_record_or_a_copy_beside_it_names_the_weights_too(folder, tmp_path):
    set_curve(folder, [0.5, 0.9, 0.94, 0.95])
    out = tmp_path / "small.safetensors"
    assert truncate(record(folder), out, Choice(), CPU)[0].blocks.after == 2
    beside = tmp_path / "copy.safetensors"
    beside.write_bytes(weights(folder).read_bytes())
    beside.with_suffix(".json").write_bytes(record(folder).read_bytes())
    assert truncate(beside, out, Choice(), CPU)[0].blocks.after == 2


def test_a_network_that_no_run_wrote_is_cut_by_hand(tmp_path):
    source, out = tmp_path / "mine.safetensors", tmp_path / "small.safetensors"
    backbones.save(
        build("residual_bert", 3, depth=2, vocab_size=9, max_length=8, width=8, heads=2), source
    )
    cut, _ = truncate(source, out, Choice(depth=1), CPU)
    assert cut.test_accuracy is None
    assert cut.run_id is None
    again, _ = truncate(out, tmp_path / "smaller.safetensors", Choice(depth=0), CPU)
    assert (again.blocks.before, again.blocks.after) == (1, 0)
    assert backbones.load(tmp_path / "smaller.safetensors").depth == 0
    with pytest.raises(LookupError, match="no run's record"):
        truncate(source, out, Choice(), CPU)


def test_what_a_killed_truncation_left_is_removed_by_the_next_one(folder, tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    left = [tmp_path / f".cut.{ending}.{process.pid}.part" for ending in ("json", "safetensors")]
    for path in left:
        path.write_text("{")
    truncate(weights(folder), tmp_path / "cut.safetensors", Choice(depth=1), CPU)
    assert not any(path.exists() for path in left)


def test_speed_is_measured_with_no_more_threads_than_the_container_has_cores(tmp_path, monkeypatch):
    source = tmp_path / "mine.safetensors"
    backbones.save(build("residual_bert", 3, depth=2, vocab_size=9, max_length=8, width=8, heads=2), source)  # fmt: skip
    monkeypatch.setattr(truncate_file, "cores", lambda: 2)
    torch.set_num_threads(4)
    truncate(source, tmp_path / "small.safetensors", Choice(depth=1), CPU)
    assert torch.get_num_threads() == 2


def test_a_bf16_network_is_refused_where_its_speed_would_say_nothing(tmp_path, monkeypatch):
    source = tmp_path / "mine.safetensors"
    network = build("ac_bert", 3, depth=2, vocab_size=9, max_length=8, width=8, heads=2, precision="bf16")  # fmt: skip
    backbones.save(network, source)
    monkeypatch.delenv(device.SLOW_BF16, raising=False)
    monkeypatch.setattr(device, "has_bf16", lambda _: False)
    with pytest.raises(ValueError, match="has no bf16 instructions"):
        truncate(source, tmp_path / "small.safetensors", Choice(depth=1), CPU)
    assert list(tmp_path.iterdir()) == [source]


def test_the_command_prints_the_cut_and_the_paths(folder, tmp_path):
    set_curve(folder, [0.5, 0.9, 0.94, 0.95])
    out = tmp_path / "small.safetensors"
    done = call(weights(folder), "--tolerance", 0.05, "--out", out)
    assert done.exit_code == 0, done.output
    assert "by tolerance 0.05" in done.output
    assert f"backbones.load('{out}')" in done.output
    assert backbones.load(out).depth == 1


def test_without_an_output_path_it_lies_beside_the_weights_and_is_no_runs_weights(folder):
    set_curve(folder, [0.5, 0.9, 0.94, 0.95])
    for path in (weights(folder), record(folder)):
        source = weights(folder)
        done = call(path, "--tolerance", 0.05)
        assert done.exit_code == 0, done.output
        cut = source.with_name(f"{source.stem}-cut.safetensors")
        assert backbones.load(cut).depth == 1
        assert len(records.load_all([folder.folder])) == 1
        assert "there is no run's record" in call(cut).output  # it is what was cut, and no run
        assert not cut.with_name(f"{cut.stem}-cut.safetensors").exists()
        cut.unlink()
        cut.with_suffix(".json").unlink()


# ---------------------------------------------------------------- what a person can mend


def test_a_model_at_chance_level_has_no_depth_to_choose(folder, tmp_path):
    set_curve(folder, [0.5, 0.5, 0.5, 0.5])
    refused(folder, tmp_path, "is not above chance level")


def test_too_few_held_out_examples_show_nothing(folder, tmp_path):
    curve = [90 / 180, 162 / 180, 169 / 180, 171 / 180]
    set_curve(folder, curve, [[162, 0], [18, 0], [4, 0], [0, 0]], count=180)
    refused(folder, tmp_path, "360 held-out examples are too few", "--test")


def test_a_record_from_before_the_counts_has_no_test(folder, tmp_path):
    set_curve(folder, [0.5, 0.9, 0.94, 0.95])
    refused(folder, tmp_path, "remove --test", "--test")


def test_a_missing_record_is_named_and_a_foreign_one_refused(folder, tmp_path):
    saved = records.load(record(folder))
    other = replace(saved.config, seeds=replace(saved.config.seeds, order=9))
    saved = replace(saved, config=other, run_id=other.run_id)
    record(folder).write_bytes(msgspec.json.encode(saved))
    refused(folder, tmp_path, "of another run")
    path = record(folder)
    path.unlink()
    refused(folder, tmp_path, str(path))


def test_a_record_without_depths_cannot_choose(folder, tmp_path):
    held = records.load(record(folder)).result.validation
    set_validation(folder, replace(held, depth_accuracy=None, changes=None))
    refused(folder, tmp_path, "no accuracy by depth")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tolerance", "1"], "from 0 to below 1 (0.01 is one point), not 1"),
        (["--tolerance", "-0.1"], "not -0.1"),
        (["--tolerance", "nan"], "not nan"),
        (["--depth", "4"], "cannot truncate to 4 blocks: the network has 3"),
        (["--depth", "-1"], "cannot truncate to -1 blocks"),
        (["--depth", "1", "--test"], "use only one of them"),
        (["--tolerance", "0", "--test"], "above 0"),
        (["--depth", "1", "--device", "tpu"], "unknown device 'tpu'"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(folder, tmp_path, words, message):
    refused(folder, tmp_path, message, *words)


def refused(folder, tmp_path, message, *words):
    before = sorted(tmp_path.rglob("*"))
    done = call(weights(folder), "--out", tmp_path / "small.safetensors", *words)
    assert done.exit_code == 2, done.output
    assert message in done.output
    assert done.output.count("error:") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_of_another_kind_is_refused_by_name(folder, tmp_path):
    out = ("--out", tmp_path / "small.safetensors", "--depth", 1)
    (tmp_path / "text.safetensors").write_text("no tensors")
    for source, message in {
        tmp_path / "none.safetensors": "there is no file at",
        tmp_path / "none.txt": "neither weights (.safetensors) nor a record (.json)",
        tmp_path / "text.safetensors": "is not a whole safetensors file",
        folder.folder: f"name one file of weights, e.g. {weights(folder)}",
    }.items():
        done = call(source, *out)
        assert done.exit_code == 2
        assert message in done.output


def test_a_factorys_network_has_no_depths_to_cut_at(folder, tmp_path):
    made = weights_header.Header(FactorySpec(factory="nets:Net"), 0).encoded()
    safetensors.torch.save_file({"backbone.w": torch.ones(1)}, weights(folder), made)
    refused(folder, tmp_path, "a network of nets:Net has no depths to truncate at", "--depth", "1")


def test_nothing_else_is_overwritten(folder, tmp_path):
    source = weights(folder)
    other = tmp_path / "notes.json"
    other.write_text("{}")
    done = call(source, "--depth", 1, "--out", tmp_path / "notes.safetensors")
    assert done.exit_code == 2
    assert "notes.json exists" in done.output
    assert other.read_text() == "{}"
    assert "is the network to truncate" in call(source, "--depth", 1, "--out", source).output
    out = tmp_path / "small.safetensors"
    assert call(source, "--depth", 1, "--out", out).exit_code == 0
    assert call(source, "--depth", 2, "--out", out).exit_code == 0  # its own may be replaced
    assert backbones.load(out).depth == 2
    assert "must end in .safetensors" in call(source, "--depth", 1, "--out", tmp_path / "s").output


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(folder, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    done = call(weights(folder), "--depth", 1, "--out", locked / "small.safetensors")
    assert done.exit_code == 2
    assert re.search(r"--out: .*locked cannot be written", done.output)


def test_a_path_below_a_file_cannot_be_written(folder, tmp_path):
    (tmp_path / "file").write_text("")
    done = call(weights(folder), "--depth", 1, "--out", tmp_path / "file" / "small.safetensors")
    assert done.exit_code == 2
    assert "cannot be written" in done.output
