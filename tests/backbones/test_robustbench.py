"""robustbench takes our networks, and its wheel is importable beside current timm and setuptools."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

pytest.importorskip(
    "acn_bench.backbones.robustbench", reason="robustbench is no dependency", exc_type=ImportError
)

from acn_bench.backbones import Heads, MultiHead, build, robustbench_imports
from acn_bench.backbones.robustbench import as_robustbench_model, zoo_model
from acn_bench.data import images

SIZES = {"depth": 2, "patch_size": 8, "width": 16, "token_width": 8, "channel_width": 16}


@pytest.fixture
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build("ac_mixer", num_classes=10, **SIZES)


@pytest.fixture(scope="module")
def digits():
    data = images.load("digits10")
    return data.test_images[:6].float() / 255, data.test_labels[:6]


# ---------------------------------------------------------------- what robustbench takes


def test_clean_accuracy_is_the_networks_own(network, digits):
    from robustbench.utils import clean_accuracy

    x, _ = digits
    labels = network.eval()(x).argmax(1)
    labels[0] = (labels[0] + 1) % 10
    assert clean_accuracy(as_robustbench_model(network), x, labels, batch_size=4) == 5 / 6


def test_benchmark_runs_autoattack_on_our_network(network, digits, monkeypatch, capsys):
    import robustbench.eval

    x, _ = digits
    labels = network.eval()(x).argmax(1)
    # its loader downloads the whole of CIFAR-10
    monkeypatch.setattr(robustbench.eval, "load_clean_dataset", lambda *_: (x, labels))
    with torch.random.fork_rng():
        clean, robust = robustbench.eval.benchmark(
            as_robustbench_model(network), dataset="cifar10", threat_model="Linf", eps=8 / 255
        )
    assert clean == 1
    assert robust < 1
    assert "Adversarial accuracy" in capsys.readouterr().out


@pytest.mark.data
def test_benchmark_runs_on_images_of_cifar10(network, monkeypatch):
    import robustbench.eval

    data = images.load("cifar10")
    x, labels = data.test_images[:8].float() / 255, data.test_labels[:8]
    monkeypatch.setattr(robustbench.eval, "load_clean_dataset", lambda *_: (x, labels))
    with torch.random.fork_rng():
        clean, robust = robustbench.eval.benchmark(as_robustbench_model(network), eps=8 / 255)
    assert 0 <= robust <= clean <= 1


def test_the_model_shares_weights_is_in_evaluation_mode_and_lets_gradients_reach_images(
    network, digits
):
    model = as_robustbench_model(network.train())
    assert not any(m.training for m in model.modules())
    x = digits[0].clone().requires_grad_()
    model(x).sum().backward()
    assert x.grad.abs().sum() > 0
    assert torch.equal(model(digits[0]), network(digits[0]))
    network.head.bias.data += 1
    assert torch.equal(model(digits[0]), network(digits[0]))


# ---------------------------------------------------------------- who normalises


def test_a_network_of_timm_is_normalised_by_its_own_config(digits):
    timm = pytest.importorskip("timm")
    import acn_bench.backbones.timm  # noqa: F401 - registers the names

    network = timm.create_model("ac_mixer_t4_32", num_blocks=1).eval()
    network.pretrained_cfg = dict(network.pretrained_cfg) | {"mean": (0.4,) * 3, "std": (0.2,) * 3}
    expected = network((digits[0] - 0.4) / 0.2)
    torch.testing.assert_close(as_robustbench_model(network)(digits[0]), expected)


def test_mean_and_std_of_the_pipeline_are_put_before_the_network(digits):
    bare = build("ac_mixer", num_classes=10, mean=None, **SIZES)
    model = as_robustbench_model(bare, mean=(0.1, 0.2, 0.3), std=(0.5, 0.5, 0.25))
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.1, 0.2, 0.3), (0.5, 0.5, 0.25)))
    torch.testing.assert_close(model(digits[0]), bare((digits[0] - mean) / std))


def test_any_torch_module_is_taken_as_it_is(digits):
    network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
    assert torch.equal(as_robustbench_model(network)(digits[0]), network(digits[0]))


def refused(sentence, network, **arguments):
    with pytest.raises(ValueError, match=sentence):
        as_robustbench_model(network, **arguments)


def test_an_unclear_normalisation_is_refused(network):
    refused("built with mean=None", build("ac_mixer", 10, mean=None, **SIZES))
    refused("normalises images itself", network, mean=(0.5,) * 3, std=(0.5,) * 3)
    refused("belong together", network, mean=(0.5,) * 3)


def test_networks_that_robustbench_cannot_call_are_refused(network):
    multi_head = MultiHead(network, Heads([nn.Linear(16, 5), nn.Linear(16, 5)]))
    refused("multi-head network needs task labels", multi_head)
    refused(
        "reads texts", build("ac_bert", 2, depth=1, vocab_size=9, max_length=4, width=8, heads=2)
    )
    refused("expected a torch.nn.Module, got function", lambda x: x)


def test_a_network_without_logits_is_refused_when_it_answers(digits):
    with pytest.raises(ValueError, match=r"needs logits \(B, K\); Identity gives \(6, 3, 32, 32\)"):
        as_robustbench_model(nn.Identity())(digits[0])


# ---------------------------------------------------------------- what the wheel misses


def test_substitutes_are_gone_once_robustbench_is_imported():
    for name in ("autoattack", "autoattack.state", "pkg_resources"):
        module = sys.modules.get(name)
        assert module is None or module.__spec__ is not None  # installed, and the real one


def test_a_module_that_is_there_is_not_replaced(monkeypatch):
    real = {name: type(sys)(name) for name in ("autoattack", "pkg_resources")}
    for name, module in real.items():
        monkeypatch.setitem(sys.modules, name, module)
    with robustbench_imports.substitutes() as names:
        assert names == []
        assert all(sys.modules[name] is module for name, module in real.items())
    assert all(sys.modules[name] is module for name, module in real.items())


def test_robustbench_finds_its_list_of_imagenet_images():
    from robustbench import loaders

    path = loaders.pkg_resources.resource_filename(
        "robustbench.loaders", "helper_files/imagenet_test_image_ids.txt"
    )
    assert len(Path(path).read_text().splitlines()) == 5000


def test_autoattack_is_called_as_robustbench_calls_it(digits):
    from robustbench.eval import AutoAttack

    x, y = digits
    network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
    adversary = AutoAttack(
        network, eps=0.5, seed=1, attacks_to_run=["apgd-ce"], version="custom", device="cpu",
        log_path=None, verbose=False,
    )  # fmt: skip
    adversary.apgd.n_iter = 1
    with torch.random.fork_rng():
        images_alone = adversary.run_standard_evaluation(x, y, bs=4)
        both = adversary.run_standard_evaluation(x, y, bs=4, return_labels=True)
    assert images_alone.shape == x.shape
    assert torch.equal(both[0], images_alone)
    assert torch.equal(both[1], network(images_alone).argmax(1))


def test_a_missing_robustbench_is_reported_with_both_lines_that_install_it(monkeypatch):
    for name in [n for n in sys.modules if n.split(".")[0] == "robustbench"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "robustbench", None)
    with pytest.raises(ImportError) as error:
        robustbench_imports.import_robustbench()
    assert str(error.value).endswith(
        "pip install 'acn_bench[robustbench]' && pip install --no-deps robustbench"
    )


def test_setup_runs_both_lines(root):
    lines = (root / "Makefile").read_text(encoding="utf-8").splitlines()
    installs = [line.strip() for line in lines if line.startswith("\t@$(PIP)")]
    assert installs == ["@$(PIP) -e '.[dev]'", "@$(PIP) --no-deps robustbench"]


# ---------------------------------------------------------------- the model zoo


def test_a_model_of_the_zoo_is_read_from_the_folder(tmp_path, monkeypatch, digits):
    from robustbench.model_zoo import model_dicts
    from robustbench.model_zoo.enums import BenchmarkDataset, ThreatModel

    def tiny():
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))

    zoo = model_dicts[BenchmarkDataset.cifar_10][ThreatModel.Linf]
    monkeypatch.setitem(zoo, "Tiny2026", {"model": tiny, "gdrive_id": "none"})
    with pytest.raises(
        LookupError, match=r"weights of RobustBench's Tiny2026 are missing: .*2026\.pt"
    ):
        zoo_model("Tiny2026", tmp_path)
    (tmp_path / "cifar10" / "Linf").mkdir(parents=True)
    published = tiny()
    torch.save(published.state_dict(), tmp_path / "cifar10" / "Linf" / "Tiny2026.pt")
    loaded = zoo_model("Tiny2026", tmp_path)
    assert not loaded.training
    assert torch.equal(loaded(digits[0]), published(digits[0]))


def test_a_zoo_model_that_does_not_exist_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(LookupError, match="Did you mean 'Standard'"):
        zoo_model("Standart", tmp_path)


def test_an_ensemble_needs_the_weights_of_each_network(tmp_path):
    folder = tmp_path / "cifar10" / "corruptions"
    folder.mkdir(parents=True)
    (folder / "Diffenderfer2021Winning_LRR_CARD_Deck.pt_m0.pt").touch()
    with pytest.raises(LookupError, match=r"Deck\.pt_m1\.pt"):
        zoo_model("Diffenderfer2021Winning_LRR_CARD_Deck", tmp_path, "cifar10", "corruptions")
