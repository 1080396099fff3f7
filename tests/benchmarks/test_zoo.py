"""`--checkpoint` takes a model of RobustBench's zoo whose weights lie on disk; nothing is downloaded."""

import pytest
import torch

pytest.importorskip(
    "acn_bench.backbones.robustbench", reason="robustbench is no dependency", exc_type=ImportError
)

from acn_bench import catalog
from acn_bench.benchmarks.robustness import cost, protocol
from acn_bench.benchmarks.robustness.spec import RobustnessSpec
from acn_bench.benchmarks.run import Run
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.families.checkpoints import trained
from acn_bench.families.trained import ZOO_MODULE
from acn_bench.plan import Choices, unresolved
from acn_bench.run_modules import modules
from acn_bench.training import trained as networks

NAME = "Hendrycks2020AugMix_WRN"  # of the zoo; the smallest, 9 MB
PROTOCOL = RobustnessSpec(name="tiny", data="digits10", corruptions=("contrast",), severities=(3,))


@pytest.fixture(scope="module")
def published():
    """A network of the zoo's architecture with random weights."""
    from robustbench.model_zoo import model_dicts
    from robustbench.model_zoo.enums import BenchmarkDataset, ThreatModel

    with torch.random.fork_rng():
        torch.manual_seed(3)
        return model_dicts[BenchmarkDataset.cifar_10][ThreatModel.corruptions][NAME][
            "model"
        ]().eval()


@pytest.fixture
def file(tmp_path, published):
    """Its weights where robustbench stores them."""
    folder = tmp_path / "robustbench" / "cifar10" / "corruptions"
    folder.mkdir(parents=True)
    torch.save({"state_dict": published.state_dict()}, folder / f"{NAME}.pt")
    return folder / f"{NAME}.pt"


def config(reference, data="digits10"):
    ((spec, _),) = trained([str(reference)])
    return RunConfig(
        benchmark=PROTOCOL.on(data), strategy=None, backbone=spec, seeds=Seeds(), fingerprint=""
    )


def test_a_run_measures_the_model_of_the_zoo(file, published, few):
    data = few(images.load("digits10"), 10, 2, 1)
    run = config(file)
    cost.check(run, [data])
    output = protocol.measure(Run(run, [data], torch.device("cpu")))
    with torch.no_grad():
        right = published(data.test_images.float() / 255).argmax(1) == data.test_labels
    assert output.result.clean.accuracy == [pytest.approx(right.float().mean().item())]
    assert len(output.result.corruptions) == 1
    assert output.weights == {}
    assert all(guard.passed for guard in output.guards)


def test_its_name_hash_and_modules_are_part_of_the_run(file):
    run = config(file)
    assert run.backbone.name == f"robustbench:cifar10/corruptions/{NAME}"
    assert run.run_id.startswith(f"trained-robustbench-cifar10-corruptions-{NAME}-s0-")
    assert ZOO_MODULE in modules(run)
    other = config_of_changed(file)
    assert other.run_id != run.run_id
    with pytest.raises(ValueError, match=r"WRN\.pt changed since the run was planned"):
        networks.network(run)


def config_of_changed(file):
    torch.save({}, file)
    return config(file)


def test_a_folder_of_the_zoo_is_all_its_models(file, tmp_path):
    card = catalog.benchmark("noise_cifar10")
    choices = Choices(checkpoints=(str(tmp_path / "robustbench"),), seeds=(0,))
    (run,) = unresolved(card, choices).runs
    assert run.backbone.zoo == f"cifar10/corruptions/{NAME}"


def test_an_ensemble_is_named_by_any_of_its_files(tmp_path):
    folder = tmp_path / "cifar10" / "corruptions"
    folder.mkdir(parents=True)
    for k in (0, 1):
        (folder / f"Deck.pt_m{k}.pt").write_bytes(bytes([k]))
    both = [spec for spec, _ in trained([str(folder / "Deck.pt"), str(folder / "Deck.pt_m1.pt")])]
    assert both[0] == both[1]
    assert both[0].zoo == "cifar10/corruptions/Deck"


# ---------------------------------------------------------------- faults


def test_missing_weights_are_one_sentence_with_the_nearest_name(file):
    with pytest.raises(LookupError, match=r"weights of RobustBench's Hend\w+ are missing: ") as e:
        trained([str(file.with_name("Hendrycks2020AugMix_ResNeXt.pt"))])
    assert f"Did you mean '{NAME}'? They are not downloaded here" in str(e.value)


def test_a_file_elsewhere_is_answered_with_the_layout(tmp_path):
    (tmp_path / "model.pt").touch()
    with pytest.raises(
        LookupError, match=r"lies in <folder>/<dataset>/<threat model>/<name>\.pt, "
    ):
        trained([str(tmp_path / "model.pt")])


def test_a_name_that_the_zoo_does_not_have_is_answered_with_the_nearest(file):
    run = config(file.rename(file.with_name("Hendrycks2020AugMix_WRM.pt")))
    with pytest.raises(LookupError, match=rf"zoo has no .* Did you mean '{NAME}'"):
        networks.network(run)


@pytest.mark.parametrize("content", [b"no weights", None])
def test_a_damaged_file_is_one_sentence(file, content):
    file.write_bytes(content or file.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=rf"robustbench cannot read the weights of {NAME} ") as e:
        networks.network(config(file))
    assert "\n" not in str(e.value)


def test_a_model_without_a_file_of_its_own_is_refused(tmp_path):
    folder = tmp_path / "imagenet" / "corruptions"
    folder.mkdir(parents=True)
    (folder / "Standard_R50.pt").touch()
    with pytest.raises(LookupError, match=r"downloads the weights of Standard_R50 each time"):
        networks.network(config(folder / "Standard_R50.pt"))


def test_a_model_of_other_classes_is_refused(file, few):
    data = few(images.load("digits100"), 100, 1, 1)
    with pytest.raises(ValueError, match=rf"{NAME} returns \(1, 10\) .* 100 classes"):
        cost.check(config(file, "digits100"), [data])
