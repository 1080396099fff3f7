"""Runs of the kinds `mlm` and `glue` on texts by rule: what they learn, resume, start from and write."""

from math import log
from pathlib import Path

import msgspec
import pytest
import torch

from acn_bench import backbones, records
from acn_bench.backbones import bert_folder
from acn_bench.benchmarks.glue import protocol as glue
from acn_bench.benchmarks.glue.spec import GlueSpec
from acn_bench.benchmarks.glue.split import split
from acn_bench.benchmarks.glue.task import sorted_by_length
from acn_bench.benchmarks.mlm import example
from acn_bench.benchmarks.mlm import protocol as mlm
from acn_bench.benchmarks.mlm.spec import MlmSpec
from acn_bench.benchmarks.run import Run
from acn_bench.benchmarks.text_network import masked_model
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import loading
from acn_bench.data.tokens import vocabulary
from acn_bench.evaluation import glue_scores
from acn_bench.families.bert import BertSpec
from acn_bench.families.bert_checkpoint import spec_of_checkpoint
from acn_bench.run_folder import RunFolder, write_folder
from acn_bench.training import row_order
from acn_bench.training.resume import ResumeFile
from acn_bench.training.stopping import Stop

CPU = torch.device("cpu")
SIZES = {"depth": 2, "vocab_size": 200, "max_length": 32, "width": 32, "heads": 2}
GLUE = GlueSpec(
    name="g", task="sst2", embedded=True, epochs=3, learning_rate=1e-3, batch_size=32, length=24
)
MLM = MlmSpec(name="m", data="rules_text", epochs=1, batch_size=24, length=32, warmup=0.1, learning_rate=5e-3, validation=0.05)  # fmt: skip


def planned(spec, wiring="ac", seed=0, **sizes):
    """The config of a run, as a plan resolves it."""
    spec, backbone = spec.resolved(BertSpec(wiring=wiring, **SIZES | sizes), seed)
    fingerprint = loading.load_all(spec)[0].fingerprint
    seeds = Seeds(order=seed, init=seed, data=seed, noise=seed)
    return RunConfig(
        benchmark=spec, strategy=None, backbone=backbone, seeds=seeds, fingerprint=fingerprint
    )


def measured(spec, *, checkpoint=None, stop=None, progress=lambda _: None, **how):
    config = planned(spec, **how)
    run = Run(config, loading.load_all(config.benchmark), CPU, progress, checkpoint)
    if stop is not None:
        run = Run(config, run.data, CPU, progress, checkpoint, stop=stop)
    protocol = glue if isinstance(spec, GlueSpec) else mlm
    return protocol.measure(run)


@pytest.fixture(scope="module")
def tuned():
    return measured(GLUE)


@pytest.fixture(scope="module")
def pretrained():
    return measured(MLM)


@pytest.fixture
def folder(tmp_path):
    """`folder(files)`: a checkpoint in Transformers' format."""

    def write(files, name="checkpoint"):
        write_folder(tmp_path / name, files)
        return tmp_path / name

    return write


# ---------------------------------------------------------------- what is learned


def test_a_task_by_rule_is_learned_and_every_guard_passes(tuned):
    result = tuned.result
    scored = result.tests["dev"]
    assert scored.scores["accuracy"][-1] > 0.8
    assert scored.scores["accuracy"][0] < 0.7  # the embedding of [CLS] is the same for all texts
    assert all(guard.passed for guard in tuned.guards)
    assert result.images_seen == GLUE.epochs * result.rows.train


def test_scores_can_be_computed_again_from_the_predictions_of_a_record(tuned):
    data = loading.load("rules_sst2")
    predictions = tuned.examples["test.dev"].to(torch.int64)
    again = glue_scores.scores(data.task, predictions, data.tests["dev"].labels)
    assert again == tuned.result.tests["dev"].scores
    assert predictions.shape == (3, 400)


def test_masked_tokens_are_predicted_better_than_by_a_uniform_guess(pretrained):
    test = pretrained.result.test
    assert test.loss[-1] < log(pretrained.result.vocabulary) - 1  # of a uniform guess
    assert test.loss[-1] < test.loss[0]
    assert all(guard.passed for guard in pretrained.guards)


def test_micro_batches_change_nothing_but_rounding():
    few = msgspec.structs.replace(MLM, max_steps=5)
    whole, parts = (measured(s) for s in (few, msgspec.structs.replace(few, micro_batch=10)))
    assert parts.result.train_loss == pytest.approx(whole.result.train_loss, rel=1e-5)
    assert parts.result.test.loss == pytest.approx(whole.result.test.loss, rel=1e-4)


