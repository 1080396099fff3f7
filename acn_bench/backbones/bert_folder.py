"""A BERT in any wiring <-> a folder in Transformers' format.

Files that are written here load by `AutoModelForSequenceClassification`, `AutoModelForMaskedLM` and `AutoTokenizer`,
once `acn_bench.backbones.transformers` is imported. Neither writing nor reading needs Transformers.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from acn_bench.backbones.bert import checkpoint_state, from_transformers, head_from_transformers
from acn_bench.families.bert import BertSpec
from acn_bench.families.bert_checkpoint import OWN, config_of_spec, spec_of_checkpoint
from acn_bench.parsing import file_bytes, json_object

Weights = dict[str, Tensor]
WEIGHTS, CONFIG = "model.safetensors", "config.json"


def read(folder: Path) -> tuple[Weights, Weights]:
    """The weights of a `Backbone` without its head, and those of a `MaskedHead`; empty where the folder has none.

    A pooler may be missing. Raises LookupError where there is no checkpoint, ValueError for another architecture.
    """
    depth = spec_of_checkpoint(folder).depth
    state = checkpoint_state(folder)
    if json_object(file_bytes(folder / CONFIG)).get("model_type") == OWN:
        return _own(state)
    try:
        body = from_transformers(state, depth, pooler="pooler.dense.weight" in state)
    except KeyError as e:
        raise ValueError(f"{folder / WEIGHTS}: weight {e} is missing") from None
    tied = {"cls.predictions.decoder.weight": state["embeddings.word_embeddings.weight"]}
    if "cls.predictions.bias" in state:
        tied["cls.predictions.decoder.bias"] = state["cls.predictions.bias"]
    try:
        return body, head_from_transformers(tied | state)
    except KeyError:
        return body, {}


def _own(state: Mapping[str, Tensor]) -> tuple[Weights, Weights]:
    """The weights of `acn_bert`, whose names are those of a `Backbone` behind a prefix."""
    body = {k.removeprefix("backbone."): v for k, v in state.items() if k.startswith("backbone.")}
    head = {k.removeprefix("head."): v for k, v in state.items() if k.startswith("head.")}
    if head:
        head["decoder.weight"] = body["stem.word.weight"]
    return body, head


def classifier_files(
    spec: BertSpec, depth: int, body: Weights, head: Weights, class_names: tuple[str, ...]
) -> dict[str, bytes]:
    """What `AutoModelForSequenceClassification.from_pretrained` loads; no class names: the head is a regression's."""
    names = class_names or ("score",)
    others: dict[str, Any] = {
        "architectures": ["AcnBertForSequenceClassification"],
        "id2label": {str(k): name for k, name in enumerate(names)},
        "label2id": {name: k for k, name in enumerate(names)},
        "problem_type": "single_label_classification" if class_names else "regression",
    }
    return _files(config_of_spec(spec, depth, others), body, _named("classifier", head))


def masked_files(spec: BertSpec, body: Weights, head: Weights) -> dict[str, bytes]:
    """What `AutoModelForMaskedLM.from_pretrained` loads; the decoder's weight is the word embedding, stored once."""
    stored = {k: v for k, v in head.items() if k != "decoder.weight"}
    config = config_of_spec(spec, spec.depth, {"architectures": ["AcnBertForMaskedLM"]})
    without_pooler = {k: v for k, v in body.items() if not k.startswith("readout.")}
    return _files(config, without_pooler, _named("head", stored))


def _named(prefix: str, weights: Weights) -> Weights:
    return {f"{prefix}.{name}": tensor for name, tensor in weights.items()}


def _files(config: dict[str, Any], body: Weights, head: Weights) -> dict[str, bytes]:
    weights = _named("bert.backbone", body) | head
    tensors = {name: t.detach().cpu().contiguous() for name, t in weights.items()}
    return {
        CONFIG: (json.dumps(config, indent=2) + "\n").encode(),
        WEIGHTS: safetensors.torch.save(tensors, {"format": "pt"}),
    }
