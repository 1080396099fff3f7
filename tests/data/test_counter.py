import pytest
import torch

from acn_bench.data import counter


def splitmix64(state: int, key: int) -> int:
    """The same hash in Python's own integers."""
    mask = 2**64 - 1
    x = (state + key * 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)


def test_bits_are_those_of_splitmix64() -> None:
    keys = [5, 0, -3, 2**63 - 1]
    expected = [splitmix64(splitmix64(0x243F6A8885A308D3, 42), key) for key in keys]
    drawn = [int(b) % 2**64 for b in counter.bits(42, torch.tensor(keys))]
    assert drawn == expected


def test_splitmix64_is_the_published_one() -> None:
    # the first output of the reference implementation (Vigna) for seed 1234567
    assert splitmix64(1234567, 1) == 6457827717110365317


def test_a_key_gives_the_same_alone_and_in_a_tensor() -> None:
    alone = torch.stack([counter.bits(3, "word", k) for k in range(10)])
    assert torch.equal(alone, counter.bits(3, "word", torch.arange(10)))


def test_keys_broadcast_and_their_order_matters() -> None:
    row, column = torch.arange(4).unsqueeze(1), torch.arange(5)
    grid = counter.bits(row, column)
    assert grid.shape == (4, 5)
    assert grid[3, 2] == counter.bits(3, 2) != counter.bits(2, 3)
    assert grid.unique().numel() == 20


def test_any_python_integer_is_a_key() -> None:
    assert counter.bits(2**64 + 7) == counter.bits(7)
    assert counter.bits(-1) == counter.bits(2**64 - 1)


def test_random_numbers_leave_the_global_generator_alone_and_ignore_it() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = counter.normals(8, 1, torch.arange(3))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    assert torch.equal(counter.normals(8, 1, torch.arange(3)), first)


def test_keys_are_not_written_to() -> None:
    keys = torch.arange(6)
    counter.bits(keys)
    counter.normals(4, keys)
    assert torch.equal(keys, torch.arange(6))


def test_uniform_is_uniform() -> None:
    u = counter.uniform(7, torch.arange(200_000))
    assert u.dtype == torch.float32
    assert u.min() >= 0
    assert u.max() < 1
    counts = torch.histc(u, bins=20, min=0, max=1)
    chi_squared = ((counts - 10_000) ** 2 / 10_000).sum()  # 19 degrees of freedom
    assert chi_squared < 50


def test_integers_reach_all_below_high_and_nothing_else() -> None:
    counts = counter.integers(7, 0, torch.arange(70_000)).bincount()
    assert counts.shape == (7,)
    assert (counts - 10_000).abs().max() < 500
    highs = torch.tensor([1, 2, 1000])
    assert (counter.integers(highs, torch.arange(99).unsqueeze(1)) < highs).all()


def test_normals_are_normal_and_their_neighbours_unrelated() -> None:
    z = counter.normals(1001, 7, torch.arange(500)).double()
    assert z.shape == (500, 1001)
    assert abs(z.mean()) < 0.006  # four standard errors
    assert abs(z.std() - 1) < 0.004
    assert abs((z**4).mean() - 3) < 0.06
    assert abs((z[:, 1:] * z[:, :-1]).mean()) < 0.006
    assert abs((z[1:] * z[:-1]).mean()) < 0.006


def test_normals_do_not_depend_on_how_many_rows_are_drawn_with_them() -> None:
    together = counter.normals(13, 2, torch.arange(9))
    assert torch.equal(counter.normals(13, 2, torch.tensor([5]))[0], together[5])
    assert torch.equal(counter.normals(6, 2, torch.tensor([5]))[0], together[5, :6])


def test_normal_gives_one_for_each_key() -> None:
    keys = torch.arange(6).view(2, 3)
    assert torch.equal(counter.normal(1, keys), counter.normals(1, 1, keys)[..., 0])
    assert counter.normal(1, 2).shape == ()


def test_a_floating_key_is_refused() -> None:
    with pytest.raises(ValueError, match=r"integers, not torch\.float32"):
        counter.bits(torch.tensor(0.5))


@pytest.mark.gpu
def test_a_gpu_draws_the_same_numbers() -> None:
    keys = torch.arange(1000)
    assert torch.equal(counter.normals(9, 1, keys), counter.normals(9, 1, keys.cuda()).cpu())
    assert torch.equal(counter.uniform(1, keys), counter.uniform(1, keys.cuda()).cpu())
