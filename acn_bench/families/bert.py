"""The sizes of a BERT."""

from typing import ClassVar, Literal

from acn_bench.spec import Backbone, Count, Inputs, Positive, Share, Wiring

# of the weights of Linears: `torch_linear` PyTorch's ±1/√fan_in, `normal_0.02` N(0, 0.02²) and no bias, as BERT's. In
# both, embeddings are drawn from N(0, 0.02²)
Initialisation = Literal["torch_linear", "normal_0.02"]


class BertSpec(Backbone, frozen=True, kw_only=True, tag="bert"):
    """BERT (Devlin et al. 2019); by default BERT-base except for the depth."""

    title: ClassVar[str] = "BERT"
    parts: ClassVar[str] = "acn_bench.backbones.bert:bert"
    released: ClassVar[tuple[Wiring, ...]] = ("ac", "residual")
    inputs: ClassVar[Inputs | None] = "text"

    vocab_size: Count = 30522
    max_length: Count = 512  # tokens
    width: Count = 768
    heads: Count = 12
    mlp_ratio: Positive = 4.0
    dropout: Share = (
        0.0  # of the embeddings and of the output of each branch; 0 in the authors' code
    )
    attention_dropout: Share = 0.0  # of the attention weights
    initialisation: Initialisation = "torch_linear"
