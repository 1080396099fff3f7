"""Values and bytes that nobody expects, drawn from a seeded generator."""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

DEEP = 1_100  # brackets, more than Python's parsers take

JSON_TEXTS = (
    "null", "true", "false", "0", "-1", "1", "2", "-0.0", "0.5", "1e308", "1e999", "-1e999", "5e-324",
    "NaN", "Infinity", "9" * 400, "9" * 5_000, "0." + "3" * 3_000, str(2**31), str(2**62), str(2**63),
    str(2**64), '""', r'"\u0000"', r'"\ud800"', r'"\u001b[31m\u202e"', json.dumps("x" * 5_000),
    '"<img src=x onerror=alert(1)>"', r'"$\\frac{$"', '"=1+1"', '"| a [b](c) `"', r'"a\nerror: b"',
    '"../../outside"', '"/"', "[]", "{}", "[null]", "[[]]", "[" + "0," * 5_000 + "0]",
    "[" * DEEP + "]" * DEEP, "[" * 60 + "]" * 60, '{"a":' * DEEP + "1" + "}" * DEEP, '{"a": 1, "a": 2}',
)  # fmt: skip
TOML_TEXTS = (
    "true", "0", "-1", "1", "2", "3", "0.5", "1e308", "1e999", "inf", "-inf", "nan", "9" * 400, "9" * 5_000,
    "0x" + "f" * 5_000, str(2**62), str(2**63), "''", '"x"', '"ac_vit"', '"si"', '"digits10"', r'"\u0000"', r'"\u001b[31m"',
    '"' + "x" * 5_000 + '"', r'"a\nb"', '"../../outside"', "1979-05-27", "07:32:00", "[]", "{}", "[[]]",
    "[" + "0," * 5_000 + "0]", "[" * DEEP + "]" * DEEP, "[" * 60 + "]" * 60, "{ a = " * 60 + "1" + "}" * 60,
    "a" + ".a" * DEEP + " = 1", "{ a = 1, a = 2 }", '"os:system"', '"json:loads"', '"no.such:thing"', "= 1", '"""',
)  # fmt: skip
WORDS = (
    "", " ", ",", ":", "=", "a=", "=a", "0", "-1", "1", "2", "0.5", "1e999", "nan", "inf", "-inf", "null", "true",
    "9" * 400, "9" * 5_000, str(2**31), str(2**62), str(2**64), "x" * 5_000, "../../outside", "/", "/dev/null", ".",
    "\x1b[31mred", "a\nerror: b", "\u202egnp", "\udcff", "[", "[]", "{}", "[" * DEEP, "[" * DEEP + "]" * DEEP,
    "[" * 60 + "]" * 60, "[1,2]", '{"gaussian": [0.1]}', '{"gaussian": [1e999]}', "%s%n", "$HOME", "~", "*",
    "-", "--", "--help", "a,b,,c", "all", "auto", "json:loads", "os.path:join", "math:sqrt", "builtins:exit",
    "no.such:thing", "a.b.c:d", "acn_bench:", ":x", "json:", "json", "json.decoder:JSONDecoder", "[red]x[/red]",
)  # fmt: skip


def damaged(raw: bytes, random: Random) -> bytes:
    """The bytes with bits flipped, or a part cut off, cut out, repeated or replaced."""
    changed = bytearray(raw)
    how = random.choice(("bits", "bits", "bits", "end", "part", "again", "other", "byte"))
    at, length = random.randrange(len(raw) or 1), random.choice((1, 2, 8, 100))
    if how == "bits":
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    elif how == "end":
        del changed[at:]
    elif how == "part":
        del changed[at : at + length]
    elif how == "again":
        changed[at:at] = changed[at : at + length]
    elif how == "other":
        changed[at : at + length] = random.randbytes(length)
    else:
        changed[at : at + 1] = random.choice(
            (b"\0", b"\xff", b"[", b"]", b"{", b"}", b'"', b"\\", b"-", b"9")
        )
    return bytes(changed)


