"""Official corrupted photographs in class folders: read by row, measured as they are, and called by their name."""

import shutil
import sys

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from acn_bench import catalog
from acn_bench.analysis.comparison import compare
from acn_bench.benchmarks.robustness import conditions, cost, measures, protocol, report
from acn_bench.benchmarks.robustness.condition_table import CONDITION_TABLE
from acn_bench.benchmarks.robustness.example import example_record
from acn_bench.benchmarks.robustness.figures import clean
from acn_bench.benchmarks.robustness.spec import RobustnessSpec
from acn_bench.benchmarks.run import Run
from acn_bench.benchmarks.supervised.spec import SupervisedSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import image_folder, loading, official_folders
from acn_bench.execution import code_hash, estimate
from acn_bench.families.trained import TrainedSpec
from acn_bench.plan import Choices, unresolved
from acn_bench.registry import COMMON
from acn_bench.run_modules import modules

CPU = torch.device("cpu")
CLASSES = {"n01": ("val_3", "val_1"), "n02": ("val_2",)}
SPEC = RobustnessSpec(
    name="tiny", data="imagenet", official=True, corruptions=("contrast", "pixelate"), severities=(1, 5),
    image_size=32, resized=36,
)  # fmt: skip
CONFIG = RunConfig(
    benchmark=SPEC,
    strategy=None,
    backbone=TrainedSpec(checkpoint="bright_network:make"),
    seeds=Seeds(),
    fingerprint="",
)


class Bright(torch.nn.Module):
    """Answers by the brightness of an image alone."""

    def forward(self, images):
        mean = images.mean((1, 2, 3))
        return torch.stack([mean, 1 - mean], dim=1)


@pytest.fixture(autouse=True)
def network(monkeypatch):
    module = type(torch)("bright_network")
    module.make = Bright
    monkeypatch.setitem(sys.modules, "bright_network", module)


def write(path, grey, size=(32, 32)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), grey, np.uint8)).save(path, "JPEG", quality=85)


def write_set(folder, corruptions, severities="12345"):
    """The image of a row and a severity has a grey of its own."""
    for corruption in corruptions:
        for s, severity in enumerate(severities):
            for class_name, names in CLASSES.items():
                for name in names:
                    path = folder / corruption / severity / class_name / f"{name}.JPEG"
                    write(path, 40 * s + 10 * int(name[-1]))


@pytest.fixture
def root(tmp_path):
    official_folders.load.cache_clear()
    for split in ("train", "val"):
        for class_name, names in CLASSES.items():
            for name in names:
                write(tmp_path / "imagenet" / split / class_name / f"{name}.JPEG", 250, (40, 60))
    write_set(tmp_path / "ImageNet-C", SPEC.common)
    return tmp_path


def test_the_network_sees_the_files_by_row_and_no_clean_image_is_read_for_them(root, monkeypatch):
    run = protocol.RobustnessRun(Run(CONFIG, loading.load_all(SPEC, root), CPU))
    inputs = []
    run.model.backbone.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    condition = list(conditions.common_conditions(CONFIG, run.official))[-1]
    monkeypatch.setattr(run.data, "plain", None)
    run.evaluation.predictions(run.data.test.flip(0), condition, at_once=2)
    seen = torch.cat(inputs)
    assert seen.shape == (3, 3, 32, 32)
    expected = torch.tensor([180.0, 190, 170])  # val_2, val_3, val_1
    torch.testing.assert_close(255 * seen.mean((1, 2, 3)), expected, atol=1, rtol=0)


def test_a_run_measures_every_corruption_and_severity(root):
    output = protocol.measure(Run(CONFIG, loading.load_all(SPEC, root), CPU))
    measured = [(s.corruption, s.level) for s in output.result.corruptions]
    assert measured == [("contrast", 1), ("contrast", 5), ("pixelate", 1), ("pixelate", 5)]
    assert output.result.clean.accuracy == [pytest.approx(2 / 3)]  # bright: class 0
    assert [s.accuracy for s in output.result.corruptions] == 2 * [
        [pytest.approx(1 / 3)],  # dark
        [pytest.approx(2 / 3)],
    ]
    assert all(guard.passed for guard in output.guards)


