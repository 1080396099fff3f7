"""CIFAR-100-C (Hendrycks and Dietterich 2019): the official corrupted test images of CIFAR-100."""

from acn_bench.data.sets.info import DataSetInfo
from acn_bench.registry import COMMON, EXTRA

CIFAR100_C = DataSetInfo(
    name="cifar100_c",
    title="CIFAR-100-C",
    description="CIFAR-100-C, the official .npy files in CIFAR-100-C/; never downloaded",
    reader="acn_bench.data.cifar_c:load",
    flips=True,
    embedded="digits100",
    corruptions=COMMON,
    extra=EXTRA,
)
