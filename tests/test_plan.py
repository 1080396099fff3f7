"""A benchmark and choices -> the runs of a plan."""

import json
import sys
from types import ModuleType

import pytest
from msgspec.structs import replace

from acn_bench import catalog
from acn_bench.overrides import Setting
from acn_bench.plan import Choices, missing_bounds, numbers, unresolved
from acn_bench.spec import FactorySpec
from acn_bench.strategies import compatibility


@pytest.fixture
def card():
    return catalog.benchmark("split_cifar100")


def configs_of(card, *settings, **choices):
    """The configs of a plan, with the data and the device of these tests."""
    plan = unresolved(card, Choices(settings=settings, **choices))
    precision = {"auto": "fp32", "fp32": "fp32", "bf16": "bf16"}
    return plan.resolve("f" * 12, precision, dict.fromkeys(plan.functions, ""), shape=None)


@pytest.fixture
def runs(card):
    """The configs of a plan: `runs("depth=5,10", seeds=(0,))`."""
    return lambda *settings, **choices: configs_of(card, *settings, **choices)


def arms(configs):
    return [(c.strategy.name, c.backbone.name, c.backbone.depth, c.seeds.order) for c in configs]


# ---------------------------------------------------------------- what is run


def test_without_choices_the_card_decides(card, runs):
    configs = runs()
    assert len(configs) == len(set(arms(configs))) == 4 * 3 * 3
    assert {c.benchmark.data for c in configs} == {"cifar100"}
    assert {c.backbone.depth for c in configs} == {5}
    assert not any(c.quick for c in configs)


def test_whole_comparisons_are_there_early(runs):
    configs = runs("depth=5,10", backbones=("ac_mixer", "residual_mixer"), seeds=(3, 1))
    assert arms(configs)[:8] == [
        (strategy, f"{wiring}_mixer:plain", depth, 3)
        for strategy in ("naive", "si")
        for depth in (5, 10)
        for wiring in ("ac", "residual")
    ]
    assert [c.seeds.order for c in configs] == [3] * 12 + [1] * 12


def test_every_run_has_a_name_of_its_own(runs):
    configs = runs("depth=5,10", "strategy.si.strength=1,10", "benchmark.epochs=1,2", seeds=(0, 1))
    assert len({c.run_id for c in configs}) == len(configs) == 2 * 4 * 2 * 2 * (1 + 1 + 2)


def test_what_is_named_twice_is_run_once(runs):
    backbones = ("ac_mixer", "ac_mixer:plain", "ac_mixer")
    configs = runs("depth=5,5", backbones=backbones, strategies=("naive", "naive"), seeds=(0, 0))
    assert len(configs) == 1


def test_all_strategies_are_those_that_support_the_scenario_lower_and_upper_bound_first(
    card, monkeypatch
):
    monkeypatch.setattr(
        compatibility, "find_spec", lambda _: True
    )  # as where GEM's solver is installed
    every = Choices(strategies=("all",), seeds=(0,), backbones=("ac_mixer",))
    unresolved_plan = unresolved(catalog.benchmark("split_cifar100_class"), every)
    names = [c.strategy.name for c in unresolved_plan.runs]
    assert sorted(names) == catalog.names("strategies")
    assert set(names[:2]) == {"naive", "joint"}
    assert unresolved_plan.excluded == ()
    unresolved_plan = unresolved(card, every)
    left = set(catalog.names("strategies")) - {"icarl", "er_ace"}
    assert {c.strategy.name for c in unresolved_plan.runs} == left
    assert [sentence.split(":")[0] for sentence in unresolved_plan.excluded] == ["er_ace", "icarl"]


@pytest.mark.parametrize("name", ["er_ace", "icarl"])
def test_a_strategy_for_a_single_head_is_refused_by_name_in_a_task_incremental_plan(runs, name):
    with pytest.raises(ValueError, match=f"^{name}: with a head for each experience, classes"):
        runs(strategies=("naive", name))
    assert runs("heads=one", strategies=("naive", name))


