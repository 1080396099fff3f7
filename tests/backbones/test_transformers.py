import importlib.util
import json
import subprocess
import sys

import pytest
import torch
from torch import nn

from acn_bench.backbones import build
from acn_bench.spec import WIRINGS

transformers = pytest.importorskip("transformers", reason="transformers is an extra")

from acn_bench.backbones import transformers as acn_transformers  # noqa: E402

SIZES = {
    "vocab_size": 50, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3,
    "intermediate_size": 96, "max_position_embeddings": 16,
}  # fmt: skip
AUTO = {
    "classification": transformers.AutoModelForSequenceClassification,
    "masked": transformers.AutoModelForMaskedLM,
    "bare": transformers.AutoModel,
}


@pytest.fixture(autouse=True)
def _quiet():
    level = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    yield
    transformers.utils.logging.set_verbosity(level)


@pytest.fixture
def made():
    """Makes a small model of a seed, every weight of it random: `made("masked", wiring="ac")`."""

    def make(kind, *, seed=0, **changes):
        torch.manual_seed(seed)
        config = transformers.AutoConfig.for_model("acn_bert", **SIZES | changes)
        return randomised(AUTO[kind].from_config(config)).eval()

    return make


@pytest.fixture
def batch(inputs):
    """What a tokenizer gives: ids, a mask and types, by their names."""
    return dict(zip(("input_ids", "attention_mask", "token_type_ids"), inputs("bert"), strict=True))


def randomised(model):
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.3)
    return model


def transformers_model(kind, **changes):
    torch.manual_seed(1)
    return randomised(kind(transformers.BertConfig(**SIZES | changes))).eval()


def outputs(model, batch, **more):
    """Every tensor that a model gives."""
    output = model(**batch, **more)
    return [t for v in output.to_tuple() for t in (v if isinstance(v, tuple) else (v,))]


# ---------------------------------------------------------------- all wirings


@pytest.mark.parametrize("kind", AUTO)
@pytest.mark.parametrize("wiring", WIRINGS)
def test_every_wiring_is_saved_and_loaded_bit_for_bit(made, batch, tmp_path, kind, wiring):
    model = made(kind, wiring=wiring, num_labels=5)
    model.save_pretrained(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    loaded, report = AUTO[kind].from_pretrained(tmp_path, output_loading_info=True)
    assert not any(report.values())
    assert type(loaded) is type(model)
    assert loaded.config.spec() == model.config.spec()
    assert (loaded.config.wiring, loaded.config.num_labels) == (wiring, 5)
    state = loaded.state_dict()
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(state[name], w) for name, w in model.state_dict().items())
    before, after = (outputs(m, batch, output_hidden_states=True) for m in (model, loaded))
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("wiring", WIRINGS)
def test_it_is_the_backbone_that_build_makes(made, small, batch, wiring):
    model = made("classification", wiring=wiring, num_labels=7)
    plain = small(f"{wiring}_bert").eval()
    state = {f"bert.backbone.{k}": v for k, v in plain.state_dict().items()}
    state |= {f"classifier.{k}": state.pop(f"bert.backbone.head.{k}") for k in ("weight", "bias")}
    model.load_state_dict(state)
    assert torch.equal(model(**batch).logits, plain(**batch))
    assert torch.equal(model.forward_depths(**batch), plain.forward_depths(**batch))


@torch.no_grad()
@pytest.mark.parametrize("wiring", WIRINGS)
def test_hidden_states_are_the_heads_input_after_each_block(made, batch, wiring):
    model = made("classification", wiring=wiring)
    output = model(**batch, output_hidden_states=True)
    assert len(output.hidden_states) == 4
    assert torch.equal(output.logits, model(**batch).logits)
    pooled = torch.stack([model.bert.backbone.readout(state) for state in output.hidden_states])
    assert torch.equal(model.classifier(pooled), model.forward_depths(**batch))


@torch.no_grad()
def test_the_hidden_states_of_ac_are_sums(made, batch):
    model = made("masked", wiring="ac")
    outputs_of_blocks = []
    for block in model.bert.backbone.blocks:
        block.register_forward_hook(lambda _, __, out: outputs_of_blocks.append(out))
    output = model(**batch, output_hidden_states=True)
    expected = output.hidden_states[0]
    for state, block in zip(output.hidden_states[1:], outputs_of_blocks, strict=True):
        expected = expected + block
        assert torch.equal(state, expected)
    assert torch.equal(model.head(expected), output.logits)