def test_a_regression_and_a_task_of_two_sets_have_their_scores():
    brief = msgspec.structs.replace(GLUE, epochs=1, batch_size=256)
    similar = measured(msgspec.structs.replace(brief, task="stsb")).result
    assert set(similar.tests["dev"].scores) == {"pearson", "spearman"}
    assert similar.changes == []
    inference = measured(msgspec.structs.replace(brief, task="mnli")).result
    assert list(inference.tests) == ["matched", "mismatched"]
    assert len(inference.tests["matched"].confusion[0]) == 3


def test_training_rows_may_be_limited_and_held_out_rows_stay_the_same():
    data = loading.load("rules_sst2")
    whole, part = split(data, 0.1, seed=0), split(data, 0.1, seed=0, most=100)
    assert len(part.train) == 100
    assert torch.isin(part.train, whole.train).all()
    assert torch.equal(part.validation, whole.validation)
    assert not torch.equal(part.train, split(data, 0.1, seed=1, most=100).train)
    few = measured(msgspec.structs.replace(GLUE, epochs=1, train_rows=100)).result
    assert (few.rows.train, few.images_seen) == (100, 100)


def test_a_new_head_has_the_initial_weights_of_the_setting():
    config = planned(GLUE, initialisation="normal_0.02", width=64)
    assert glue.classifier(config, 2).head.weight.std().item() < 0.04
    assert not glue.classifier(config, 2).head.bias.any()
    masked = masked_model(planned(MLM, initialisation="normal_0.02", width=64))
    assert masked.head.dense.weight.std().item() == pytest.approx(0.02, rel=0.05)


# ---------------------------------------------------------------- order and interruption


def test_batches_hold_texts_of_similar_length_each_row_once():
    lengths = torch.randint(1, 60, (1000,), generator=torch.Generator().manual_seed(0))
    order = row_order.order(0, 0, 1000)
    by_length = sorted_by_length(order, lengths, 32, 0, 0)
    assert by_length.sort().values.tolist() == list(range(1000))
    assert torch.equal(by_length[992:], order[992:])  # the last batch, which is short, stays last

    def padded(rows):
        return sum(int(lengths[part].max()) * len(part) for part in rows.split(32))

    assert padded(by_length) < 0.6 * padded(order)
    assert not torch.equal(by_length, sorted_by_length(order, lengths, 32, 0, 1))


def test_a_run_that_is_stopped_in_movement_pruning_ends_as_if_it_were_not(tmp_path):
    spec = msgspec.structs.replace(GLUE, batch_size=128, pruning="movement", prune_share=0.5)
    whole = measured(spec)
    stop = Stop()

    def after_half(share):
        if share > 0.4:
            stop.request()

    def file():
        return ResumeFile(tmp_path / "run-00.safetensors", {"run": "run", "code": "0"})

    with pytest.raises(SystemExit):
        measured(spec, checkpoint=file(), stop=stop, progress=after_half)
    resumed = measured(spec, checkpoint=file())
    assert resumed.result.pruned == whole.result.pruned
    assert resumed.result.tests == whole.result.tests
    assert resumed.result.train_loss == whole.result.train_loss
    left = [p.left / p.total for p in whole.result.pruned]
    assert left == pytest.approx([1, 0.5, 0.25], abs=1e-3)
    weights = [w for k, w in resumed.weights.items() if "blocks" in k and w.ndim == 2]
    assert sum(int((w != 0).sum()) for w in weights) == whole.result.pruned[-1].left


# ---------------------------------------------------------------- checkpoints


def test_a_network_starts_from_its_own_pre_training(pretrained, folder):
    place = folder(pretrained.files)
    spec = msgspec.structs.replace(GLUE, start="pretrained", checkpoint=str(place))
    config = planned(spec, depth=5, width=64)
    assert config.backbone == BertSpec(wiring="ac", **SIZES)  # the checkpoint's sizes
    assert len(config.benchmark.checkpoint_hash) == 12
    model = glue.classifier(config, 2)
    for name, weight in pretrained.weights.items():
        if name.startswith("backbone."):
            assert torch.equal(model.state_dict()[name], weight)
    again = masked_model(planned(msgspec.structs.replace(MLM, start="pretrained", checkpoint=str(place))))  # fmt: skip
    assert {k: v.tolist() for k, v in again.state_dict().items()} == {
        k: v.tolist() for k, v in pretrained.weights.items()
    }