def test_without_its_solver_gem_is_refused_and_the_extra_is_named(runs, card, monkeypatch):
    monkeypatch.setattr(compatibility, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"gem: it needs quadprog, .*'acn_bench\[gem\]'"):
        runs(strategies=("gem",))
    unresolved_plan = unresolved(card, Choices(strategies=("all",), seeds=(0,)))
    assert any(sentence.startswith("gem: ") for sentence in unresolved_plan.excluded)
    assert "gem" not in {c.strategy.name for c in unresolved_plan.runs}


@pytest.mark.parametrize(
    ("strategy", "setting", "why"),
    [
        ("der", "strategy.der.memory=63", "never fills a batch of 64"),
        ("agem", "sample_size=18", "does not reach all 19 earlier experiences"),
        ("gdumb", "strategy.gdumb.memory=99", "no place for each of 100 classes"),
        ("joint", "batch_size=19", "a batch holds examples of all 20 experiences"),
        ("cumulative", "batch_size=19", "a batch holds examples of all 20 experiences"),
    ],
)
def test_values_that_would_make_a_strategy_another_one_are_refused(runs, strategy, setting, why):
    with pytest.raises(ValueError, match=why):
        runs(setting, strategies=(strategy,))


def test_a_default_that_cannot_serve_is_excluded_and_the_others_run(card):
    unresolved_plan = unresolved(card, Choices(settings=("batch_size=8",), seeds=(0,)))
    assert {c.strategy.name for c in unresolved_plan.runs} == {"naive", "si"}
    assert unresolved_plan.excluded[0].startswith("joint: ")


@pytest.mark.parametrize("name", ["split_cifar100", "split_cifar100_class"])
def test_both_bounds_are_in_every_comparison_unless_others_are_named(name):
    card = catalog.benchmark(name)
    assert missing_bounds(unresolved(card, Choices()).runs) == ""
    assert missing_bounds(unresolved(card, Choices(strategies=("all",))).runs) == ""
    one = unresolved(card, Choices(strategies=("si",))).runs
    assert {c.strategy.name for c in one} == {"si"}  # --strategies is taken at its word
    assert missing_bounds(one) == "naive (lower bound), joint (upper bound)"
    assert missing_bounds(unresolved(card, Choices(strategies=("naive",))).runs) == (
        "joint (upper bound)"
    )


# ---------------------------------------------------------------- presets and orders


@pytest.fixture
def classes():
    """Configs of the class-incremental card."""
    card = catalog.benchmark("split_cifar100_class")
    return lambda *settings, **choices: configs_of(card, *settings, seeds=(0,), **choices)


def test_a_preset_takes_its_values_and_is_another_run(classes):
    configs = classes("preset=mammoth")
    assert {c.preset for c in configs} == {"mammoth"}
    assert {(c.benchmark.epochs, c.benchmark.batch_size) for c in configs} == {(50, 32)}
    assert {c.benchmark.class_order for c in configs} == {"natural"}
    assert not {c.run_id for c in configs} & {c.run_id for c in classes()}
    longer = classes("preset=mammoth", "epochs=60")  # --set comes after
    assert {c.benchmark.epochs for c in longer} == {60}
    short = classes("preset=mammoth", quick=True)
    assert {c.benchmark.experiences for c in short} == {3}


def test_an_unknown_preset_is_refused_with_the_nearest_right_one(classes, runs):
    with pytest.raises(LookupError, match="preset=mamoth: Did you mean 'mammoth'"):
        classes("preset=mamoth")
    with pytest.raises(LookupError, match="the card split_cifar100 has no presets"):
        runs("preset=mammoth")
    with pytest.raises(ValueError, match="a plan has one preset"):
        classes("preset=mammoth,pycil")