@pytest.mark.parametrize("wiring", WIRINGS)
def test_initial_weights_are_those_of_bert_and_wirings_start_as_sums(wiring):
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model("acn_bert", wiring=wiring, **SIZES)
    backbone = AUTO["classification"].from_config(config).bert.backbone
    weight = backbone.blocks[1].mlp.fc1.weight
    assert 0.015 < weight.std() < 0.025  # PyTorch's would be 0.118
    assert not backbone.blocks[1].mlp.fc1.bias.any()
    with torch.device("cpu"):
        fresh = build(f"{wiring}_bert", 2, depth=3, width=24, heads=3, vocab_size=50).wiring
    for weight, other in zip(backbone.wiring.parameters(), fresh.parameters(), strict=True):
        assert torch.equal(weight, other)


@pytest.mark.parametrize("wiring", ["densenet", "denseformer"])
def test_weights_that_a_checkpoint_lacks_start_as_they_do_in_a_new_model(made, tmp_path, wiring):
    made("masked", wiring="residual").save_pretrained(tmp_path)
    loaded = AUTO["classification"].from_pretrained(tmp_path, wiring=wiring, num_labels=3)
    fresh = build(f"{wiring}_bert", 2, depth=3, width=24, heads=3, vocab_size=50).wiring
    for weight, other in zip(
        loaded.bert.backbone.wiring.parameters(), fresh.parameters(), strict=True
    ):
        assert torch.equal(weight, other)
    assert 0 < loaded.classifier.weight.std() < 0.05
    assert 0 < loaded.bert.backbone.readout.dense.weight.std() < 0.05


# ---------------------------------------------------------------- the residual arm is BERT


@torch.no_grad()
@pytest.mark.parametrize("kind", ["classification", "masked", "bare"])
def test_the_residual_model_gives_what_transformers_gives(batch, tmp_path, kind):
    model = {"classification": acn_transformers.AcnBertForSequenceClassification,
             "masked": acn_transformers.AcnBertForMaskedLM, "bare": acn_transformers.AcnBertModel}[kind]  # fmt: skip
    other = transformers_model(model.transformers_class, num_labels=5).double()
    other.save_pretrained(tmp_path)
    loaded = model.from_bert(tmp_path)
    assert loaded.config.wiring == "residual"
    assert loaded.dtype == torch.float64
    unmasked = batch["attention_mask"].bool()  # outputs of masked tokens are not defined
    for output, other_output in zip(
        outputs(loaded, batch, output_hidden_states=True),
        outputs(other, batch, output_hidden_states=True),
        strict=True,
    ):
        where = unmasked if output.shape[:2] == unmasked.shape else slice(None)
        torch.testing.assert_close(output[where], other_output[where], rtol=0, atol=1e-10)
    output, other_output = loaded(batch["input_ids"])[0], other(batch["input_ids"])[0]
    torch.testing.assert_close(output, other_output, rtol=0, atol=1e-10)


PROBLEMS = {
    None: torch.tensor([0, 4, 2, 1]),
    "single_label_classification": torch.tensor([0, 4, 2, 1]),
    "multi_label_classification": torch.rand(4, 5).round(),
    "regression": torch.rand(4, 5),
}


@torch.no_grad()
@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_loss_of_classification_is_that_of_transformers(batch, tmp_path, problem):
    other = transformers_model(
        transformers.BertForSequenceClassification, num_labels=5, problem_type=problem
    )
    other.save_pretrained(tmp_path)
    model = acn_transformers.AcnBertForSequenceClassification.from_bert(tmp_path)
    output, other_output = (m(**batch, labels=PROBLEMS[problem]).loss for m in (model, other))
    torch.testing.assert_close(output, other_output)
    assert model.config.problem_type == other.config.problem_type


@torch.no_grad()
def test_one_label_is_regression_and_masked_tokens_alone_have_a_loss(batch, tmp_path):
    labels = batch["input_ids"].where(batch["token_type_ids"] == 1, -100)
    for model, target in (
        (acn_transformers.AcnBertForSequenceClassification, torch.rand(4)),
        (acn_transformers.AcnBertForMaskedLM, labels),
    ):
        other = transformers_model(model.transformers_class, num_labels=1)
        other.save_pretrained(tmp_path)
        output, other_output = (
            m(**batch, labels=target).loss for m in (model.from_bert(tmp_path), other.eval())
        )
        torch.testing.assert_close(output, other_output)


