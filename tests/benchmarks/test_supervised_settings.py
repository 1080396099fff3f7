"""The settings of supervised training: what a card and the command line can ask for, and what they cannot."""

import msgspec
import pytest

from acn_bench import catalog
from acn_bench.benchmarks.supervised.spec import SupervisedSpec
from acn_bench.families.mixer import MixerSpec
from acn_bench.plan import Choices, unresolved
from acn_bench.spec import FactorySpec


def spec(**settings):
    return SupervisedSpec(name="tiny", **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise": {"fog": (1.0,)}}, "fog has severities"),
        ({"noise": {"gauss": (1.0,)}}, "Did you mean 'gaussian'"),
        ({"branches": (4, 8)}, "branches has 2 blocks, and branch_weights has 3"),
        ({"branches": (8, 4), "branch_weights": (1, 1)}, "in ascending order"),
        ({"warmup_epochs": 101.0}, "warmup_epochs is 101, and the training has 100"),
        ({"crop_scale": (0.5, 0.2)}, "two shares of the area in ascending order"),
        ({"cutmix": 0.7, "mixup": 0.7}, "together at most 1"),
        ({"image_size": 300}, "image_size is 300, larger than resized, 256"),
        ({"gradients": True, "compiled": True}, "gradients .* excludes compiled"),
        ({"gradients": True, "wrapping": "fsdp"}, "gradients .* excludes wrapping=fsdp"),
        ({"exit_thresholds": (0.5, 0.5)}, "exit_thresholds names 0.5 twice"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        spec(**settings)


@pytest.mark.parametrize(
    ("settings", "backbone", "message"),
    [
        ({"scheme": "branches"}, MixerSpec(wiring="ac", depth=12), "after block 12, and ac_mixer:plain has 12"),
        ({"scheme": "aligned"}, FactorySpec(factory="a.b:c"), "scheme=aligned needs a network with known blocks"),
        ({"drop_path": 0.1}, FactorySpec(factory="a.b:c"), "drop_path=0.1 needs a network with known blocks"),
        ({"gradients": True}, FactorySpec(factory="a.b:c"), "gradients needs a network with known blocks"),
        ({"drop_path": 0.1, "scheme": "aligned"}, MixerSpec(wiring="ac"), "is for scheme=plain"),
    ],
)  # fmt: skip
def test_settings_that_a_network_cannot_serve_are_refused(settings, backbone, message):
    with pytest.raises(ValueError, match=message):
        spec(**settings).check(backbone, None)


def test_one_setting_makes_a_run_for_each_number_of_classes():
    plan = unresolved(catalog.benchmark("cifar10"), Choices(settings=("classes=2,5,10",)))
    runs = [(r.benchmark.classes, r.backbone.wiring, r.seeds.init) for r in plan.runs]
    assert len(runs) == len(set(runs)) == 18
    assert [c for c, *_ in runs[:6]] == [2, 2, 5, 5, 10, 10]
    # the sweep's runs of all ten classes are those of the card
    alone = unresolved(catalog.benchmark("cifar10"), Choices())
    assert all(run in plan.runs for run in alone.runs)


def test_a_card_takes_all_classes_of_other_data_and_its_own_number_of_the_substitute():
    protocol = catalog.benchmark("cifar10").protocol
    assert protocol.on("digits10").classes == 10
    assert protocol.on("cifar100").classes is None
    assert protocol.on("cifar10").flip
    assert not protocol.on("digits10").flip


def test_the_six_configurations_of_table_7_are_one_plan():
    card = catalog.benchmark("early_exit_cifar10")
    arms = {(r.backbone.wiring, r.benchmark.scheme) for r in unresolved(card, Choices()).runs}
    schemes = ("plain", "branches", "aligned")
    assert arms == {(w, s) for w in ("ac", "residual") for s in schemes}
    published = {figure.wiring for figure in card.published}
    assert published == {w if s == "plain" else f"{w}+{s}" for w, s in arms}


def test_the_five_wirings_of_table_5_are_one_preset():
    plan = unresolved(catalog.benchmark("cifar10"), Choices(settings=("preset=table5",)))
    assert len({r.backbone.wiring for r in plan.runs}) == 5
    assert {r.benchmark.epochs for r in plan.runs} == {700}


def test_the_released_code_is_the_card_with_named_settings():
    card = catalog.benchmark("cifar10")
    plan = unresolved(card, Choices(settings=("preset=released_code",)))
    other = plan.runs[0].benchmark
    assert all(r.benchmark == other for r in plan.runs)
    changed = {
        f.name
        for f in msgspec.structs.fields(card.protocol)
        if getattr(card.protocol, f.name) != getattr(other, f.name)
    }
    assert changed == {"class_order", "per_class_draw", "flip", "crops", "clip_scale"}
    assert {r.backbone.variant for r in plan.runs} == {"released"}


def test_photographs_take_the_size_of_the_card_and_images_in_memory_their_own():
    protocol = catalog.benchmark("imagenet").protocol
    assert protocol.image_shape(None) == (3, 224, 224)
    assert protocol.image_shape((3, 32, 32)) == (3, 32, 32)
    (run,) = {r.backbone for r in unresolved(catalog.benchmark("imagenet"), Choices(backbones=("ac_vit",))).runs}  # fmt: skip
    assert run.for_images((3, 224, 224)).image_size == 224
    assert run.for_images((3, 32, 32)).image_size == 32


def test_bf16_is_never_a_default():
    for name in ("cifar10", "early_exit_cifar10", "imagenet"):
        for preset in ("", *catalog.benchmark(name).preset):
            settings = (f"preset={preset}",) if preset else ()
            runs = unresolved(catalog.benchmark(name), Choices(settings=settings)).runs
            assert {r.precision for r in runs} == {"auto"}  # which is fp32
