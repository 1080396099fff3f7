"""RobustBench's leaderboards are read as it published them."""

import hashlib
from importlib import resources

import pytest

from acn_bench.analysis.robustbench import leaderboard

SHA256 = {
    "cifar10": "2868efb4426b1501b247ce8e585771eb50c651e7a338334f79995faad47f9dcd",
    "cifar100": "21a31ba015ec521a4ef517ac5e0d6b77144cd91c95d0d35321d0cbdb7f617971",
    "imagenet": "834f99e3f82d608b4dcb8673c5304093125c7c136183fcd2b8a7a78ea42795ef",
    "imagenet_3d": "2d101e471fe0c9a1932347372ad4b061656bb90e6b9560f97d7fe5615b1da93e",
}
THE_15 = {
    "brightness", "contrast", "defocus_blur", "elastic_transform", "fog", "frost", "gaussian_noise", "glass_blur",
    "impulse_noise", "jpeg_compression", "motion_blur", "pixelate", "shot_noise", "snow", "zoom_blur",
}  # fmt: skip
every = pytest.mark.parametrize("name", leaderboard.LEADERBOARDS)


@every
def test_a_table_of_accuracies_is_robustbenchs_file_byte_for_byte(name):
    file = resources.files("acn_bench.analysis.robustbench") / f"{name}.csv"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == SHA256[name]


def test_there_are_48_models_each_with_15_corruptions_at_5_severities():
    boards = {name: leaderboard.models(name) for name in ("cifar10", "cifar100", "imagenet")}
    assert {name: len(models) for name, models in boards.items()} == {
        "cifar10": 23, "cifar100": 13, "imagenet": 12,
    }  # fmt: skip
    for model in (m for models in boards.values() for m in models):
        assert set(model.accuracy) == THE_15
        assert {len(curve) for curve in model.accuracy.values()} == {5}


def test_the_standard_networks_have_the_figures_that_everybody_quotes():
    wide = leaderboard.model("cifar10", "Standard")
    assert wide.architecture == "WideResNet-28-10"
    assert wide.clean == 0.9478
    assert round(wide.corruption_accuracy, 4) == 0.7346
    resnet = leaderboard.model("imagenet", "Standard_R50")
    assert resnet.clean == 0.7672
    assert round(resnet.corruption_accuracy, 4) == 0.3948
    assert round(leaderboard.mean_corruption_error("imagenet", resnet.errors), 4) == 0.7638


@every
def test_the_mean_over_a_models_cells_is_the_mean_that_robustbench_publishes(name):
    for model in leaderboard.models(name):  # four of its means are cut, not rounded
        assert model.corruption_accuracy == pytest.approx(model.published_mean, abs=1e-4)


@pytest.mark.parametrize("name", ["imagenet", "imagenet_3d"])
def test_mce_against_alexnet_is_the_mce_that_robustbench_publishes(name):
    for model in leaderboard.models(name):
        computed = leaderboard.mean_corruption_error(name, model.errors)
        assert computed == pytest.approx(model.published_mce, abs=5.1e-5)


def test_a_cell_lies_under_its_corruption_and_severity():
    alexnet = leaderboard.model("imagenet", "AlexNet")
    assert alexnet.accuracy["shot_noise"] == (0.2944, 0.1598, 0.0726, 0.0196, 0.012)
    assert alexnet.accuracy["elastic_transform"][-1] == 0.1898


def test_relative_mce_of_alexnet_is_1_and_needs_its_clean_error():
    alexnet = leaderboard.model("imagenet", "AlexNet")
    relative = leaderboard.relative_mean_corruption_error
    assert relative("imagenet", alexnet.errors, 1 - alexnet.clean) == pytest.approx(1)
    assert relative("imagenet", alexnet.errors, 0.0) > 1


def test_cifar_has_no_alexnet_and_says_so():
    errors = leaderboard.model("cifar10", "Standard").errors
    with pytest.raises(LookupError, match="cifar10 has no AlexNet"):
        leaderboard.mean_corruption_error("cifar10", errors)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(LookupError, match="Did you mean 'imagenet_3d'"):
        leaderboard.models("imagenet3d")
    with pytest.raises(LookupError, match="Did you mean 'Hendrycks2020AugMix_WRN'"):
        leaderboard.model("cifar10", "Hendrycks2020AugMixWRN")
