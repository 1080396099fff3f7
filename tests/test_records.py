import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest

from acn_bench import record as record_module
from acn_bench import records, run_folder, two_processes
from acn_bench.benchmarks.continual.result import ContinualResult, NoiseResult, Validation
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.families.mixer import MixerSpec
from acn_bench.record import decode, digest
from acn_bench.records import SCHEMA, RunRecord
from acn_bench.result import DataProvenance, Guard, Provenance, Seconds
from acn_bench.strategies.naive import NaiveSpec

CODE = "0123456789abcdef"


def record(time="2026-01-01T00:00:00Z", seed=0, code=CODE, learning_rate=1e-3, **result):
    config = RunConfig(
        benchmark=ContinualSpec(
            name="split_cifar100", experiences=2, classes_per_experience=2,
            noise={"gaussian": (0.1, 0.2)}, learning_rate=learning_rate,
        ),
        strategy=NaiveSpec(name="naive"),
        backbone=MixerSpec(wiring="ac", depth=1),
        seeds=Seeds(order=seed, init=seed, data=seed, noise=seed),
        fingerprint="f00d",
    )  # fmt: skip
    measured = {
        "classes": [[3, 1], [0, 2]],
        "accuracy": [[0.75, None], [0.5, 1]],
        "initial_accuracy": None,
        "depth_accuracy": [[[0.25, 0.75], None], [[0.25, 0.5], [0.5, 1.0]]],
        "noise": [
            NoiseResult(corruption="gaussian", level=level, accuracy=[[None, None], [0.4, 0.9]])
            for level in (0.1, 0.2)
        ],
        "validation": Validation(
            accuracy=[[0.75, None], [0.5, 0.875]],
            depth_accuracy=[[[0.25, 0.75], None], [[0.25, 0.5], [0.5, 0.875]]],
            counts=[8, 8],
            changes=[[6, 1], [0, 0]],
        ),
        "test_counts": [40, 40],
        "train_loss": [[1.5, 1.0], [1.25, 0.5]],
        "parameters": [10, 20],
        "flops": [100, 200],
        "seconds": Seconds(train=1.5, evaluate=0.25),
        "peak_memory": 2**30,
        "images_seen": 160,
        "precision": "fp32",
    }
    return RunRecord(
        schema=SCHEMA,
        run_id=config.run_id,
        config=config,
        result=ContinualResult(**(measured | result)),
        provenance=Provenance(
            code=code,
            commit=None,
            versions={"python": "3.11"},
            device="cpu",
            time=time,
            data=DataProvenance(
                name="digits100", fingerprint="f00d", canonical=False, train=160, test=80
            ),
            comparable=False,
            why_not=["embedded data"],
            guards=[Guard(name="finite", passed=True, detail="all")],
        ),
    )


# ---------------------------------------------------------------- one file


def test_what_is_loaded_is_what_was_saved(tmp_path):
    before = record()
    path = records.save(before, tmp_path / "records")
    assert records.load(path) == before
    assert records.load(path).config.run_id == before.run_id


def test_a_record_is_named_by_its_run_and_its_code(tmp_path):
    path = records.save(record(), tmp_path)
    assert path == tmp_path / f"{record().run_id}-01234567.json"
    assert path.stem == records.stem(record().run_id, CODE)


def test_a_record_is_json_that_anything_reads(tmp_path):
    raw = json.loads(records.save(record(), tmp_path).read_text())
    assert list(raw) == ["config", "digest", "provenance", "result", "run_id", "schema"]
    assert raw["result"]["accuracy"] == [[0.75, None], [0.5, 1]]


