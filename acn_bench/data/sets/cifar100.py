"""CIFAR-100 (Krizhevsky 2009)."""

from acn_bench.data.sets.data_set import DataSet

CIFAR100 = DataSet(
    name="cifar100",
    title="CIFAR-100",
    description="CIFAR-100, the original python pickles, any number of rows; downloaded where absent",
    reader="acn_bench.data.cifar:load",
    flips=True,
    embedded="digits100",
    transfers_to="cifar10",
)