def test_the_wiring_of_a_checkpoint_must_fit_unless_it_is_rewired(folder):
    residual = planned(MLM, wiring="residual")
    model = masked_model(residual)
    body, head = model.backbone.state_dict(), model.head.state_dict()
    tokenizer = vocabulary.trained(loading.load("rules_text").train, 200)
    place = folder(bert_folder.masked_files(residual.backbone, body, head) | vocabulary.files(tokenizer, 32))  # fmt: skip
    spec = msgspec.structs.replace(GLUE, start="pretrained", checkpoint=str(place))
    with pytest.raises(ValueError, match=r"holds a residual network, and ac_bert:plain needs a ac one: start=rewired"):  # fmt: skip
        planned(spec)
    rewired = planned(msgspec.structs.replace(spec, start="rewired"))
    assert rewired.backbone.wiring == "ac"
    weights = glue.classifier(rewired, 2).state_dict()
    assert torch.equal(weights["backbone.blocks.1.mlp.fc1.weight"], body["blocks.1.mlp.fc1.weight"])


def test_runs_of_mlm_give_each_arm_its_own_network(tmp_path):
    network = RunFolder(tmp_path / "mlm")
    for wiring in ("ac", "residual"):
        record = example.example_record(wiring)
        records.save(record, network.records)
        model = masked_model(record.config)
        files = bert_folder.masked_files(
            record.config.backbone, model.backbone.state_dict(), model.head.state_dict()
        )
        stem = records.stem(record.run_id, record.provenance.code)
        write_folder(network.weights / stem, files)
    spec = msgspec.structs.replace(GLUE, start="pretrained", checkpoint=str(network.folder))
    for wiring in ("ac", "residual"):
        for seed in (0, 3):  # the only pre-training serves other seeds, too
            place = spec.folder(BertSpec(wiring=wiring, **SIZES), seed)
            assert spec_of_checkpoint(place).wiring == wiring
    with pytest.raises(LookupError, match="needs a densenet network of seed 0, and it has none"):
        spec.folder(BertSpec(wiring="densenet", **SIZES), 0)
    with pytest.raises(LookupError, match="there is no checkpoint at"):
        msgspec.structs.replace(spec, checkpoint=str(tmp_path / "no")).folder(BertSpec(wiring="ac"), 0)  # fmt: skip


def test_what_a_run_writes_loads_by_transformers_with_its_tokenizer(tuned, pretrained, folder):
    transformers = pytest.importorskip("transformers")
    import acn_bench.backbones.transformers  # noqa: F401 - registers the models

    texts = loading.load("rules_sst2").tests["dev"].texts[0][:5]
    place = folder(tuned.files)
    tokenizer = transformers.AutoTokenizer.from_pretrained(place)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(place).eval()
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    with torch.no_grad():
        logits = model(**batch).logits
    assert logits.argmax(1).tolist() == tuned.examples["test.dev"][-1, :5].tolist()
    assert model.config.id2label == {0: "negative", 1: "positive"}
    place = folder(pretrained.files, "masked")
    masked = transformers.AutoModelForMaskedLM.from_pretrained(place).eval()
    ids = torch.arange(5, 37).unsqueeze(0)
    own = masked_model(planned(msgspec.structs.replace(MLM, start="pretrained", checkpoint=str(place)))).eval()  # fmt: skip
    with torch.no_grad():
        expected = own(ids, torch.ones_like(ids, dtype=torch.bool))
        torch.testing.assert_close(masked(ids).logits[0], expected)


def test_the_weights_of_a_run_load_as_a_backbone(tuned, tmp_path):
    network = backbones.build("ac_bert", 2, **SIZES)
    weights = {k.removeprefix("backbone."): v for k, v in tuned.weights.items()}
    network.load_state_dict(weights)
    backbones.save(network, Path(tmp_path / "n.safetensors"))
    assert backbones.load(tmp_path / "n.safetensors").depth == 2


def test_the_manuals_script_fine_tunes_by_transformers(pretrained, folder, tmp_path, monkeypatch, root):  # fmt: skip
    pytest.importorskip("transformers")
    folder(pretrained.files, "pretrained")
    monkeypatch.chdir(tmp_path)
    page = (root / "docs" / "language.md").read_text()
    code = page.partition("```python\n")[2].partition("```")[0]
    brief = code.replace("num_train_epochs=6", "max_steps=2, report_to=[], use_cpu=True")
    assert brief != code
    variables: dict[str, object] = {}
    exec(brief, variables)
    assert variables["model"].config.wiring == "ac"
