"""A small grammar -> texts made by rule, without files: one data set for each task of GLUE, and plain text.

Labels follow from the rule that made a sentence, so that a network can learn them. Draws are keyed by task, split
and row, so that the texts are the same on every machine.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import torch

from acn_bench.data.counter import bits
from acn_bench.data.glue.tasks import PREFIX, TASKS
from acn_bench.data.texts import TextData, TextSplit, content_hash

ROWS = {
    "train": 2000,
    "test": 400,
}  # of a task; training rows that are test rows, too, are left out
DRAWS = 16  # of a row

Draws = Sequence[int]  # (DRAWS,) of a row, each from 0
Made = tuple[tuple[str, ...], float]  # texts, label

PEOPLE = ("doctor", "farmer", "teacher", "sailor", "painter", "child", "king", "baker")
THINGS = ("car", "book", "apple", "lamp", "table", "boat", "cup", "letter")
PLACES = ("garden", "kitchen", "harbour", "market", "forest", "school")
VERBS = ("see", "find", "carry", "buy", "sell", "paint", "move", "hide")
PAST = ("saw", "found", "carried", "bought", "sold", "painted", "moved", "hid")
DONE = ("seen", "found", "carried", "bought", "sold", "painted", "moved", "hidden")
SINGULAR = ("sees", "finds", "carries", "buys", "sells", "paints", "moves", "hides")
LOOKS = ("red", "small", "old", "heavy", "bright", "round")
WORKS = ("film", "story", "plot", "cast", "script", "music", "ending", "scene")
BAD = ("dull", "awful", "clumsy", "tedious", "weak", "boring", "empty", "dreadful")
GOOD = ("lovely", "brilliant", "charming", "superb", "moving", "clever", "warm", "delightful")
HOW = ("very", "rather", "truly", "quite")


@lru_cache
def load(name: str, _: Path) -> TextData:
    """`rules_<task>`; no folder is read."""
    task = TASKS[name.removeprefix(PREFIX)]
    tests = {split: _made(task.name, split, ROWS["test"]) for split in task.dev}
    tested = {texts for made in tests.values() for texts, _ in made}
    train = [one for one in _made(task.name, "train", ROWS["train"]) if one[0] not in tested]
    splits = {
        split: _split(made, task.is_regression) for split, made in {"train": train, **tests}.items()
    }
    return TextData(
        name=name,
        task=task,
        train=splits["train"],
        tests={split: splits[split] for split in task.dev},
        canonical=False,
        fingerprint=content_hash(splits),
    )


def paragraphs(split: str) -> list[str]:
    """Plain text: four sentences of several rules each."""
    makers = (_sentiment, _acceptable, _similar, _inference)
    draws = _draws("text", split, 4 * ROWS["test" if split == "test" else "train"])
    sentences = [makers[k % 4](d)[0][0].capitalize() + "." for k, d in enumerate(draws)]
    return [" ".join(sentences[k : k + 4]) for k in range(0, len(sentences), 4)]


def _made(task: str, split: str, count: int) -> list[Made]:
    return [MAKERS[task](d) for d in _draws(task, split, count)]


def _split(made: Sequence[Made], is_regression: bool) -> TextSplit:
    kind = torch.float32 if is_regression else torch.int64
    columns = zip(*(texts for texts, _ in made), strict=True)
    return TextSplit(
        tuple(map(list, columns)), torch.tensor([label for _, label in made], dtype=kind)
    )


def _draws(task: str, split: str, count: int) -> list[list[int]]:
    """(count, DRAWS) integers in [0, 2^31)."""
    rows = torch.arange(count).unsqueeze(1)
    drawn: list[list[int]] = (
        bits("rules", task, split, rows, torch.arange(DRAWS)) & (2**31 - 1)
    ).tolist()
    return drawn


def _pick(words: Sequence[str], draw: int) -> str:
    return words[draw % len(words)]


def _other(words: Sequence[str], draw: int, another: int) -> str:
    """A word that `_pick(words, draw)` is not."""
    return words[(draw + 1 + another % (len(words) - 1)) % len(words)]


# ---------------------------------------------------------------- one rule a kind of task


def _sentiment(d: Draws) -> Made:
    """1: praise. `not` turns the word's meaning round."""
    good, negated = d[0] % 2, d[1] % 4 == 0
    words = GOOD if good != negated else BAD
    subject, quality = _pick(WORKS, d[2]), _pick(words, d[3])
    degree = "not" if negated else _pick(HOW, d[4])
    return (f"the {subject} in the {_pick(PLACES, d[5])} was {degree} {quality}",), good


