"""BERT in every wiring as models of Transformers: each wraps a `Backbone` and adds a head."""

import copy
from os import PathLike
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    PreTrainedModel,
    initialization,
)
from transformers.modeling_outputs import (
    BaseModelOutputWithPooling,
    MaskedLMOutput,
    SequenceClassifierOutput,
)
from transformers.utils import can_return_tuple

from acn_bench.backbones import from_spec, truncate
from acn_bench.backbones.backbone import Backbone
from acn_bench.backbones.bert import (
    MaskedHead,
    from_transformers,
    head_from_transformers,
)
from acn_bench.backbones.transformers_config import AcnBertConfig
from acn_bench.families.bert_checkpoint import check_architecture


class AcnBertPreTrainedModel(PreTrainedModel):
    """The base class of the three models. `model.base_model.backbone` is the network in plain torch."""

    config: AcnBertConfig
    base_model_prefix = "bert"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules = ["BertEmbedding", "BertBlock"]

    transformers_class: type[PreTrainedModel]  # the same model, in the residual wiring

    @property
    def _network(self) -> Backbone:
        return cast(Backbone, self.base_model.backbone)

    def get_input_embeddings(self) -> nn.Embedding:
        return cast(nn.Embedding, self._network.stem.word)

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        self._network.stem.word = value

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """As Transformers initialises BERT. Weights of a wiring start as in `wiring`: as a sum.

        Transformers' own functions skip weights that a checkpoint filled.
        """
        if isinstance(module, nn.ParameterList):  # the scalars of DenseFormer
            for scalars in module:
                initialization.ones_(scalars)
        elif isinstance(module, nn.Linear) and getattr(module, "bias", None) is None:
            # a projection of DenseNet
            width, inputs = module.weight.shape
            initialization.copy_(module.weight, torch.eye(width).repeat(1, inputs // width))
        else:
            super()._init_weights(module)

    def _set_gradient_checkpointing(
        self, enable: bool = True, gradient_checkpointing_func: Any = None, every_n_layers: int = 1
    ) -> None:
        """Set the backbone's `checkpointing`, for all blocks or none."""
        if every_n_layers != 1:
            raise ValueError(f"all blocks are checkpointed or none, not every {every_n_layers}th")
        self._network.checkpointing = enable
        self.base_model.gradient_checkpointing = enable  # the attribute that Transformers reads

    def truncated(self, k: int) -> Self:
        """A copy with the first k blocks, and a config to match. Raises ValueError where k is not in 0 … L."""
        whole = self._network
        cut = truncate(whole, k)
        copies: dict[int, Any] = {id(whole): cut}
        for name, weight in cut.stem.named_parameters():  # a decoder may be tied to one of them
            copies[id(whole.stem.get_parameter(name))] = weight
        copied = copy.deepcopy(self, copies)
        copied.config.num_hidden_layers = k
        return copied

    @classmethod
    def from_bert(cls, checkpoint: str | PathLike[str], **kwargs: Any) -> Self:
        """A checkpoint of Transformers' BERT -> the same network in the residual wiring, in evaluation mode.

        Called as `from_pretrained` is. Loads this model's head, too, where the checkpoint has it; Transformers
        initialises missing weights and reports them. Raises ValueError for another architecture, and the
        errors of `from_pretrained`.
        """
        raw, _ = BertConfig.get_config_dict(checkpoint)
        check_architecture({"model_type": None} | raw, str(checkpoint))
        config, others = BertConfig.from_pretrained(checkpoint, return_unused_kwargs=True, **kwargs)
        acn_config = AcnBertConfig.from_bert(config)
        model, report = cls.transformers_class.from_pretrained(
            checkpoint, config=config, output_loading_info=True, **others
        )
        missing = {*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])}
        state = {
            k.removeprefix("bert."): w for k, w in model.state_dict().items() if k not in missing
        }
        try:
            converted = cls._convert_body(state, acn_config.num_hidden_layers)
            converted |= cls._convert_head(state)
        except KeyError as e:
            raise ValueError(f"{checkpoint}: weight {e} is missing") from None
        loaded = cls.from_pretrained(
            None, config=acn_config, state_dict=converted, dtype=model.dtype
        )
        return cast(Self, loaded)

    @classmethod
    def _convert_body(cls, state: dict[str, Tensor], depth: int) -> dict[str, Tensor]:
        pooler = "pooler.dense.weight" in state
        prefix = "backbone." if cls is AcnBertModel else "bert.backbone."
        converted = from_transformers(state, depth, pooler=pooler)
        return {f"{prefix}{name}": tensor for name, tensor in converted.items()}

    @classmethod
    def _convert_head(cls, state: dict[str, Tensor]) -> dict[str, Tensor]:  # noqa: ARG003
        """The weights of the classifier or the decoder, as far as the checkpoint has them."""
        return {}


