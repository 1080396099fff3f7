"""A robustness run on official files: the network sees the file's images, and the report calls them by their name."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
import torch

from acn_bench import catalog
from acn_bench.analysis.comparison import compare
from acn_bench.benchmarks.robustness import conditions, cost, protocol, report
from acn_bench.benchmarks.robustness.condition_table import CONDITION_TABLE
from acn_bench.benchmarks.robustness.example import example_record
from acn_bench.benchmarks.robustness.figures import corruptions
from acn_bench.benchmarks.robustness.spec import RobustnessSpec
from acn_bench.benchmarks.run import Run
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import cifar, images, loading
from acn_bench.data.corruptions import corrupt
from acn_bench.errors import MissingData
from acn_bench.execution import code_hash, session
from acn_bench.families.mixer import MixerSpec
from acn_bench.plan import Choices, unresolved
from acn_bench.registry import COMMON
from acn_bench.run_modules import modules

CPU = torch.device("cpu")
PROTOCOL = RobustnessSpec(
    name="tiny", data="cifar10", epochs=1, batch_size=32, crop_padding=0, flip=False, official=True,
    noise={"gaussian": (0.1,)}, corruptions=("contrast", "pixelate"), severities=(1, 5),
)  # fmt: skip
CONFIG = RunConfig(
    benchmark=PROTOCOL,
    strategy=None,
    backbone=MixerSpec(wiring="ac", depth=1, patch_size=8, width=16, token_width=8, channel_width=16),
    seeds=Seeds(),
    fingerprint="",
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Digits as CIFAR-10, and CIFAR-10-C made of its test images."""
    digits = images.load("digits10")
    train = torch.cat([(digits.train_labels == c).nonzero().squeeze(1)[:20] for c in range(10)])
    data = replace(
        digits, name="cifar10", fingerprint="c" * 12,
        train_images=digits.train_images[train], train_labels=digits.train_labels[train],
        test_images=digits.test_images[:60], test_labels=digits.test_labels[:60],
    )  # fmt: skip
    root = tmp_path_factory.mktemp("data")
    folder = root / "CIFAR-10-C"
    folder.mkdir()
    for name in PROTOCOL.common:
        parts = [corrupt(data.test_images.float() / 255, name, s) for s in range(1, 6)]
        pixels = (torch.cat(parts) * 255).round().to(torch.uint8)
        np.save(folder / f"{name}.npy", pixels.permute(0, 2, 3, 1).numpy())
    np.save(folder / "labels.npy", np.tile(data.test_labels.numpy(), 5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cifar, "load", lambda *_: data)
        return loading.load_all(PROTOCOL, root)


def test_the_network_sees_the_images_of_the_files_by_their_row(data):
    clean = data[0]
    run = protocol.RobustnessRun(Run(CONFIG, data, CPU))
    inputs = []
    run.model.backbone.stem.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    condition = list(conditions.common_conditions(CONFIG, run.official))[-1]
    run.evaluation.predictions(
        run.data.test.flip(0), condition, first=run.data.first_test, at_once=7
    )
    expected = corrupt(clean.test_images.float() / 255, "pixelate", 5).flip(0)
    torch.testing.assert_close(torch.cat(inputs), 2 * expected - 1)  # normalised


def test_a_run_gives_the_figures_of_the_same_images_made_here(data):
    official = protocol.measure(Run(CONFIG, data, CPU))
    made_here = msgspec.structs.replace(PROTOCOL, official=False)
    config = msgspec.structs.replace(CONFIG, benchmark=made_here)
    made = protocol.measure(Run(config, data[:1], CPU))
    assert official.result.corruptions == made.result.corruptions
    assert official.result.noise == made.result.noise
    assert all(guard.passed for guard in official.guards)


def test_an_absent_corruption_is_named_before_anything_is_trained(data):
    spec = msgspec.structs.replace(PROTOCOL, corruptions=("contrast", "fog"))
    with pytest.raises(LookupError, match=r"CIFAR-10-C is not complete .* 'fog\.npy'"):
        cost.check(msgspec.structs.replace(CONFIG, benchmark=spec), data)


def test_a_plan_counts_no_seconds_for_corruptions_that_are_read(data):
    made_here = msgspec.structs.replace(PROTOCOL, official=False)
    config = msgspec.structs.replace(CONFIG, benchmark=made_here)
    read, made = cost.cost(CONFIG, data), cost.cost(config, data)
    assert read.images == made.images
    assert read.corrupting == 0 < made.corrupting


def test_a_run_executes_the_reader_and_no_corruption_that_it_does_not_make():
    def files(spec):
        config = msgspec.structs.replace(CONFIG, benchmark=spec)
        found = code_hash.closure(frozenset(modules(config)), code_hash.PACKAGE)
        return {path.relative_to(code_hash.PACKAGE).as_posix() for path in found}

    reader, corruption = "data/cifar_c.py", "data/corruptions/pixelate.py"
    official = files(PROTOCOL)
    assert reader in official
    assert corruption not in official
    digits = msgspec.structs.replace(PROTOCOL, data="digits10", official=False)
    made = files(digits)
    assert corruption in made
    assert not made & {reader, "data/cifar.py"}


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "digits10"}, r"official: files .* cifar10_c, cifar100_c, .* and 'digits10_c' is none"),
        ({"official_set": "c_bar"}, r"official: files .* and 'cifar10_c_bar' is none of them"),
        ({"official_set": "c_bar", "official": False}, r"official_set=c_bar needs official=true"),
        ({"corruptions": ("sparkles",)}, r"unknown corruption 'sparkles'"),
        ({"constants": "imagenet_c"}, r"official files have constants of their own"),
        ({"corruptions": ()}, r"official files are of corruptions, and corruptions is empty"),
    ],
)  # fmt: skip
def test_official_files_are_of_known_data_and_of_corruptions(change, message):
    with pytest.raises(ValueError, match=message):
        msgspec.structs.replace(PROTOCOL, **change)