def _acceptable(d: Draws) -> Made:
    """0: the verb has the wrong number, or two words changed places."""
    right, plural = d[0] % 2, d[1] % 2
    agreeing = plural if right or d[2] % 2 else 1 - plural
    verb = _pick(VERBS if agreeing else SINGULAR, d[3])
    subject = _pick(PEOPLE, d[4]) if not plural else _plural(_pick(PEOPLE, d[4]))
    words = ["the", subject, verb, "a", _pick(LOOKS, d[5]), _pick(THINGS, d[6])]
    if not right and agreeing == plural:
        place = d[7] % 5
        words[place : place + 2] = words[place + 1], words[place]
    return (" ".join(words),), right


def _plural(noun: str) -> str:
    return "children" if noun == "child" else f"{noun}s"


def _paraphrase(d: Draws) -> Made:
    """1: the second sentence is the first one in the passive; 0: of another person or thing."""
    same = d[0] % 2
    who, thing, verb = d[1], d[2], d[3]
    subject, things = _pick(PEOPLE, who), _pick(THINGS, thing)
    first = f"the {subject} {_pick(PAST, verb)} the {things} in the {_pick(PLACES, d[4])}"
    if not same and d[5] % 2:
        subject = _other(PEOPLE, who, d[6])
    elif not same:
        things = _other(THINGS, thing, d[6])
    return (first, f"the {things} was {_pick(DONE, verb)} by the {subject}"), same


def _entailment(d: Draws) -> Made:
    """0 (entailment): the second sentence leaves words out; 1: it changes one."""
    changed = d[0] % 2
    premise, hypothesis = _premise(d), f"a {_pick(PEOPLE, d[1])} {_pick(PAST, d[3])} a "
    thing = _other(THINGS, d[2], d[6]) if changed else _pick(THINGS, d[2])
    return (premise, hypothesis + thing), changed


def _inference(d: Draws) -> Made:
    """0: entailment, 1: neutral (another look is added), 2: contradiction (`did not`)."""
    label = d[0] % 3
    who, thing = _pick(PEOPLE, d[1]), _pick(THINGS, d[2])
    if label == 2:
        return (_premise(d), f"the {who} did not {_pick(VERBS, d[3])} a {thing}"), label
    look = f"{_other(LOOKS, d[4], d[6])} " if label else ""
    return (_premise(d), f"the {who} {_pick(PAST, d[3])} a {look}{thing}"), label


def _premise(d: Draws) -> str:
    thing = f"{_pick(LOOKS, d[4])} {_pick(THINGS, d[2])}"
    return f"the {_pick(PEOPLE, d[1])} {_pick(PAST, d[3])} a {thing} in the {_pick(PLACES, d[5])}"


def _similar(d: Draws) -> Made:
    """0 … 5: how many of five words both sentences share."""
    lists = (PEOPLE, PAST, LOOKS, THINGS, PLACES)
    first = [_pick(words, d[k]) for k, words in enumerate(lists)]
    shared = d[5] % 6
    order = sorted(range(5), key=lambda k: d[6 + k])
    second = [
        first[k] if order.index(k) < shared else _other(words, d[k], d[11 + k])
        for k, words in enumerate(lists)
    ]
    pattern = "the {} {} a {} {} in the {}"
    return (pattern.format(*first), pattern.format(*second)), float(shared)


MAKERS: dict[str, Callable[[Draws], Made]] = {
    "cola": _acceptable,
    "sst2": _sentiment,
    "mrpc": _paraphrase,
    "qqp": _paraphrase,
    "stsb": _similar,
    "mnli": _inference,
    "qnli": _entailment,
    "rte": _entailment,
    "wnli": _entailment,
}
