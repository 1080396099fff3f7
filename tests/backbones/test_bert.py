import json
import os

import pytest
import safetensors.torch
import torch
from torch import nn

from acn_bench.backbones import build, load, load_bert, save
from acn_bench.backbones.bert import from_transformers


def transformers_bert(**changes):
    transformers = pytest.importorskip("transformers", reason="transformers is an extra")
    config = transformers.BertConfig(
        vocab_size=50, hidden_size=24, num_hidden_layers=3, num_attention_heads=3,
        intermediate_size=96, max_position_embeddings=16, **changes,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.BertModel(config).double().eval()
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.3)
    return model


@torch.no_grad()
def test_the_residual_bert_gives_what_transformers_gives(small, inputs):
    model = transformers_bert()
    network = small("residual_bert").double().eval()
    missing = network.load_state_dict(from_transformers(model.state_dict(), 3), strict=False)
    assert missing.missing_keys == ["head.weight", "head.bias"]
    assert missing.unexpected_keys == []
    ids, mask, types = inputs("bert")
    other = model(ids, attention_mask=mask, token_type_ids=types)
    unmasked = mask.bool()  # outputs of masked tokens are not defined
    state = network.hidden_state(ids, mask, types)
    torch.testing.assert_close(
        state[unmasked], other.last_hidden_state[unmasked], rtol=0, atol=1e-10
    )
    torch.testing.assert_close(
        network.features(ids, mask, types), other.pooler_output, rtol=0, atol=1e-10
    )
    without = model(ids).pooler_output
    torch.testing.assert_close(network.features(ids), without, rtol=0, atol=1e-10)


@torch.no_grad()
def test_a_checkpoint_folder_of_transformers_loads(tmp_path, inputs):
    model = transformers_bert().float()
    model.save_pretrained(tmp_path)
    network = load_bert(tmp_path, num_classes=5).eval()
    ids, mask, types = inputs("bert")
    assert network(ids, mask, types).shape == (4, 5)
    other = model(ids, attention_mask=mask, token_type_ids=types).pooler_output
    torch.testing.assert_close(network.features(ids, mask, types), other, rtol=0, atol=1e-5)


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    with pytest.raises(LookupError, match=r"no config\.json"):
        load_bert(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    with pytest.raises(ValueError, match="model_type is 'gpt2', expected 'bert'"):
        load_bert(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"layer_norm_eps": 1e-5}))
    with pytest.raises(ValueError, match="layer_norm_eps is 1e-05, expected 1e-12"):
        load_bert(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json is not JSON"):
        load_bert(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="has no key 'num_hidden_layers'"):
        load_bert(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(SIZES))
    with pytest.raises(LookupError, match=r"no model\.safetensors$"):
        load_bert(tmp_path)
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(LookupError, match=r"but pytorch_model\.bin: let Transformers save it"):
        load_bert(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"cut short")
    with pytest.raises(ValueError, match="is not a whole safetensors file"):
        load_bert(tmp_path)
    safetensors.torch.save_file({"x": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="weight 'embeddings"):
        load_bert(tmp_path)


SIZES = {"num_hidden_layers": 1, "vocab_size": 9, "max_position_embeddings": 8,
         "hidden_size": 4, "num_attention_heads": 2, "intermediate_size": 8}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_hidden_layers", 10**12), ("num_hidden_layers", 0), ("num_hidden_layers", "many"),
        ("vocab_size", 2**62), ("vocab_size", 10**12), ("max_position_embeddings", 10**12),
        ("hidden_size", 10**12), ("hidden_size", 0), ("hidden_size", "wide"), ("hidden_size", None),
        ("num_attention_heads", 3), ("num_attention_heads", [2] * 10_000),
        ("intermediate_size", 2**62), ("intermediate_size", -1), ("intermediate_size", 1e308),
    ],
)  # fmt: skip
def test_a_config_of_other_sizes_than_the_weights_is_refused_before_it_takes_memory(
    tmp_path, key, value
):
    block = {f"{place}.{kind}": torch.zeros(4, *([4] * (kind == "weight")))
             for place in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense")
             for kind in ("weight", "bias")}  # fmt: skip
    block |= {"intermediate.dense.weight": torch.zeros(8, 4), "intermediate.dense.bias": torch.zeros(8),
              "output.dense.weight": torch.zeros(4, 8), "output.dense.bias": torch.zeros(4)}  # fmt: skip
    norms = ("attention.output.LayerNorm", "output.LayerNorm")
    block |= {f"{norm}.{kind}": torch.zeros(4) for norm in norms for kind in ("weight", "bias")}
    state = {f"encoder.layer.0.{name}": tensor for name, tensor in block.items()}
    words = {"word_embeddings": 9, "position_embeddings": 8, "token_type_embeddings": 2}
    state |= {f"embeddings.{name}.weight": torch.zeros(rows, 4) for name, rows in words.items()}
    state |= {f"embeddings.LayerNorm.{kind}": torch.zeros(4) for kind in ("weight", "bias")}
    state |= {"pooler.dense.weight": torch.zeros(4, 4), "pooler.dense.bias": torch.zeros(4)}
    safetensors.torch.save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(SIZES))
    assert load_bert(tmp_path).depth == 1
    (tmp_path / "config.json").write_text(json.dumps(SIZES | {key: value}))
    with pytest.raises(ValueError, match=r"sizes that no BERT has|do not fit|is missing") as error:
        load_bert(tmp_path)
    assert len(str(error.value)) < 2_000