@torch.no_grad()
def test_dropout_falls_where_it_does_in_transformers(batch, tmp_path):
    drops = {"hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.2}
    for more in ({}, {"classifier_dropout": 0.6}):
        other = transformers_model(
            transformers.BertForSequenceClassification, **drops, **more
        ).train()
        other.save_pretrained(tmp_path)
        model = acn_transformers.AcnBertForSequenceClassification.from_bert(tmp_path).train()
        torch.manual_seed(1)
        its = other(**batch).logits
        torch.manual_seed(1)  # and of the same seed the same units fall
        torch.testing.assert_close(model(**batch).logits, its)


def test_there_is_no_dropout_unless_the_config_says_so(made, batch):
    model = made("classification")
    assert model.config.hidden_dropout_prob == model.config.attention_probs_dropout_prob == 0
    assert torch.equal(model.train()(**batch).logits, model.eval()(**batch).logits)


def test_of_a_checkpoint_comes_what_it_has_and_the_rest_is_drawn(batch, tmp_path):
    whole = transformers_model(transformers.BertForPreTraining, hidden_dropout_prob=0.25)
    whole.save_pretrained(tmp_path)
    masked = acn_transformers.AcnBertForMaskedLM.from_bert(tmp_path)
    torch.testing.assert_close(masked(**batch).logits, whole(**batch).prediction_logits)
    assert masked.head.decoder.weight is masked.get_input_embeddings().weight
    classifier = acn_transformers.AcnBertForSequenceClassification.from_bert(tmp_path, num_labels=3)
    assert classifier.config.num_labels == 3
    assert classifier.config.hidden_dropout_prob == 0.25
    torch.testing.assert_close(
        classifier.bert(**batch).pooler_output, whole.bert(**batch).pooler_output
    )
    assert 0 < classifier.classifier.weight.std() < 0.05

    classifier.save_pretrained(tmp_path / "acn_bert")
    again = AUTO["classification"].from_pretrained(tmp_path / "acn_bert")
    assert torch.equal(again(**batch).logits, classifier(**batch).logits)

    transformers_model(transformers.BertForMaskedLM).save_pretrained(
        tmp_path / "masked"
    )  # no pooler
    pooled = acn_transformers.AcnBertModel.from_bert(
        tmp_path / "masked"
    ).backbone.readout.dense.weight
    assert 0 < pooled.std() < 0.05


def test_a_checkpoint_of_something_else_is_refused(made, tmp_path):
    made("masked").save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="model_type is 'acn_bert', expected 'bert'"):
        acn_transformers.AcnBertForMaskedLM.from_bert(tmp_path)
    transformers_model(transformers.BertModel, hidden_act="relu").save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="hidden_act is 'relu', expected 'gelu'"):
        acn_transformers.AcnBertModel.from_bert(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"vocab_size": 5}))
    with pytest.raises(ValueError, match="model_type is None, expected 'bert'"):
        acn_transformers.AcnBertModel.from_bert(tmp_path)


# ---------------------------------------------------------------- at home in Transformers


def test_a_fresh_process_loads_a_model_after_one_import(made, batch, tmp_path):
    model = made("bare", wiring="ac")
    model.save_pretrained(tmp_path)
    script = """
import sys
import torch
import acn_bench.backbones.transformers
from transformers import AutoConfig, AutoModel
model = AutoModel.from_pretrained(sys.argv[1])
print(AutoConfig.from_pretrained(sys.argv[1]).wiring, type(model).__name__, model.training)
output = model(**torch.load(sys.argv[1] + "/batch"))
torch.save((model.state_dict(), output.pooler_output), sys.argv[1] + "/found")
"""
    torch.save(batch, tmp_path / "batch")
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["ac AcnBertModel False"]
    state, pooled = torch.load(tmp_path / "found")
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(state[name], w) for name, w in model.state_dict().items())
    torch.testing.assert_close(pooled, model(**batch).pooler_output)


def test_without_transformers_one_sentence_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    again = importlib.util.spec_from_file_location("again", acn_transformers.__file__)
    with pytest.raises(ImportError) as e:
        again.loader.exec_module(importlib.util.module_from_spec(again))
    assert "registers BERT with Transformers 5.10 or newer, which is not installed" in str(e.value)
    assert "pip install 'acn_bench[transformers]'" in str(e.value)


@pytest.mark.parametrize("kind", ["classification", "masked"])
def test_embeddings_are_resized_and_stay_tied(made, batch, kind, tmp_path):
    model = made(kind)
    before = model(**batch).logits
    model.resize_token_embeddings(53)
    assert model.config.vocab_size == model.get_input_embeddings().num_embeddings == 53
    after = model(**batch).logits
    assert torch.equal(after[..., : before.shape[-1]], before)
    model(torch.full((1, 4), 52))
    with pytest.raises(ValueError, match="expected token ids from 0 to 52, got 53"):
        model(torch.full((1, 4), 53))
    if kind == "masked":
        assert after.shape[-1] == 53
        assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    model.save_pretrained(tmp_path)
    loaded = AUTO[kind].from_pretrained(tmp_path)
    assert torch.equal(loaded(**batch).logits, after)


