"""The line, from command to report: real processes, embedded data, no network."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
import torch
from typer.testing import CliRunner

from acn_bench import device, records, run_folder
from acn_bench.cli import app
from acn_bench.execution import runner

CARD = """
name = "tiny"
intent = "Does the line [hold]?"
citation = "none"

[protocol]
kind = "continual"
data = "digits100"
experiences = 2
classes_per_experience = 2
epochs = 1
crop_padding = 0
noise = { gaussian = [0.2] }

[defaults]
backbones = ["ac_mixer", "residual_mixer"]
strategies = ["naive"]
seeds = [0]
depth = 1
"""
CLAIM = """
[[claim]]
name = "c"
statement = "of a metric that transfers have, and streams have not"
metric = "cut_depth"
direction = "lower"
source = "none"
"""
NET = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self, num_classes):
        super().__init__(nn.AvgPool2d(8), nn.Flatten())
        self.head = nn.Linear(48, num_classes)
"""
SMALL = [f"--set={size}" for size in ("patch_size=8", "width=16", "token_width=8", "channel_width=16")]  # fmt: skip


@pytest.fixture
def card(tmp_path):
    """A card of seconds, outside the repository."""
    path = tmp_path / "tiny.toml"
    path.write_text(CARD)
    return path


def call(*words):
    """A command in this process (its workers are others): exit code and what it printed."""
    return CliRunner().invoke(app, [str(word) for word in words])


def stamps(folder):
    """Every record, its outcomes and its weights, and when each was written."""
    return {p: p.stat().st_mtime_ns for kind in ("records", "weights") for p in (folder / kind).iterdir()}  # fmt: skip


def files(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file())


# ---------------------------------------------------------------- from command to report


@pytest.fixture(scope="module")
def line(tmp_path_factory, quick_workers):
    """A command, and what it left."""
    folder = tmp_path_factory.mktemp("line")
    card = folder / "tiny.toml"
    card.write_text(CARD)
    command = ["run", card, "--out", folder / "runs", "--jobs", "1", *SMALL]
    first = call(*command)
    return SimpleNamespace(
        card=card, command=command, first=first, folder=folder / "runs" / "tiny", parent=folder
    )


def test_a_command_ends_in_a_table_and_a_report(line):
    assert line.first.exit_code == 0, line.first.output
    assert line.first.stderr == ""
    assert "Does the line [hold]?" in line.first.stdout
    assert "2 runs: 0 finished, 2 to do in about" in line.first.stdout
    assert "[2/2] naive residual_mixer:plain d1 seed 0" in line.first.stdout
    assert "Forgetting" in line.first.stdout
    assert f"report   {line.folder / 'report.html'}" in line.first.stdout
    page = (line.folder / "report.html").read_text()
    assert "ac_mixer" in page
    assert (line.folder / "card.toml").read_text() == CARD


def test_each_run_left_a_record_its_outcomes_and_its_weights(line):
    result = records.load_all([line.folder])
    stems = {records.stem(r.run_id, r.provenance.code) for r in result}
    assert len(stems) == 2
    assert {p.stem for p in (line.folder / "weights").iterdir()} == stems
    assert {p.stem for p in (line.folder / "records").glob("*.safetensors")} == stems
    assert {r.config.backbone.wiring for r in result} == {"ac", "residual"}
    assert not [p for p in files(line.folder) if p.name.endswith(".part")]
    for record in result:
        assert not record.provenance.comparable
        assert all(guard.passed for guard in record.provenance.guards)


def test_the_same_command_again_repeats_nothing(line):
    before = stamps(line.folder), files(line.folder)
    again = call(*line.command)
    assert again.exit_code == 0, again.output
    assert "2 runs: 2 finished, 0 to do" in again.stdout
    assert (stamps(line.folder), files(line.folder)) == before
    table = line.first.stdout[line.first.stdout.index("naive · ") :]
    assert again.stdout.endswith(table)


def test_a_dry_run_writes_nothing(line):
    dry = call(
        "run", line.card, "--out", line.parent / "dry", "--dry-run", "--seeds", "0-4", *SMALL
    )
    assert dry.exit_code == 0, dry.output
    assert "10 runs: 0 finished, 10 to do in about" in dry.stdout
    assert not (line.parent / "dry").exists()


