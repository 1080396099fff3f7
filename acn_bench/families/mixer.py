"""The sizes of an MLP-Mixer."""

from typing import ClassVar

from acn_bench.spec import Count, ImageBackbone, Wiring


class MixerSpec(ImageBackbone, frozen=True, kw_only=True, tag="mixer"):
    """MLP-Mixer (Tolstikhin et al. 2021) at the sizes of the ACN paper, appendix B."""

    title: ClassVar[str] = "MLP-Mixer"
    parts: ClassVar[str] = "acn_bench.backbones.mixer:mixer"
    released: ClassVar[tuple[Wiring, ...]] = ("ac", "residual", "densenet", "denseformer")

    width: Count = 128
    token_width: Count = 64
    channel_width: Count = 512
