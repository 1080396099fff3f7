"""A plan on files of CIFAR-10 that are damaged, or that call functions."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import mutations
from case import Case, plan
from samples import Samples


def pickles(random: Random, folder: Path, samples: Samples) -> Case:
    """`run --dry-run` on files of CIFAR-10 of which one is damaged, or asks for what it may not have."""
    place = folder / "data" / "cifar-10-batches-py"
    place.mkdir(parents=True)
    for file, content in samples.pickles.items():
        (place / file).write_bytes(content)
    path = place / random.choice(sorted(samples.pickles))
    path.write_bytes(_pickle(path.read_bytes(), folder, random))
    words = ["--data", "cifar10", "--data-root", str(folder / "data")]
    return Case(plan(samples.card, folder, words), (place,))


class _Call:
    """In a pickle: a call of any function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def _pickle(raw: bytes, folder: Path, random: Random) -> bytes:
    how = random.choice(("bytes", "bytes", "value", "value", "value", "code", "code"))
    if how == "bytes":
        return mutations.damaged(raw, random)
    if how == "code":
        codes = (
            bytes(range(256))
            if random.random() < 0.3
            else b"()[]{}.0a]eltd}su0R\x93cbNIJKMLX\x8c\x8e\x96BCgqhj\x94\x95"
        )
        soup = b"".join(
            bytes([random.choice(codes)])
            + random.choice((b"", b"\1", b"\xff\xff\xff\x7f", b"1\n", b"os\nsystem\n", bytes(8)))
            for _ in range(random.choice((5, 50, 3_000)))
        )
        return random.choice((b"\x80\x02", b"\x80\x04", b"")) + soup + b"."
    content = pickle.loads(raw)
    content[random.choice(list(content))] = _object(folder, random)
    if random.random() < 0.3:
        content[random.choice(("x", b"data", 7, None, "labels"))] = _object(folder, random)
    return pickle.dumps(content, random.choice((0, 1, 2, 3, 4, 5)))


def _object(folder: Path, random: Random) -> Any:
    """What no file of CIFAR holds; a call that is made changes a file outside."""
    deep: Any = 0
    for _ in range(random.choice((3, 60, 300))):
        deep = random.choice(([deep], {"a": deep}, (deep,)))
    outside = str(folder.parent / "outside" / "called")
    values: tuple[Any, ...] = (
        deep, None, [], {}, set(), frozenset((1,)), 10**4_000, -1, float("nan"), float("inf"), True, "x" * 5_000,
        b"\xff" * 5_000, bytearray(8), [2**70] * 20, [-1] * 20, ["0"] * 20, [float("nan")] * 20, list(range(20)),
        [None] * 10, ["\x1b[31m"] * 10, ["x" * 5_000] * 10, ["<img src=x>"] * 10, [b"\xff\xfe"] * 10, [""] * 10,
        complex(1), range(2**62), _Call(os.mkdir, outside), _Call(open, outside, "w"), _Call(eval, "1"),
        _Call(bytearray, 2**34), _Call(list, range(9)),
    )  # fmt: skip
    return random.choice(values)
