"""CIFAR-10-C (Hendrycks and Dietterich 2019): the official corrupted test images of CIFAR-10."""

from acn_bench.data.sets.info import DataSetInfo
from acn_bench.registry import COMMON, EXTRA

CIFAR10_C = DataSetInfo(
    name="cifar10_c",
    title="CIFAR-10-C",
    description="CIFAR-10-C, the official .npy files in CIFAR-10-C/; never downloaded",
    reader="acn_bench.data.cifar_c:load",
    flips=True,
    embedded="digits10",
    corruptions=COMMON,
    extra=EXTRA,
)
