import os
from pathlib import Path

import msgspec
import pytest

from acn_bench import catalog
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.catalog import BenchmarkCard, StrategyCard
from acn_bench.families.bert import BertSpec
from acn_bench.families.mixer import MixerSpec
from acn_bench.families.vit import ViTSpec
from acn_bench.spec import options
from acn_bench.strategies.si import SiSpec


def card_file(root: Path, folder: Path, old: str, new: str, kind: str = "benchmarks") -> Path:
    """A card of the repository with one thing changed, elsewhere."""
    name = "split_cifar100" if kind == "benchmarks" else "si"
    text = (root / kind / f"{name}.toml").read_text(encoding="utf-8")
    assert old in text
    path = folder / "mine.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_every_card_of_the_repository_can_be_read(root):
    assert catalog.names("benchmarks") == sorted(
        p.stem for p in (root / "benchmarks").glob("*.toml")
    )
    assert catalog.names("strategies") == sorted(
        p.stem for p in (root / "strategies").glob("*.toml")
    )
    for name in catalog.names("benchmarks"):
        assert catalog.benchmark(name).name == catalog.benchmark(name).protocol.name == name
    for name in catalog.names("strategies"):
        assert catalog.strategy(name).name == catalog.strategy(name).options.name == name


def test_a_name_becomes_its_card_and_its_spec():
    benchmark = catalog.benchmark("split_cifar100")
    assert isinstance(benchmark, BenchmarkCard)
    assert isinstance(benchmark.protocol, ContinualSpec)
    strategy = catalog.strategy("si")
    assert isinstance(strategy, StrategyCard)
    assert isinstance(strategy.options, SiSpec)


@pytest.mark.parametrize("name", catalog.names("benchmarks"))
def test_a_benchmark_card_names_strategies_and_keys_that_exist(name):
    card = catalog.benchmark(name)
    assert set(card.defaults.strategies) <= set(catalog.names("strategies"))
    assert {s for claim in card.claim for s in claim.strategies} <= set(catalog.names("strategies"))
    assert {p.strategy for p in card.published} <= {"", *catalog.names("strategies")}
    known = {
        field.name
        for part in (card.protocol, card.defaults)
        for field in msgspec.structs.fields(part)
    }
    assert set(card.quick) <= known
    assert set(card.published_protocol) <= known
    sizes = {
        f.name for spec in (BertSpec, MixerSpec, ViTSpec) for f in msgspec.structs.fields(spec)
    }
    assert set(card.published_backbone) <= sizes
    for strategy, stated in card.published_strategy.items():
        assert set(stated) <= set(options(catalog.strategy(strategy).options))


@pytest.mark.parametrize("name", catalog.names("benchmarks"))
def test_a_quick_card_stays_a_valid_protocol(name):
    card = catalog.benchmark(name)
    for part in (card.protocol, card.defaults):
        keys = {field.name for field in msgspec.structs.fields(part)}
        quick = {key: value for key, value in card.quick.items() if key in keys}
        msgspec.convert(msgspec.to_builtins(part) | quick, type(part))


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(
        LookupError, match=r"unknown benchmark 'split_cifar10'\. Did you mean 'split_cifar100'\?"
    ):
        catalog.benchmark("split_cifar10")
    with pytest.raises(LookupError, match=r"unknown strategy 'replya'\. Did you mean 'replay'\?"):
        catalog.strategy("replya")


def test_a_name_near_to_none_lists_them_all():
    with pytest.raises(LookupError, match=r"unknown strategy 'zzz'\. Known: .*naive.*si"):
        catalog.strategy("zzz")


@pytest.mark.parametrize("name", ["../benchmarks/split_cifar100", "", ".", "README"])
def test_a_name_is_no_path_into_the_cards(name):
    with pytest.raises(LookupError):
        catalog.benchmark(name)


def test_a_card_elsewhere_works_by_its_path(root, tmp_path):
    path = card_file(root, tmp_path, 'name = "split_cifar100"', 'name = "mine"')
    card = catalog.benchmark(str(path))
    assert card.name == card.protocol.name == "mine"
    assert card.defaults == catalog.benchmark("split_cifar100").defaults
    path = card_file(root, tmp_path, "strength = 1.0", "strength = 2.5", "strategies")
    assert catalog.strategy(str(path)).options.strength == 2.5


@pytest.mark.parametrize("read", [catalog.benchmark, catalog.strategy])
def test_a_path_where_no_card_lies_is_named(tmp_path, read):
    with pytest.raises(LookupError, match=r"no (benchmark|strategy) card at .*absent\.toml"):
        read(str(tmp_path / "absent.toml"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "epochs = 10",
            "epoch = 10",
            r"unknown key 'epoch' in `protocol`\. Did you mean 'epochs'\?",
        ),
        ("depth = 5", "dept = 5", r"Did you mean 'depth'\?"),
        ("intent =", "intend =", r"unknown key 'intend'\. Did you mean 'intent'\?"),
        ("statement =", "statment =", r"in `claim\[0\]`\. Did you mean 'statement'\?"),
    ],
)
def test_an_unknown_key_names_its_place_and_the_nearest_key(root, tmp_path, old, new, message):
    path = card_file(root, tmp_path, f"\n{old}", f"\n{new}")
    with pytest.raises(ValueError, match=rf"mine\.toml: .*{message}"):
        catalog.benchmark(str(path))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('note = "points"', 'note = "pionts"', r"unknown note 'pionts'\. Did you mean 'points'\?"),
        ("mean = 0.4691, ", "", "needs either mean or words"),
        ('metric = "forgetting", mean', 'metric = "forgeting", mean', "'forgeting'.*'forgetting'"),
    ],
)
def test_a_published_figure_of_an_unknown_metric_or_note_or_without_a_value_is_refused(
    root, tmp_path, old, new, message
):
    path = card_file(root, tmp_path, old, new)
    with pytest.raises(ValueError, match=rf"published, ACN paper, Table 3, .*{message}"):
        catalog.benchmark(str(path))


