"""BERT (Devlin et al. 2019): embeddings, post-norm blocks and pooler; checkpoints of Transformers.

A LayerNorm follows each join. In the residual wiring it is Transformers' `BertModel`, tensor for
tensor; the AC arm has both residual adds removed, as in the authors' code (`bert/pre_b/model.py`),
so that `released` and `plain` are one network here. Dropout is 0 by default. It acts where BERT's does: on the
embeddings, on attention weights, and on the output of a branch.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from acn_bench.backbones.backbone import Parts
from acn_bench.backbones.sublayers import MLP, Attention, hidden_width
from acn_bench.backbones.wiring import Join
from acn_bench.errors import message
from acn_bench.families.bert import BertSpec, Initialisation
from acn_bench.families.bert_checkpoint import EPS, TYPES, spec_of_checkpoint

RANGE = 0.02  # standard deviation of BERT's initial weights (Devlin et al. 2019)


class BertBlock(nn.Module):
    """Attention, join, LayerNorm; then MLP, join, LayerNorm."""

    def __init__(self, spec: BertSpec) -> None:
        super().__init__()
        width = spec.width
        self.attn = Attention(width, spec.heads, dropout=spec.attention_dropout)
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.mlp = MLP(width, hidden_width(width, spec.mlp_ratio))
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.dropout = nn.Dropout(spec.dropout)

    def forward(self, x: Tensor, join: Join, mask: Tensor | None = None) -> Tensor:  # (B, T, D)
        x = self.norm1(join(x, self.dropout(self.attn(x, mask))))
        out: Tensor = self.norm2(join(x, self.dropout(self.mlp(x))))
        return out


class BertEmbedding(nn.Module):
    """Token ids and token types (B, T) -> the LayerNorm of word + position + type, (B, T, D)."""

    def __init__(self, spec: BertSpec) -> None:
        super().__init__()
        self.word = nn.Embedding(spec.vocab_size, spec.width, padding_idx=0)
        self.position = nn.Embedding(spec.max_length, spec.width)
        self.token_type = nn.Embedding(TYPES, spec.width)
        self.norm = nn.LayerNorm(spec.width, eps=EPS)
        self.dropout = nn.Dropout(spec.dropout)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        positions = self.position.weight[: input_ids.shape[1]]
        x: Tensor = self.norm(self.word(input_ids) + self.token_type(types) + positions)
        out: Tensor = self.dropout(x)
        return out


class Pooler(nn.Module):
    """tanh of a Linear of the [CLS] token, (B, T, D) -> (B, D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)

    def pool(self, x: Tensor) -> Tensor:
        return x[:, 0]

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.dense(self.pool(x)))


