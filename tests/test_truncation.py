"""From a run's files to a smaller network: it is what the note says, and nothing is lost on the way."""

import hashlib
import os
import re

import msgspec
import pytest
import torch
from msgspec.structs import replace
from typer.testing import CliRunner

from acn_bench import backbones, records
from acn_bench.backbones import build
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.benchmarks.continual.split import split
from acn_bench.cli import app
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.evaluation import throughput
from acn_bench.execution import runner
from acn_bench.families.mixer import MixerSpec
from acn_bench.run_folder import RunFolder
from acn_bench.spec import FactorySpec
from acn_bench.strategies.naive import NaiveSpec
from acn_bench.truncation import Choice, Cut, rows, truncate

CPU = torch.device("cpu")
BACKBONE = MixerSpec(wiring="ac", depth=3, patch_size=8, width=16, token_width=8, channel_width=16)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.setattr(throughput, "SECONDS", 1e-3)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Makes a run with a head each, or with one head, each once; the folder of its benchmark."""
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
            place = RunFolder(tmp_path_factory.mktemp(heads) / "tiny")
            runner.run(config, place, data_root=None, device=CPU)
            made[heads] = place
        return made[heads]

    return make


@pytest.fixture
def place(runs, tmp_path):
    """The files of a run with a head each, as a test may change them."""
    for path in [*runs().records.glob("*.json"), *runs().weights.iterdir()]:
        copy = tmp_path / "tiny" / path.parent.name / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    return RunFolder(tmp_path / "tiny")


def weights(place):
    (path,) = place.weights.iterdir()
    return path


def record(place):
    (path,) = place.records.glob("*.json")
    return path


def learned(place, curve, changes=None, count=500):
    """Let the record say that every experience ended with this held-out depth curve."""
    kept = records.load(record(place))
    held = replace(
        kept.result.validation,
        depth_accuracy=[[curve, None], [curve, curve]],
        counts=[count, count],
        changes=changes,
    )
    result = replace(kept.result, validation=held)
    record(place).write_bytes(msgspec.json.encode(replace(kept, result=result)))


def call(*words):
    return CliRunner().invoke(app, ["truncate", *map(str, words)])


# ---------------------------------------------------------------- what is written


@pytest.mark.parametrize("heads", ["each", "one"])
def test_the_file_that_was_written_has_the_test_accuracy_that_the_note_says(runs, tmp_path, heads):
    place, out = runs(heads), tmp_path / "small.safetensors"
    digits, config = images.load("digits100"), records.load(record(place)).config
    dealt = split(digits, config.benchmark, config.seeds)
    for k in range(4):
        cut, paths = truncate(weights(place), out, Choice(depth=k), CPU)
        model = backbones.load(paths[0])
        right = []
        for j, mine in enumerate(dealt.test):
            x = digits.test_images[mine].float() / 255
            with torch.no_grad():
                logits = model(x, j) if heads == "each" else model(x)
            said = dealt.label(digits.test_labels[mine], task_incremental=heads == "each")
            right.append((logits.argmax(1) == said).double().mean().item())
        assert model.depth == cut.blocks.after == k
        assert sum(right) / 2 == pytest.approx(cut.test_accuracy.after)
        assert sum(p.numel() for p in model.parameters()) == cut.parameters.after
    assert cut.test_accuracy.after == cut.test_accuracy.before


def test_its_output_is_that_row_of_every_depth(place, tmp_path):
    x = torch.rand(5, 3, 32, 32)
    labels = torch.tensor([0, 1, 1, 0, 1])
    whole = backbones.load(weights(place))
    out = tmp_path / "new" / "small.safetensors"
    truncate(weights(place), out, Choice(depth=1), CPU)
    with torch.no_grad():
        expected = whole.forward_depths(x, labels)[1]
        torch.testing.assert_close(backbones.load(out)(x, labels), expected)


def test_the_note_says_what_was_cut_from_what(place, tmp_path):
    learned(place, [0.5, 0.9, 0.94, 0.95])
    out = tmp_path / "small.safetensors"
    cut, paths = truncate(weights(place), out, Choice(), CPU)
    kept = records.load(record(place))
    assert paths == [out, tmp_path / "small.json"]
    assert msgspec.json.decode(paths[1].read_bytes(), type=Cut) == cut
    assert cut.sha256 == hashlib.sha256(weights(place).read_bytes()).hexdigest()
    assert (cut.run_id, cut.checkpoint) == (kept.run_id, weights(place).name)
    assert (cut.chosen, cut.tolerance, cut.held_out) == ("by tolerance", 0.01, 1000)
    assert (cut.blocks.before, cut.blocks.after) == (3, 2)
    assert (cut.validation_accuracy.before, cut.validation_accuracy.after) == (0.95, 0.94)
    assert (cut.parameters.before, cut.parameters.after) == (
        kept.result.parameters[3], kept.result.parameters[2]
    )  # fmt: skip
    assert (cut.flops.before, cut.flops.after) == (kept.result.flops[3], kept.result.flops[2])
    assert cut.bytes.after == out.stat().st_size < cut.bytes.before
    assert cut.speed.repetitions >= 7
    assert 0 < cut.speed.after.lowest <= cut.speed.after.median <= cut.speed.after.highest
    assert next(row[1:3] for row in rows(cut)) == ("3", "2")


def test_tolerance_test_and_hand_choose(place, tmp_path):
    learned(place, [0.5, 0.938, 0.944, 0.95], [[450, 0], [17, 5], [8, 2], [0, 0]])

    def kept(choice):
        return truncate(weights(place), tmp_path / "s.safetensors", choice, CPU)[0].blocks.after

    assert kept(Choice()) == 2
    assert kept(Choice(tolerance=0.02)) == 1
    assert kept(Choice(by_test=True)) == 3  # not shown, by a thousand examples
    assert kept(Choice(tolerance=0.02, by_test=True)) == 2
    assert kept(Choice(depth=0)) == 0
    with pytest.raises(
        ValueError, match="--depth chooses by hand and --tolerance by held-out rows"
    ):
        Choice(tolerance=0.05, depth=3)


def test_the_note_tells_all_three_tolerances_and_both_rules_together(place, tmp_path):
    learned(place, [0.5, 0.938, 0.944, 0.95], [[450, 0], [17, 5], [8, 2], [0, 0]])
    cut, _ = truncate(weights(place), tmp_path / "s.safetensors", Choice(depth=1), CPU)
    found = [(e.tolerance, e.by_tolerance, e.by_test) for e in cut.enough]
    # of a thousand examples: not enough to show half a point, or one, and enough to show two
    assert found == [(0.005, 3, 3), (0.01, 2, 3), (0.02, 1, 2)]
    assert "2 at 1 points, 3 by test" in next(row[3] for row in rows(cut) if "enough" in row[0])


def test_the_record_or_a_copy_beside_it_names_the_weights_too(place, tmp_path):
    learned(place, [0.5, 0.9, 0.94, 0.95])
    out = tmp_path / "small.safetensors"
    assert truncate(record(place), out, Choice(), CPU)[0].blocks.after == 2
    beside = tmp_path / "copy.safetensors"
    beside.write_bytes(weights(place).read_bytes())
    beside.with_suffix(".json").write_bytes(record(place).read_bytes())
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


def test_the_command_prints_the_cut_and_the_paths(place, tmp_path):
    learned(place, [0.5, 0.9, 0.94, 0.95])
    out = tmp_path / "small.safetensors"
    done = call(weights(place), "--tolerance", 0.05, "--out", out)
    assert done.exit_code == 0, done.output
    assert "by tolerance 0.05" in done.output
    assert f"backbones.load('{out}')" in done.output
    assert backbones.load(out).depth == 1


def test_without_a_place_it_lies_beside_the_weights_and_is_no_runs_weights(place):
    learned(place, [0.5, 0.9, 0.94, 0.95])
    for path in (weights(place), record(place)):
        source = weights(place)
        done = call(path, "--tolerance", 0.05)
        assert done.exit_code == 0, done.output
        cut = source.with_name(f"{source.stem}-cut.safetensors")
        assert backbones.load(cut).depth == 1
        assert len(records.load_all([place.folder])) == 1
        assert "there is no run's record" in call(cut).output  # it is what was cut, and no run
        assert not cut.with_name(f"{cut.stem}-cut.safetensors").exists()
        cut.unlink()
        cut.with_suffix(".json").unlink()


# ---------------------------------------------------------------- what a person can mend


def test_a_model_that_guesses_has_no_depth_to_choose(place, tmp_path):
    learned(place, [0.5, 0.5, 0.5, 0.5])
    refused(place, tmp_path, "is not above guessing")


def test_too_few_held_out_examples_show_nothing(place, tmp_path):
    learned(place, [0.5, 0.9, 0.94, 0.95], [[0, 0]] * 4, count=180)
    refused(place, tmp_path, "360 held-out examples are too few", "--test")


def test_a_record_from_before_the_counts_has_no_test(place, tmp_path):
    learned(place, [0.5, 0.9, 0.94, 0.95])
    refused(place, tmp_path, "leave it out", "--test")


def test_a_missing_record_is_named_and_a_foreign_one_refused(place, tmp_path):
    kept = records.load(record(place))
    other = replace(kept.config, seeds=replace(kept.config.seeds, order=9))
    kept = replace(kept, config=other, run_id=other.run_id)
    record(place).write_bytes(msgspec.json.encode(kept))
    refused(place, tmp_path, "of another run")
    path = record(place)
    path.unlink()
    refused(place, tmp_path, str(path))


def test_a_record_without_depths_cannot_choose(place, tmp_path):
    kept = records.load(record(place))
    held = replace(kept.result.validation, depth_accuracy=None)
    kept = replace(kept, result=replace(kept.result, validation=held))
    record(place).write_bytes(msgspec.json.encode(kept))
    refused(place, tmp_path, "no accuracy by depth")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tolerance", "1"], "from 0 to below 1 (0.01 is one point), not 1"),
        (["--tolerance", "-0.1"], "not -0.1"),
        (["--tolerance", "nan"], "not nan"),
        (["--depth", "4"], "cannot truncate to 4 blocks: the network has 3"),
        (["--depth", "-1"], "cannot truncate to -1 blocks"),
        (["--depth", "1", "--test"], "take one of them"),
        (["--tolerance", "0", "--test"], "above 0"),
        (["--depth", "1", "--device", "tpu"], "unknown device 'tpu'"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(place, tmp_path, words, message):
    refused(place, tmp_path, message, *words)


def refused(place, tmp_path, message, *words):
    before = sorted(tmp_path.rglob("*"))
    done = call(weights(place), "--out", tmp_path / "small.safetensors", *words)
    assert done.exit_code == 2, done.output
    assert message in done.output
    assert done.output.count("error:") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_of_another_kind_is_refused_by_name(place, tmp_path):
    out = ("--out", tmp_path / "small.safetensors", "--depth", 1)
    (tmp_path / "text.safetensors").write_text("no tensors")
    for source, message in {
        tmp_path / "none.safetensors": "there is no file at",
        tmp_path / "none.txt": "neither weights (.safetensors) nor a record (.json)",
        tmp_path / "text.safetensors": "is not a whole safetensors file",
        place.folder: f"name one file of weights, e.g. {weights(place)}",
    }.items():
        done = call(source, *out)
        assert done.exit_code == 2
        assert message in done.output


def test_a_factorys_network_has_no_depths_to_cut_at(place, tmp_path):
    made = backbones.checkpoint.Header(FactorySpec(factory="nets:Net"), 0).encoded()
    backbones.checkpoint.safetensors.torch.save_file(
        {"backbone.w": torch.ones(1)}, weights(place), made
    )
    refused(place, tmp_path, "a network of nets:Net has no depths to cut at", "--depth", "1")


def test_nothing_else_is_overwritten(place, tmp_path):
    source = weights(place)
    other = tmp_path / "notes.json"
    other.write_text("{}")
    done = call(source, "--depth", 1, "--out", tmp_path / "notes.safetensors")
    assert done.exit_code == 2
    assert "notes.json is there already" in done.output
    assert other.read_text() == "{}"
    assert "is the network that is to be cut" in call(source, "--depth", 1, "--out", source).output
    out = tmp_path / "small.safetensors"
    assert call(source, "--depth", 1, "--out", out).exit_code == 0
    assert call(source, "--depth", 2, "--out", out).exit_code == 0  # its own may be replaced
    assert backbones.load(out).depth == 2
    assert "must end in .safetensors" in call(source, "--depth", 1, "--out", tmp_path / "s").output


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(place, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    done = call(weights(place), "--depth", 1, "--out", locked / "small.safetensors")
    assert done.exit_code == 2
    assert re.search(r"--out: .*locked cannot be written", done.output)


def test_a_place_below_a_file_cannot_be_written(place, tmp_path):
    (tmp_path / "file").write_text("")
    done = call(weights(place), "--depth", 1, "--out", tmp_path / "file" / "small.safetensors")
    assert done.exit_code == 2
    assert "cannot be written" in done.output