def test_an_unknown_option_of_a_strategy_names_the_nearest(root, tmp_path):
    path = card_file(root, tmp_path, "damping =", "dampning =", "strategies")
    with pytest.raises(ValueError, match=r"'dampning' in `options`\. Did you mean 'damping'\?"):
        catalog.strategy(str(path))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("experiences = 20", 'experiences = "twenty"', r"Expected `int`, got `str` - at `\$\.protocol\.experiences`"),
        ('heads = "each"', 'heads = "both"', r"Invalid enum value 'both' - at `\$\.protocol\.heads`"),
        ('name = "split_cifar100"', 'name = "../escape"', r"\$\.name"),
        ('name = "split_cifar100"', "", r"missing required field `name`"),
        ("[protocol]", "[[protocol]]", r"\$\.protocol"),
        ("[protocol]", "[protocol", r"mine\.toml is not a TOML file: "),
    ],
)  # fmt: skip
def test_a_wrong_card_is_refused_by_place(root, tmp_path, old, new, message):
    path = card_file(root, tmp_path, old, new)
    with pytest.raises(ValueError, match=message):
        catalog.benchmark(str(path))


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 1_100,
        "a = " + "[" * 60 + "]" * 60,
        ".".join("a" * 1_100) + " = 1",
        "a = 1\na = 2",
    ],
    ids=["open", "closed", "dots", "twice"],
)
def test_a_card_of_brackets_in_brackets_is_no_toml_file(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    for read in (catalog.benchmark, catalog.strategy):
        with pytest.raises(ValueError, match=r"mine\.toml is not a TOML file: "):
            read(str(path))


def test_a_pipe_is_no_card(tmp_path):
    os.mkfifo(tmp_path / "mine.toml")
    with pytest.raises(LookupError, match=r"there is no benchmark card at .*mine\.toml"):
        catalog.benchmark(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize("value", ["9" * 5_000, '"' + "x" * 50_000 + '"', f"[{'0, ' * 5_000}]"])
def test_a_message_about_a_card_quotes_little_of_it(root, tmp_path, value):
    for key in ("heads", "epochs", "scheme", "kind", "x" * 5_000):
        path = card_file(root, tmp_path, 'heads = "each"', f"{key} = {value}")
        with pytest.raises(ValueError, match=r"mine\.toml") as refused:
            catalog.benchmark(str(path))
        assert len(str(refused.value)) < 2_500
    with pytest.raises(LookupError, match="unknown benchmark 'xxx") as unknown:
        catalog.benchmark("x" * 50_000)
    assert len(str(unknown.value)) < 500


def test_an_unknown_kind_of_strategy_is_refused_by_its_place(root, tmp_path):
    path = card_file(root, tmp_path, 'kind = "si"', 'kind = "sy"', "strategies")
    with pytest.raises(
        ValueError, match=r"unknown kind of strategy 'sy'\. .*'si'.* - at `\$\.options\.kind`"
    ):
        catalog.strategy(str(path))


@pytest.mark.parametrize("name", catalog.names("strategies"))
def test_a_strategy_card_says_where_each_of_its_values_comes_from(name):
    card = catalog.strategy(name)
    options = [f.name for f in msgspec.structs.fields(card.options) if f.name != "name"]
    assert [option for option in options if option not in card.source] == []
    assert card.citation


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("[quick]\nepcohs = 1", r"card split_cifar100: \[quick\] has 'epcohs'. Did you mean 'epochs'"),
        ("[quick]\nsede = [0]", r"\[quick\] has 'sede'. Did you mean 'seeds'"),
        ("[quick]\nepochs = 'many'", r"\[quick\]: Expected `int`"),
        ("[preset.mine]\nsource = 'me'\nvalues = { epcohs = 1 }", r"\[preset.mine\] has 'epcohs'"),
    ],
)  # fmt: skip
def test_the_values_of_quick_and_of_presets_are_checked_when_a_card_is_read(
    root, tmp_path, added, message
):
    text = (root / "benchmarks" / "split_cifar100.toml").read_text(encoding="utf-8")
    table = added.partition("\n")[0]
    others = [part for part in text.split("\n[") if not f"[{part}".startswith(table)]
    path = tmp_path / "mine.toml"
    path.write_text("\n[".join(others) + f"\n{added}\n", encoding="utf-8")

    with pytest.raises(ValueError, match=message):
        catalog.benchmark(str(path))


def test_the_quick_options_of_a_strategy_are_checked_when_its_card_is_read(root, tmp_path):
    text = (root / "strategies" / "si.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(f"{text}\n[quick]\nstrenght = 2.0\n", encoding="utf-8")

    with pytest.raises(
        ValueError, match=r"card si: \[quick\]: .*'strenght'. Did you mean 'strength'"
    ):
        catalog.strategy(str(path))  # fmt: skip
