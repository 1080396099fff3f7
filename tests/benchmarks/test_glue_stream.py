"""Streams of text tasks by rule: what is learned, the order, the rows, masks of padding, and what is refused."""

import msgspec
import pytest
import torch

from acn_bench import catalog
from acn_bench.backbones import build
from acn_bench.benchmarks.continual.split import split
from acn_bench.benchmarks.glue_stream import example, measures, protocol, task_table
from acn_bench.benchmarks.glue_stream.spec import GlueStreamSpec
from acn_bench.benchmarks.glue_stream.stream import TextStream
from acn_bench.benchmarks.run import Run
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import loading
from acn_bench.data.data_set import joint_fingerprint
from acn_bench.families.bert import BertSpec
from acn_bench.plan import Choices, unresolved
from acn_bench.strategies.naive import NaiveSpec

SPEC = GlueStreamSpec(
    name="s", tasks=("sst2", "qnli"), embedded=True, experiences=2, epochs=5, batch_size=16,
    learning_rate=3e-3, length=24, class_rows=400, class_order="natural",
)  # fmt: skip
SIZES = {"depth": 2, "vocab_size": 200, "max_length": 32, "width": 32, "heads": 2}


def config(spec=SPEC, wiring="ac", order=0):
    data = loading.load_all(spec)
    return RunConfig(
        benchmark=spec, strategy=NaiveSpec(name="naive"), backbone=BertSpec(wiring=wiring, **SIZES),
        seeds=Seeds(order=order, init=0, data=0, noise=0), fingerprint=joint_fingerprint(data),
    )  # fmt: skip


@pytest.fixture(scope="module")
def output():
    run = Run(config(), loading.load_all(SPEC), torch.device("cpu"))
    return protocol.measure(run)


def test_the_first_task_is_learned_and_every_guard_passes(output):
    result = output.result
    assert result.accuracy[0][0] > 0.8
    assert result.accuracy[0][1] is None  # its head is not trained yet
    assert len(result.depth_accuracy[1][0]) == 3
    assert result.classes == [[0, 1], [2, 3]]
    assert all(share >= 0.5 for share in result.most_frequent)
    assert all(share >= 0.5 for share in result.validation.most_frequent)
    assert [guard.name for guard in output.guards if not guard.passed] == []


def test_each_seed_has_an_order_of_tasks_and_natural_is_that_of_the_card():
    spec = msgspec.structs.replace(
        SPEC, tasks=("sst2", "cola", "rte", "mrpc"), experiences=4, class_order="seed"
    )
    data = loading.load_all(spec)
    orders = {TextStream(config(spec, order=k), data).experiences for k in range(6)}
    assert len(orders) > 1
    natural = config(msgspec.structs.replace(spec, class_order="natural"), order=3)
    assert TextStream(natural, data).experiences == ((0, 1), (2, 3), (4, 5), (6, 7))


def test_rows_of_a_class_are_limited_alike_for_every_seed_and_test_texts_are_not():
    data = loading.load_all(SPEC)
    stream = TextStream(config(), data)
    made = [split(stream, SPEC, Seeds(order=0, init=0, data=k, noise=0)) for k in range(2)]
    for one in made:
        for task, held in zip(one.train, one.validation, strict=True):
            assert len(task) + len(held) == 800
    rows = [torch.cat(one.train + one.validation).sort().values for one in made]
    assert torch.equal(*rows)
    assert not torch.equal(made[0].validation[0], made[1].validation[0])
    assert stream.counts == (1600, 800)
    # rows of a task are its own texts
    labels = stream.train_labels[: len(data[0].train)]
    kept = labels >= 0
    assert torch.equal(labels[kept], data[0].train.labels[kept])


@torch.no_grad()
def test_with_a_padding_id_a_text_has_the_same_output_beside_a_longer_one():
    torch.manual_seed(0)
    network = build("ac_bert", 2, **SIZES).eval()
    short = torch.randint(1, 200, (1, 5))
    long = torch.randint(1, 200, (1, 20))
    both = torch.cat([torch.nn.functional.pad(short, (0, 25)), torch.nn.functional.pad(long, (0, 10))])  # fmt: skip
    assert not torch.allclose(network(both)[:1], network(short), atol=1e-4)
    network.pad = 0
    torch.testing.assert_close(network(both), torch.cat([network(short), network(long)]))


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"tasks": ("sst2", "mrcp")}, "unknown task 'mrcp'. Did you mean 'mrpc'"),
        ({"tasks": ("sst2", "mnli")}, "mnli has not 2 classes"),
        ({"tasks": ("sst2", "sst2")}, "names a task twice"),
        ({"tasks": ("sst2", "cola", "rte")}, "3 tasks of 2 classes need experiences=3"),
        ({"heads": "one"}, "heads=one: the tasks of a stream have a head each"),
        ({"noise": {"gaussian": (0.1,)}}, "noise: texts have none"),
        ({"class_order": "icarl"}, "class_order: a stream of tasks has seed or natural"),
        ({"length": 64}, "length=64: ac_bert:plain takes 32 tokens at most"),
        ({"checkpoint": "here"}, "checkpoint needs start=pretrained"),
    ],
)
def test_settings_that_do_not_fit_are_refused(change, wrong):
    def checked():
        spec = GlueStreamSpec(**msgspec.structs.asdict(SPEC) | change)
        spec.check(BertSpec(wiring="ac", **SIZES), NaiveSpec(name="naive"))

    with pytest.raises(ValueError, match=wrong):
        checked()


def test_the_embedded_texts_of_one_task_stand_for_those_of_all():
    card = catalog.benchmark("glue_stream")
    made = unresolved(card, Choices(data="rules_sst2", quick=True))
    assert made.benchmark.datasets == ("rules_cola", "rules_sst2", "rules_mrpc", "rules_rte")
    assert made.benchmark.on("rte").datasets == ("cola", "sst2", "mrpc", "rte")
    with pytest.raises(LookupError, match=r"no task of this stream.*Did you mean 'rules_rte'"):
        unresolved(card, Choices(data="rules_rta", quick=True))


def test_a_task_has_its_accuracy_forgetting_and_blocks_in_the_report():
    record = example.example_record("ac")  # task 1 (CoLA) came first
    assert measures.experience(record, 1) == 0
    assert measures.learned(record, 1) == pytest.approx(0.8)
    assert measures.forgotten(record, 1) == pytest.approx(0.2)
    assert measures.forgotten(record, 0) is None  # it came last
    assert measures.utilised_depth(record, 1, at_end=False) == 1
    held_out = msgspec.structs.replace(record.result.validation, most_frequent=[0.85, 0.6])
    result = msgspec.structs.replace(record.result, validation=held_out)
    guessing = msgspec.structs.replace(record, result=result)
    assert measures.utilised_depth(guessing, 1, at_end=False) is None  # it came first
    assert [cell.text for cell in task_table._cells([record], 1)][:3] == ["80.0", "60.0", "20.0"]
