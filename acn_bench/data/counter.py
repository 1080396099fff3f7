"""Keys -> random numbers that depend on the keys alone.

They do not depend on the order of calls, the batch, the device or a global generator: row 7 gets the same
numbers in any batch. Keys are integers, words ("gaussian") and integer tensors, which broadcast. Integers are
mixed by splitmix64 (Steele et al. 2014), in int64 that wraps around. Each later step is exact or rounds once, so
that the result does not depend on the width of the processor's vectors.
"""

import hashlib
from functools import lru_cache

import torch
from torch import Tensor

Key = Tensor | int | str

_START = 0x243F6A8885A308D3  # digits of pi: bits(0) is not 0
_GOLDEN = 0x9E3779B97F4A7C15 - 2**64
_MIX_1 = 0xBF58476D1CE4E5B9 - 2**64
_MIX_2 = 0x94D049BB133111EB - 2**64


def bits(*keys: Key) -> Tensor:
    """64 random bits for each element of the broadcast keys, as int64.

    Put the keys that vary most last: a key is mixed in at the broadcast size of the keys up to it.
    Raises ValueError for a key that is a floating tensor.
    """
    first = next((k for k, key in enumerate(keys) if isinstance(key, Tensor)), len(keys))
    state = torch.tensor(_signed(_scalar_state(keys[:first])))
    for key in keys[first:]:
        state = _mix(state + _integers(key) * _GOLDEN)
    return state


def uniform(*keys: Key) -> Tensor:
    """One float32 in [0, 1) for each element of the broadcast keys, a multiple of 2^-24."""
    return _shift(bits(*keys), 40).to(torch.float32).mul_(2.0**-24)


def integers(high: int | Tensor, *keys: Key) -> Tensor:
    """One int64 in [0, high) for each element of the broadcast keys; 0 < high < 2^31."""
    return (_shift(bits(*keys), 32) * high) >> 32


def normal(*keys: Key) -> Tensor:
    """One standard normal float32 for each element of the broadcast keys; see `normals`."""
    return normals(1, *keys).squeeze(-1)


def normals(count: int, *keys: Key) -> Tensor:
    """(*broadcast, count) standard normals, float32: `count` for each element of the broadcast keys.

    Each hash gives four: 16 bits choose one of 65,536 equally likely quantiles, so |z| < 4.4. A table rounds
    alike everywhere; sines and logarithms can round differently in the body and in the tail of a vector.
    """
    choice = sixteen_bits(count, *keys)
    drawn: Tensor = _quantiles(choice.device).index_select(0, choice.flatten()).view(choice.shape)
    return drawn


def sixteen_bits(count: int, *keys: Key) -> Tensor:
    """(*broadcast, count) integers in [0, 65536), int32: `count` for each element of the broadcast keys, four a hash."""
    leading = [key.unsqueeze(-1) if isinstance(key, Tensor) else key for key in keys]
    device = next((key.device for key in keys if isinstance(key, Tensor)), torch.device("cpu"))
    words = bits(*leading, torch.arange(-(-count // 4), device=device)).contiguous()
    return words.view(torch.int16).to(torch.int32).add_(2**15).narrow(-1, 0, count)


@lru_cache
def _quantiles(device: torch.device) -> Tensor:
    """(65536,) quantiles of the normal distribution at the middles of equal shares, scaled to unit variance."""
    shares = (torch.arange(2**16, dtype=torch.float64) + 0.5) / 2**16
    z: Tensor = torch.special.ndtri(shares)
    return z.div(z.square().mean().sqrt()).to(torch.float32).to(device)


def _scalar_state(keys: tuple[Key, ...]) -> int:
    """The state after keys that are no tensors, 0 … 2^64 - 1: Python's integers are faster than tensors of one."""
    state = _START
    for key in keys:
        assert not isinstance(key, Tensor)
        x = (state + _integer(key) * _GOLDEN) % 2**64
        x = (x ^ (x >> 30)) * _MIX_1 % 2**64
        x = (x ^ (x >> 27)) * _MIX_2 % 2**64
        state = x ^ (x >> 31)
    return state


def _integers(key: Key) -> Tensor:
    if isinstance(key, Tensor):
        if key.is_floating_point() or key.is_complex():
            raise ValueError(f"a key must hold integers, not {key.dtype}")
        return key.to(torch.int64)
    return torch.tensor(_signed(_integer(key)))


def _integer(key: int | str) -> int:
    if isinstance(key, str):
        return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    return key


def _signed(x: int) -> int:
    """Wrapped into int64."""
    return (x + 2**63) % 2**64 - 2**63


def _mix(x: Tensor) -> Tensor:
    """The finaliser of splitmix64, in place."""
    x.bitwise_xor_(_shift(x, 30)).mul_(_MIX_1)
    x.bitwise_xor_(_shift(x, 27)).mul_(_MIX_2)
    return x.bitwise_xor_(_shift(x, 31))


def _shift(x: Tensor, places: int) -> Tensor:
    """`x` shifted right, filled with zeros; torch's own shift repeats the sign."""
    return (x >> places).bitwise_and_(2 ** (64 - places) - 1)
