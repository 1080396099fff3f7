"""Commands on damaged cards."""

from pathlib import Path
from random import Random

import mutations
from case import Case, plan
from damaged_records import report, write
from samples import STRATEGY_CARD, Samples, record_bytes


def benchmark_card(random: Random, folder: Path, samples: Samples) -> Case:
    """`run --dry-run`, or `report` beside it, on a damaged benchmark card."""
    path = folder / "card.toml"
    path.write_bytes(_card(random.choice(samples.cards), random))
    if random.random() < 0.3:
        write(random, folder, samples, record_bytes(samples.records[0]))
        return Case(report(random, folder), (folder / "records", path))
    return Case(plan(path, folder, random.choice(([], [], ["--quick"]))), (path,))


def strategy_card(random: Random, folder: Path, samples: Samples) -> Case:
    """`run --dry-run` with a damaged strategy card."""
    path = folder / "mine.toml"
    path.write_bytes(_card(STRATEGY_CARD, random))
    words = ["--strategies", str(path), *random.choice(([], [], ["--quick"]))]
    return Case(plan(samples.card, folder, words), (path,))


def _card(text: str, random: Random) -> bytes:
    if random.random() < 0.3:
        return mutations.damaged(text.encode(), random)
    for _ in range(random.choice((1, 1, 1, 2))):
        text = mutations.edited_toml(text, random)
    return text.encode("utf-8", "surrogatepass")
