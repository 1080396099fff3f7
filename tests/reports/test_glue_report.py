"""The report of a fine-tuning: its texts, small tasks, networks at the chance level, and pruned ones."""

import msgspec
import pytest

from acn_bench.analysis import depth_metrics
from acn_bench.analysis.comparison import compare
from acn_bench.benchmarks.glue import measures, report
from acn_bench.benchmarks.glue.example import example_record
from acn_bench.benchmarks.glue.result import Lengths, Pruned, Scored


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


def scored(*confusions):
    """The scores of sets of two classes by depth."""
    rows = sum(map(sum, confusions[0]))
    accuracy = [(a + d) / rows for (a, _), (_, d) in confusions]
    return Scored(rows=rows, scores={"accuracy": accuracy}, confusion=[list(c) for c in confusions])


def with_result(**result):
    record = example_record()
    return msgspec.structs.replace(record, result=msgspec.structs.replace(record.result, **result))


@pytest.mark.parametrize(("right", "depth"), [(0, None), (120, 1)])
def test_the_most_frequent_class_of_the_held_out_rows_is_their_chance_level(right, depth):
    """Of the development set it is 50 %, of the held-out rows 56 %: an answer of one class is above the first."""
    one_class = [[0, 298], [0, 376]]
    held_out = scored(one_class, [[right, 298 - right], [0, 376]])
    record = with_result(validation=held_out)
    assert measures.chance(record) == 0.5
    assert held_out.scores["accuracy"][0] > 0.5 + 2 * (0.25 / held_out.rows) ** 0.5
    assert depth_metrics.utilised_depth(record) == depth


def test_the_mean_over_pruned_networks_leaves_out_the_one_that_lost_no_weight():
    def pruned(epoch, left, right):
        tests = {"dev": scored([[0, 100], [0, 100]], [[right, 100 - right], [0, 100]])}
        held_out = example_record().result.validation
        return Pruned(epoch=epoch, left=left, total=1_000, validation=held_out, tests=tests)

    record = with_result(pruned=[pruned(0, 1_000, 90), pruned(1, 500, 60), pruned(2, 100, 20)])
    assert measures.pruned_mean(record) == pytest.approx((0.8 + 0.6) / 2)
    assert measures.pruned_last(record) == pytest.approx(0.6)
    whole = with_result(pruned=[pruned(0, 1_000, 90)])
    assert measures.pruned_mean(whole) is None
