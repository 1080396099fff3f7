"""What a session asks of a kind of benchmark; and the line of a transfer, from command to report."""

import pickle
import shlex

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from acn_bench import catalog, kinds, records
from acn_bench.cli import app
from acn_bench.data import images
from acn_bench.execution import provenance
from acn_bench.plan import Choices, unresolved
from acn_bench.reports import kinds as report_kinds
from acn_bench.reports.figures import _KINDS
from acn_bench.spec import BenchmarkSpec

CARD = """
name = "tiny_transfer"
intent = "Does the line hold?"
citation = "none"

[protocol]
kind = "transfer"
data = "digits10"
target = "digits10"
epochs = 2
source_accuracy = 0.99
finetune_epochs = 1
crop_padding = 0
flip = false
probe_penalties = [1e-2]

[defaults]
backbones = ["ac_mixer", "residual_mixer+aligned"]
seeds = [0]
depth = 1
sizes = { mixer = { patch_size = 8, width = 16, token_width = 8, channel_width = 16 } }

[[claim]]
name = "transfers"
statement = "AC transfers better"
metric = "finetuned_accuracy"
direction = "higher"
against = "residual+aligned"
source = "none"
"""


def test_where_the_target_alone_is_missing_the_advice_is_a_command_that_works(tmp_path):
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    rows = {"data": np.zeros((300, 3072), np.uint8), "fine_labels": [k % 100 for k in range(300)]}
    names = {"fine_label_names": [f"class {k}" for k in range(100)]}
    for file, content in {"train": rows, "test": rows, "meta": names}.items():
        (folder / file).write_bytes(pickle.dumps(content))
    words = ["run", "transfer_cifar", "--data-root", str(tmp_path)]
    missing = CliRunner().invoke(app, words)
    assert missing.exit_code == 2
    assert "CIFAR-10 is not complete" in missing.stderr
    advised = shlex.split(missing.stderr.partition("in its place: acn-bench ")[2])
    assert advised == [*words, "--data", "digits100"]
    tried = CliRunner().invoke(app, [*advised, "--quick", "--dry-run"])
    assert tried.exit_code == 0, tried.output


def test_every_kind_has_its_part_everywhere():
    tags = {t.__struct_config__.tag for t in BenchmarkSpec.__args__}
    for known in (kinds.KINDS, provenance.PROTOCOLS, report_kinds.KINDS, _KINDS):
        assert set(known) == tags


def test_an_edited_protocol_repeats_runs_of_its_kind_alone():
    files = {
        kind: {p.name for p in provenance._imported((module,))}
        for kind, module in provenance.PROTOCOLS.items()
    }
    assert "transfer.py" in files["transfer"] - files["continual"]
    assert "continual.py" in files["continual"] - files["transfer"]


def test_work_grows_with_epochs_on_either_side():
    card = catalog.benchmark("transfer_cifar")
    (config, *_) = unresolved(card, Choices(data="digits100", quick=True)).configs
    data = [images.load(name) for name in config.benchmark.datasets]
    kind = kinds.of(config)
    kind.check(config, data)
    assert kind.classes(config, data) == 100
    assert "digits100 for 6 epochs, or until 40 % held out; then digits10" in kind.sentence(config)

    def work(**changes):
        protocol = msgspec.structs.replace(config.benchmark, **changes)
        return kind.work(msgspec.structs.replace(config, benchmark=protocol), data)

    one = 0.9 * 12_000 + config.transfer.checks_per_epoch * 0.1 * 12_000 / 3
    assert work(epochs=7) - work(epochs=6) == pytest.approx(one)
    assert work(finetune_epochs=4) > work(finetune_epochs=3)


def test_a_transfer_goes_from_command_to_report_and_is_not_run_again(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(CARD)
    command = ["run", str(path), "--out", str(tmp_path / "runs"), "--jobs", "1"]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0, first.output
    assert "residual_mixer:plain  aligned" in first.stdout
    assert "fine-tuned" in first.stdout
    assert "one seed" in first.stdout
    folder = tmp_path / "runs" / "tiny_transfer"
    found = records.load_all([folder])
    assert {r.config.benchmark.scheme for r in found} == {"plain", "aligned"}
    for record in found:
        assert all(g.passed for g in record.provenance.guards), record.provenance.guards
        assert [d.name for d in record.provenance.datasets] == ["digits10", "digits10"]
        weights = (
            folder
            / "weights"
            / f"{records.stem(record.run_id, record.provenance.code)}.safetensors"
        )
        assert weights.is_file()
    assert "residual + aligned" in (folder / "report.html").read_text()
    again = CliRunner().invoke(app, [*command, "--no-report"])
    assert "2 runs, 2 of them finished before" in again.stdout
    cut = CliRunner().invoke(
        app, ["truncate", str(weights), "--out", str(tmp_path / "s.safetensors"), "--depth", "0"]
    )
    assert cut.exit_code == 0, cut.output