def edited(tree: Any, random: Random) -> str:
    """A JSON tree with one value replaced, moved, removed, repeated or nudged, as text."""
    tree = json.loads(json.dumps(tree))
    holder, key = random.choice(list(_places(tree)))
    how = random.choice(
        (_replace, _replace, _nudge, _nudge, _remove, _repeat, _rename, _wrap, _copy)
    )
    hole = how(holder, key, random, tree)
    text = json.dumps(tree, indent=1)
    return text if hole is None else text.replace(f'"{_HOLE}"', hole)


_HOLE = "@ the place of a text @"


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """(list or dictionary, index or key) of every value."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(pairs):
        yield tree, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _replace(holder: Any, key: Any, random: Random, _: Any) -> str:
    alike = _ALIKE.get(type(holder[key]), ())
    holder[key] = _HOLE
    return random.choice(alike if alike and random.random() < 0.6 else JSON_TEXTS)


# type -> values that pass for the one that was there
_ALIKE = {
    int: ("0", "1", "2", "3", "7", "100", "100000", "-1", str(2**31), str(2**53), str(2**62)),
    float: ("0.0", "1.0", "0.5", "-0.5", "1e-300", "1e15", "1e300", "2.0", "1"),
    str: tuple(text for text in JSON_TEXTS if text.startswith('"')),
}


def _nudge(holder: Any, key: Any, random: Random, tree: Any) -> str | None:
    value = holder[key]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return _replace(holder, key, random, tree)
    if isinstance(value, str):
        holder[key] = value[:-1] + chr(ord(value[-1]) ^ 1) if value else "x"
    else:
        changes: tuple[Callable[[Any], Any], ...] = (
            lambda v: v + 1, lambda v: v - 1, lambda v: -v, lambda v: v * 2, lambda v: v / 2, lambda v: v + 0.001,
        )  # fmt: skip
        holder[key] = random.choice(changes)(value)
    return None


def _remove(holder: Any, key: Any, *_: Any) -> None:
    del holder[key]


def _repeat(holder: Any, key: Any, random: Random, _: Any) -> str | None:
    if isinstance(holder, list):
        holder.insert(key, holder[key])
        return None
    holder[_HOLE] = random.choice((None, 0, "x", holder[key]))
    return json.dumps(key)


def _rename(holder: Any, key: Any, random: Random, _: Any) -> None:
    if isinstance(holder, dict):
        holder[random.choice((f"{key}x", "", "name", "\x1b[31m", "x" * 3_000))] = holder.pop(key)
    else:
        holder.reverse()


def _wrap(holder: Any, key: Any, random: Random, _: Any) -> None:
    holder[key] = random.choice(([holder[key]], {"a": holder[key]}))


def _copy(holder: Any, key: Any, random: Random, tree: Any) -> None:
    other, there = random.choice(list(_places(tree)))
    holder[key] = json.loads(json.dumps(other[there]))


def edited_toml(text: str, random: Random) -> str:
    """A card with one line's value replaced, a line removed, repeated or moved, or a line more."""
    lines = text.strip().splitlines()
    at = random.randrange(len(lines))
    how = random.choice(("value", "value", "value", "value", "remove", "repeat", "move", "more"))
    if how == "value":
        settings = [k for k, line in enumerate(lines) if "=" in line]
        at = random.choice(settings)
        lines[at] = f"{lines[at].partition('=')[0]}= {random.choice(TOML_TEXTS)}"
    elif how == "remove":
        del lines[at]
    elif how == "repeat":
        lines.insert(at, lines[at])
    elif how == "move":
        lines.append(lines.pop(at))
    else:
        name = random.choice(("x", "name", "kind", "source", '"\\u0000"', "a.b", "x" * 3_000))
        lines.insert(
            at, random.choice((f"{name} = {random.choice(TOML_TEXTS)}", f"[{name}]", f"[[{name}]]"))
        )
    return "\n".join(lines)
