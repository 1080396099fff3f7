"""`import acn_bench.backbones.transformers` registers BERT in every wiring with Transformers, as `acn_bert`.

`AutoConfig`, `AutoModel`, `AutoModelForSequenceClassification` and `AutoModelForMaskedLM` build, save and
load it; blocks, wirings and readout are those of `build("ac_bert", …)`. Names and initial weights are
BERT's: N(0, `initializer_range`²), where `build` uses PyTorch's. Dropout is 0 by default, as in the authors'
code; it acts where BERT's does. `output_hidden_states` returns the hidden states after 0, 1, …, L blocks: in
the AC wiring the sums, not the outputs of the blocks.
"""

try:
    from transformers import (
        AutoConfig,
        AutoModel,
        AutoModelForMaskedLM,
        AutoModelForSequenceClassification,
        AutoTokenizer,
        BertTokenizer,
        PreTrainedConfig,  # noqa: F401  # the spelling of Transformers 5
    )
except ImportError as e:
    raise ImportError(
        "acn_bench.backbones.transformers registers BERT with Transformers 5.10 or newer, which is not "
        f"installed ({e}): pip install 'acn_bench[transformers]'"
    ) from e

from acn_bench.backbones.transformers_config import AcnBertConfig
from acn_bench.backbones.transformers_model import (
    AcnBertForMaskedLM,
    AcnBertForSequenceClassification,
    AcnBertModel,
)

__all__ = [
    "AcnBertConfig",
    "AcnBertForMaskedLM",
    "AcnBertForSequenceClassification",
    "AcnBertModel",
]

AutoConfig.register(AcnBertConfig.model_type, AcnBertConfig, exist_ok=True)
AutoModel.register(AcnBertConfig, AcnBertModel, exist_ok=True)
AutoModelForSequenceClassification.register(
    AcnBertConfig, AcnBertForSequenceClassification, exist_ok=True
)
AutoModelForMaskedLM.register(AcnBertConfig, AcnBertForMaskedLM, exist_ok=True)
AutoTokenizer.register(AcnBertConfig, fast_tokenizer_class=BertTokenizer, exist_ok=True)
