"""The `config.json` of a BERT in Transformers' format <-> `BertSpec`. Never torch: a plan reads it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from acn_bench import parsing
from acn_bench.errors import message, shorten
from acn_bench.families.bert import BertSpec

EPS = 1e-12  # of the LayerNorms, as in the original
TYPES = 2  # sentence A, sentence B
OWN = "acn_bert"  # the model type of BERT in every wiring, as `backbones.transformers` registers it

# Options of Transformers' BERT that must have these values here.
FIXED: dict[str, Any] = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "type_vocab_size": TYPES,
    "layer_norm_eps": EPS,
    "position_embedding_type": "absolute",
    "is_decoder": False,
}
SIZES = {
    "depth": "num_hidden_layers",
    "vocab_size": "vocab_size",
    "max_length": "max_position_embeddings",
    "width": "hidden_size",
    "heads": "num_attention_heads",
}
# the name of a size in `BertSpec` -> in `BertConfig`
NAMES = {
    **SIZES,
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
}


def spec_of_checkpoint(folder: Path) -> BertSpec:
    """A folder with a Transformers BERT -> the spec of the same network, without dropout: residual, or `acn_bert`'s wiring.

    Raises LookupError where there is no such file, ValueError for another architecture.
    """
    path = folder / "config.json"
    config = _config(path)
    own = config.get("model_type") == OWN
    check_architecture(config | ({"model_type": "bert"} if own else {}), path)
    sizes: dict[str, Any] = {"family": "bert", "wiring": "residual"}
    if own:
        sizes |= {key: config[key] for key in ("wiring", "variant") if key in config}
    try:
        sizes |= {size: config[key] for size, key in SIZES.items()}
        sizes["mlp_ratio"] = config["intermediate_size"] / config["hidden_size"]
        return msgspec.convert(sizes, BertSpec)
    except KeyError as e:
        raise ValueError(f"{path} has no key {e}") from None
    except (msgspec.ValidationError, TypeError, ArithmeticError) as e:
        raise ValueError(f"{path} holds sizes that no BERT has: {message(e)}") from e


def _config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise LookupError(f"there is no Transformers checkpoint at {path.parent}: no config.json")
    try:
        config = parsing.json_value(parsing.file_bytes(path))
    except ValueError as e:
        raise ValueError(f"{path} is not JSON: {message(e)}") from e
    if not isinstance(config, dict):
        raise ValueError(f"{path} must hold an object, not a {type(config).__name__}")
    return config


def check_architecture(config: Mapping[str, Any], place: Path | str) -> None:
    """Raise ValueError where a config of Transformers has an option that this BERT does not support."""
    for key, value in FIXED.items():
        if config.get(key, value) != value:
            raise ValueError(f"{place}: {key} is {shorten(config[key])}, expected {value!r}")


def config_of_spec(spec: BertSpec, depth: int, others: Mapping[str, Any]) -> dict[str, Any]:
    """The `config.json` of a network with `depth` blocks, as `backbones.transformers.AcnBertConfig` loads it."""
    sizes = {key: getattr(spec, size) for size, key in NAMES.items()}
    return {
        "model_type": OWN,
        "wiring": spec.wiring,
        "variant": spec.variant,
        **sizes,
        "num_hidden_layers": depth,
        "intermediate_size": round(spec.width * spec.mlp_ratio),
        "hidden_act": FIXED["hidden_act"],
        "type_vocab_size": TYPES,
        "layer_norm_eps": EPS,
        **others,
    }