def test_a_record_of_a_time_when_there_was_one_kind_of_benchmark_is_read(tmp_path):
    path = records.save(record(), tmp_path)
    raw = json.loads(path.read_text())
    assert raw["result"].pop("kind") == "continual"
    del raw["provenance"]["further"], raw["digest"]
    path.write_text(json.dumps(raw))
    assert records.load(path) == record()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_measurement_that_is_no_number_is_refused_by_its_place(tmp_path, bad):
    with pytest.raises(ValueError, match=r"result\.train_loss\[1\]\[0\] is (nan|-?inf)"):
        records.save(record(train_loss=[[1.0], [bad]]), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_is_no_number_is_refused_too(tmp_path):
    with pytest.raises(ValueError, match=r"config\.benchmark\.learning_rate is nan"):
        records.save(record(learning_rate=float("nan")), tmp_path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"[1, 2]", "Expected `object`, got `array`"),
        (b"\xff\xfe", "malformed"),
        (b"{}", "its schema is None; this version reads 1"),
        (b'{"schema": 2}', "its schema is 2; this version reads 1"),
        (b'{"schema": 1}', "missing required field `run_id`"),
    ],
)
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_a_file_that_is_no_record_is_refused_by_its_name(tmp_path, content, why, suffix):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content or b'{"schema": 1, ')
    with pytest.raises(ValueError, match=rf"broken{suffix}.*{why}"):
        records.load_all([path])


def edited(tmp_path, place, value, digest=False):
    """A saved record with one value of its file replaced; `place` is a path of keys and indices.

    Without its digest, it is as an older one.
    """
    path = records.save(record(), tmp_path)
    raw = json.loads(path.read_text())
    if not digest:
        del raw["digest"]
    *way, last = place
    inner = raw
    for step in way:
        inner = inner[step]
    inner[last] = value
    path.write_text(json.dumps(raw))
    return path


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        (["run_id"], "another", "its run_id is 'another', and its config's is 'naive-ac_mixer"),
        (["config", "seeds", "order"], 7, "its run_id is .*-s0-.*, and its config's is"),
        (["config", "benchmark", "name"], "../../elsewhere", "matching regex"),
        (["config", "strategy", "name"], "a/b", "matching regex"),
        (["result", "accuracy"], [[0.5]], r"result.accuracy has 1 entries, not 2"),
        (["result", "accuracy", 1], [0.5], r"result.accuracy\[1\] has 1 entries, not 2"),
        (["result", "accuracy", 1, 0], 7, r"accuracy\[1\]\[0\] is 7.0: .* must lie in \[0, 1\]"),
        (["result", "accuracy", 1, 0], None, r"accuracy\[1\]\[0\] is null: the last row"),
        (["result", "depth_accuracy", 1, 0], [], r"depth_accuracy\[1\]\[0\] has 0 entries, not 2"),
        (["result", "depth_accuracy", 1, 0], None, r"one is null, the other is not"),
        (["result", "depth_accuracy", 1, 0], [0.1, -1], r"depth_accuracy\[1\]\[0\]\[1\] is -1.0"),
        (["result", "noise", 0, "accuracy"], [], r"noise\[0\].accuracy has 0 entries"),
        (["result", "validation", "counts"], [], r"validation.counts has 0 entries, not 2"),
        (["result", "test_counts"], [40, 0], r"test_counts\[1\] is 0: it must be at least 1"),
        (["result", "classes"], [], r"result.classes has 0 entries, not 2"),
        (["result", "parameters"], [], r"result.parameters has 0 entries, not 2"),
        (["result", "flops"], [1], r"result.flops has 1 entries, not 2"),
        (["result", "initial_accuracy"], [0.1], r"initial_accuracy has 1 entries, not 2"),
        (["result", "masked_accuracy"], [[1]], r"masked_accuracy has 1 entries, not 2"),
        (["result", "accuracy", 1, 0], 0.123, r"accuracy\[1\]\[0\] is 0.123: no whole number of 40"),
        (["result", "accuracy", 1, 0], 0.525, r"\[1\]\[0\] ends with 0.5, and the accuracy is 0.525"),
        (["result", "depth_accuracy", 1, 0], [0.2, 0.501], r"\[1\]\[0\]\[1\] is 0.501: no whole number"),
        (["result", "validation", "accuracy", 1, 1], 0.9, r"is 0.9: no whole number of 8 examples"),
        (["result", "validation", "changes", 0], [6, 2], r"changes\[0\] is \[6, 2\]: depth 0 has 6 "),
        (["result", "validation", "changes", 1], [-1, -1], r"changes\[1\]\[0\] is -1: .* at least 0"),
        (["result", "validation", "changes"], [], r"changes has 0 entries, not 2"),
        (["result", "validation", "probe_accuracy"], [[1]], r"probe_accuracy has 1 entries, not 2"),
        (["result", "probe_accuracy"], [[1, 1], [1, 0.11]], r"probe_accuracy\[1\]\[1\] is 0.11"),
        (["result", "initial_accuracy"], [0.1, 0.11], r"initial_accuracy\[1\] is 0.11: no whole"),
        (["result", "noise", 0, "level"], 0.3, r"gaussian 0.3, gaussian 0.2, and the config has "),
        (["result", "noise", 0, "corruption"], "fog", r"noise is of the levels fog 0.1, "),
        (["result", "noise", 0, "accuracy", 1, 1], 0.91, r"accuracy\[1\]\[1\] is 0.91: no whole"),
        (["result", "classes", 0], [3, -1], r"classes\[0\]\[1\] is -1: it must be at least 0"),
        (["result", "classes", 0], [3, 3], r"result.classes has a class in two places"),
        (["result", "test_counts"], [40, 10**99], r"test_counts\[1\] is a number of about 99 digits"),
        (["result", "peak_memory"], 10**99, r"peak_memory is a number of about 99 digits"),
        (["result", "classes", 0], [3], r"classes\[0\] has 1 entries, not 2"),
        (["result", "precision"], "bf16", r"precision is 'bf16', and the config has 'fp32'"),
        (["result", "seconds", "train"], -1, r"seconds.train is -1.0: it must be at least 0"),
        (["result", "seconds", "evaluate"], -0.5, r"seconds.evaluate is -0.5: it must be at least 0"),
        (["result", "peak_memory"], -1, r"peak_memory is -1: it must be at least 0"),
        (["result", "images_seen"], -160, r"images_seen is -160: it must be at least 0"),
        (["provenance", "data", "train"], -1, r"provenance.data.train is -1"),
        (["provenance", "data", "fingerprint"], "beef", r"is 'beef', and the config has 'f00d'"),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, list) and value else None,
)  # fmt: skip
def test_a_record_that_was_edited_is_refused_by_the_place_that_cannot_be(
    tmp_path, place, value, why
):
    with pytest.raises(ValueError, match=f"is not a record that can be read: .*{why}"):
        records.load(edited(tmp_path, place, value))


