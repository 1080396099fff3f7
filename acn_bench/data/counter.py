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
    state = torch.tensor(_START)
    for key in keys:
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


def _integers(key: Key) -> Tensor:
    if isinstance(key, Tensor):
        if key.is_floating_point() or key.is_complex():
            raise ValueError(f"a key must hold integers, not {key.dtype}")
        return key.to(torch.int64)
    if isinstance(key, str):
        key = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    return torch.tensor((key + 2**63) % 2**64 - 2**63)  # wrapped into int64


def _mix(x: Tensor) -> Tensor:
    """The finaliser of splitmix64, in place."""
    x.bitwise_xor_(_shift(x, 30)).mul_(_MIX_1)
    x.bitwise_xor_(_shift(x, 27)).mul_(_MIX_2)
    return x.bitwise_xor_(_shift(x, 31))


def _shift(x: Tensor, places: int) -> Tensor:
    """`x` shifted right, filled with zeros; torch's own shift repeats the sign."""
    return (x >> places).bitwise_and_(2 ** (64 - places) - 1)