class MaskedHead(nn.Module):
    """The hidden state (B, T, D) -> the logits of each token, (B, T, V).

    Dense, GELU, LayerNorm, decoder; BERT ties the decoder's weight to the word embedding.
    """

    def __init__(self, width: int, vocabulary: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.act = nn.GELU()
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.decoder = nn.Linear(width, vocabulary)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.decoder(self.norm(self.act(self.dense(x))))
        return logits


def bert(spec: BertSpec) -> Parts:
    """The parts of a BERT. Its modules, and therefore its initial weights, are the same in every wiring."""
    stem = BertEmbedding(spec)
    blocks: list[nn.Module] = [BertBlock(spec) for _ in range(spec.depth)]
    pooler = Pooler(spec.width)
    for module in (stem, *blocks, pooler):
        initialise(module, spec.initialisation)
    return Parts((spec.max_length,), stem, blocks, pooler, spec.width)


@torch.no_grad()
def initialise(module: nn.Module, initialisation: Initialisation) -> None:
    """Draw the initial weights of a new module from torch's global generator; [PAD] is embedded as 0.

    At the width of BERT-base both ways give a Linear the same gain; at others only `torch_linear` has it.
    """
    for part in module.modules():
        if isinstance(part, nn.Embedding):
            part.weight.normal_(0.0, RANGE)
            if part.padding_idx is not None:
                part.weight[part.padding_idx].zero_()
        elif isinstance(part, nn.Linear) and initialisation == "normal_0.02":
            part.weight.normal_(0.0, RANGE)
            part.bias.zero_()


# ---------------------------------------------------------------- checkpoints of Transformers


def checkpoint_weights(folder: Path) -> dict[str, Tensor]:
    """The weights of a Transformers BERT checkpoint under the names of a `Backbone`, without its head.

    Raises LookupError where there are none, ValueError where one is missing.
    """
    state = checkpoint_state(folder)
    try:
        return from_transformers(state, spec_of_checkpoint(folder).depth)
    except KeyError as e:
        path = folder / "model.safetensors"
        raise ValueError(f"{path}: weight {e} is missing; is it a BERT with a pooler?") from None


def checkpoint_state(folder: Path) -> dict[str, Tensor]:
    """All weights of a Transformers BERT checkpoint under the names of `BertModel`. Raises LookupError, ValueError."""
    path = folder / "model.safetensors"
    if not path.is_file():
        others = sorted(p.name for p in folder.glob("*model*") if p.suffix in (".bin", ".json"))
        instead = f", but {', '.join(others)}: let Transformers save it as one file" * bool(others)
        raise LookupError(
            f"there is no Transformers checkpoint at {folder}: no model.safetensors{instead}"
        )
    try:
        loaded = safetensors.torch.load_file(path)
    except safetensors.SafetensorError as e:
        raise ValueError(f"{path} is not a whole safetensors file: {message(e)}") from e
    return {
        name.removeprefix("bert.").replace(".gamma", ".weight").replace(".beta", ".bias"): tensor
        for name, tensor in loaded.items()
    }


def from_transformers(
    state: Mapping[str, Tensor], depth: int, *, pooler: bool = True
) -> dict[str, Tensor]:
    """The state dict of `BertModel` -> that of a `Backbone`'s stem, blocks and readout. Raises KeyError."""
    if depth > len(state):  # before names of so many layers are made
        raise KeyError(f"encoder.layer.{depth - 1}")
    names = {
        "stem.word": "embeddings.word_embeddings",
        "stem.position": "embeddings.position_embeddings",
        "stem.token_type": "embeddings.token_type_embeddings",
        "stem.norm": "embeddings.LayerNorm",
    }
    if pooler:
        names["readout.dense"] = "pooler.dense"
    for i in range(depth):
        layer = f"encoder.layer.{i}"
        names |= {
            f"blocks.{i}.attn.proj": f"{layer}.attention.output.dense",
            f"blocks.{i}.norm1": f"{layer}.attention.output.LayerNorm",
            f"blocks.{i}.mlp.fc1": f"{layer}.intermediate.dense",
            f"blocks.{i}.mlp.fc2": f"{layer}.output.dense",
            f"blocks.{i}.norm2": f"{layer}.output.LayerNorm",
        }
    converted = {
        f"{name}.{kind}": state[f"{source}.{kind}"]
        for name, source in names.items()
        for kind in _kinds(name)
    }
    for i in range(depth):
        for kind in ("weight", "bias"):
            parts = [
                state[f"encoder.layer.{i}.attention.self.{part}.{kind}"]
                for part in ("query", "key", "value")
            ]
            converted[f"blocks.{i}.attn.qkv.{kind}"] = torch.cat(parts)
    return converted


def head_from_transformers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict of `BertForMaskedLM` -> that of our `MaskedHead`. Raises KeyError."""
    head = "cls.predictions"
    converted = {
        f"{name}.{kind}": state[f"{head}.transform.{source}.{kind}"]
        for name, source in {"dense": "dense", "norm": "LayerNorm"}.items()
        for kind in ("weight", "bias")
    }
    decoder = {kind: state[f"{head}.decoder.{kind}"] for kind in ("weight", "bias")}
    return converted | {f"decoder.{kind}": tensor for kind, tensor in decoder.items()}


def _kinds(name: str) -> Sequence[str]:
    embedding = name in ("stem.word", "stem.position", "stem.token_type")
    return ("weight",) if embedding else ("weight", "bias")