def test_a_record_that_was_changed_after_it_was_written_is_refused_even_where_it_could_be(tmp_path):
    changed = ["result", "images_seen"], 161
    with pytest.raises(ValueError, match="it was changed after it was written: its digest is of"):
        records.load(edited(tmp_path, *changed, digest=True))
    assert records.load(edited(tmp_path, *changed)).result.images_seen == 161


@pytest.mark.parametrize("digest", [None, "", 7, "0" * 64])
def test_a_digest_that_is_no_digest_of_the_record_is_refused(tmp_path, digest):
    with pytest.raises(ValueError, match="its digest is of other content"):
        records.load(edited(tmp_path, ["digest"], digest, digest=True))


def test_a_digest_is_of_the_values_and_not_of_the_spaces(tmp_path):
    path = records.save(record(), tmp_path)
    text = path.read_text()
    assert hashlib.sha256(canonical(json.loads(text))).hexdigest() == json.loads(text)["digest"]
    for form in ({"indent": 4}, {"separators": (",", ":")}, {"sort_keys": True}):
        path.write_text(json.dumps(json.loads(text), **form))
        assert records.load(path) == record()


def test_a_digest_is_the_same_with_every_version_of_the_json_library():
    content = {"b": [1e16, 1e-7, 0.1, -0.0, 5e-324, 1.0, 1, None, "é\n"], "a": {}}
    text = b'{"a":{},"b":[1e16,1e-7,0.1,-0.0,5e-324,1.0,1,null,"\xc3\xa9\\n"]}'
    assert digest(content) == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"schema":1', b'"schema":2'),
        (b'"images_seen":', b'"images_seen":1'),
        (b'"schema":1', b'"schema":1,"schema":1'),
        (b'{\n"config"', b'{\n"config":{},"config"'),
    ],
)
def test_a_record_is_read_by_its_own_text_or_not_at_all(tmp_path, old, new):
    path = records.save(record(), tmp_path)
    as_written = record_module._as_written(path.read_bytes())
    changed = path.read_bytes().replace(old, new, 1)

    assert as_written == records.load(path) == record()
    assert record_module._as_written(changed) is None
    with pytest.raises(ValueError, match="is not a record that can be read"):
        decode(changed, "here")