@pytest.mark.parametrize("name", ["cifar10_c", "cifar100_c"])
def test_a_card_reads_the_15_official_files_of_its_data(name):
    runs = unresolved(catalog.benchmark(name), Choices()).runs
    assert len(runs) == 4 * 5
    spec = runs[0].benchmark
    assert spec.official_files == (name,)
    assert spec.datasets == (name.removesuffix("_c"),)
    assert spec.common == COMMON
    assert spec.conditions == 75
    with pytest.raises(ValueError, match=r"official: .* 'digits10_c' is none of them; the ben"):
        unresolved(catalog.benchmark(name), Choices(data="digits10"))


def test_absent_clean_images_are_not_replaced_by_data_without_official_files(tmp_path, monkeypatch):
    monkeypatch.setenv("ACN_BENCH_OFFLINE", "1")
    plan = unresolved(catalog.benchmark("cifar10_c"), Choices())
    with pytest.raises(LookupError, match=r"digits10 in its place, in a benchmark that ") as e:
        session._load(plan.benchmark, tmp_path)
    assert not isinstance(e.value, MissingData)  # to which the command line adds `--data digits10`


def test_official_files_are_no_data_to_train_on(tmp_path):
    with pytest.raises(LookupError, match=r"unknown data 'cifar10_c'. Did you mean 'cifar10'"):
        loading.load("cifar10_c", tmp_path)


# ---------------------------------------------------------------- reports


def official_record(wiring="ac", **protocol):
    record = example_record(wiring)
    spec = msgspec.structs.replace(record.config.benchmark, data="cifar10", official=True, **protocol)  # fmt: skip
    config = msgspec.structs.replace(record.config, benchmark=spec)
    return msgspec.structs.replace(record, config=config, run_id=config.run_id)


def test_a_report_calls_official_files_by_their_name():
    comparison = compare(
        [official_record("ac"), official_record("residual")], catalog.benchmark("cifar10_c")
    )
    (table,) = (b for b in CONDITION_TABLE.build(comparison).blocks if hasattr(b, "parts"))
    assert "CIFAR-10-C, the official files" in table.parts[-1].heading
    settings = dict(report.setting(comparison.records))
    assert any("CIFAR-10-C, the official files: contrast and" in s for s in settings.values())
    assert "made here" not in " ".join(settings.values())
    assert "Shown are CIFAR-10-C, the official files." in corruptions.draw(comparison).caption
    assert "2 corruptions of CIFAR-10-C at severity" in report.describe(official_record().config)


def test_all_official_files_compare_with_published_figures():
    config = CONFIG
    whole = msgspec.structs.replace(PROTOCOL, corruptions=COMMON, severities=(1, 2, 3, 4, 5))
    assert report.not_comparable(msgspec.structs.replace(config, benchmark=whole), []) == []
    assert report.not_comparable(config, []) == [
        "13 of the 15 common corruptions were not measured",
        "2 of the 5 severities",
    ]


def test_beside_the_imagenet_c_formulas_stands_that_the_official_files_are_jpeg_compressed():
    spec = msgspec.structs.replace(PROTOCOL, official=False, constants="imagenet_c")
    assert report.source(spec).endswith(
        "made here (the official ImageNet-C files are JPEG-compressed once more)"
    )