def test_runs_that_differ_in_a_setting_alone_can_be_told_apart(line):
    budgets = ["--set", "budget=epochs,images,2s", "--seeds", "0,1", "--dry-run"]
    dry = call("run", line.card, "--out", line.parent / "dry", *budgets, *SMALL)
    rows = [text.split() for text in dry.stdout.splitlines() if text.startswith("naive")]
    assert [row[1:] for row in rows] == [
        [f"{wiring}_mixer:plain", "1", "equal", *budget, "0,", "1", "2"]
        for budget in (["epochs"], ["images"], ["seconds", "(2", "s)"])
        for wiring in ("ac", "residual")
    ]
    assert "task-incremental, 1 epoch, batch 64" in dry.stdout
    assert (
        "or         2 experiences of 2 classes, task-incremental, 2 s each, batch 64" in dry.stdout
    )


def test_a_plan_names_the_run_that_resumes_from_a_checkpoint(line):
    record, *_ = records.load_all([line.folder])
    folder = run_folder.RunFolder(line.parent / "begun" / "tiny")
    runner.checkpoint(record.config, folder, torch.device("cpu")).save(dict, 0.63, always=True)
    dry = call("run", line.card, "--out", line.parent / "begun", "--dry-run", "--jobs", "1", *SMALL)
    arm = record.config.backbone.name
    assert f"resumes    naive {arm} d1 seed 0 from its checkpoint at 63 %" in dry.stdout
    assert dry.stdout.count("resumes") == 1
    assert "2 runs: 0 finished, 2 to do in about" in dry.stdout


@pytest.mark.parametrize("option", ["--attack=linf", "--epsilon=4/255"])
def test_an_attack_on_a_benchmark_without_attacks_names_one_that_has_them(option):
    refused = call("run", "split_cifar100", option)
    assert refused.exit_code != 0
    sentence = (
        f"{option.partition('=')[0]} is of robustness benchmarks, and split_cifar100 is not one"
    )
    assert f"{sentence}: try noise_cifar10" in " ".join(refused.output.split())


def test_bf16_is_refused_at_once_where_it_is_slow_and_planned_where_it_is_asked_for(card, monkeypatch):  # fmt: skip
    monkeypatch.delenv(device.SLOW_BF16, raising=False)
    monkeypatch.setattr(device, "has_bf16", lambda _: False)
    words = ["run", card, "--dry-run", "--set", "precision=bf16", *SMALL]
    refused = call(*words)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "set ACN_BENCH_SLOW_BF16=1 to compute in bf16 anyway" in refused.stderr
    assert "measuring" not in refused.stdout
    monkeypatch.setenv(device.SLOW_BF16, "1")
    planned = call(*words)
    assert planned.exit_code == 0, planned.output
    assert "measuring the speed of 2 networks: 10 s at most" in planned.stdout
    assert "1 run at a time, bf16" in planned.stdout or "2 runs at a time, bf16" in planned.stdout


def test_a_report_can_be_made_of_a_folder_in_any_format(line):
    made = call(
        "report", line.folder.parent, "--format", "md,csv,latex", "--out", line.parent / "r"
    )
    assert made.exit_code == 0, made.output
    assert made.stdout.split() == [str(line.parent / "r" / f"report{e}") for e in (".md", ".csv", "_tables.csv", ".tex")]  # fmt: skip
    assert "Forgetting" in (line.parent / "r" / "report.md").read_text()
    assert not (line.parent / "r" / "report.html").exists()


def test_again_adds_a_record_and_a_diverged_run_costs_nothing_but_itself(line):
    """One command: one run that has a record is made again, one ends with a loss that is no number."""
    before = stamps(line.folder)
    page = (line.folder / "report.html").stat().st_mtime_ns
    result = call(
        *line.command, "--again", "--backbones", "ac_mixer", "--set", "learning_rate=1e-3,1e30",
        "--no-report",
    )  # fmt: skip
    assert result.exit_code == 1, result.output
    (message,) = result.stderr.splitlines()
    assert message.startswith("error: 1 of 2 runs failed, the others are saved; naive ac_mixer")
    assert "the training loss became nan in experience 0, epoch 0" in message
    assert "Traceback" not in result.output
    after = stamps(line.folder)
    assert all(after[path] == when for path, when in before.items())
    new = sorted(path.name for path in set(after) - set(before))
    assert [name.partition("-d1-s0-")[2].partition(".")[2] for name in new] == [
        "2.json", "2.safetensors", "2.safetensors"
    ]  # fmt: skip
    assert (line.folder / "report.html").stat().st_mtime_ns == page
    (trace,) = (line.folder / "failures").iterdir()
    assert message.endswith(f"(trace: {trace})")
    values = records.load_all([line.folder])
    assert len(values) == 2
    newest = max(r.provenance.time for r in values)
    (again,) = (p for p in (line.folder / "records").glob("*.2.json"))
    assert records.load(again).provenance.time == newest
    assert records.load(again) in values