def canonical(raw):
    del raw["digest"]
    return json.dumps(raw, sort_keys=True, separators=(",", ":")).encode()


def test_no_changed_bit_of_a_record_is_read_as_another_record(tmp_path):
    whole = records.save(record(), tmp_path).read_bytes()
    draw = random.Random(0)
    for _ in range(300):
        bit = draw.randrange(8 * len(whole))
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            read = decode(bytes(flipped), "here")
        except ValueError:
            continue
        assert read == record(), f"bit {bit}"


def test_a_key_that_is_given_twice_is_refused(tmp_path):
    path = records.save(record(), tmp_path)
    path.write_text(path.read_text().replace('"images_seen"', '"images_seen": 160, "images_seen"'))
    with pytest.raises(ValueError, match="the key 'images_seen' is given twice in one object"):
        records.load(path)


def test_a_key_that_is_given_twice_under_a_digest_of_that_very_text_is_refused(tmp_path):
    path = records.save(record(), tmp_path)
    text = (
        path.read_bytes()
        .replace(b"\n", b"")
        .replace(b'"images_seen"', b'"images_seen":160,"images_seen"')
    )
    before, _, rest = text.partition(b',"digest":"')
    content = before + rest[65:]
    path.write_bytes(
        before + b',"digest":"' + hashlib.sha256(content).hexdigest().encode() + rest[64:]
    )
    with pytest.raises(ValueError, match="the key 'images_seen' is given twice in one object"):
        records.load(path)


@pytest.mark.parametrize("depth", [60, 1_100, 100_000])
def test_a_record_of_brackets_in_brackets_is_refused(tmp_path, depth):
    path = tmp_path / "deep.json"
    for text in ("[" * depth, '{"schema": 1, "config": ' + "[" * depth + "]" * depth + "}"):
        path.write_text(text)
        with pytest.raises(ValueError, match="is not a record that can be read"):
            records.load(path)


def test_a_message_about_a_record_quotes_little_of_it(tmp_path):
    path = records.save(record(), tmp_path)
    raw = json.loads(path.read_text())
    for place in ("schema", "run_id"):
        for value in ("9" * 50_000, int("9" * 4_000), [0] * 10_000):
            path.write_text(json.dumps(raw | {place: value}))
            with pytest.raises(ValueError, match="is not a record that can be read") as refused:
                records.load(path)
            assert len(str(refused.value)) < 2_500


# ---------------------------------------------------------------- many files


def test_pipes_devices_and_folders_among_records_are_passed_over(tmp_path):
    saved = records.save(record(), tmp_path / "records")
    os.mkfifo(tmp_path / "records" / "pipe.json")
    os.mkfifo(tmp_path / "records.jsonl")
    (tmp_path / "records" / "zeros.json").symlink_to("/dev/zero")
    (tmp_path / "records" / "folder.json").mkdir()
    (tmp_path / "records" / "gone.json").symlink_to(tmp_path / "nothing")
    assert records.find([tmp_path]) == [saved]


