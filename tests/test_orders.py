"""Named orders of classes stay what they are."""

import numpy as np
import pytest

from acn_bench.benchmarks.continual import class_orders

DIGESTS = {"natural": "3aab9a67", "pycil1993": "997a048a", "icarl": "62e36f48"}


@pytest.mark.parametrize("name", class_orders.NAMED)
def test_a_named_order_holds_every_class_of_cifar100_once(name):
    assert sorted(class_orders.NAMED[name]) == list(range(100))


def test_the_order_of_pycil_is_what_its_seed_draws():
    assert (
        list(class_orders.NAMED["pycil1993"])
        == np.random.RandomState(1993).permutation(100).tolist()
    )


def test_named_orders_never_change():
    digests = {name: class_orders.digest(order) for name, order in class_orders.NAMED.items()}
    assert digests == DIGESTS


def test_a_list_is_its_own_order_and_seed_is_none():
    assert class_orders.fixed("seed") is None
    assert class_orders.fixed([2, 0, 1]) == (2, 0, 1)
    assert class_orders.fixed("natural")[:3] == (0, 1, 2)