def test_what_is_not_tied_stays_apart(made, batch, tmp_path):
    model = made("masked", tie_word_embeddings=False)
    assert model.head.decoder.weight is not model.get_input_embeddings().weight
    cut = model.truncated(2)
    assert torch.equal(cut.head.decoder.weight, model.head.decoder.weight)
    model.save_pretrained(tmp_path)
    assert torch.equal(
        AUTO["masked"].from_pretrained(tmp_path)(**batch).logits, model(**batch).logits
    )


@torch.no_grad()
@pytest.mark.parametrize("wiring", WIRINGS)
def test_a_model_cut_to_k_blocks_is_saved_and_loaded_again(made, batch, tmp_path, wiring):
    model = made("classification", wiring=wiring)
    depths = model.forward_depths(**batch)
    for k in range(4):
        cut = model.truncated(k)
        assert cut.config.num_hidden_layers == len(cut.bert.backbone.blocks) == k
        logits = cut(**batch).logits
        # the head of all depths at once multiplies larger matrices, which some processors sum in another order
        torch.testing.assert_close(logits, depths[k])
        cut.save_pretrained(tmp_path / str(k))
        loaded, report = AUTO["classification"].from_pretrained(
            tmp_path / str(k), output_loading_info=True
        )
        assert not any(report.values())
        assert torch.equal(loaded(**batch).logits, logits)
    assert model.config.num_hidden_layers == len(model.bert.backbone.blocks) == 3
    with pytest.raises(ValueError, match="cannot truncate to 4 blocks: the network has 3"):
        model.truncated(4)


def test_a_masked_model_is_cut_and_stays_tied_to_itself(made, batch):
    model = made("masked")
    cut = model.truncated(1)
    words = cut.get_input_embeddings().weight
    assert cut.head.decoder.weight is words
    assert words is not model.get_input_embeddings().weight
    hidden = model(**batch, output_hidden_states=True).hidden_states[1]
    assert torch.equal(cut(**batch).logits, model.head(hidden))


WRONG = {
    "unknown backbone 'dense_bert'.": {"wiring": "dense"},
    "has no variant 'released': no code of it": {"wiring": "feedforward", "variant": "released"},
    "unknown variant 'best'": {"variant": "best"},
    "hidden_size 24 is not a multiple of num_attention_heads 5": {"num_attention_heads": 5},
    "hidden_act is 'relu', expected 'gelu'": {"hidden_act": "relu"},
    "type_vocab_size is 3, expected 2": {"type_vocab_size": 3},
    "is_decoder is True, expected False": {"is_decoder": True},
    "num_hidden_layers is -1: Expected": {"num_hidden_layers": -1},
    "hidden_size is 0: Expected": {"hidden_size": 0},
    "intermediate_size must be at least 1, not 0": {"intermediate_size": 0},
    "hidden_dropout_prob is 1.5: Expected": {"hidden_dropout_prob": 1.5},
    "max_position_embeddings is 'many': Expected": {"max_position_embeddings": "many"},
}


@pytest.mark.parametrize("sentence", WRONG)
def test_a_config_that_cannot_be_is_refused_by_its_own_names(sentence):
    with pytest.raises((ValueError, LookupError), match=sentence):
        transformers.AutoConfig.for_model("acn_bert", **SIZES | WRONG[sentence])


def test_what_a_padding_token_embeds_to_is_not_trained(made):
    for pad in (0, 3, None):
        model = made("classification", pad_token_id=pad).train()
        model(torch.arange(5)[None], labels=torch.tensor([1])).loss.backward()
        still = [i for i in range(5) if not model.get_input_embeddings().weight.grad[i].any()]
        assert still == ([] if pad is None else [pad])


class Rows(torch.utils.data.Dataset):
    """Texts of the first words of the vocabulary or of the last, as a tokenizer would give them."""

    def __len__(self):
        return 64

    def __getitem__(self, i):
        label = i % 2
        ids = torch.randint(2, 25, (12,), generator=torch.Generator().manual_seed(i)) + 25 * label
        return {"input_ids": ids, "attention_mask": torch.ones(12).long(), "labels": label}


class Masked(Rows):
    """The same texts, of which a word in six is masked, by 1, and asked for."""

    def __getitem__(self, i):
        ids = super().__getitem__(i)["input_ids"]
        masked = torch.arange(12) % 6 == i % 6
        return {"input_ids": ids.where(~masked, 1), "labels": ids.where(masked, -100)}