# ---------------------------------------------------------------- several commands, and their deaths


ENVIRONMENT = os.environ | {"ACN_BENCH_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def start(folder, *words, script=False):
    """A command of its own, as from a terminal."""
    program = [str(Path(sys.executable).with_name("acn-bench"))]
    if not script or not Path(program[0]).exists():
        program = [sys.executable, "-m", "acn_bench"]
    return subprocess.Popen(
        [*program, *words],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a shell's background job ignores it, and so would all that it starts
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for(condition, command=None, seconds=240):  # for a busy machine
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        assert command is None or command.poll() is None, command.communicate()
        time.sleep(0.02)


def descendants(pid):
    """The processes that this one started, and those that they started."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended
            parents[int(path.parent.name)] = int(_after_name(path).split()[1])
    children = [child for child, parent in parents.items() if parent == pid]
    return children + [below for child in children for below in descendants(child)]


def is_running(pid):
    """Whether the process exists, and is more than an entry that nobody has asked for."""
    with suppress(OSError):
        return _after_name(Path(f"/proc/{pid}/stat")).split()[0] != "Z"
    return False


def _after_name(stat):
    return stat.read_text().rpartition(")")[2]


WITHOUT_AVALANCHE = """
name = "tiny"
intent = "Do several commands share a plan?"
citation = "none"

[protocol]
kind = "robustness"
data = "digits10"
epochs = 10
crop_padding = 0
flip = false
noise = { gaussian = [0.2] }
corruptions = []

[defaults]
backbones = ["ac_mixer", "residual_mixer"]
seeds = [0]
depth = 1
"""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """Three commands share one plan: one is killed, two run to the end."""
    folder = tmp_path_factory.mktemp("crowd")
    (folder / "tiny.toml").write_text(WITHOUT_AVALANCHE)  # whose workers start three times as fast
    (folder / "anybodys.py").write_text(NET)
    words = ["run", "tiny.toml", "--jobs=1", "--backbones=ac_mixer,anybodys:Net", "--seeds=0-3",
             *SMALL]  # fmt: skip
    tiny = folder / "runs" / "tiny"
    commands = [start(folder, *words, script=True) for _ in range(3)]
    killed, *others = commands
    try:
        wait_for(lambda: list(tiny.glob("records/*.json")), killed)
        time.sleep(0.17)
        workers = descendants(killed.pid)
        killed.kill()
        whole = [json.loads(p.read_bytes()) for p in tiny.glob("records/*.json")]
    finally:
        outputs = [c.communicate(timeout=240) for c in commands]
    return SimpleNamespace(
        folder=tiny, killed=killed, workers=workers, others=others, outputs=outputs[1:], whole=whole
    )


def test_what_lies_there_when_a_command_is_killed_is_whole(crowd):
    assert crowd.killed.returncode == -signal.SIGKILL
    assert crowd.whole
    assert {record["schema"] for record in crowd.whole} == {records.SCHEMA}


def test_the_worker_of_a_killed_command_has_ended(crowd):
    assert crowd.workers
    assert not any(map(is_running, crowd.workers))


def test_commands_share_a_plan_and_end_with_the_same_table(crowd):
    assert [c.returncode for c in crowd.others] == [0, 0], crowd.outputs
    tables = []
    for stdout, stderr in crowd.outputs:
        assert stderr == ""
        assert "[8/8]" in stdout
        tables.append(stdout[stdout.index("[8/8]") :].partition("\n")[2])
    assert "Clean accuracy" in tables[0]
    assert tables[0] == tables[1]


def test_each_run_was_made_once(crowd):
    names = [p.name for p in crowd.folder.glob("records/*.json")]
    assert len(names) == 8
    assert not [name for name in names if name.endswith(".2.json")]
    assert len(records.load_all([crowd.folder])) == 8
    made = [
        stdout.count(" seed ") - stdout.count("by another command") for stdout, _ in crowd.outputs
    ]
    assert sum(made) <= 8  # the rest by the one that was killed


def test_nothing_half_written_is_left_that_looks_whole(crowd):
    stems = {p.stem for p in crowd.folder.glob("records/*.json")}
    assert {p.stem for p in crowd.folder.glob("weights/*.safetensors")} == stems
    assert {p.stem for p in crowd.folder.glob("records/*.safetensors")} == stems
    for record in records.load_all([crowd.folder]):
        assert record.result.train_loss[9] > 0


def test_anybodys_network_is_found_beside_the_command(crowd):
    runs = [r for r in records.load_all([crowd.folder]) if r.config.backbone.name == "anybodys:Net"]
    assert len(runs) == 4
    assert {len(r.config.backbone.source) for r in runs} == {8}
    assert all(len(r.result.clean.accuracy) == 1 for r in runs)  # at full depth alone


LONG = ("run", "tiny.toml", "--seeds=0-1", "--jobs=2", "--set=epochs=2000", *SMALL)


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "the command is read"),
        (signal.SIGINT, "torch is imported"),
        (signal.SIGTERM, "workers work"),
    ],
)
def test_a_signal_is_one_line_and_its_code_and_leaves_no_worker(card, number, moment):
    command = start(card.parent, *LONG, script=moment == "workers work")
    libraries = Path(f"/proc/{command.pid}/maps")
    if moment == "workers work":
        wait_for(lambda: len(list(card.parent.glob("runs/tiny/locks/*.lock"))) == 2, command)
    else:  # a library that comes early, or late, tells how far the process is
        library = {"the command is read": "msgspec", "torch is imported": "libtorch_cpu"}[moment]
        wait_for(lambda: library in libraries.read_text(), command)
    workers = descendants(command.pid)
    if number == signal.SIGINT:
        os.killpg(command.pid, number)  # as a terminal does: its workers hear it, too
    else:
        command.send_signal(number)
    _, stderr = command.communicate(timeout=60)
    assert command.returncode == 128 + number, stderr
    what = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}[number]
    assert stderr.splitlines() == [
        f"{what}: finished runs are saved; run the same command again to resume"
    ]
    assert len(workers) >= 2 * (moment == "workers work")
    wait_for(lambda: not any(map(is_running, workers)))
    assert not list(card.parent.rglob("records/*.json"))


# ---------------------------------------------------------------- records from several machines

PUBLISHED = Path(__file__).parent.parent / "reports" / "2026-11-23-split-cifar100-subset"


def test_records_of_several_machines_merge_into_the_report_of_all(tmp_path):
    everything = records.load_all([PUBLISHED])
    for record in everything:
        records.save(record, tmp_path / "ABC"[record.config.seeds.order] / "records")
    parts = [tmp_path / machine for machine in "CAB"]

    merged = call("report", *parts, "--out", tmp_path / "merged", "--format", "csv,md")
    whole = call("report", PUBLISHED, "--out", tmp_path / "whole", "--format", "csv,md")

    assert (merged.exit_code, whole.exit_code) == (0, 0)
    for name in ("report.csv", "report.md"):
        assert (tmp_path / "merged" / name).read_text() == (tmp_path / "whole" / name).read_text()
    assert "(n = 2)" not in (tmp_path / "merged" / "report.md").read_text()


def test_a_run_that_two_machines_made_counts_once_and_is_named(tmp_path):
    record = records.load_all([PUBLISHED])[0]
    later = msgspec.structs.replace(
        record.provenance, time="2027-01-01T00:00:00+00:00", device="m2"
    )
    seconds = msgspec.structs.replace(record.result.seconds, train=1.0)
    other = msgspec.structs.replace(
        record, provenance=later, result=msgspec.structs.replace(record.result, seconds=seconds)
    )
    records.save(record, tmp_path / "A" / "records")
    records.save(other, tmp_path / "B" / "records")

    counted = set()
    for order in ("A", "B"), ("B", "A"):
        folders = [tmp_path / machine for machine in order]
        done = call("report", *folders, "--out", tmp_path / "out", "--format", "csv,md")
        assert done.exit_code == 0
        (line,) = [
            words
            for words in (tmp_path / "out" / "report.csv").read_text().splitlines()
            if ",seconds," in words
        ]
        counted.add(line)
        text = (tmp_path / "out" / "report.md").read_text()
        assert "1 run was made more than once" in text
        assert "one record of each counts, and accuracies are the same" in text
    assert len(counted) == 1  # by no clock, and in any order the same one


# ---------------------------------------------------------------- names


def test_every_backbone_is_listed_in_words_and_for_programs():
    from acn_bench.families.names import BACKBONES, variants

    words = " ".join(call("list", "backbones").output.split())
    listed = json.loads(call("list", "backbones", "--json").output)["backbones"]
    assert list(listed) == list(BACKBONES)
    for name in BACKBONES:
        assert f"{name} {listed[name]}" in words
        assert listed[name].endswith(f"({', '.join(variants(name))})")


def test_every_metric_is_listed_with_its_formula_and_who_prints_it():
    words = " ".join(call("list", "metrics").output.split())
    listed = json.loads(call("list", "metrics", "--json").output)["metrics"]

    assert "R[j][j] − R[T−1][j]" in words  # brackets are no markup
    assert "printed by Avalanche (StreamForgetting)" in listed["forgetting"]
    assert {"forgetting_max", "intransigence", "utilised_depth", "seconds"} <= set(listed)


# ---------------------------------------------------------------- what the user can mend


EXITS = """
import sys
from torch import nn

def make(num_classes):
    sys.exit()

class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.head = nn.Linear(3072, num_classes)

    def forward(self, x):
        sys.exit(0)

def data():
    sys.exit(0)
"""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--backbones", "exits_at_once:Net"], "there is no backbone factory 'exits_at_once:Net' (pkg.module:function): SystemExit: 0"),
        (["--backbones", "exits_later:make"], "exits_later:make failed with num_classes=2: SystemExit"),
        (["--backbones", "exits_later:Net"], "exits_later:Net: SystemExit: 0"),
        (["--data", "exits_later:data"], "exits_later:data failed with no arguments: SystemExit: 0"),
    ],
)  # fmt: skip
def test_sys_exit_in_the_users_code_is_one_message_and_2(card, monkeypatch, words, message):
    (card.parent / "exits_at_once.py").write_text("raise SystemExit(0)")
    (card.parent / "exits_later.py").write_text(EXITS)
    monkeypatch.syspath_prepend(card.parent)

    done = call("run", card, "--out", card.parent / "runs", *words)

    assert (done.exit_code, done.stderr) == (2, f"error: {message}\n")


def test_a_command_that_exits_before_it_is_done_says_so(monkeypatch):
    monkeypatch.setattr("acn_bench.catalog.benchmark_path", lambda _: sys.exit())

    done = call("run", "split_cifar100")

    assert (done.exit_code, done.stderr) == (
        2, "error: sys.exit ended the command before it was done\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["split_cifr100"], "unknown benchmark 'split_cifr100'. Did you mean 'split_cifar100'?"),
        (["nowhere.toml"], "there is no benchmark card at nowhere.toml"),
        (["CARD", "--strategies", "niave"], "unknown strategy 'niave'. Did you mean 'naive'?"),
        (["CARD", "--strategies", "naive,icarl"], "icarl: with a head for each experience, classes are numbered"),
        (["CARD", "--set", "preset=mammoth"], "--set preset=mammoth: the card"),
        (["CARD", "--set", "class_order=pycil"], "unknown class order 'pycil'. Known: seed"),
        (["CARD", "--backbones", "ac_mixr"], "unknown backbone 'ac_mixr'. Did you mean 'ac_mixer'?"),
        (["CARD", "--backbones", "ac_mixer:plian"], "'plian' of ac_mixer. Did you mean 'plain'?"),
        (["CARD", "--backbones", "feedforward_mixer:released"], "no code of it was released"),
        (["CARD", "--backbones", "no.such:thing"], "no backbone factory 'no.such:thing'"),
        (["CARD", "--set", "epcohs=3"], "no run of this plan has such a key. Did you mean 'epochs'?"),
        (["CARD", "--set", "epochs=many"], "--set benchmark.epochs=many: it must be a whole number"),
        (["CARD", "--set", "epochs"], "--set 'epochs' is not of the form key=value"),
        (["CARD", "--set", "patch_size=5"], "ac_mixer:plain cuts images into patches of 5×5, and these are 32×32"),
        (["CARD", "--set", "image_size=64"], "takes images of 3×64×64 (in_channels, image_size), and these are 3×32×32"),
        (["CARD", "--set", "experiences=51"], "need 102 classes; digits100 has 100"),
        (["CARD", "--seeds", "x"], "'x' is not a list of seeds; write 0,1,2 or 0-4"),
        (["CARD", "--data", "cifar1000"], "unknown data 'cifar1000'. Did you mean 'cifar100'?"),
        (["CARD", "--device", "gpu"], "unknown device 'gpu'. Known: auto, cpu, cuda."),
        (["CARD", "--data", "cifar100", "--data-root", "EMPTY"], "--data digits100"),
        (["CARD", "--data", "cifar100", "--data-root", "BROKEN"], "train is not a file of CIFAR-100"),
        (["CARD", "--out", "FILE/runs"], "cannot be written: Not a directory"),
        (["DAMAGED"], "is not a TOML file"),
        (["CLAIM"], "claim 'c': unknown metric 'cut_depth'"),
    ],
    ids=lambda v: " ".join(v[-2:]) if isinstance(v, list) else "",
)  # fmt: skip
def test_what_the_user_can_mend_is_one_message_and_2(card, words, message):
    folder = card.parent
    (folder / "file").write_text("")
    (folder / "damaged.toml").write_text("name = ")
    (folder / "claim.toml").write_text(CARD + CLAIM)
    (folder / "empty").mkdir()
    pickles = folder / "broken" / "cifar-100-python"
    pickles.mkdir(parents=True)
    for name in ("train", "test", "meta"):
        (pickles / name).write_bytes(b"\x80\x02}q\x00(U\x04data")
    stand_ins = {
        "CARD": card, "EMPTY": folder / "empty", "BROKEN": folder / "broken",
        "FILE/runs": folder / "file" / "runs", "DAMAGED": folder / "damaged.toml",
        "CLAIM": folder / "claim.toml",
    }  # fmt: skip
    before = files(folder)
    small = [] if {"--backbones", "--set"} & set(words) else SMALL
    result = call("run", *small, "--out", folder / "runs", *(stand_ins.get(w, w) for w in words))
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert files(folder) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run"], "Missing argument 'BENCHMARK'. See: acn-bench run --help"),
        (["runn"], "No such command 'runn'. Did you mean 'run'? See: acn-bench --help"),
        (
            ["run", "x", "--sed", "0"],
            "No such option: --sed (Possible options: --seeds, --set, --speed)",
        ),
        (["run", "x", "--jobs", "many"], "Invalid value for '--jobs'"),
        (["run", "x", "--jobs", "-1"], "greater than or equal to 0"),
        (["report"], "Missing argument 'PATH'"),
        (["list", "strategy"], "there is no list of 'strategy'. Did you mean 'strategies'?"),
    ],
    ids=" ".join,
)
def test_words_that_are_no_command_are_one_message_and_2(words, message):
    result = CliRunner().invoke(app, words, prog_name="acn-bench")
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line


def test_missing_data_advises_the_same_command_on_embedded_data(card, tmp_path):
    words = ["run", card, "--data=cifar100", "--seeds", "0-1", "--data-root", tmp_path / "no where"]
    result = call(*words, "--data", "cifar100")
    (line,) = result.stderr.splitlines()
    assert result.exit_code == 2
    assert line.endswith(
        f"in its place: acn-bench run {card} --seeds 0-1 --data-root '{tmp_path}/no where' --data digits100"
    )


@pytest.mark.parametrize(
    "words", [[], ["-h"], ["run", "-h"], ["report", "-h"], ["truncate", "-h"], ["list", "-h"]]
)
def test_help_is_whole_in_eighty_columns(words, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    result = CliRunner().invoke(app, words, prog_name="acn-bench")
    assert result.exit_code == 0
    assert "Usage: acn-bench" in result.stdout
    text = result.stdout.replace("A,B,…", "")
    assert "…" not in text  # nothing is cut off
    assert all(len(line) <= 80 for line in text.splitlines())


DIGITS = "9" * 5_000
BRACKETS = "[" * 1_100


@pytest.mark.parametrize(
    "words",
    [
        ["run", DIGITS],
        ["run", f"{DIGITS}.toml"],
        [DIGITS],
        ["list", DIGITS],
        ["report", DIGITS],
        ["truncate", DIGITS],
        ["run", "split_cifar100", "--seeds", DIGITS],
        ["run", "split_cifar100", "--seeds", "0-99999999999"],
        ["run", "split_cifar100", "--jobs", DIGITS],
        ["run", "split_cifar100", "--backbones", DIGITS],
        ["run", "split_cifar100", "--strategies", ",".join([DIGITS] * 9)],
        *(["run", "split_cifar100", "--set", text] for text in (DIGITS, f"{DIGITS}={DIGITS}", f"epochs={DIGITS}")),
        *(["run", "split_cifar100", "--set", f"{key}={BRACKETS}"] for key in ("noise", "class_order", "epochs")),
    ],
    ids=lambda words: " ".join(words)[:40],
)  # fmt: skip
def test_words_of_any_length_give_one_message_of_at_most_one_screen(words):
    result = call(*words)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert len(line) < 2_200


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "there is nothing at nowhere"),
        (["FOLDER"], "there are no records below"),
        (["FOLDER/x.json"], "x.json is not a record that can be read"),
    ],
)
def test_a_report_of_nothing_is_one_message_and_2(tmp_path, words, message):
    (tmp_path / "x.json").write_text("{")
    (tmp_path / "empty").mkdir()
    known = {"FOLDER": tmp_path / "empty", "FOLDER/x.json": tmp_path / "x.json"}
    result = call("report", *(known.get(w, w) for w in words))
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert message in line


def test_a_damaged_record_is_named_and_the_way_out(line, tmp_path):
    copy = tmp_path / "runs"
    shutil.copytree(line.folder.parent, copy)
    damaged = next(copy.rglob("records/*.json"))
    damaged.write_bytes(damaged.read_bytes()[:300])
    command = [copy if word == line.folder.parent else word for word in line.command]
    for words, more in ((command, "Remove the file to make its run again"), (["report", copy], "")):  # fmt: skip
        result = call(*words)
        assert result.exit_code == 2
        (message,) = result.stderr.splitlines()
        assert f"{damaged} is not a record that can be read" in message
        assert message.endswith(more)


def test_a_report_says_what_changed_against_earlier_records(tmp_path):
    record = records.load_all([PUBLISHED])[0]
    other = msgspec.structs.replace(record.config.benchmark, name="another")
    config = msgspec.structs.replace(record.config, benchmark=other)
    records.save(record, tmp_path / "now" / "records")
    records.save(record, tmp_path / "before" / "records")
    elsewhere = msgspec.structs.replace(record, config=config, run_id=config.run_id)
    records.save(elsewhere, tmp_path / "elsewhere" / "records")

    command = ["report", tmp_path / "now", "--format", "md", "--out", tmp_path, "--against"]
    assert call(*command, tmp_path / "before").exit_code == 0
    assert "1 run in both." in (tmp_path / "report.md").read_text()
    result = call(*command, tmp_path / "elsewhere")
    assert result.exit_code == 2
    assert "elsewhere is of split_cifar100" in result.stderr


def test_no_record_decides_where_a_report_goes(tmp_path):
    record = records.load_all([PUBLISHED])[0]
    evil = msgspec.structs.replace(record.config.benchmark, name="../../evil")
    config = msgspec.structs.replace(record.config, benchmark=evil)
    there = tmp_path / "a" / "b"
    there.mkdir(parents=True)
    lines = [record, msgspec.structs.replace(record, config=config, run_id=config.run_id)]
    (there / "records.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, lines)))
    before = files(tmp_path)
    result = call("report", there, "--out", there / "out", "--format", "md")
    assert result.exit_code == 2
    assert "line 2, is not a record that can be read" in result.stderr
    assert files(tmp_path) == before


def test_an_unknown_format_is_one_message_and_2(line):
    result = call("report", line.folder, "--format", "htlm", "--out", line.parent / "unknown")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "unknown format 'htlm'. Did you mean 'html'?" in result.stderr
    assert not (line.parent / "unknown").exists()


@pytest.fixture
def full_disk(tmp_path):
    """A disk with room for the card and the lock, and for no weights."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as e:
        pytest.skip(f"there is no mount: {e}")
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.usefixtures("quick_workers")
def test_a_full_disk_is_one_message_and_1_and_leaves_no_half_record(card, full_disk):
    result = call("run", card, "--out", full_disk, "--jobs", "1", "--backbones", "ac_mixer",
                  "--set", "channel_width=512", "--set", "width=64")  # fmt: skip
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    assert "1 of 1 runs failed" in line
    assert ".safetensors: No space left on device" in line
    assert str(full_disk) in line
    assert "Traceback" not in result.output
    assert not list(full_disk.rglob("records/*.json"))
    assert not list(full_disk.rglob("*.part"))
