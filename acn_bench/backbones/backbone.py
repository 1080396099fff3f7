"""Stem -> blocks in a wiring -> readout -> head; the logits of every depth in one pass.

`Backbone` is the same for all families: a family provides a stem, blocks and a readout. Initial weights
are PyTorch's defaults (for a Linear: uniform in ±1/√fan_in), as in the authors' released code.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from acn_bench.backbones import dropping, images, texts
from acn_bench.backbones.branches import Branches
from acn_bench.backbones.checkpointed import checkpointed
from acn_bench.backbones.direct_gradients import direct_gradients
from acn_bench.backbones.graphed import Recorder
from acn_bench.backbones.readouts import Readout
from acn_bench.backbones.state_dict_mismatch import state_dict_mismatch
from acn_bench.backbones.wiring import Block, Wiring, last
from acn_bench.errors import shorten
from acn_bench.registry import closest
from acn_bench.spec import PRECISIONS, Precision
from acn_bench.spec import Backbone as Spec

INITIALISATION = "pytorch-default"


@dataclass
class Parts:
    """The modules that a family provides for a backbone."""

    shape: tuple[int, ...]  # of an image (C, H, W); of a text (maximum number of tokens,)
    stem: nn.Module  # images (B, C, H, W), or token ids (B, T) and types -> x_0 (B, T, D)
    blocks: list[nn.Module]  # (B, T, D), join -> (B, T, D)
    readout: Readout  # a hidden state (B, T, D) -> features (B, D)
    width: int  # D


class Backbone(nn.Module):
    """A network of one family in one wiring: inputs -> float32 logits (B, K).

    `head` is the final `nn.Linear`; replace it freely. Under bf16, autocast inside the backbone runs the
    blocks' matrix products in bf16; the residual stream, the long sum and the logits stay float32. With
    `dg_only` set, logits are the same and blocks train by the direct part of their gradients alone (module
    `direct_gradients`). With `checkpointing` set, training stores the inputs of the blocks alone and runs the
    blocks again in the backward pass: equal gradients, less memory, more time (module `checkpointed`). With
    `graphed` set, training passes on a GPU replay a CUDA graph: equal values, in a fraction of the time where the
    network is small (module `graphed`).
    """

    readout: Readout

    def __init__(
        self, *, parts: Parts, wiring: Wiring, head: nn.Module, precision: Precision
    ) -> None:
        super().__init__()
        if precision not in PRECISIONS:
            raise LookupError(
                f"unknown precision {shorten(precision)}. {closest(precision, PRECISIONS)}"
            )
        self.shape = parts.shape
        self.stem = parts.stem
        self.blocks = nn.ModuleList(parts.blocks)
        self.wiring = wiring
        self.readout = parts.readout
        self.head = head
        self.precision = precision
        self.dg_only = False
        self.graphed = False
        self._recorder = Recorder()
        self.dropping: dropping.Dropping | None = None  # drops blocks in training mode
        self.branches: Branches | None = None  # from `early_exit.add_branches`
        self.spec: Spec | None = None  # of the whole network, before any cut

    @property
    def depth(self) -> int:
        """L, the number of blocks."""
        return len(self.blocks)

    @property
    def checkpointing(self) -> bool:
        """Whether blocks run again in the backward pass, so that activations need not be stored."""
        return self.wiring.checkpointing

    @checkpointing.setter
    def checkpointing(self, on: bool) -> None:
        self.wiring.checkpointing = on

    def forward(self, *inputs: Any, **named: Any) -> Tensor:
        """Inputs -> logits (B, K)."""
        logits: Tensor = self.head(self.features(*inputs, **named))
        return logits

    def hidden_state(self, *inputs: Tensor | None, **named: Tensor | None) -> Tensor:
        """Inputs -> the hidden state at full depth, (B, T, D)."""
        with self.autocast():
            return last(self._hidden_states(*inputs, **named))

    def features(self, *inputs: Tensor | None, **named: Tensor | None) -> Tensor:
        """Inputs -> the head's input at full depth, (B, D), in float32."""
        if self._can_be_graphed():
            return self._graphed_features(*inputs, **named)
        features: Tensor = self.readout(self.hidden_state(*inputs, **named))
        return features

    def hidden_states(self, *inputs: Tensor | None, **named: Tensor | None) -> list[Tensor]:
        """Inputs -> the hidden states after 0, 1, …, L blocks, (B, T, D) each."""
        with self.autocast():
            return list(self._hidden_states(*inputs, **named))

    def feature_depths(self, *inputs: Tensor | None, **named: Tensor | None) -> Tensor:
        """Inputs -> the head's input after 0, 1, …, L blocks, (L+1, B, D)."""
        return torch.stack([self.readout(x) for x in self.hidden_states(*inputs, **named)])

    def forward_depths(self, *inputs: Tensor | None, **named: Tensor | None) -> Tensor:
        """Inputs -> logits of every depth, (L+1, B, K); the last row equals `self(...)`.

        Raises ValueError under Avalanche's `as_multitask`, which moves the heads out of the backbone.
        """
        if isinstance(self.head, nn.Sequential) and len(self.head) == 0:
            raise ValueError(
                "the heads of a multi-head network are outside its backbone: "
                "acn_bench.backbones.depth_logits(model, x, task_labels) gives the logits of every depth"
            )
        logits: Tensor = self.head(self.feature_depths(*inputs, **named))
        return logits

    def exit_logits(self, *inputs: Tensor | None, **named: Tensor | None) -> dict[int, Tensor]:
        """Inputs -> {blocks before the exit: logits (B, K)}, for each branch and, last, for the head."""
        branches = self.branches.depths if self.branches else ()
        exits = {*branches, self.depth}
        with self.autocast():
            depths = enumerate(self._hidden_states(*inputs, **named))
            hidden_states = {k: x for k, x in depths if k in exits}
        logits = {k: self.branch_logits(k, hidden_states[k]) for k in branches}
        return logits | {self.depth: self.head(self.readout(hidden_states[self.depth]))}

    def branch_logits(self, k: int, hidden_state: Tensor) -> Tensor:
        """The hidden state after k blocks, (B, T, D) -> logits (B, K) of the branch after block k."""
        assert self.branches is not None
        logits: Tensor = self.branches[str(k)](self.readout.pool(hidden_state))
        return logits

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """As torch's; raises ValueError, in one sentence, for the weights of another network."""
        try:
            return super().load_state_dict(state_dict, strict, assign)
        except RuntimeError as e:
            name = self.spec.name if self.spec else type(self).__name__
            where = state_dict_mismatch(self, state_dict) or e
            raise ValueError(
                f"these are not the weights of {name} with {self.depth} blocks: {where}"
            ) from e

    def embed(self, *inputs: Any, **named: Any) -> tuple[Tensor, dict[str, Tensor | None]]:
        """Inputs -> x_0 (B, T, D), and further keyword arguments of every block, (B, …) each."""
        raise NotImplementedError

    def _hidden_states(self, *inputs: Any, **named: Any) -> Iterator[Tensor]:
        """Inputs -> the hidden states after 0, 1, …, L blocks, (B, T, D) each."""
        x0, block_arguments = self.embed(*inputs, **named)
        return self._run_blocks(x0, self._with(block_arguments))

    def _with(self, block_arguments: dict[str, Any]) -> Iterable[Block]:
        """The blocks, each with these keyword arguments."""
        if not block_arguments:
            return self.blocks
        return [partial(block, **block_arguments) for block in self.blocks]

    def _run_blocks(self, x0: Tensor, blocks: Iterable[Block]) -> Iterator[Tensor]:
        """x_0 (B, T, D) -> the hidden states, with what training switches on."""
        x0 = to_stream(x0)
        if self.dg_only and torch.is_grad_enabled():
            blocks = map(direct_gradients, blocks)
        if self.checkpointing:
            blocks = map(checkpointed, blocks)
        if self.training and self.dropping is not None:
            active = self.dropping.draw(len(x0))
            return dropping.hidden_states(self.wiring, x0, blocks, active)
        return self.wiring.hidden_states(x0, blocks)

    def _can_be_graphed(self) -> bool:
        """Whether nothing is switched on that a recorded pass does not have."""
        switched = self.dg_only or self.checkpointing or self.dropping is not None
        return self.graphed and self.training and not switched

    def _graphed_features(self, *inputs: Any, **named: Any) -> Tensor:
        """As `features`, by a recorded pass where one fits."""
        with self.autocast():
            x0, block_arguments = self.embed(*inputs, **named)
            if not block_arguments:
                dtype = None if self.precision == "fp32" else torch.bfloat16
                parts = self.blocks, self.wiring, self.readout
                replayed = self._recorder.features(to_stream(x0), *parts, dtype)
                if replayed is not None:
                    return replayed
            hidden_state = last(self._run_blocks(x0, self._with(block_arguments)))
        features: Tensor = self.readout(hidden_state)
        return features

    def autocast(self) -> AbstractContextManager[Any]:
        """The precision of stem and blocks; readout, head and branches run outside it."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(next(self.parameters()).device.type, dtype=torch.bfloat16)


class ImageBackbone(Backbone):
    """Images (B, C, H, W), floating, in [0, 1] -> float32 logits (B, K)."""

    def __init__(self, *, normalise: nn.Module, **parts: Any) -> None:
        super().__init__(**parts)
        self.normalise = normalise

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)

    def embed(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor | None]]:
        images.check(x, self.shape, next(self.parameters()).dtype)
        return self.stem(self.normalise(x)), {}


class TextBackbone(Backbone):
    """Token ids (B, T), attention mask (B, T), token types (B, T) -> float32 logits (B, K).

    The mask, of any dtype, is 1 for a token that attention may use and 0 for a masked one. Where a whole row
    is 0, attention has no input: the logits of that row are finite and meaningless. With `pad` set, tokens of
    that id are masked where no mask is given, and columns of them alone are left out.
    """

    pad: int | None = None

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
    ) -> Tensor:
        return super().forward(input_ids, attention_mask, token_type_ids)

    def embed(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor | None]]:
        if attention_mask is None and token_type_ids is None and self.pad is not None:
            input_ids, attention_mask = texts.without_padding(input_ids, self.pad)
        texts.check(input_ids, attention_mask, token_type_ids, self.shape[0], self._vocabulary())
        mask = None if attention_mask is None else attention_mask.bool()
        return self.stem(input_ids, token_type_ids), {"mask": mask}

    def _vocabulary(self) -> int:
        """Words in the embedding now: Transformers may have resized it."""
        word = self.stem.word
        assert isinstance(word, nn.Embedding)
        return word.num_embeddings


class HasDepths(Protocol):
    """A model that `depth_logits` accepts: a backbone with its head or heads, e.g. made by Avalanche's tools."""

    head: Callable[..., Tensor]

    def feature_depths(self, x: Tensor) -> Tensor:
        """(L+1, B, D)."""
        ...