def test_an_order_of_classes_has_a_name_or_is_a_list(classes):
    (named,) = {c.benchmark.class_order for c in classes("class_order=pycil1993")}
    assert named == "pycil1993"
    (listed,) = {c.benchmark.class_order for c in classes("class_order=[3,1,2]")}
    assert listed == (3, 1, 2)
    with pytest.raises(ValueError, match=r"unknown class order 'pycil'\. Known: seed, natural"):
        classes("class_order=pycil")
    with pytest.raises(ValueError, match="a list of different class numbers"):
        classes("class_order=[3,1,3]")


def test_a_seed_sets_all_four(runs):
    (config,) = runs(strategies=("naive",), backbones=("ac_mixer",), seeds=(7,))
    s = config.seeds
    assert (s.order, s.init, s.data, s.noise) == (7, 7, 7, 7)
    assert "-s7-" in config.run_id


def test_embedded_data_make_a_card_quick_that_asks_for_it():
    imagenet, cifar10 = catalog.benchmark("imagenet"), catalog.benchmark("cifar10")

    def planned(card, data, quick=False, *settings):
        return unresolved(card, Choices(data=data, quick=quick, settings=settings)).runs

    assert planned(imagenet, "digits100") == planned(imagenet, "digits100", True)
    (first, _) = planned(imagenet, "digits100", False, "epochs=7")
    assert first.quick
    assert (first.benchmark.epochs, first.benchmark.batch_size) == (7, imagenet.quick["batch_size"])
    assert not any(run.quick for run in planned(imagenet, None) + planned(imagenet, "imagenet"))
    assert not any(run.quick for run in planned(cifar10, "digits10"))


def test_the_quick_table_stands_in_and_the_run_is_another(card, runs):
    quick, whole = runs(quick=True, seeds=(0,)), runs(seeds=(0,))
    assert all(c.quick for c in quick)
    assert {c.benchmark.experiences for c in quick} == {card.quick["experiences"]}
    assert {c.backbone.name for c in quick} == set(card.quick["backbones"])
    assert not {c.run_id for c in quick} & {c.run_id for c in whole}
    same = runs("benchmark.experiences=3", quick=True, seeds=(0,))
    assert {c.benchmark.experiences for c in same} == {3}  # --set comes after


def test_digits_are_never_mirrored(runs):
    assert all(c.benchmark.flip for c in runs(data="cifar100"))
    for data in ("digits10", "digits100"):
        assert not any(c.benchmark.flip for c in runs(data=data))


def test_a_factory_has_no_depth_and_gets_the_hash_of_its_file(card):
    choices = Choices(backbones=("a.b:make", "ac_mixer"), settings=("depth=5,10",), seeds=(0,))
    unresolved_plan = unresolved(card, choices)
    assert unresolved_plan.functions == {"a.b:make": "backbone factory"}
    assert len(unresolved_plan.runs) == 3 * (1 + 2)
    resolved = unresolved_plan.resolve("f" * 12, {"auto": "fp32"}, {"a.b:make": "01234567"})
    from_factory = [c.backbone for c in resolved if isinstance(c.backbone, FactorySpec)]
    assert {b.source for b in from_factory} == {"01234567"}
    edited = unresolved_plan.resolve("f" * 12, {"auto": "fp32"}, {"a.b:make": "76543210"})
    assert sum(a.run_id == b.run_id for a, b in zip(resolved, edited, strict=True)) == 6


def test_data_and_precision_come_last_and_are_part_of_the_name(card):
    unresolved_plan = unresolved(card, Choices(settings=("precision=auto,bf16",), seeds=(0,)))
    assert len(unresolved_plan.runs) == 3 * 4 * 2
    plan = unresolved_plan.resolve("f" * 12, {"auto": "fp32", "bf16": "bf16"}, {})
    assert len({c.run_id for c in plan}) == 24
    assert {c.fingerprint for c in plan} == {"f" * 12}
    other = unresolved_plan.resolve("0" * 12, {"auto": "fp32", "bf16": "bf16"}, {})
    assert not {c.run_id for c in plan} & {c.run_id for c in other}
    # where `auto` means bf16, asking for both is asking for one
    assert len(unresolved_plan.resolve("f" * 12, {"auto": "bf16", "bf16": "bf16"}, {})) == 12


