"""CIFAR-100 (Krizhevsky 2009)."""

from acn_bench.data.sets.info import DataSetInfo, Original

CIFAR100 = DataSetInfo(
    name="cifar100",
    title="CIFAR-100",
    description="CIFAR-100, the original python pickles, any number of rows; downloaded where absent",
    reader="acn_bench.data.cifar:load",
    flips=True,
    embedded="digits100",
    transfers_to="cifar10",
    original=Original(train=50_000, test=10_000, classes=100, shape=(3, 32, 32)),
)
