"""The sizes of a Vision Transformer."""

from typing import ClassVar

from acn_bench.spec import Count, ImageBackbone, Positive, Wiring


class ViTSpec(ImageBackbone, frozen=True, kw_only=True, tag="vit"):
    """Vision Transformer (Dosovitskiy et al. 2021); by default as wide as ViT-Tiny."""

    title: ClassVar[str] = "ViT"
    parts: ClassVar[str] = "acn_bench.backbones.vit:vit"
    released: ClassVar[tuple[Wiring, ...]] = ("ac", "residual")

    width: Count = 192
    heads: Count = 3
    mlp_ratio: Positive = 4.0