def test_the_training_images_may_be_absent(root):
    whole = protocol.measure(Run(CONFIG, loading.load_all(SPEC, root), CPU)).result
    shutil.rmtree(root / "imagenet" / "train")
    for made in (image_folder.load, image_folder.load_tests, official_folders.load):
        made.cache_clear()
    data = loading.load_all(SPEC, root)
    assert data[0].counts == (0, 3)
    assert cost.check(CONFIG, data) is None
    assert estimate.seconds([CONFIG], data, CPU)[0] > 0
    alone = protocol.measure(Run(CONFIG, data, CPU)).result
    assert (alone.clean, alone.corruptions) == (whole.clean, whole.corruptions)
    spec = SupervisedSpec(name="trains", data="imagenet")
    with pytest.raises(LookupError, match="'train' was expected there"):
        loading.load_all(spec, root)


def test_images_of_a_batch_alone_are_in_memory(root, monkeypatch):
    files = loading.official("imagenet_c", root)
    decoded = []
    original = official_folders.SeverityFolder.photograph
    monkeypatch.setattr(
        official_folders.SeverityFolder,
        "photograph",
        lambda self, row: decoded.append(row) or original(self, row),
    )
    files.pixels("contrast", 3, torch.tensor([1]), 32)
    assert decoded == [1]


def test_a_run_executes_the_reader_of_folders_and_not_that_of_cifar():
    found = code_hash.closure(frozenset(modules(CONFIG)), code_hash.PACKAGE)
    files = {path.relative_to(code_hash.PACKAGE).as_posix() for path in found}
    assert {"data/official_folders.py", "data/corruption_folders.py"} <= files
    assert not files & {"data/cifar_c.py", "data/corruptions/pixelate.py"}


# ---------------------------------------------------------------- faults


def absent_set(root):
    (root / "ImageNet-C").rename(root / "ImageNet-B")


def unknown_corruption(root):
    (root / "ImageNet-C" / "pixelate").rename(root / "ImageNet-C" / "pixelated")


def absent_severity(root):
    (root / "ImageNet-C" / "contrast" / "4").rename(root / "ImageNet-C" / "contrast" / "old")


def absent_image(root):
    (root / "ImageNet-C" / "contrast" / "4" / "n01" / "val_3.JPEG").unlink()


def another_class(root):
    base = root / "ImageNet-C" / "contrast" / "4"
    (base / "n01" / "val_3.JPEG").rename(base / "n02" / "val_3.JPEG")


def no_image(root):
    (root / "ImageNet-C" / "contrast" / "4" / "n01" / "val_3.JPEG").write_text("<html>")


