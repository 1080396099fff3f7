"""The config of Transformers for BERT in every wiring <-> our `BertSpec`."""

from typing import Any, Self, cast

import msgspec
from transformers import BertConfig, PreTrainedConfig

from acn_bench.backbones.bert import EPS, FIXED, refuse_others
from acn_bench.backbones.texts import TYPES
from acn_bench.families.bert import BertSpec
from acn_bench.families.names import backbone_spec

# Our name of a size -> BERT's.
NAMES = {
    "depth": "num_hidden_layers",
    "vocab_size": "vocab_size",
    "max_length": "max_position_embeddings",
    "width": "hidden_size",
    "heads": "num_attention_heads",
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
}
# What a `BertConfig` says that goes for an `AcnBertConfig`, too.
CARRIED = (
    *NAMES.values(),
    *("intermediate_size", "initializer_range", "pad_token_id", "classifier_dropout"),
    *("tie_word_embeddings", "id2label", "label2id", "problem_type"),
)


class AcnBertConfig(PreTrainedConfig):
    """BERT's config with a wiring and a variant; the sizes of BERT-base, and no dropout, by default.

    Raises ValueError or LookupError for a size, wiring or variant that cannot be, by the config's name.
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
    hidden_act: str = "gelu"  # these three can be nothing else
    type_vocab_size: int = TYPES
    layer_norm_eps: float = EPS

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        self.spec()

    def spec(self) -> BertSpec:
        """The same network as `build` knows it; of no blocks it is that of one, which is then cut."""
        others = {k: getattr(self, k) for k in FIXED if k != "model_type" and hasattr(self, k)}
        refuse_others(others, self.model_type)
        sizes = {ours: getattr(self, theirs) for ours, theirs in NAMES.items()}
        sizes["depth"] = self.num_hidden_layers if self.num_hidden_layers != 0 else 1
        try:
            spec = cast(BertSpec, backbone_spec(f"{self.wiring}_bert:{self.variant}", sizes))
        except ValueError as e:
            raise ValueError(_in_their_words(e)) from e
        if spec.width % spec.heads:
            raise ValueError(
                f"hidden_size {spec.width} is not a multiple of num_attention_heads {spec.heads}"
            )
        hidden = self.intermediate_size
        if not isinstance(hidden, int) or hidden < 1:
            raise ValueError(f"intermediate_size must be at least 1, not {hidden!r}")
        return msgspec.structs.replace(spec, mlp_ratio=hidden / spec.width)

    @classmethod
    def from_bert(cls, config: BertConfig, **changes: Any) -> Self:
        """The residual network that a `BertConfig` says, its dropout included.

        Raises ValueError for a BERT that is another architecture.
        """
        said = config.to_dict()
        refuse_others(said, config.name_or_path or "BertConfig")
        return cls(**{"wiring": "residual"} | {k: said[k] for k in CARRIED if k in said} | changes)


def _in_their_words(error: ValueError) -> str:
    """An error that names a size as `build` does, naming it as the config does."""
    sentence = str(error)
    for ours, theirs in NAMES.items():
        sentence = sentence.replace(f": {ours} is ", f": {theirs} is ")
    return sentence
