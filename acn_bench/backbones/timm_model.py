"""A vision backbone with the methods that timm's tools call."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

import torch
from timm.models._features import feature_take_indices
from torch import Tensor, nn

from acn_bench import registry
from acn_bench.backbones.backbone import ImageBackbone
from acn_bench.backbones.mixer import MeanOfTokens
from acn_bench.backbones.patches import MEAN, STD
from acn_bench.backbones.vit import MeanReadout
from acn_bench.backbones.wiring import WIRINGS
from acn_bench.errors import shorten
from acn_bench.families.mixer import MixerSpec
from acn_bench.families.vit import ViTSpec
from acn_bench.spec import Precision


class TimmModel(ImageBackbone):
    """Normalised images (B, C, H, W) -> logits (B, K).

    With `num_classes=0` the output is features (B, D). With `global_pool=""` tokens are not pooled, and the head
    gives logits for each.
    """

    readout: Any  # of its family, with `norm` and `pool`

    def __init__(
        self,
        spec: MixerSpec | ViTSpec,
        *,
        num_classes: int,
        global_pool: str | None = None,
        drop_rate: float = 0.0,
        precision: Precision = "fp32",
    ) -> None:
        parts = registry.load(spec.parts)(spec)
        super().__init__(
            normalise=nn.Identity(),
            parts=parts,
            head=_head(parts.width, num_classes),
            wiring=WIRINGS[spec.wiring](spec.depth, parts.width),
            precision=precision,
        )
        self.spec = spec
        self.num_classes = num_classes
        self.num_features = self.head_hidden_size = self.embed_dim = parts.width
        self.in_chans = spec.in_channels
        self.grid = spec.image_size // spec.patch_size  # patches a side
        self.num_prefix_tokens = int(isinstance(spec, ViTSpec) or spec.variant == "released")
        self.feature_info = [
            {"module": f"blocks.{i}", "num_chs": parts.width, "reduction": spec.patch_size}
            for i in range(spec.depth)
        ]
        self.pools_before_norm = isinstance(parts.readout, MeanReadout)
        pools_mean = isinstance(parts.readout, MeanOfTokens | MeanReadout)
        self.pooling = "avg" if pools_mean else "token"
        self.global_pool = self._pool(self.pooling if global_pool is None else global_pool)
        self.head_drop = nn.Dropout(drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))

    def forward_features(self, x: Tensor) -> Tensor:
        """Images -> normed tokens (B, T, D). A released ViT norms their mean, so its tokens come without norm."""
        return self._normed(self.hidden_state(x))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Tokens of `forward_features` -> logits (B, K), or features (B, D) with `pre_logits`."""
        if self.global_pool:
            x = self.readout.pool(x)
        if self.pools_before_norm:
            x = self.readout.norm(x)
        x = self.head_drop(x)
        return x if pre_logits else self.head(x)

    def get_classifier(self) -> nn.Module:
        """The head."""
        return self.head

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replace the head by one of `num_classes`, or remove it (0). Raises ValueError for unsupported pooling."""
        self.global_pool = self.global_pool if global_pool is None else self._pool(global_pool)
        like = next(self.parameters())
        head = _head(self.num_features, num_classes, device=like.device, dtype=like.dtype)
        self.head, self.num_classes = head.train(self.training), num_classes

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """As torch's; also accepts the tensors of `backbones.save`, whose names start with `backbone.`.

        Raises ValueError for weights of a network whose normalisation differs from timm's loaders'.
        """
        weights = {name.removeprefix("backbone."): value for name, value in state_dict.items()}
        for name, expected in (("normalise.mean", MEAN), ("normalise.std", STD)):
            given = tuple(weights.pop(name, torch.tensor(expected)).flatten().tolist())
            if given != expected:
                raise ValueError(
                    f"these weights are of a network with {name} {given}; timm's loaders normalise by {expected}"
                )
        return super().load_state_dict(weights, strict, assign)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Switch gradient checkpointing on or off, as `checkpointing` does."""
        self.checkpointing = enable

    def no_weight_decay(self) -> set[str]:
        """Names of parameters with the shape of a matrix that are not matrices."""
        names = {"stem.cls_token", "stem.pos_embed", "stem.token"}
        return {name for name, _ in self.named_parameters() if name in names}

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Parameters -> layers, for layer-wise decay. A wiring's weights for block i belong to block i."""
        blocks = [(r"^(?:blocks|wiring\.\w+)\.(\d+)", None), (r"^readout", (99999,))]
        return {"stem": r"^stem", "blocks": blocks}

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | list[int] | None = None,
        return_prefix_tokens: bool = False,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> Any:
        """Images -> tokens, and the hidden states after some blocks: maps (B, D, H, W) or tokens (B, T, D).

        In the AC wiring these are the sums so far. `indices` counts blocks from 0; a number n means the last n.
        """
        if output_fmt not in ("NCHW", "NLC"):
            raise ValueError(f"output_fmt may be 'NCHW' or 'NLC', not {shorten(output_fmt)}")
        taken, last = feature_take_indices(self.depth, indices)
        with self.autocast():
            states = list(islice(self._hidden_states(x), 1, last + 2 if stop_early else None))
        chosen = [self._normed(states[i]) if norm else states[i] for i in taken]
        maps: list[Any] = [tokens[:, self.num_prefix_tokens :] for tokens in chosen]
        if output_fmt == "NCHW":
            shape = (self.num_features, self.grid, self.grid)
            maps = [tokens.transpose(1, 2).reshape(-1, *shape) for tokens in maps]
        if return_prefix_tokens and self.num_prefix_tokens:
            prefixes = [tokens[:, : self.num_prefix_tokens] for tokens in chosen]
            maps = list(zip(maps, prefixes, strict=True))
        return maps if intermediates_only else (self._normed(states[-1]), maps)

    def prune_intermediate_layers(
        self,
        indices: int | list[int] = 1,
        prune_norm: bool = False,
        prune_head: bool = True,
    ) -> list[int]:
        """Remove the blocks after the last of `indices`; also the final norm and the head, as asked."""
        taken, last = feature_take_indices(self.depth, indices)
        self.blocks, self.wiring = self.blocks[: last + 1], self.wiring.cut(last + 1)
        if prune_norm:
            self.readout.norm = nn.Identity()
        if prune_head:
            self.reset_classifier(0, "")
        return list(taken)

    def _normed(self, x: Tensor) -> Tensor:
        normed: Tensor = x if self.pools_before_norm else self.readout.norm(x)
        return normed

    def _pool(self, wanted: str) -> str:
        if wanted not in ("", self.pooling):
            raise ValueError(
                f"global_pool may be {self.pooling!r}, this network's own, or '' for unpooled tokens, "
                f"not {shorten(wanted)}"
            )
        return wanted


def _head(width: int, num_classes: int, **placed: Any) -> nn.Module:
    if num_classes < 0:
        raise ValueError(f"num_classes must be at least 0, not {num_classes}")
    return nn.Linear(width, num_classes, **placed) if num_classes else nn.Identity()