def test_a_config_of_brackets_in_brackets_or_in_a_pipe_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("[" * 1_100)
    with pytest.raises(ValueError, match=r"config\.json is not JSON"):
        load_bert(tmp_path)
    (tmp_path / "config.json").unlink()
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(LookupError, match=r"no config\.json"):
        load_bert(tmp_path)


def test_parameters_of_bert_base():
    V, P, D, H, L = 30522, 512, 768, 3072, 12
    block = 4 * (D * D + D) + (D * H + H) + (H * D + D) + 2 * 2 * D
    base = (V + P + 2) * D + 2 * D + L * block + D * D + D
    assert base == 109_482_240
    head = 2 * D + 2

    def count(name, variant="plain"):
        with torch.device("meta"):
            model = build(name, 2, depth=L, variant=variant)
        return sum(p.numel() for p in model.parameters())

    for variant in ("plain", "released"):
        assert count("ac_bert", variant) == count("residual_bert", variant) == base + head
    assert count("feedforward_bert") == base + head
    assert (
        count("densenet_bert") == base + head + L * (L + 1) // 2 * D * D
    )  # the input of block i combines i outputs
    assert count("denseformer_bert") == base + head + L * (L + 1) // 2  # a scalar for each of them


def test_bert_base_has_as_many_parameters_as_transformers_has():
    transformers = pytest.importorskip("transformers", reason="transformers is an extra")
    with torch.device("meta"):
        transformers_bert = transformers.BertModel(transformers.BertConfig())
    assert sum(p.numel() for p in transformers_bert.parameters()) == 109_482_240


