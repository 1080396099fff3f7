"""Linear probes in a report: beside the head's depth curves where they were measured, and nowhere else."""

from msgspec.structs import replace

from acn_bench import catalog, reports
from acn_bench.analysis.comparison import compare
from acn_bench.benchmarks.continual import metrics
from acn_bench.benchmarks.continual.figures import curves

TEST = [[0.2, 0.6, 0.90, 0.91, 0.9, 0.9], [0.2, 0.4, 0.70, 0.69, 0.7, 0.7]]
HELD = [[0.2, 0.6, 0.88, 0.91, 0.9, 0.9], [0.2, 0.4, 0.71, 0.69, 0.7, 0.7]]


def probed(record):
    """The record, as if two experiences had been probed."""
    held = replace(record.result.validation, probe_accuracy=HELD)
    return replace(record, result=replace(record.result, probe_accuracy=TEST, validation=held))


def test_the_curve_is_the_mean_over_experiences_and_the_depth_is_chosen_on_held_out_rows(record):
    plain, values = record(), probed(record())
    assert metrics.probe_curve(plain) is None
    assert metrics.probed_depth(plain) is None
    assert [round(v, 6) for v in metrics.probe_curve(values)] == [0.2, 0.5, 0.8, 0.8, 0.8, 0.8]
    assert metrics.probed_depth(values) == 2  # 0.795 of 0.8, held out
    guessing = [[0.2] * 6, [0.2] * 6]
    held = replace(values.result.validation, probe_accuracy=guessing)
    none = replace(values, result=replace(values.result, validation=held))
    assert metrics.probed_depth(none) is None


def test_the_figure_and_the_table_show_it_where_it_was_measured(records, card):
    plain = compare(records(), card)
    result = compare([probed(r) for r in records()], card)
    without, with_ = curves.depth(plain), curves.depth(result)
    assert "Thin lines" in with_.caption
    assert "Thin lines" not in without.caption
    assert with_.parts[0].svg.count("<path") > without.parts[0].svg.count("<path")
    title = "Utilised depth by linear probe, blocks"
    assert reports.render(result, "html").count(title) > reports.render(plain, "html").count(title)


def test_asking_for_it_is_another_run_and_not_asking_is_the_old_one(record):
    old, new = record(), record(benchmark={"linear_probe": True})
    assert record(benchmark={"linear_probe": False}).run_id == old.run_id != new.run_id
    assert not catalog.benchmark("split_cifar100").protocol.linear_probe