# ---------------------------------------------------------------- --seeds


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", (0,)), ("0,1,2", (0, 1, 2)), ("0-4", (0, 1, 2, 3, 4)), ("7, 1-2", (7, 1, 2))],
)
def test_seeds_are_listed_or_a_range_or_both(text, expected):
    assert numbers(text) == expected


@pytest.mark.parametrize("text", ["", "a", "1,", "-1", "0-", "2-1", "0..4", "1.5", "²"])
def test_what_is_no_list_of_seeds_is_refused(text):
    with pytest.raises(ValueError, match="is not a list of seeds; write 0,1,2 or 0-4"):
        numbers(text)


@pytest.mark.parametrize(
    "text", ["0-99999999999", "0-10000", "0-9999,0", ",".join("0" * 50_000)], ids=lambda t: t[:20]
)
def test_more_seeds_than_a_plan_has_are_refused_before_they_are_listed(text):
    with pytest.raises(ValueError, match="is more than 10,000 seeds") as refused:
        numbers(text)
    assert len(str(refused.value)) < 300
    assert len(numbers("0-9999")) == 10_000


@pytest.mark.parametrize("text", ["9" * 5_000, "0-" + "9" * 30, str(2**63)])
def test_a_seed_that_no_generator_takes_is_refused(runs, text):
    with pytest.raises(ValueError, match=f"a seed is at most {2**63 - 1}"):
        numbers(text)
    with pytest.raises(ValueError, match=r"seed\.init="):
        runs(f"seed.init={text}")
    assert numbers(str(2**63 - 1)) == (2**63 - 1,)


def test_a_card_has_no_more_seeds_than_a_plan(card):
    many = replace(card, defaults=replace(card.defaults, seeds=tuple(range(10_001))))
    with pytest.raises(ValueError, match="these are 10,001 seeds, and a plan has at most 10,000"):
        unresolved(many, Choices())


def test_a_plan_of_too_many_runs_is_refused_before_it_is_drafted(card):
    with pytest.raises(ValueError, match=r"these are 640,000 runs, and a plan has at most 200,000"):
        unresolved(card, Choices(seeds=tuple(range(10_000)), strategies=("all",)))
    hundred = ",".join(map(str, range(1, 101)))
    sweeps = tuple(f"{key}={hundred}" for key in ("epochs", "depth", "batch_size"))
    with pytest.raises(ValueError, match=r"these are 12,000,000 runs"):
        unresolved(card, Choices(seeds=(0,), settings=sweeps))


def test_drafting_looks_at_each_run_as_often_however_many_there_are(card, monkeypatch):
    def checks(seeds):
        calls = []
        check = type(card.protocol).check
        monkeypatch.setattr(
            type(card.protocol), "check", lambda *a: (calls.append(None), check(*a))[1]
        )
        monkeypatch.setattr(type(card.protocol), "__eq__", lambda *_: calls.append(None) or True)
        choices = Choices(seeds=tuple(range(seeds)), settings=("epochs=1,2", "depth=3"))
        plan = unresolved(card, choices)
        monkeypatch.undo()
        return len(plan.runs), len(calls)

    assert checks(4)[0] * 50 == checks(200)[0] == 200 * 4 * 3 * 2
    assert checks(200)[1] == checks(4)[1]


# ---------------------------------------------------------------- --set


@pytest.mark.parametrize("depth", [60, 1_100, 100_000])
@pytest.mark.parametrize("key", ["class_order", "benchmark.noise", "arguments"])
def test_brackets_in_brackets_are_refused(runs, key, depth):
    for text in ("[" * depth, "[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        with pytest.raises(
            ValueError, match=rf"--set benchmark\.{key[-5:]}|--set benchmark"
        ) as refused:
            runs(f"{key}={text}")
        assert len(str(refused.value)) < 500


