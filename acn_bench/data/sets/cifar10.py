"""CIFAR-10 (Krizhevsky 2009)."""

from acn_bench.data.sets.info import DataSetInfo, Original

CIFAR10 = DataSetInfo(
    name="cifar10",
    title="CIFAR-10",
    description="CIFAR-10, the original python pickles, any number of rows; downloaded where absent",
    reader="acn_bench.data.cifar:load",
    flips=True,
    embedded="digits10",
    original=Original(train=50_000, test=10_000, classes=10, shape=(3, 32, 32)),
)
