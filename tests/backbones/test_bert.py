import json

import pytest
import safetensors.torch
import torch
from torch import nn

from acn_bench.backbones import build, load_bert
from acn_bench.backbones.bert import from_transformers


def theirs(**changes):
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
    model = theirs()
    ours = small("residual_bert").double().eval()
    missing = ours.load_state_dict(from_transformers(model.state_dict(), 3), strict=False)
    assert missing.missing_keys == ["head.weight", "head.bias"]
    assert missing.unexpected_keys == []
    ids, mask, types = inputs("bert")
    other = model(ids, attention_mask=mask, token_type_ids=types)
    seen = mask.bool()  # what stands behind the mask is nobody's business
    read = ours.read(ids, mask, types)
    torch.testing.assert_close(read[seen], other.last_hidden_state[seen], rtol=0, atol=1e-10)
    torch.testing.assert_close(
        ours.features(ids, mask, types), other.pooler_output, rtol=0, atol=1e-10
    )
    without = model(ids).pooler_output
    torch.testing.assert_close(ours.features(ids), without, rtol=0, atol=1e-10)


@torch.no_grad()
def test_a_checkpoint_folder_of_transformers_loads(tmp_path, inputs):
    model = theirs().float()
    model.save_pretrained(tmp_path)
    ours = load_bert(tmp_path, num_classes=5).eval()
    ids, mask, types = inputs("bert")
    assert ours(ids, mask, types).shape == (4, 5)
    other = model(ids, attention_mask=mask, token_type_ids=types).pooler_output
    torch.testing.assert_close(ours.features(ids, mask, types), other, rtol=0, atol=1e-5)


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    with pytest.raises(LookupError, match=r"no config\.json"):
        load_bert(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    with pytest.raises(ValueError, match="model_type is 'gpt2', expected 'bert'"):
        load_bert(tmp_path)
    sizes = {"num_hidden_layers": 1, "vocab_size": 9, "max_position_embeddings": 8,
             "hidden_size": 4, "num_attention_heads": 2, "intermediate_size": 8}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(sizes))
    with pytest.raises(LookupError, match=r"no model\.safetensors"):
        load_bert(tmp_path)
    safetensors.torch.save_file({"x": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="there is no weight 'embeddings"):
        load_bert(tmp_path)


def test_parameters_of_bert_base():
    V, P, D, H, L = 30522, 512, 768, 3072, 12
    block = 4 * (D * D + D) + (D * H + H) + (H * D + D) + 2 * 2 * D
    base = (V + P + 2) * D + 2 * D + L * block + D * D + D
    assert base == 109_482_240
    with torch.device("meta"):
        for name in ("ac_bert", "residual_bert"):
            model = build(name, 2, depth=L)
            assert sum(p.numel() for p in model.parameters()) == base + 2 * D + 2


def test_images_too_many_tokens_and_no_integers_are_refused(small):
    model = small("ac_bert")
    with pytest.raises(ValueError, match="expected token ids"):
        model(torch.rand(2, 3))
    with pytest.raises(ValueError, match="expected 16 tokens at most, got 17"):
        model(torch.ones(2, 17, dtype=torch.int64))
