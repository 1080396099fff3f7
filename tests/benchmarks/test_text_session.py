"""Plans of text benchmarks: several tasks at once, and what is refused before anything runs."""

import json
from pathlib import Path

import pytest

from acn_bench import backbones, catalog
from acn_bench.backbones import bert_folder
from acn_bench.data import loading
from acn_bench.data.tokens import vocabulary
from acn_bench.execution import estimate, session
from acn_bench.execution.session import Options
from acn_bench.families.bert import BertSpec
from acn_bench.overrides import Setting
from acn_bench.plan import Choices, unresolved
from acn_bench.run_folder import write_folder


@pytest.fixture
def plan():
    """`plan("task=rte")`: the quick card of GLUE on texts by rule."""

    def made(*settings, name="glue", data="rules_sst2", quick=True, **others):
        card = catalog.benchmark(name)
        return unresolved(card, Choices(settings=settings, data=data, quick=quick, **others))

    return made


def test_several_tasks_are_one_plan_each_with_its_own_data(plan, tmp_path, monkeypatch):
    monkeypatch.setattr(estimate, "BUDGET", 0.0)
    tasks = plan("task=rte,cola", seeds=(0,))
    options = Options(out=tmp_path, data_root=None, device="cpu", jobs=1, again=False)
    made = session.prepare(catalog.benchmark("glue"), Path("card"), tasks, options)
    assert len(made.configs) == 4
    prints = {c.benchmark.task: c.fingerprint for c in made.configs}
    assert len(set(prints.values())) == 2
    for config in made.configs:
        (data,) = made.data_of(config)
        assert data.name == f"rules_{config.benchmark.task}"
        assert data.fingerprint == config.fingerprint
    assert len(made.seconds) == 4


@pytest.mark.parametrize(
    ("name", "data"), [("mlm", "rules_text"), ("glue", "rules_sst2"), ("glue_stream", "rules_sst2")]
)
def test_a_quick_card_takes_about_a_minute_of_steps(plan, name, data, tmp_path, monkeypatch):
    """A step of these networks takes 10 ms on a core, and two runs are made at a time."""
    monkeypatch.setattr(estimate, "BUDGET", 0.0)
    options = Options(out=tmp_path, data_root=None, device="cpu", jobs=1, again=False)
    made = session.prepare(catalog.benchmark(name), Path("card"), plan(name=name, data=data), options)  # fmt: skip
    costs = [estimate.cost_of(config, made.data_of(config)) for config in made.configs]
    assert len(costs) >= 4
    assert sum(cost.images / cost.batch_size for cost in costs) < 10_000


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        (("task=stt2",), r"unknown task 'stt2'. Did you mean 'sst2'"),
        (("start=pretrained",), "start=pretrained needs a checkpoint"),
        (("checkpoint=here",), "checkpoint needs start=pretrained"),
        (("length=64",), "length=64: ac_bert:plain takes 32 tokens at most"),
        (("pruned=[0.5]",), "pruned needs pruning=magnitude"),
        (("pruning=magnitude", "pruned=[0.5,0.2]"), "pruned must rise"),
        (("prune_share=0.5",), "prune_share needs pruning=movement"),
    ],
)
def test_settings_that_do_not_fit_are_refused_by_a_plan(plan, settings, wrong):
    with pytest.raises(ValueError, match=wrong):
        plan(*settings)


def test_other_data_and_other_networks_are_refused(plan):
    with pytest.raises(LookupError, match=r"no task of GLUE. Did you mean 'rules_sst2'"):
        plan(data="rules_sst")
    with pytest.raises(LookupError, match="no plain text"):
        plan(name="mlm", data="digits10")
    with pytest.raises(LookupError, match="takes images, but this benchmark has text"):
        plan(backbones=("ac_mixer",))
    with pytest.raises(ValueError, match="length=64: ac_bert:plain takes 32 tokens at most"):
        plan("length=64", name="mlm", data="rules_text")


def test_each_task_is_a_word_of_data(plan):
    assert plan(data="rules_rte").benchmark.datasets == ("rules_rte",)
    assert plan(data="rte").benchmark.datasets == ("rte",)
    assert Setting.parse("task=rte,cola").values == ("rte", "cola")


def test_a_checkpoint_that_is_missing_is_named(plan, tmp_path):
    card = catalog.benchmark("glue")
    options = Options(out=tmp_path, data_root=None, device="cpu", jobs=1, again=False)
    start = plan("start=pretrained", f"checkpoint={tmp_path / 'none'}")
    with pytest.raises(LookupError, match=r"there is no checkpoint at .*none"):
        session.prepare(card, Path("card"), start, options)


# ---------------------------------------------------------------- a checkpoint whose parts do not belong together


@pytest.fixture(scope="module")
def written():
    """The files of a residual checkpoint in Transformers' format."""
    spec = BertSpec(wiring="residual", depth=1, vocab_size=200, max_length=32, width=16, heads=2)
    body = backbones.from_spec(spec, 2).state_dict()
    head = {k.removeprefix("head."): body.pop(k) for k in list(body) if k.startswith("head.")}
    tokenizer = vocabulary.trained(loading.load("rules_text").train, 200)
    made = bert_folder.classifier_files(spec, spec.depth, body, head, ("no", "yes"))
    return made | vocabulary.files(tokenizer, 32)


def another_embedding(files):
    config = json.loads(files["config.json"]) | {"vocab_size": 300}
    return files | {"config.json": json.dumps(config).encode()}


def larger_vocabulary(files):
    tokenizer = json.loads(files["tokenizer.json"])
    tokenizer["model"]["vocab"]["##new"] = 200
    return files | {"tokenizer.json": json.dumps(tokenizer).encode()}


def no_tokenizer(files):
    return {name: content for name, content in files.items() if name != "tokenizer.json"}


def cut_weights(files):
    return files | {"model.safetensors": files["model.safetensors"][:-100]}


@pytest.mark.parametrize("name", ["glue", "mlm", "glue_stream"])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (another_embedding, r"config and weights do not fit: stem.word.weight is \(200, 16\), expected \(300, 16\)"),
        (larger_vocabulary, r"tokenizer.json has ids up to 200, and the embedding of the checkpoint has 200 rows"),
        (no_tokenizer, r"has no tokenizer: neither tokenizer.json nor vocab.txt is there"),
        (cut_weights, r"model.safetensors is not a whole safetensors file"),
    ],
)  # fmt: skip
def test_a_plan_refuses_a_checkpoint_whose_parts_do_not_fit(
    plan, written, tmp_path, name, spoil, message
):
    write_folder(tmp_path / "checkpoint", spoil(written))
    data = "rules_text" if name == "mlm" else "rules_sst2"
    start = plan("start=rewired", f"checkpoint={tmp_path / 'checkpoint'}", name=name, data=data)
    options = Options(out=tmp_path, data_root=None, device="cpu", jobs=1, again=False)
    with pytest.raises((LookupError, ValueError), match=message):
        session.prepare(catalog.benchmark(name), Path("card"), start, options)
