"""The TSV folders of GLUE's release, and the texts by rule that stand in for them."""

import pytest

from acn_bench.data import loading, rules
from acn_bench.data.glue import reader
from acn_bench.data.glue.tasks import TASKS
from acn_bench.errors import MissingData
from acn_bench.registry import DATA

SST2 = "sentence\tlabel\na fine film\t1\nno fun at all \t0\n"


@pytest.fixture
def task(tmp_path):
    """`task("sst2", train, dev)`: the task, read from files of these contents."""

    def load(name, train, dev=None, **others):
        folder = tmp_path / "glue" / TASKS[name].folder
        folder.mkdir(parents=True, exist_ok=True)
        files = {TASKS[name].file(split): dev or train for split in TASKS[name].dev}
        for file, text in ({"train.tsv": train} | files | others).items():
            raw = text if isinstance(text, bytes) else text.encode()
            (folder / file).write_bytes(raw)
        reader.load.cache_clear()
        return reader.load(name, tmp_path)

    yield load
    reader.load.cache_clear()


def test_a_task_is_read_as_it_is(task):
    data = task("sst2", SST2)
    assert data.train.texts == (["a fine film", "no fun at all "],)
    assert data.train.labels.tolist() == [1, 0]
    assert data.counts == (2, 2)
    assert not data.canonical


def test_quotes_are_letters_and_only_a_line_feed_ends_a_line(task):
    odd = '"quoted\u2028and more\x85" \x1c'
    data = task("sst2", f"sentence\tlabel\r\n{odd}\t1\r\n")
    assert data.train.texts == ([odd],)


def test_mrpc_has_a_byte_order_mark_and_cola_no_header(task):
    header = "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
    mrpc = task("mrpc", f"{header}1\t7\t8\tone\tanother\n")
    assert mrpc.train.texts == (["one"], ["another"])
    cola = task("cola", "gj04\t0\t*\tHim sleeps.\n")
    assert cola.train.texts == (["Him sleeps."],)
    assert cola.train.labels.tolist() == [0]


def test_both_development_sets_of_mnli_are_kept_apart(task):
    def mnli(word):
        return f"index\tsentence1\tsentence2\tlabel1\tgold_label\n0\ta\tb\t-\t{word}\n"

    data = task(
        "mnli", mnli("neutral"), mnli("entailment"), **{"dev_mismatched.tsv": mnli("contradiction")}
    )
    assert {split: part.labels.tolist() for split, part in data.tests.items()} == {
        "matched": [0],
        "mismatched": [2],
    }


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("sst2", "sentence\tlabel\nfine\t1\nfine\n", "train.tsv, line 3: it has 1 columns"),
        ("sst2", "sentence\tlabel\nfine\t2\n", "train.tsv, line 2: unknown label '2'"),
        ("rte", "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailmint\n", "line 2: unknown label 'entailmint'. Did you mean 'entailment'"),
        ("sst2", "sentence\tlabel\n  \t1\n", "line 2: the text of column 'sentence' is empty"),
        ("sst2", "sentense\tlabel\nfine\t1\n", "no column 'sentence'. Did you mean 'sentense'"),
        ("sst2", "sentence\tlabel\n", "train.tsv holds no rows"),
        ("sst2", b"sentence\tlabel\nfine\t1\nf\xffne\t1\n", "train.tsv, line 3: it is not UTF-8"),
        ("stsb", "sentence1\tsentence2\tscore\na\tb\t5.5\n", "line 2: the label is 5.5"),
        ("stsb", "sentence1\tsentence2\tscore\na\tb\tmuch\n", "line 2: the label 'much' is no number"),
        ("stsb", "sentence1\tsentence2\tscore\na\tb\tnan\n", "line 2: the label is nan"),
    ],
)  # fmt: skip
def test_a_row_that_does_not_fit_is_named_with_file_and_line(task, name, text, wrong):
    with pytest.raises(ValueError) as e:  # noqa: PT011
        task(name, text)
    assert wrong in str(e.value)


def test_rows_that_the_release_itself_has_incomplete_are_left_out_and_named(task):
    header = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
    whole, cut = "0\t1\t2\tone\ttwo\t1\n", "0\t1\t2\tone\n"
    data = task("qqp", header + cut + whole, header + whole)
    assert data.counts == (1, 1)
    assert data.left_out == ("train.tsv, line 2",)
    with pytest.raises(ValueError, match="line 22: it has 4 columns"):
        task("qqp", header + 30 * cut + whole, header + whole)


def test_a_missing_task_names_its_folder_and_the_embedded_substitute(tmp_path):
    with pytest.raises(MissingData, match=r"WNLI is not at .*WNLI: copy the folder WNLI") as e:
        loading.load("wnli", tmp_path)
    assert e.value.embedded == "rules_wnli"
    with pytest.raises(LookupError, match=r"unknown data 'stt2'. Did you mean 'sst2'"):
        loading.load("stt2", tmp_path)


def test_the_fingerprint_is_of_the_content_alone(task):
    first = task("sst2", SST2).fingerprint
    assert task("sst2", SST2).fingerprint == first
    assert task("sst2", SST2.replace("fine", "dull")).fingerprint != first
    assert task("sst2", SST2, SST2.replace("\t1", "\t0")).fingerprint != first


@pytest.mark.parametrize("name", TASKS)
def test_texts_by_rule_have_the_shape_of_their_task_and_no_test_row_was_trained_on(name):
    data = loading.load(f"rules_{name}")
    task = TASKS[name]
    assert DATA.load(name).embedded == data.name
    assert len(data.train.texts) == len(task.texts)
    assert list(data.tests) == list(task.dev)
    assert len(data.class_names) == len(task.labels)
    if not task.is_regression:
        assert data.train.labels.bincount().min() > 500
    trained = set(zip(*data.train.texts, strict=True))
    for part in data.tests.values():
        assert trained.isdisjoint(zip(*part.texts, strict=True))


def test_texts_by_rule_are_the_same_on_every_machine():
    assert loading.load("rules_sst2").fingerprint == "3fa77dcd5eda"
    assert loading.load("rules_text").fingerprint == "b35355329d5e"


def test_the_labels_by_rule_follow_from_the_words():
    data = loading.load("rules_sst2")
    for text, label in zip(data.train.texts[0], data.train.labels.tolist(), strict=True):
        praises = text.split()[-1] in rules.GOOD
        assert (praises != (" not " in text)) == bool(label)