@pytest.mark.parametrize("name", ["pipe.json", "pipe.jsonl"])
def test_a_pipe_that_is_named_is_refused_and_not_opened(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(ValueError, match="is a pipe or a device, not a file"):
        records.load_all([tmp_path / name])
    os.mkfifo(tmp_path / f"{records.stem('run', CODE)}.json")
    with pytest.raises(ValueError, match="is a pipe or a device, not a file"):
        records.newest(tmp_path, "run", CODE)


def test_a_second_record_of_a_run_lies_beside_the_first(tmp_path):
    paths = [records.save(record(), tmp_path) for _ in range(3)]
    stem = records.stem(record().run_id, CODE)
    assert [p.name for p in paths] == [f"{stem}.json", f"{stem}.2.json", f"{stem}.3.json"]


@pytest.mark.parametrize("clock_goes_back", [False, True])
def test_the_record_that_was_saved_last_wins_whatever_the_clocks_say(tmp_path, clock_goes_back):
    times = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]
    for time, seen in zip(reversed(times) if clock_goes_back else times, (160, 161), strict=True):
        records.save(record(time, images_seen=seen), tmp_path / "records")
    (newest,) = records.load_all([tmp_path])
    assert newest.result.images_seen == 161
    assert records.newest(tmp_path / "records", newest.run_id, CODE) == newest
    assert [r.result.images_seen for r in records.load_all([tmp_path], older=True)] == [160, 161]


def test_of_the_records_of_two_machines_the_same_one_counts_however_they_are_merged(tmp_path):
    """Copied into one folder or named side by side, in any order, with any clocks."""
    a, b, merged = tmp_path / "a", tmp_path / "b", tmp_path / "merged" / "records"
    made = [record("2026-01-02T00:00:00Z"), record("2020-01-01T00:00:00Z", images_seen=161)]
    stem = records.stem(made[0].run_id, CODE)
    for folder, one, token in ((a, made[0], "0000000a"), (b, made[1], "0000000b")):
        path = records.save(one, folder / "records", folder / "records" / f"{stem}.t{token}.json")
        merged.mkdir(parents=True, exist_ok=True)
        (merged / path.name).write_bytes(path.read_bytes())
    counted = records.load_all([a, b], older=True)
    assert len(counted) == 2
    assert records.load_all([b, a], older=True) == counted
    assert records.load_all([merged.parent], older=True) == counted
    assert records.newest(merged, made[0].run_id, CODE) == counted[-1]


def test_of_several_records_the_one_saved_last_wins(tmp_path):
    for seen in range(12):
        records.save(record(images_seen=seen), tmp_path / "records")
    (loaded,) = records.load_all([tmp_path])
    assert loaded.result.images_seen == 11
    newest = records.newest(tmp_path / "records", loaded.run_id, CODE)
    assert newest.result.images_seen == 11


def test_another_code_is_another_record(tmp_path):
    records.save(record(), tmp_path / "records")
    records.save(record(code="fedcba9876543210"), tmp_path / "records")
    assert len(records.load_all([tmp_path])) == 2
    assert records.newest(tmp_path / "records", record().run_id, "ffffffff") is None


def test_newest_does_not_take_a_run_whose_name_begins_alike(tmp_path):
    records.save(record(), tmp_path)
    run_id = record().run_id
    (tmp_path / f"{run_id}-01234567-more.json").write_text("{}")
    (tmp_path / f"{run_id}-01234567.x.json").write_text("{}")
    assert records.newest(tmp_path, run_id, CODE) == record()