IDS = torch.ones(2, 3, dtype=torch.int64)
REFUSED = {
    r"expected token ids \(B, T\) of integers, int64 or int32, got \(2, 3\) of torch.float32": (
        torch.rand(2, 3),
    ),
    r"expected token ids \(B, T\).*got \(2, 3, 1\) of torch.int64": (IDS[..., None],),
    "expected 1 to 16 tokens, got 17": (torch.ones(2, 17, dtype=torch.int64),),
    "expected 1 to 16 tokens, got 0": (IDS[:, :0],),
    "expected token ids from 0 to 49, got 50": (50 * IDS,),
    "expected token ids from 0 to 49, got -1": (-1 * IDS,),
    r"expected attention mask of the token ids' shape \(2, 3\), got \(2, 4\)": (
        IDS,
        torch.ones(2, 4),
    ),
    r"attention mask of the token ids' shape \(2, 3\), got \(2, 1, 1, 3\)": (
        IDS,
        torch.ones(2, 1, 1, 3),
    ),
    r"expected an attention mask of 1 \(attend\) and 0 \(masked\), got one with -inf": (
        IDS,
        torch.tensor([0.0, 0.0, float("-inf")]).expand(2, 3),
    ),
    r"expected token types of the token ids' shape \(2, 3\), got \(3,\)": (IDS, None, IDS[0]),
    "expected token types of integers, int64 or int32, got torch.float32": (IDS, None, 0.0 * IDS),
    "expected token types from 0 to 1, got 2": (IDS, None, 2 * IDS),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_no_bert_can_read_is_refused_in_one_sentence(small, sentence):
    with pytest.raises(ValueError, match=sentence):
        small("ac_bert")(*REFUSED[sentence])


@torch.no_grad()
def test_masks_of_any_dtype_say_the_same(small, inputs):
    model = small("ac_bert").eval()
    ids, mask, types = inputs("bert")
    expected = model(ids, mask, types)
    for dtype in (torch.bool, torch.int32, torch.float32, torch.float64, torch.bfloat16):
        assert torch.equal(model(ids, mask.to(dtype), types), expected)


def test_initial_weights_are_those_of_the_setting_in_both_arms():
    for wiring in ("ac", "residual"):
        small = {"vocab_size": 500, "max_length": 16, "width": 64, "heads": 2, "depth": 1}
        torch_linear = build(f"{wiring}_bert", 2, **small)
        normal = build(f"{wiring}_bert", 2, initialisation="normal_0.02", **small)
        for network in (torch_linear, normal):
            words = network.stem.word.weight
            assert words[1:].std().item() == pytest.approx(0.02, rel=0.05)
            assert not words[0].any()  # [PAD]
        first, other = (n.blocks[0].mlp.fc1 for n in (torch_linear, normal))
        assert first.weight.abs().max() <= 1 / 8  # 1/√64
        assert first.weight.std().item() == pytest.approx(1 / 8 / 3**0.5, rel=0.05)
        assert other.weight.std().item() == pytest.approx(0.02, rel=0.05)
        assert first.bias.any()
        assert not other.bias.any()
        assert normal.readout.dense.weight.std().item() == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", ["ac_bert", "residual_bert"])
def test_a_text_with_every_token_masked_is_finite_and_changes_no_other(
    small, inputs, name, precision
):
    model = small(name, precision=precision)
    ids, mask, types = inputs("bert")
    alone = model(ids[1:], mask[1:], types[1:])
    mask[0] = 0
    logits = model(ids, mask, types)
    torch.testing.assert_close(logits[1:], alone)
    assert logits.isfinite().all()
    logits.sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


@torch.no_grad()
def test_a_text_of_which_nothing_may_be_seen_gives_what_transformers_gives(small, inputs):
    model = transformers_bert()
    network = small("residual_bert").double().eval()
    network.load_state_dict(from_transformers(model.state_dict(), 3), strict=False)
    ids, mask, types = inputs("bert")
    mask[0] = 0
    other = model(ids, attention_mask=mask, token_type_ids=types).pooler_output
    torch.testing.assert_close(network.features(ids, mask, types), other, rtol=0, atol=1e-10)


@torch.no_grad()
def test_dropout_falls_where_it_does_in_transformers(small, inputs):
    model = transformers_bert(hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.2).train()
    network = small("residual_bert", dropout=0.3, attention_dropout=0.2).double().train()
    network.load_state_dict(from_transformers(model.state_dict(), 3), strict=False)
    ids, mask, types = inputs("bert")
    torch.manual_seed(1)  # and of the same seed the same units fall
    other = model(ids, attention_mask=mask, token_type_ids=types).pooler_output
    torch.manual_seed(1)
    dropped = network.features(ids, mask, types)
    torch.testing.assert_close(dropped, other, rtol=0, atol=1e-10)
    assert not torch.allclose(dropped, network.features(ids, mask, types))


def test_a_checkpoint_holds_dropout_and_bf16_applies_it_too(small, inputs, tmp_path):
    save(small("ac_bert", dropout=0.1, attention_dropout=1.0), tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors")
    assert (loaded.spec.dropout, loaded.spec.attention_dropout) == (0.1, 1.0)
    attention = small("ac_bert", attention_dropout=1.0, precision="bf16").blocks[0].attn
    x = torch.rand(2, 5, 24)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (attention(x) == attention.proj.bias.bfloat16()).all()  # nothing was mixed
        assert not (attention.eval()(x) == attention.proj.bias.bfloat16()).all()
