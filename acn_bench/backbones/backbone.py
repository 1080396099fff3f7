"""Stem -> wired blocks -> readout -> head; every depth in one pass.

`Backbone` is the same for all families: a family brings a stem, blocks and a readout. Initial weights
are PyTorch's defaults (for a Linear: uniform in ±1/√fan_in), as in the authors' released code.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from acn_bench.backbones import dropping, images, texts, wiring
from acn_bench.backbones.branches import Branches
from acn_bench.backbones.checkpointed import checkpointed
from acn_bench.backbones.direct_gradients import direct_gradients
from acn_bench.backbones.state_dict_mismatch import state_dict_mismatch
from acn_bench.registry import closest
from acn_bench.spec import PRECISIONS, Precision
from acn_bench.spec import Backbone as Spec

INITIALISATION = "pytorch-default"

MEAN = (0.5, 0.5, 0.5)
STD = (0.5, 0.5, 0.5)


class Normalise(nn.Module):
    """Images in [0, 1] -> (x - mean) / std; kept in the checkpoint, since it is part of the model."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if not all(s > 0 for s in std):
            raise ValueError(f"std must be above 0, not {tuple(std)}")
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


class PatchEmbedding(nn.Module):
    """Images (B, C, H, W) -> tokens (B, T, D), one per square patch, in row order."""

    def __init__(self, image_size: int, in_channels: int, patch_size: int, width: int) -> None:
        super().__init__()
        if image_size % patch_size:
            raise ValueError(
                f"image_size {image_size} is not a multiple of patch_size {patch_size}"
            )
        self.tokens = (image_size // patch_size) ** 2
        self.proj = nn.Conv2d(in_channels, width, patch_size, stride=patch_size)

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.proj(images)  # (B, D, H/p, W/p)
        # else the residual stream keeps this layout, and every LayerNorm copies it
        return out.flatten(2).transpose(1, 2).contiguous()


class FirstToken(nn.Module):
    """A readout: the LayerNorm of the first token, (B, T, D) -> (B, D)."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=eps)

    def pool(self, x: Tensor) -> Tensor:
        return x[:, 0]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.pool(x))
        return out


class Readout(Protocol):
    """What is read, (B, T, D), -> what the head reads, (B, D)."""

    def pool(self, x: Tensor) -> Tensor:
        """The token, or the mean of tokens, that the read is about, as it is: (B, T, D) -> (B, D)."""

    def __call__(self, x: Tensor) -> Tensor: ...


@dataclass
class Parts:
    """What a family brings to a backbone."""

    shape: tuple[int, ...]  # of an image, (C, H, W); of a text, (tokens at most,)
    stem: nn.Module  # images (B, C, H, W), or token ids (B, T) and types -> x_0 (B, T, D)
    blocks: list[nn.Module]  # (B, T, D), join -> (B, T, D)
    readout: Readout  # a read (B, T, D) -> features (B, D)
    width: int  # D


class Backbone(nn.Module):
    """A network of one family in one wiring: inputs -> float32 logits (B, K).

    `head` is the final `nn.Linear`; replace it freely. Under bf16 the blocks' matrix products run in
    bf16 by autocast in here, while the stream, the long sum and the logits stay float32. With `dg_only`
    set, the same logits train blocks by the direct part of their gradients alone (module `direct_gradients`).
    With `checkpointing` set, training holds what each block saw and runs it again in the backward pass:
    the same gradients from less memory, in more time (module `recomputing`).
    """

    readout: Readout

    def __init__(
        self, *, parts: Parts, wires: wiring.Wiring, head: nn.Module, precision: Precision
    ) -> None:
        super().__init__()
        if precision not in PRECISIONS:
            raise LookupError(
                f"unknown precision {precision!r}. {closest(str(precision), PRECISIONS)}"
            )
        self.shape = parts.shape
        self.stem = parts.stem
        self.blocks = nn.ModuleList(parts.blocks)
        self.wiring = wires
        self.readout = parts.readout
        self.head = head
        self.precision = precision
        self.dg_only = False
        self.dropping: dropping.Dropping | None = None  # of blocks, in training mode
        self.branches: Branches | None = None  # what `early_exit.add_branches` made
        self.spec: Spec | None = None  # what it was built from, uncut

    @property
    def depth(self) -> int:
        """L, the number of blocks."""
        return len(self.blocks)

    @property
    def checkpointing(self) -> bool:
        """Whether blocks run again in the backward pass, so that their activations need not be held."""
        return self.wiring.checkpointing

    @checkpointing.setter
    def checkpointing(self, on: bool) -> None:
        self.wiring.checkpointing = on

    def forward(self, *inputs: Any, **named: Any) -> Tensor:
        """Inputs -> logits (B, K)."""
        logits: Tensor = self.head(self.features(*inputs, **named))
        return logits

    def read(self, *inputs: Tensor | None, **named: Tensor | None) -> Tensor:
        """Inputs -> what is read out at full depth, (B, T, D)."""
        with self.autocast():
            return wiring.last(self._reads(*inputs, **named))

    def features(self, *inputs: Tensor | None, **named: Tensor | None) -> Tensor:
        """Inputs -> what the head reads at full depth, (B, D), in float32."""
        features: Tensor = self.readout(self.read(*inputs, **named))
        return features

    def read_depths(self, *inputs: Tensor | None, **named: Tensor | None) -> list[Tensor]:
        """Inputs -> what is read out after 0, 1, …, L blocks, (B, T, D) each."""
        with self.autocast():
            return list(self._reads(*inputs, **named))

    def feature_depths(self, *inputs: Tensor | None, **named: Tensor | None) -> Tensor:
        """Inputs -> what the head reads after 0, 1, …, L blocks, (L+1, B, D)."""
        return torch.stack([self.readout(read) for read in self.read_depths(*inputs, **named)])

    def forward_depths(self, *inputs: Tensor | None, **named: Tensor | None) -> Tensor:
        """Inputs -> logits of every depth, (L+1, B, K); the last row equals `self(...)`.

        Raises ValueError under Avalanche's `as_multitask`, which keeps the heads to itself.
        """
        if isinstance(self.head, nn.Sequential) and len(self.head) == 0:
            raise ValueError(
                "the heads of a multi-head network are outside its backbone: "
                "acn_bench.backbones.depth_logits(model, x, task_labels) gives the logits of every depth"
            )
        logits: Tensor = self.head(self.feature_depths(*inputs, **named))
        return logits

    def exit_logits(self, *inputs: Tensor | None, **named: Tensor | None) -> dict[int, Tensor]:
        """Inputs -> logits (B, K) of each branch, by the blocks it comes after, and last of the head, by L."""
        branches = self.branches.depths if self.branches else ()
        wanted = {*branches, self.depth}
        with self.autocast():
            found = enumerate(self._reads(*inputs, **named))
            reads = {k: read for k, read in found if k in wanted}
        logits = {k: self.branched(k, reads[k]) for k in branches}
        return logits | {self.depth: self.head(self.readout(reads[self.depth]))}

    def branched(self, k: int, read: Tensor) -> Tensor:
        """What is read after k blocks, (B, T, D), -> logits (B, K) of the branch there."""
        assert self.branches is not None
        logits: Tensor = self.branches[str(k)](self.readout.pool(read))
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

    def embedded(self, *inputs: Any, **named: Any) -> tuple[Tensor, dict[str, Tensor | None]]:
        """Inputs -> x_0 (B, T, D), and what blocks are told of each example beside it, (B, …) each."""
        raise NotImplementedError

    def _reads(self, *inputs: Any, **named: Any) -> Iterator[Tensor]:
        """Inputs -> what is read out after 0, 1, …, L blocks, (B, T, D) each."""
        x0, told = self.embedded(*inputs, **named)
        return self._wired(x0, [partial(b, **told) for b in self.blocks] if told else self.blocks)

    def _wired(self, x0: Tensor, blocks: Iterable[wiring.Block]) -> Iterator[Tensor]:
        """x_0 (B, T, D) -> the reads."""
        x0 = stream(x0)
        if self.dg_only and torch.is_grad_enabled():
            blocks = map(direct_gradients, blocks)
        if self.checkpointing:
            blocks = map(checkpointed, blocks)
        if self.training and self.dropping is not None:
            there = self.dropping.draw(len(x0))
            return dropping.reads(self.wiring, x0, blocks, there)
        return self.wiring.reads(x0, blocks)

    def autocast(self) -> AbstractContextManager[Any]:
        """What stem and blocks run in; readout, head and branches do not."""
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

    def embedded(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor | None]]:
        images.check(x, self.shape, next(self.parameters()).dtype)
        return self.stem(self.normalise(x)), {}


class TextBackbone(Backbone):
    """Token ids (B, T), attention mask (B, T), token types (B, T) -> float32 logits (B, K).

    The mask is 1 where a token may be seen and 0 where not, of any dtype; where all of a row is 0, its
    tokens see nothing, and its logits are finite and mean nothing.
    """

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
    ) -> Tensor:
        return super().forward(input_ids, attention_mask, token_type_ids)

    def embedded(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor | None]]:
        texts.check(input_ids, attention_mask, token_type_ids, self.shape[0], self._vocabulary())
        mask = None if attention_mask is None else attention_mask.bool()
        return self.stem(input_ids, token_type_ids), {"mask": mask}

    def _vocabulary(self) -> int:
        """Of the embedding as it is, which others may have resized."""
        word = self.stem.word
        assert isinstance(word, nn.Embedding)
        return word.num_embeddings


class HasDepths(Protocol):
    """What `depth_logits` needs: a backbone with its head or heads, as Avalanche's tools make it."""

    head: Callable[..., Tensor]

    def feature_depths(self, x: Tensor) -> Tensor:
        """(L+1, B, D)."""
        ...


def depth_logits(model: HasDepths, x: Tensor, task_labels: Tensor | int) -> Tensor:
    """Logits of every depth of a multi-head model, (L+1, B, K), each example through its own head.

    `model` is a backbone under Avalanche's `as_multitask(model, "head")`, or any module with
    `feature_depths` and a `head(features, task_labels=…)`; `task_labels` is (B,) or one label for all.
    With one head for all (a Linear, Avalanche's `IncrementalClassifier`) the labels tell nothing.
    """
    if isinstance(model.head, nn.Linear):
        logits: Tensor = model.head(model.feature_depths(x))
        return logits
    return torch.stack([model.head(f, task_labels=task_labels) for f in model.feature_depths(x)])


def truncate(model: Backbone, k: int) -> Backbone:
    """A copy of `model` with its first k blocks: its output equals `model.forward_depths(x)[k]`.

    Branches that come before the cut stay.

    Raises ValueError where k is not in 0 … L.
    """
    if not hasattr(model, "wiring"):  # which Avalanche's as_multitask hands through
        raise ValueError(
            f"truncate cuts a backbone, not a {type(model).__name__}; a MultiHead has `truncated(k)`"
        )
    if not hasattr(k, "__index__") or not 0 <= k <= model.depth:
        raise ValueError(
            f"cannot truncate to {k!r} blocks: the network has {model.depth}, and 0 to {model.depth} "
            "of them can stay"
        )
    blocks, wires, branches = model.blocks, model.wiring, model.branches
    try:
        model.blocks, model.wiring = blocks[:k], wires.cut(k)
        model.branches = branches.before(k) if branches else None
        return copy.deepcopy(model)
    finally:
        model.blocks, model.wiring, model.branches = blocks, wires, branches


def stream(x0: Tensor) -> Tensor:
    """x_0 as it enters the stream: float32 also where autocast made it bf16."""
    return x0.float() if torch.is_autocast_enabled(x0.device.type) else x0