@pytest.mark.parametrize("text", ["9" * 5_000, "x" * 5_000, "[" + "0," * 5_000 + "0.5]", "1e999"])
@pytest.mark.parametrize("key", ["epochs", "heads", "precision", "no_such_key", "9" * 5_000])
def test_a_value_of_any_length_is_refused_in_a_few_words(runs, key, text):
    with pytest.raises((ValueError, LookupError)) as refused:
        runs(f"{key}={text}")
    assert len(str(refused.value)) < 2_500


def test_a_setting_has_one_value_or_several_or_one_in_brackets():
    assert Setting.parse("depth=5").values == ("5",)
    assert Setting.parse(" depth = 5, 10 ") == Setting("depth", ("5", "10"))
    assert Setting.parse('noise={"gaussian": [0.1, 0.2]}').values == ('{"gaussian": [0.1, 0.2]}',)


@pytest.mark.parametrize("text", ["depth", "depth=", "=5", "depth= ", "depth=5,", "depth=5,,6"])
def test_a_setting_without_key_or_value_is_refused(text):
    with pytest.raises(ValueError, match=f"--set '{text}'"):
        Setting.parse(text)


@pytest.mark.parametrize("key", ["backbone.depth", "depth"])
def test_a_key_may_be_short_where_it_is_unique(runs, key):
    assert {c.backbone.depth for c in runs(f"{key}=2,3")} == {2, 3}


def test_a_sweep_is_every_combination(runs):
    configs = runs("depth=2,3", "width=16,32", strategies=("naive",), seeds=(0,))
    result = {(c.backbone.name, c.backbone.depth, c.backbone.width) for c in configs}
    assert len(result) == len(configs) == 4 * 2 * 2


def test_a_key_touches_only_the_runs_that_have_it(runs):
    configs = runs("strategy.si.strength=1,100", seeds=(0,), backbones=("ac_mixer",))
    assert [(c.strategy.name, getattr(c.strategy, "strength", None)) for c in configs] == [
        ("naive", None),
        ("si", 1.0),
        ("si", 100.0),
        ("joint", None),
    ]


def test_one_of_the_four_seeds_can_be_fixed(runs):
    configs = runs("seed.order=0", seeds=(0, 1, 2), strategies=("naive",), backbones=("ac_mixer",))
    assert [(c.seeds.order, c.seeds.init) for c in configs] == [(0, 0), (0, 1), (0, 2)]
    for name in ("order", "init", "data", "noise"):
        for config in runs(f"seed.{name}=9"):
            assert getattr(config.seeds, name) == 9


