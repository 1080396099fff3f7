"""What the report of a fine-tuning says of its texts: cut ones, rows left out, small tasks."""

import msgspec

from acn_bench.analysis.comparison import compare
from acn_bench.benchmarks.glue import report
from acn_bench.benchmarks.glue.example import example_record
from acn_bench.benchmarks.glue.result import Lengths


def caveats(task="sst2", **result):
    """The caveats of one run of each arm whose result has these values."""
    records = []
    for wiring in ("ac", "residual"):
        record = example_record(wiring)
        spec = msgspec.structs.replace(record.config.benchmark, task=task)
        config = msgspec.structs.replace(record.config, benchmark=spec)
        made = msgspec.structs.replace(record.result, **result)
        records.append(msgspec.structs.replace(record, config=config, result=made, run_id=config.run_id))  # fmt: skip
    return report.caveats(compare(records).groups)


def test_a_report_without_such_texts_has_no_caveat():
    assert caveats() == []


def test_texts_that_were_cut_are_counted_by_split():
    lengths = {"train": Lengths(mean=10, longest=16, cut=1_200), "dev": Lengths(mean=9, longest=12, cut=0)}  # fmt: skip
    (sentence,) = caveats(lengths=lengths)
    assert sentence.endswith("texts were cut to 16 tokens: 1,200 of train.")


def test_rows_that_were_left_out_are_named_with_file_and_line():
    (sentence,) = caveats(left_out=["train.tsv, line 7", "dev.tsv, line 9"])
    assert sentence.endswith(
        "2 incomplete rows of the release left out: train.tsv, line 7 and dev.tsv, line 9."
    )


def test_a_small_task_with_few_seeds_says_how_many_there_are():
    (sentence,) = caveats(task="rte")
    assert "RTE has 2,490 training texts" in sentence
    assert "with 1 seed in place of 5" in sentence