def trainer(model, folder, rows, **changes):
    return transformers.Trainer(
        model=model,
        args=transformers.TrainingArguments(
            output_dir=folder, learning_rate=1e-3, seed=0, report_to="none", use_cpu=True,
            disable_tqdm=True, save_strategy="no", lr_scheduler_type="constant", **changes,
        ),
        train_dataset=rows, eval_dataset=rows,
        compute_metrics=lambda p: {"accuracy": (p.predictions.argmax(-1) == p.label_ids).mean()},
    )  # fmt: skip


def fresh(kind, **changes):
    """As a user makes it: of initial weights that Transformers draws."""
    torch.manual_seed(0)
    return AUTO[kind].from_config(transformers.AutoConfig.for_model("acn_bert", **SIZES | changes))


@pytest.mark.parametrize("wiring", WIRINGS)
def test_the_trainer_of_transformers_trains_a_classifier(tmp_path, wiring):
    model = fresh("classification", wiring=wiring)
    run = trainer(model, tmp_path, Rows(), num_train_epochs=12)
    before = run.evaluate()["eval_loss"]
    run.train()
    after = run.evaluate()
    assert after["eval_accuracy"] > 0.95
    assert after["eval_loss"] < before / 2
    run.save_model(tmp_path / "best")
    loaded = AUTO["classification"].from_pretrained(tmp_path / "best")
    ids = Rows()[0]["input_ids"][None]
    assert torch.equal(loaded(ids).logits, model.eval()(ids).logits)


def test_the_trainer_of_transformers_trains_masked_tokens(tmp_path):
    model = fresh("masked", wiring="ac")
    run = trainer(model, tmp_path, Masked(), num_train_epochs=16, activation_checkpointing=True)
    before = run.evaluate()["eval_loss"]
    run.train()
    assert run.evaluate()["eval_loss"] < before - 0.5  # half the words are ruled out: log 2 is 0.69
    assert model.head.decoder.weight is model.get_input_embeddings().weight


def test_a_batch_in_parts_trains_masked_tokens_as_the_whole_does(tmp_path):
    class Uneven(Masked):
        def __getitem__(self, i):
            row = super().__getitem__(i)
            return row | {"labels": row["labels"].where(torch.arange(12) < i % 12 + 1, -100)}

    weights = []
    for parts in (1, 4):
        model = fresh("masked", wiring="ac")
        batch_size = {"per_device_train_batch_size": 16 // parts}
        trainer(
            model, tmp_path, Uneven(), max_steps=2, gradient_accumulation_steps=parts, **batch_size
        ).train()
        weights.append(model.head.dense.weight.detach())
    torch.testing.assert_close(*weights)


@pytest.mark.parametrize("wiring", WIRINGS)
def test_checkpointing_gives_the_same_gradients(made, batch, wiring):
    model = made("masked", wiring=wiring, hidden_dropout_prob=0.2).train()
    gradients = []
    for turn in (
        None,
        model.activation_checkpointing_enable,
        model.activation_checkpointing_disable,
    ):
        if turn is not None:
            turn()
        model.zero_grad()
        torch.manual_seed(0)
        loss = model(**batch, labels=batch["input_ids"]).loss
        loss.backward()
        on = model.is_activation_checkpointing
        assert (
            on
            is model.bert.backbone.checkpointing
            is (turn == model.activation_checkpointing_enable)
        )
        gradients.append([p.grad.clone() for p in model.parameters()])
    for other in gradients[1:]:
        assert all(torch.equal(a, b) for a, b in zip(gradients[0], other, strict=True))
    with pytest.raises(ValueError, match="all blocks are checkpointed or none, not every 2th"):
        model.activation_checkpointing_enable(every_n_layers=2)


def test_pipelines_of_transformers_take_it_with_the_tokenizer_of_bert(tmp_path):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "very", "good", "film"]
    sizes = SIZES | {"vocab_size": len(words)}
    for kind in ("classification", "masked"):
        fresh(kind, **sizes).save_pretrained(tmp_path / kind)
        (tmp_path / kind / "vocab.txt").write_text("\n".join(words))
    classify = transformers.pipeline("text-classification", str(tmp_path / "classification"))
    assert classify("a very good film")[0]["label"] in ("LABEL_0", "LABEL_1")
    filled = transformers.pipeline("fill-mask", str(tmp_path / "masked"), top_k=3)
    assert [w["token_str"] in words for w in filled("a very [MASK] film")] == [True] * 3