FAULTS = {
    absent_set: (LookupError, r"ImageNet-C is not complete in .*'gaussian_noise' was expected there"),
    unknown_corruption: (LookupError, r"pixelated is no corruption of ImageNet-C. Did you mean 'pixelate'"),
    absent_severity: (LookupError, r"contrast must hold a folder for each of 5 .* holds 1, 2, 3, 5"),
    absent_image: (LookupError, r"contrast/4 is not complete: it has no image of the clean n01/val_3"),
    another_class: (ValueError, r"contrast/4: val_3 lies in class n02, and its clean image in class n01"),
    no_image: (ValueError, r"val_3\.JPEG is no image, whatever its name: it begins with b'<html"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_one_sentence_before_anything_is_measured(root, fault):
    fault(root)
    error, message = FAULTS[fault]
    with pytest.raises(error, match=message) as refused:
        loading.load_all(SPEC, root)
    assert "\n" not in str(refused.value)


def test_a_truncated_file_ends_the_run_with_its_name(root):
    data = loading.load_all(SPEC, root)
    path = root / "ImageNet-C" / "pixelate" / "5" / "n02" / "val_2.JPEG"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(
        ValueError, match=r"pixelate/5/n02/val_2\.JPEG is no image, or it is damaged"
    ):
        protocol.measure(Run(CONFIG, data, CPU))


def test_a_corruption_that_is_not_there_is_named_with_those_that_are(root):
    files = loading.official("imagenet_c", root)
    with pytest.raises(LookupError, match=r"'fog' was expected there, and there are contrast, pix"):
        files.require("fog")


def test_other_files_have_another_fingerprint(root):
    before = loading.official("imagenet_c", root).fingerprint
    write(root / "ImageNet-C" / "contrast" / "1" / "n01" / "val_1.JPEG", 99)
    official_folders.load.cache_clear()
    assert loading.official("imagenet_c", root).fingerprint != before


# ---------------------------------------------------------------- the three sets


@pytest.mark.parametrize(
    ("card", "folder", "severities"),
    [
        ("imagenet_c", "ImageNet-C", "12345"),
        ("imagenet_c_bar", "ImageNet-C-Bar", ("0.80", "1.60", "2.40", "4.00", "10.00")),
        ("imagenet_3dcc", "ImageNet-3DCC", "12345"),
    ],
)
def test_one_reader_takes_the_three_layouts(root, card, folder, severities):
    (run,) = unresolved(catalog.benchmark(card), Choices(checkpoints=("bright_network:make",))).runs
    spec = run.benchmark
    assert spec.official_files == (card,)
    assert spec.common == spec.standard_corruptions
    write_set(root / folder, spec.common, severities)
    files = loading.load_all(spec, root)[1]
    assert files.counts.test == len(spec.common) * 5 * 3
    assert not files.canonical
    brightest = files.pixels(spec.common[-1], 5, torch.tensor([0]), 32).float().mean().item()
    assert brightest == pytest.approx(170, abs=1)
    assert report.not_comparable(msgspec.structs.replace(CONFIG, benchmark=spec), []) == []


# ---------------------------------------------------------------- reports


def official_record(error=0.5, *, canonical=True, **changes):
    """A record of ImageNet-C in full whose error is the same under every corruption and severity."""
    record = example_record("ac")
    fields = {"data": "imagenet", "official": True, "corruptions": COMMON, "severities": (1, 2, 3, 4, 5)}  # fmt: skip
    spec = msgspec.structs.replace(record.config.benchmark, **fields | changes)
    scores = msgspec.structs.replace(
        record.result.corruptions[0], outcomes="",
        accuracy=[1 - error] * len(record.result.clean.accuracy),
    )  # fmt: skip
    made = [
        msgspec.structs.replace(scores, corruption=c, level=float(s))
        for c in spec.common
        for s in spec.severities
    ]
    data = msgspec.structs.replace(
        record.provenance.data, name=spec.data, canonical=canonical, train=1_281_167, test=50_000
    )
    config = msgspec.structs.replace(record.config, benchmark=spec)
    return msgspec.structs.replace(
        record,
        config=config,
        run_id=config.run_id,
        result=msgspec.structs.replace(record.result, corruptions=made),
        provenance=msgspec.structs.replace(record.provenance, data=data, further=[]),
    )


def test_mce_on_imagenet_c_in_full_has_alexnets_errors_below_it():
    from acn_bench.analysis.robustbench import leaderboard

    alexnet = leaderboard.model("imagenet", "AlexNet")
    expected = sum(5 * 0.5 / sum(curve) for curve in alexnet.errors.values()) / 15
    assert measures.alexnet_mce(official_record()) == pytest.approx(expected)
    assert measures.alexnet_mce(official_record(1.0)) == pytest.approx(2 * expected)
    assert measures.alexnet_relative_mce(official_record()) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"canonical": False},
        {"severities": (1, 2, 3)},
        {"corruptions": ("fog",)},
        {"official": False, "constants": "imagenet_c"},
        {"data": "cifar10"},
    ],
)
def test_mce_against_alexnet_is_of_the_official_files_in_full_alone(changes):
    assert measures.alexnet_mce(official_record(**changes)) is None


def test_every_part_of_a_report_says_that_the_files_are_jpeg_compressed_once_more():
    comparison = compare([official_record()], catalog.benchmark("imagenet_c"))
    said = "JPEG-compressed once more than the formulas say"
    (table,) = (b for b in CONDITION_TABLE.build(comparison).blocks if hasattr(b, "parts"))
    assert f"ImageNet-C, the official files ({said})" in table.parts[-1].heading
    assert said in clean.draw(comparison).caption
    assert any(said in sentence for sentence in report.caveats(comparison.groups))
    assert (
        report.jpeg_note(compare([example_record("ac")], catalog.benchmark("noise_cifar10")).groups)
        == ""
    )


def test_robustbenchs_models_stand_beside_imagenet_c_and_3dcc_in_full():
    def grey(record, card):
        (group,) = compare([record], catalog.benchmark(card)).groups
        return clean.published(group)

    names = catalog.benchmark("imagenet_3dcc").protocol.common
    assert len(grey(official_record(), "imagenet_c")) == 12
    assert len(grey(official_record(official_set="3dcc", corruptions=names), "imagenet_3dcc")) == 12
    bar = catalog.benchmark("imagenet_c_bar").protocol.common
    assert grey(official_record(official_set="c_bar", corruptions=bar), "imagenet_c_bar") == []