@pytest.mark.parametrize(
    ("text", "part", "field", "value"),
    [
        ("flip=false", "benchmark", "flip", False),
        ("learning_rate=1e-2", "benchmark", "learning_rate", 0.01),
        ("heads=one", "benchmark", "heads", "one"),
        ('benchmark.noise={"gaussian":[0.3]}', "benchmark", "noise", {"gaussian": (0.3,)}),
        ("importance_max=null", "strategy", "importance_max", None),
        ("importance_max=inf", "strategy", "importance_max", None),
        ("importance_max=1e-3", "strategy", "importance_max", 0.001),
        ("patch_size=8", "backbone", "patch_size", 8),
    ],
)
def test_a_value_is_typed_by_the_struct(runs, text, part, field, value):
    for config in runs(text, strategies=("si",)):
        assert getattr(getattr(config, part), field) == value


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("dpeth=5", LookupError, "no run of this plan has such a key. Did you mean 'depth'"),
        ("backbone.dpeth=5", LookupError, "Did you mean 'backbone.depth'"),
        ("strategy.replay.memory=5", LookupError, "no run of this plan has such a key"),
        ("wiring=ac", LookupError, "no run of this plan has such a key"),
        ("benchmark.data=digits100", LookupError, "no run of this plan has such a key"),
        (
            "strength=1",
            LookupError,
            "strength is ambiguous: write strategy.si.strength or strategy.ewc.strength",
        ),
        ("depth=five", ValueError, "--set backbone.depth=five: it must be a whole number"),
        ("depth=5,5.5", ValueError, "--set backbone.depth=5.5: it must be a whole number"),
        ("flip=maybe", ValueError, "--set benchmark.flip=maybe: it must be true or false"),
        ("weight_decay=x", ValueError, "--set benchmark.weight_decay=x: it must be a number"),
        ("data=cifar10", ValueError, "a whole number. Which data set: --data"),
        ("depth=0", ValueError, "--set backbone.depth=0: Expected `int` >= 1"),
        (
            "learning_rate=nan",
            ValueError,
            "--set benchmark.learning_rate=nan: Expected `float` > 0",
        ),
        ("weight_decay=inf", ValueError, "--set benchmark.weight_decay=inf: .*finite"),
        ("strategy.si.strength=inf", ValueError, "--set strategy.si.strength=inf: .*finite"),
        ("heads=ech", ValueError, "--set benchmark.heads=ech: .* Did you mean 'each'"),
        ("precision=bf1", ValueError, "--set precision=bf1: Did you mean 'bf16'"),
        ('benchmark.noise={"gaussain":[0.3]}', ValueError, "--set benchmark.noise=.*gaussain"),
        (
            'benchmark.noise={"salt_and_pepper":[2]}',
            ValueError,
            "salt_and_pepper is a share .* not 2",
        ),
        (
            'benchmark.noise={"fog":[1.5]}',
            ValueError,
            "fog has severities 1, 2, 3, 4 and 5, not 1.5",
        ),
        ("benchmark.noise={", ValueError, "--set benchmark.noise={"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_key_and_value(runs, text, error, message):
    with pytest.raises(error, match=message):
        runs(text, strategies=("naive", "si", "ewc"))


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        (["classes_per_experience=1"], "or heads=one"),
        (["classes_per_experience=1", "experiences=1", "heads=one"], "write experiences=2 or more"),
    ],
)
def test_a_head_of_one_class_is_refused_before_anything_runs(runs, settings, advice):
    with pytest.raises(ValueError, match=f"a head of one class predicts nothing else; .*{advice}"):
        runs(*settings)


def test_a_class_an_experience_is_learned_with_a_single_head(runs):
    chosen = runs("classes_per_experience=1", "heads=one", strategies=["naive"])
    assert {c.benchmark.classes_per_experience for c in chosen} == {1}


