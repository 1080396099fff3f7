"""The config of Transformers for BERT in every wiring <-> `BertSpec`."""

from typing import Any, Self, cast

import msgspec
from transformers import BertConfig, PreTrainedConfig

from acn_bench.errors import shorten
from acn_bench.families.bert import BertSpec
from acn_bench.families.bert_checkpoint import EPS, FIXED, NAMES, TYPES, check_architecture
from acn_bench.families.names import backbone_spec

# fields of `BertConfig` that `from_bert` copies
COPIED = (
    *NAMES.values(),
    *("intermediate_size", "initializer_range", "pad_token_id", "classifier_dropout"),
    *("tie_word_embeddings", "id2label", "label2id", "problem_type"),
)


class AcnBertConfig(PreTrainedConfig):
    """BERT's config with a wiring and a variant; the sizes of BERT-base, and no dropout, by default.

    Raises ValueError or LookupError for an invalid size, wiring or variant, by the config's name of it.
    """

    model_type = "acn_bert"

    wiring: str = "ac"
    variant: str = "plain"
    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    max_position_embeddings: int = 512
    hidden_dropout_prob: float = 0.0
    attention_probs_dropout_prob: float = 0.0
    classifier_dropout: float | None = None  # before the classifier; None: hidden_dropout_prob
    initializer_range: float = 0.02
    pad_token_id: int | None = 0
    tie_word_embeddings: bool = True
    hidden_act: str = "gelu"  # these three are fixed
    type_vocab_size: int = TYPES
    layer_norm_eps: float = EPS

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        self.spec()

    def spec(self) -> BertSpec:
        """The spec that `build` uses. For 0 blocks it has 1, which the model then cuts."""
        others = {k: getattr(self, k) for k in FIXED if k != "model_type" and hasattr(self, k)}
        check_architecture(others, self.model_type)
        sizes = {size: getattr(self, field) for size, field in NAMES.items()}
        sizes["depth"] = self.num_hidden_layers if self.num_hidden_layers != 0 else 1
        try:
            spec = cast(BertSpec, backbone_spec(f"{self.wiring}_bert:{self.variant}", sizes))
        except ValueError as e:
            raise ValueError(_with_config_names(e)) from e
        if spec.width % spec.heads:
            raise ValueError(
                f"hidden_size {spec.width} is not a multiple of num_attention_heads {spec.heads}"
            )
        hidden = self.intermediate_size
        if not isinstance(hidden, int) or hidden < 1:
            raise ValueError(f"intermediate_size must be at least 1, not {shorten(hidden)}")
        return msgspec.structs.replace(spec, mlp_ratio=hidden / spec.width)

    @classmethod
    def from_bert(cls, config: BertConfig, **changes: Any) -> Self:
        """The residual network of a `BertConfig`, with its dropout.

        Raises ValueError for another architecture.
        """
        values = config.to_dict()
        check_architecture(values, config.name_or_path or "BertConfig")
        copied = {k: values[k] for k in COPIED if k in values}
        return cls(**{"wiring": "residual"} | copied | changes)


def _with_config_names(error: ValueError) -> str:
    """The message of an error, with sizes named as in the config."""
    message = str(error)
    for size, field in NAMES.items():
        message = message.replace(f": {size} is ", f": {field} is ")
    return message