class Unpooled(nn.Module):
    """The readout of a model with a head for every token, (B, T, D) -> (B, D): the first token, unchanged."""

    def pool(self, x: Tensor) -> Tensor:
        return x[:, 0]

    forward = pool


class AcnBertModel(AcnBertPreTrainedModel):
    """Token ids, mask and types -> the last hidden state, and its pooled first token."""

    transformers_class = BertModel

    def __init__(self, config: AcnBertConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        network = from_spec(config.spec(), 1)
        network.head = nn.Identity()
        network = network if config.num_hidden_layers else truncate(network, 0)
        if not add_pooling_layer:
            network.readout = Unpooled()
        self.backbone = network
        self.get_input_embeddings().padding_idx = config.pad_token_id
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        output_hidden_states: bool | None = None,
    ) -> BaseModelOutputWithPooling:
        inputs = (input_ids, attention_mask, token_type_ids)
        if output_hidden_states is None:
            output_hidden_states = self.config.output_hidden_states
        states = self.backbone.hidden_states(*inputs) if output_hidden_states else None
        last = self.backbone.hidden_state(*inputs) if states is None else states[-1]
        pools = not isinstance(self.backbone.readout, Unpooled)
        return BaseModelOutputWithPooling(
            last_hidden_state=last,
            pooler_output=self.backbone.readout(last) if pools else None,
            hidden_states=None if states is None else tuple(states),
        )


class AcnBertForSequenceClassification(AcnBertPreTrainedModel):
    """A backbone and a classifier of its pooled first token, with the loss of Transformers."""

    transformers_class = BertForSequenceClassification

    def __init__(self, config: AcnBertConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.bert = AcnBertModel(config)
        rate = config.classifier_dropout
        self.dropout = nn.Dropout(config.hidden_dropout_prob if rate is None else rate)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    @classmethod
    def _convert_head(cls, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: w for name, w in state.items() if name.startswith("classifier.")}

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
    ) -> SequenceClassifierOutput:
        body = self.bert(
            input_ids, attention_mask, token_type_ids, output_hidden_states, return_dict=True
        )
        logits = self.classifier(self.dropout(body.pooler_output))
        loss = None
        if labels is not None:
            loss = self.loss_function(labels=labels, pooled_logits=logits, config=self.config)
        return SequenceClassifierOutput(loss, logits, body.hidden_states)

    def forward_depths(self, *inputs: Tensor | None, **named: Tensor | None) -> Tensor:
        """Token ids, mask and types -> logits of every depth, (L+1, B, K), for utilised depth."""
        features = self.bert.backbone.feature_depths(*inputs, **named)
        logits: Tensor = self.classifier(self.dropout(features))
        return logits


class AcnBertForMaskedLM(AcnBertPreTrainedModel):
    """A backbone and BERT's head for masked tokens, with the decoder tied to the word embedding.

    The loss is the mean over masked tokens. With gradient accumulation `Trainer` passes
    `num_items_in_batch`, the masked tokens of all parts: the loss is then the sum divided by it.
    """

    transformers_class = BertForMaskedLM
    accepts_loss_kwargs = True  # makes Trainer pass num_items_in_batch
    _tied_weights_keys = {"head.decoder.weight": "bert.backbone.stem.word.weight"}

    def __init__(self, config: AcnBertConfig) -> None:
        super().__init__(config)
        self.bert = AcnBertModel(config, add_pooling_layer=False)
        self.head = MaskedHead(config.hidden_size, config.vocab_size)
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        return self.head.decoder

    def set_output_embeddings(self, new_embeddings: nn.Linear) -> None:
        self.head.decoder = new_embeddings

    @classmethod
    def _convert_head(cls, state: dict[str, Tensor]) -> dict[str, Tensor]:
        try:
            return {f"head.{k}": w for k, w in head_from_transformers(state).items()}
        except KeyError:
            return {}

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        num_items_in_batch: Tensor | int | None = None,
    ) -> MaskedLMOutput:
        body = self.bert(
            input_ids, attention_mask, token_type_ids, output_hidden_states, return_dict=True
        )
        logits = self.head(body.last_hidden_state)
        loss = None
        if labels is not None:  # -100: no loss of this token
            flat, targets = logits.flatten(0, 1), labels.flatten()
            if num_items_in_batch is None:
                loss = functional.cross_entropy(flat, targets)
            else:
                loss = functional.cross_entropy(flat, targets, reduction="sum") / num_items_in_batch
        return MaskedLMOutput(loss, logits, body.hidden_states)
