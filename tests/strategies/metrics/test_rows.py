import torch
from avalanche.benchmarks.utils import as_classification_dataset
from torch.utils.data import ConcatDataset, Subset

from acn_bench.strategies.metrics.rows import row


def test_a_row_is_the_number_in_the_innermost_data_set(digits):
    train, test = digits()
    a, b = Subset(train, [4, 2, 7]), Subset(Subset(test, range(10, 20)), [3, 1])
    both = ConcatDataset([a, b])
    assert [row(both, k) for k in range(5)] == [4, 2, 7, 13, 11]


def test_avalanches_views_are_seen_through(digits):
    train, test = digits()
    left = as_classification_dataset(train).subset([5, 3, 9, 8])
    right = as_classification_dataset(test).subset([1, 0])
    view = left.concat(right).subset([5, 0, 2]).eval()
    assert [row(view, k) for k in range(3)] == [0, 5, 9]
    assert torch.equal(view[1][0], train[5][0])


def test_an_experiences_rows_hold_its_images(stream, examples):
    for experience in stream(True).test_stream:
        data = experience.dataset.eval()
        _, _, rows = examples(experience)
        assert [row(data, k) for k in range(len(data))] == rows.tolist()
