"""The settings of a robustness card: sets of corruptions by name, and what is refused before anything runs."""

import msgspec
import pytest

from acn_bench import catalog
from acn_bench.benchmarks.robustness.spec import RobustnessSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.execution import code_hash
from acn_bench.families.mixer import MixerSpec
from acn_bench.families.trained import TrainedSpec
from acn_bench.plan import Choices, unresolved
from acn_bench.registry import COMMON, EXTRA
from acn_bench.run_modules import modules
from acn_bench.spec import FactorySpec


def spec(**values):
    return RobustnessSpec(name="x", **values)


def test_a_set_of_corruptions_stands_in_a_record_by_its_names():
    assert spec(corruptions="common15").corruptions == COMMON
    assert spec(corruptions="all19").corruptions == (*COMMON, *EXTRA)
    assert spec(corruptions="fog").corruptions == ("fog",)
    assert spec(corruptions="common15") == spec(corruptions=COMMON)
    assert len(COMMON) == 15
    assert len(EXTRA) == 4


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"corruptions": ("fgo",)}, r"unknown corruption 'fgo'\. Did you mean 'fog'\?"),
        ({"corruptions": "comon15"}, r"unknown corruption 'comon15'\. Did you mean 'common15'\?"),
        ({"corruptions": ("gaussian",)}, r"corruptions: gaussian has levels, not severities"),
        ({"corruptions": ("fog", "fog")}, r"corruptions names 'fog' twice"),
        ({"corruptions": ("fog",), "severities": ()}, r"severities is empty"),
        ({"severities": (0, 1)}, r"severities: they are 1, 2, 3, 4 and 5, not 0"),
        ({"severities": (1, 6)}, r"severities: they are 1, 2, 3, 4 and 5, not 6"),
        ({"severities": (2, 2)}, r"severities names 2 twice"),
        ({"noise": {"gausian": (0.1,)}}, r"unknown noise 'gausian'\. Did you mean 'gaussian'\?"),
        ({"noise": {"fog": (1.0,)}}, r"noise: fog has severities, not levels"),
        ({"noise": {"gaussian": ()}}, r"noise\.gaussian is empty"),
        ({"noise": {"gaussian": (0.1, 0.1)}}, r"noise\.gaussian names 0\.1 twice"),
        ({"noise": {"salt_and_pepper": (2.0,)}}, r"salt_and_pepper is a share .*not 2"),
        ({"noise_quantise": True, "noise_clip": False}, r"noise_quantise needs noise_clip"),
        (
            {"noise": {"salt_and_pepper": (0.1,)}, "noise_after_normalisation": True},
            r"noise_after_normalisation is of gaussian noise alone",
        ),
    ],
)
def test_an_impossible_setting_is_refused_by_its_name(values, message):
    with pytest.raises(ValueError, match=message):
        spec(**values)


@pytest.mark.parametrize("level", [-0.1, "0.1", None])
def test_a_level_that_is_no_number_above_zero_is_refused_in_a_card(level):
    raw = {"kind": "robustness", "name": "x", "noise": {"gaussian": [level]}}
    with pytest.raises(msgspec.ValidationError, match=r"noise"):
        msgspec.convert(raw, RobustnessSpec)


def test_noise_after_normalisation_needs_a_network_whose_normalisation_is_known():
    protocol = spec(noise_after_normalisation=True)
    with pytest.raises(ValueError, match=r"needs a network whose normalisation is known"):
        protocol.check(FactorySpec(factory="mine:net"), None)
    with pytest.raises(ValueError, match=r"robustbench:cifar10/Linf/X: noise_after_normalisation"):
        protocol.check(TrainedSpec(checkpoint="X.pt", zoo="cifar10/Linf/X"), None)
    assert protocol.check(MixerSpec(wiring="ac"), None) is None


def planned(*settings, card="noise_cifar10", **choices):
    card = catalog.benchmark(card)
    return unresolved(card, Choices(settings=settings, **choices)).runs


def test_the_card_is_of_the_papers_levels_and_of_all_common_corruptions():
    runs = planned()
    assert len(runs) == 4 * 5
    protocol = runs[0].benchmark
    assert protocol.noise == {"gaussian": (0.1, 0.2, 0.4), "salt_and_pepper": (0.01, 0.05, 0.1)}
    assert protocol.corruptions == COMMON
    assert protocol.conditions == 6 + 75


def test_corruptions_severities_and_constants_are_settings_of_the_command_line():
    runs = planned('corruptions=["fog","snow"]', "severities=[5]", "constants=imagenet_c", "seed.noise=7")  # fmt: skip
    assert {run.benchmark.corruptions for run in runs} == {("fog", "snow")}
    assert {run.benchmark.conditions for run in runs} == {8}
    assert {run.benchmark.corruptions for run in planned("corruptions=all19")} == {(*COMMON, *EXTRA)}  # fmt: skip
    with pytest.raises(ValueError, match=r"--set benchmark.corruptions=fgo: .*Did you mean 'fog'"):
        planned("corruptions=fgo")


@pytest.mark.parametrize("card", ["noise_cifar10", "noise_imagenet"])
def test_the_follow_ups_noise_is_a_preset(card):
    protocol = planned("preset=after_normalisation", card=card)[0].benchmark
    assert protocol.noise == {"gaussian": (0.3,)}
    assert protocol.noise_after_normalisation
    assert not protocol.noise_clip
    assert protocol.conditions == 1


def test_digits_are_never_mirrored_and_a_scheme_is_an_arm():
    (run,) = planned(data="digits10", backbones=("residual_mixer+aligned",), seeds=(0,))
    assert run.benchmark.data == "digits10"
    assert not run.benchmark.flip
    assert run.benchmark.scheme == "aligned"


def test_a_run_executes_the_files_of_its_own_corruptions_alone():
    config = RunConfig(
        benchmark=spec(data="digits10", corruptions=("fog",), noise={"gaussian": (0.1,)}),
        strategy=None,
        backbone=MixerSpec(wiring="ac"),
        seeds=Seeds(),
        fingerprint="",
    )
    files = code_hash.closure(frozenset(modules(config)), code_hash.PACKAGE)
    names = {path.relative_to(code_hash.PACKAGE).as_posix() for path in files}
    assert {"data/corruptions/fog.py", "data/noise.py", "training/loop.py"} <= names
    assert "benchmarks/robustness/protocol.py" in names
    others = ("data/corruptions/snow.py", "benchmarks/robustness/metrics.py", "benchmarks/robustness/kind.py")  # fmt: skip
    assert not names & {*others, "benchmarks/robustness/report.py"}
