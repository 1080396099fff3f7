"""ImageNet-C (Hendrycks and Dietterich 2019): the official corrupted test images of ImageNet."""

from acn_bench.data.sets.info import DataSetInfo
from acn_bench.registry import COMMON, EXTRA

IMAGENET_C = DataSetInfo(
    name="imagenet_c",
    title="ImageNet-C",
    description="ImageNet-C, the official image files in ImageNet-C/<corruption>/<severity>/<class>/; never downloaded",
    reader="acn_bench.data.official_folders:load",
    flips=True,
    embedded="digits100",
    corruptions=COMMON,
    extra=EXTRA,
    note="JPEG-compressed once more than the formulas say",
)
