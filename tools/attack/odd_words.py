"""Commands with odd names, numbers and values of --set."""

from pathlib import Path
from random import Random

import msgspec
import mutations
from case import Case, plan
from samples import Samples, record_bytes

from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.config import Seeds
from acn_bench.families.mixer import MixerSpec

_KEYS = [
    f"{prefix}{field.name}"
    for prefix, struct in (("", ContinualSpec), ("backbone.", MixerSpec), ("benchmark.", ContinualSpec), ("seed.", Seeds), ("", MixerSpec))
    for field in msgspec.structs.fields(struct)
] + ["precision", "preset", "strategy.si.strength", "strategy.si.importance_max", "strategy.naive.x"]  # fmt: skip
_SETTINGS = (
    *mutations.WORDS, "3", "5", "8", "16", "100", "1000", "100000", "10000000", "each", "one", "last", "every", "images",
    "0.5s", "1e9s", "0s", "plain", "aligned", "layerskip", "layerdrop", "branches", "fp32", "bf16", "pycil1993", "1,2",
    "1,1", ",".join(map(str, range(1, 400))), "[3,1,2,0]", "[0,0]", '{"salt_and_pepper": [2]}', '{"x": []}', "1e-300", "1e300",
)  # fmt: skip

_NUMBERS = (
    "0", "1", "2", "3", "4", "5", "7", "8", "16", "64", "100", "1000", "10000", "100000", "1000000", "2147483647",
    "9007199254740992", "9007199254740993", "-1", "1,2,3", "0.0", "0.1", "0.5", "0.99", "1.5", "1e-300", "1e15", "1e300",
)  # fmt: skip


def settings(random: Random, folder: Path, samples: Samples) -> Case:
    """`run --dry-run` with odd keys and values of --set."""
    words = ["--strategies", random.choice(("naive", "naive,si"))]
    for _ in range(random.choice((1, 1, 1, 2))):
        key = random.choice(_KEYS) if random.random() < 0.9 else random.choice(mutations.WORDS)
        values = random.choice((_SETTINGS, _NUMBERS))
        words.append(f"--set={key}={random.choice(values)}")
    return Case(plan(samples.card, folder, words))


def names(random: Random, folder: Path, samples: Samples) -> Case:
    """Any command with odd names and numbers."""
    value = _word(random)
    run = plan(samples.card, folder, [])
    good = folder / "good.json"
    good.write_bytes(record_bytes(samples.records[0]))
    report = ["report", str(good), "--out", str(folder / "out")]
    words = random.choice((
        *([*run, f"--{option}={value}"] for option in (
            "backbones", "backbones", "strategies", "seeds", "seeds", "data", "device", "jobs", "data-root",
        )),
        ["run", value, "--dry-run", "--out", str(folder / "out")],
        ["list", value], ["report", value], [*report, f"--format={value}"], ["truncate", value],
        ["truncate", str(folder / "no.safetensors"), f"--tolerance={value}"],
        ["truncate", str(folder / "no.safetensors"), f"--depth={value}"],
        [value], [*run, f"--{value}"], ["list", "--json", value], [*run, value],
    ))  # fmt: skip
    return Case(words, (good,))


_GOOD = (
    "ac_mixer", "residual_mixer:released", "ac_vit", "ac_bert", "feedforward_mixer", "residual_mixer+aligned", "naive", "si,ewc",
    "0-4", "0,1,2", "digits10", "digits100", "cpu", "cuda", "html,md", "benchmarks", "metrics", "split_cifar100",
)  # fmt: skip


def _word(random: Random) -> str:
    if random.random() < 0.5:
        return random.choice(mutations.WORDS)
    word = random.choice(_GOOD)
    how = random.choice(("cut", "double", "comma", "letter", "colon", "range", "same"))
    at = random.randrange(len(word))
    return {
        "cut": word[:at],
        "double": word + word,
        "comma": f"{word},{random.choice(_GOOD)}",
        "letter": word[:at] + random.choice("xX0-_.:+ ,\t\u00e9\u202e") + word[at + 1 :],
        "colon": f"{word}:{random.choice(('plain', 'released', 'x', ''))}",
        "range": random.choice(
            (
                "0-99999999999",
                "4-0",
                "0-10000",
                "0-9999",
                "-1",
                "0--1",
                "١-٣",
                "²",
                "1_0",
                "0x10",
                "+1",
            )
        ),
        "same": word,
    }[how]