def depth_logits(model: HasDepths, x: Tensor, task_labels: Tensor | int) -> Tensor:
    """Logits of every depth of a multi-head model, (L+1, B, K), each example through its own head.

    `model` is a backbone under Avalanche's `as_multitask(model, "head")`, or any module with
    `feature_depths` and a `head(features, task_labels=…)`; `task_labels` is (B,) or one label for all.
    A single head (a Linear, or Avalanche's `IncrementalClassifier`) ignores the labels.
    """
    if isinstance(model.head, nn.Linear):
        logits: Tensor = model.head(model.feature_depths(x))
        return logits
    return torch.stack([model.head(f, task_labels=task_labels) for f in model.feature_depths(x)])


def truncate(model: Backbone, k: int) -> Backbone:
    """A copy of `model` with its first k blocks: its output equals `model.forward_depths(x)[k]`.

    It keeps the branches that come before the cut.

    Raises ValueError where k is not in 0 … L.
    """
    if not hasattr(model, "wiring"):  # a model from Avalanche's as_multitask has it
        raise ValueError(
            f"truncate cuts a backbone, not a {type(model).__name__}; a MultiHead has `truncated(k)`"
        )
    if not hasattr(k, "__index__") or not 0 <= k <= model.depth:
        raise ValueError(
            f"cannot truncate to {shorten(k)} blocks: the network has {model.depth}; choose 0 to {model.depth}"
        )
    blocks, wiring, branches = model.blocks, model.wiring, model.branches
    try:
        model.blocks, model.wiring = blocks[:k], wiring.cut(k)
        model.branches = branches.before(k) if branches else None
        return copy.deepcopy(model)
    finally:
        model.blocks, model.wiring, model.branches = blocks, wiring, branches


def to_stream(x0: Tensor) -> Tensor:
    """x_0 in the precision of the stream: float32 also where autocast made it bf16."""
    return x0.float() if torch.is_autocast_enabled(x0.device.type) else x0