def test_records_are_found_below_a_folder_in_a_file_and_in_lines(tmp_path):
    a, b, c = (record(seed=seed) for seed in range(3))
    records.save(a, tmp_path / "runs" / "split_cifar100" / "records")
    lone = records.save(b, tmp_path / "elsewhere")
    lines = tmp_path / "reports" / "2026-01-01-question" / "records.jsonl"
    lines.parent.mkdir(parents=True)
    lines.write_bytes(b"\n".join(msgspec.json.encode(r) for r in (c, a)) + b"\n\n")
    assert records.load_all([tmp_path]) == sorted((a, c), key=lambda r: r.run_id)
    assert records.load_all([tmp_path / "runs", lone]) == sorted((a, b), key=lambda r: r.run_id)
    assert records.load_all([lines, tmp_path / "elsewhere"]) == sorted(
        (a, b, c), key=lambda r: r.run_id
    )


def test_each_record_is_read_once_however_often_its_path_is_given(tmp_path):
    path = records.save(record(), tmp_path / "records")
    assert records.find([tmp_path, tmp_path / "records", path]) == [path]


def test_a_folder_without_records_has_none(tmp_path):
    assert records.load_all([tmp_path]) == []


def test_a_path_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(LookupError, match="nowhere"):
        records.load_all([tmp_path / "nowhere"])


# ---------------------------------------------------------------- whole or not at all


def test_an_error_while_writing_leaves_nothing(tmp_path):
    path = tmp_path / "x.json"
    with pytest.raises(RuntimeError), run_folder.atomic(path) as part:  # noqa: PT012
        part.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("names_file", [False, True])
def test_a_file_that_cannot_be_written_is_named_by_the_place_where_it_should_be(
    tmp_path, names_file
):
    path = tmp_path / "x.json"
    with pytest.raises(OSError, match="No space left") as full, run_folder.atomic(path) as part:
        raise OSError(28, "No space left on device", *([str(part)] if names_file else []))
    assert full.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []


def _start(script: str, folder: Path) -> subprocess.Popen:
    """A process that writes the record on its standard input to `folder`; it says when it has begun."""
    script = textwrap.dedent(script)
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys, time, msgspec\nfrom pathlib import Path\n"
         "from acn_bench import records\nfolder = Path(sys.argv[1])\n"
         "from acn_bench.record import decode\nrecord = decode(sys.stdin.buffer.readline(), 'stdin')\n"
         + script, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    process.stdin.write(msgspec.json.encode(record()) + b"\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"begun\n"
    return process


def _kill(process: subprocess.Popen) -> None:
    process.kill()
    assert process.wait() == -signal.SIGKILL
    process.stdin.close()
    process.stdout.close()


def test_a_process_killed_in_the_middle_of_a_save_leaves_no_record(tmp_path):
    script = """
        def hang(fd):
            print("begun", flush=True)
            time.sleep(600)

        records.os.fsync = hang  # written, and not yet in its place
        records.save(record, folder)
        """
    _kill(_start(script, tmp_path / "records"))
    assert list((tmp_path / "records").iterdir()) != []  # it was in the middle
    assert list((tmp_path / "records").glob("*.json")) == []
    assert records.load_all([tmp_path]) == []
    records.save(record(), tmp_path / "records")
    assert records.load_all([tmp_path]) == [record()]


def test_whenever_a_process_is_killed_every_record_that_is_there_is_whole(tmp_path):
    script = """
        print("begun", flush=True)
        while True:
            records.save(record, folder)
        """
    process = _start(script, tmp_path / "records")
    while not list(tmp_path.rglob("*.json")):
        assert process.poll() is None
    _kill(process)
    paths = records.find([tmp_path])
    assert paths
    assert all(records.load(path) == record() for path in paths)


def test_many_records_are_read_in_two_processes_as_in_one(tmp_path, monkeypatch):
    for seed in range(20):
        records.save(record(seed=seed), tmp_path)
    in_one = records.load_all([tmp_path])
    monkeypatch.setattr(two_processes, "_may_fork", lambda: True)
    monkeypatch.setattr(records, "MANY", 2)
    assert records.load_all([tmp_path]) == in_one

    broken = sorted(tmp_path.iterdir())[9]
    broken.write_text("{")
    with pytest.raises(ValueError, match=broken.name):
        records.load_all([tmp_path])