def test_a_key_that_is_given_twice_is_refused(runs):
    with pytest.raises(ValueError, match="depth is given twice; to sweep, write"):
        runs("depth=5", "backbone.depth=10")


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"strategies": ("niave",)}, "unknown strategy 'niave'. Did you mean 'naive'"),
        ({"backbones": ("ac_mxer",)}, "unknown backbone 'ac_mxer'. Did you mean 'ac_mixer'"),
        ({"backbones": ("ac_mixer:plane",)}, "unknown variant 'plane' .* Did you mean 'plain'"),
        ({"backbones": ("feedforward_mixer:released",)}, "no code of it was released"),
        ({"backbones": ("no_such_module:net",)}, "unknown backbone 'no_such_module'"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_right_one(runs, choice, message):
    with pytest.raises(LookupError, match=message):
        runs(**choice)


def test_a_factory_in_a_module_of_one_word_is_a_factory_too(runs):
    (backbone,) = {c.backbone for c in runs(backbones=("json:loads",))}
    assert backbone == FactorySpec(factory="json:loads")
    assert json.loads("1") == 1


@pytest.mark.parametrize("function", ["plain", "released"])
def test_a_factory_may_be_called_like_a_variant(runs, function):
    (backbone,) = {c.backbone for c in runs(backbones=(f"json:{function}",))}
    assert backbone == FactorySpec(factory=f"json:{function}")
    with pytest.raises(LookupError, match="unknown backbone 'no_such_module'"):
        runs(backbones=(f"no_such_module:{function}",))


def test_a_module_without_a_spec_is_no_traceback(runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "made_here", ModuleType("made_here"))
    (backbone,) = {c.backbone for c in runs(backbones=("made_here:plain",))}
    assert backbone == FactorySpec(factory="made_here:plain")


# ---------------------------------------------------------------- schemes


def test_a_scheme_is_another_run_and_plain_is_the_run_that_was(runs):
    alone = {c.run_id for c in runs()}
    assert {c.run_id for c in runs("scheme=plain")} == alone
    both = runs("scheme=plain,aligned")
    assert len(both) == 2 * len(alone)
    assert {c.run_id for c in both if c.benchmark.scheme == "plain"} == alone


def test_a_scheme_that_is_none_is_refused_with_the_nearest_right_one(runs):
    with pytest.raises(ValueError, match=r"scheme=alinged: .*Did you mean 'aligned'"):
        runs("scheme=alinged")


def test_a_factory_has_no_depths_to_train_by_a_scheme(runs):
    assert runs("scheme=plain", backbones=("a.b:make",))
    with pytest.raises(
        ValueError, match=r"a\.b:make: scheme=aligned needs a network with known blocks"
    ):
        runs("scheme=aligned", backbones=("a.b:make", "ac_mixer"))


def test_a_backbone_brings_its_scheme_behind_a_plus(runs):
    arms = runs(backbones=("ac_mixer", "residual_mixer+aligned"), strategies=("naive",), seeds=(0,))
    assert [(c.backbone.name, c.benchmark.scheme) for c in arms] == [
        ("ac_mixer:plain", "plain"), ("residual_mixer:plain", "aligned"),
    ]  # fmt: skip
    with pytest.raises(
        LookupError, match=r"unknown scheme 'alined' of ac_mixer\. Did you mean 'aligned'"
    ):
        runs(backbones=("ac_mixer+alined",))


# ---------------------------------------------------------------- transfer


@pytest.fixture
def transfers():
    card = catalog.benchmark("transfer_cifar")
    return lambda *settings, **choices: configs_of(card, *settings, **{"seeds": (0,)} | choices)


def test_a_transfer_runs_the_papers_arms_and_the_plain_residual_one(transfers):
    assert [(c.backbone.name, c.benchmark.scheme) for c in transfers()] == [
        ("ac_mixer:plain", "plain"),
        ("residual_mixer:plain", "plain"),
        ("residual_mixer:plain", "aligned"),
        ("residual_mixer:plain", "layerskip"),
    ]
    assert all(c.strategy is None for c in transfers())
    assert {c.backbone.depth for c in transfers()} == {16}
    both = transfers("scheme=plain,aligned", backbones=("ac_mixer", "residual_mixer"))
    assert len(both) == 4


def test_data_brings_the_target_that_belongs_to_it(transfers):
    (result,) = {c.benchmark.datasets for c in transfers(data="digits100")}
    assert result == ("digits100", "digits10")
    assert not any(c.benchmark.flip for c in transfers(data="digits100"))
    assert {c.benchmark.datasets for c in transfers()} == {("cifar100", "cifar10")}
    with pytest.raises(LookupError, match="--data digits10: no target is known"):
        transfers(data="digits10")
    with pytest.raises(LookupError, match="target"):
        transfers("target=digits10")


def test_a_transfer_has_no_strategies_and_says_why(transfers):
    with pytest.raises(
        ValueError, match=r"--strategies si: transfer_cifar has no experiences, .*remove"
    ):
        transfers(strategies=("si",))


def test_equal_epochs_are_a_setting_of_a_transfer(transfers):
    assert {c.benchmark.source_accuracy for c in transfers()} == {0.4}
    assert {c.benchmark.source_accuracy for c in transfers("source_accuracy=null")} == {None}
    with pytest.raises(ValueError, match=r"source_accuracy=40: .*<= 1"):
        transfers("source_accuracy=40")


@pytest.mark.parametrize("name", ["der", "derpp", "icarl", "er_ace"])
def test_a_strategy_with_a_loss_of_its_own_refuses_a_scheme(runs, name):
    with pytest.raises(ValueError, match=f"{name}: its loss is its own"):
        runs("scheme=layerskip", "heads=one", strategies=(name,))
