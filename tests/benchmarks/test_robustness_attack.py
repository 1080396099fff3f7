"""An attack within a robustness run: what it leaves, what the plan says of it, and what it leaves alone."""

from dataclasses import replace
from importlib.util import find_spec
from types import SimpleNamespace

import msgspec
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from acn_bench import catalog, cli
from acn_bench.analysis.image_outcomes import unpacked
from acn_bench.benchmarks.robustness import attack_report, cost, protocol
from acn_bench.benchmarks.robustness.result import validate
from acn_bench.benchmarks.robustness.spec import RobustnessSpec
from acn_bench.benchmarks.run import Run
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.evaluation import attack_cost, attacks
from acn_bench.evaluation.attack_cost import INSTALL, Attack
from acn_bench.execution import code_hash, plan_summary
from acn_bench.families.mixer import MixerSpec
from acn_bench.plan import Choices, unresolved
from acn_bench.run_modules import modules

CPU = torch.device("cpu")
PLAIN = RobustnessSpec(
    name="tiny", data="digits10", epochs=2, batch_size=16, crop_padding=0, flip=False
)  # fmt: skip
ATTACKED = msgspec.structs.replace(
    PLAIN, attack="linf", attack_method="apgd", epsilon="8/255", attack_images=12,
    attack_iterations=2, attack_queries=5,
)  # fmt: skip
BACKBONE = MixerSpec(
    wiring="ac", depth=2, patch_size=8, width=32, token_width=16, channel_width=64
)  # fmt: skip
installed = pytest.mark.skipif(find_spec("pyautoattack") is None, reason="pyautoattack is no dependency")  # fmt: skip


@pytest.fixture(scope="module")
def data(few):
    """20 training and 2 test images of each class."""
    return few(images.load("digits10"), 10, 20, 2)


def config(spec=ATTACKED, **values):
    return RunConfig(
        benchmark=msgspec.structs.replace(spec, **values),
        strategy=None,
        backbone=BACKBONE,
        seeds=Seeds(),
        fingerprint="",
    )


@pytest.fixture(scope="module")
def run(data):
    made = protocol.RobustnessRun(Run(config(), [data], CPU))
    return made, made.measure()


@installed
def test_a_run_holds_what_the_attack_leaves_of_the_first_test_images(run, data):
    made, output = run
    attack = output.result.attack
    validate(output.result, ATTACKED)
    assert attack.images == 12
    assert [step.name for step in attack.steps] == ["apgd-ce", "apgd-t"]
    assert output.examples["attack.robust"].sum() == attack.steps[-1].correct
    assert unpacked(attack.steps[-1].outcomes, 12) == output.examples["attack.robust"].tolist()
    assert unpacked(attack.clean_outcomes, 12) == output.examples["attack.clean"].tolist()
    clean = output.examples["test.clean"][-1, :12]
    assert torch.equal(output.examples["attack.clean"], clean)
    assert attack.clean == clean.sum() > attack.steps[-1].correct

    pixels = data.test_images[:12].float() / 255
    settings = Attack("apgd", 8 / 255, iterations=2, queries=5)
    expected = attacks.run(
        nn.Sequential(made.model.backbone, made.model.head), pixels, data.test_labels[:12], settings
    )
    assert attack.steps[-1].correct == expected.robust.sum()


@installed
def test_adversarial_images_are_scored_at_every_depth(run):
    _, output = run
    attack = output.result.attack
    assert len(attack.accuracy) == 3
    assert attack.accuracy[-1] == pytest.approx(attack.steps[-1].correct / 12)


@installed
def test_an_attack_changes_no_other_measurement_and_its_guards_are_in_the_record(run, data):
    _, output = run
    without = protocol.measure(Run(config(PLAIN), [data], CPU))
    assert without.result.attack is None
    assert output.result.clean == without.result.clean
    assert output.result.images_seen == without.result.images_seen
    assert all(torch.equal(w, without.weights[n]) for n, w in output.weights.items())
    names = [g.name for g in output.guards]
    assert names == [
        *(g.name for g in without.guards),
        "the attack changes neither the model nor the random state",
        "no black-box or transferred attack beats the white-box attack",
        "AutoAttack's own checks find nothing",
    ]
    assert all(g.passed for g in output.guards[:-2])


@installed
def test_every_step_of_the_standard_attack_is_counted_and_progress_ends(data):
    shares = []
    settings = config(attack_method="standard", attack_images=3, attack_iterations=1, attack_queries=2, epochs=1)  # fmt: skip
    made = protocol.RobustnessRun(Run(settings, [data], CPU, progress=shares.append))
    result = made.measure().result
    assert [s.name for s in result.attack.steps] == ["apgd-ce", "apgd-t", "fab-t", "square"]
    assert shares == sorted(shares)
    assert shares[-1] == 1


# ---------------------------------------------------------------- the plan


def test_a_plan_counts_the_passes_of_an_attack_and_names_them(data):
    extra = cost.cost(config(), [data]).images - cost.cost(config(PLAIN), [data]).images
    settings = ATTACKED.linf
    most = attack_cost.most_passes(settings, 10).trained_images
    assert extra == pytest.approx(12 * (most + attack_cost.check_passes(settings).trained_images))
    (sentence,) = attack_report.expenses(config(), [data])
    assert sentence.startswith("APGD-CE + APGD-T, Linf, ε = 8/255, 2 iterations, 5 queries: per image ")  # fmt: skip
    assert "12 images cost at most as much as training on " in sentence
    assert attack_report.expenses(config(PLAIN), [data]) == []
    plan = SimpleNamespace(configs=[config(), config(PLAIN), config()], data_of=lambda _: [data])
    assert plan_summary._expenses(plan) == [sentence]
    assert ATTACKED.attacked(5) == 5  # a smaller test set is attacked whole


def test_a_missing_library_or_too_few_classes_are_named_before_anything_runs(data, monkeypatch):
    monkeypatch.setattr(attack_cost, "find_spec", lambda _: None)
    with pytest.raises(LookupError, match=r"pip install 'acn_bench\[robustbench\]'"):
        cost.check(config(), [data])
    cost.check(config(PLAIN), [data])
    assert "pyautoattack" in INSTALL
    monkeypatch.setattr(attack_cost, "find_spec", lambda _: object())
    few = replace(data, class_names=data.class_names[:3])
    with pytest.raises(ValueError, match=r"at least 4 classes, not 3"):
        cost.check(config(), [few])


def planned(*settings):
    return unresolved(catalog.benchmark("noise_cifar10"), Choices(settings=settings)).runs


def test_an_attack_is_a_setting_of_the_command_line_and_a_fraction_is_its_number():
    runs = planned("epsilon=8/255", "attack=linf", "attack_method=apgd")
    assert {r.benchmark.linf for r in runs} == {Attack("apgd", 8 / 255)}
    swept = planned("attack=linf", "epsilon=4/255,0.1")
    assert {r.benchmark.linf.epsilon for r in swept} == {4 / 255, 0.1}
    assert {r.benchmark.epsilon for r in swept} == {"4/255", 0.1}  # as a report names them
    with pytest.raises(ValueError, match=r"epsilon=8/x: epsilon must be a number or a fraction"):
        planned("attack=linf", "epsilon=8/x")
    with pytest.raises(ValueError, match=r"epsilon must lie in \(0, 1\].*not 8"):
        planned("attack=linf", "epsilon=8")
    with pytest.raises(ValueError, match=r"attack=l2.*linf"):
        planned("attack=l2")


def test_an_option_of_an_attack_that_is_off_is_refused():
    with pytest.raises(ValueError, match=r"epsilon needs an attack: --attack linf"):
        planned("epsilon=4/255")


def test_settings_without_an_attack_keep_their_run_id_and_execute_none_of_its_files():
    assert config(PLAIN).run_id == "ac_mixer-plain-d2-s0-987c4d34"
    spellings = ("4/255", 4 / 255, "8/510", str(4 / 255))
    assert len({config(epsilon=e).run_id for e in spellings}) == 1
    assert config(epsilon="4/255").run_id != config().run_id == config(epsilon=8 / 255).run_id

    def files(made):
        found = code_hash.closure(frozenset(modules(made)), code_hash.PACKAGE)
        return {path.relative_to(code_hash.PACKAGE).as_posix() for path in found}

    own = {"benchmarks/robustness/attack.py", "evaluation/attacks.py", "evaluation/gradient_masking.py"}  # fmt: skip
    assert not own & files(config(PLAIN))
    assert own <= files(config())


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (["--attack", "linf", "--epsilon", "8/255"], ["attack=linf", "epsilon=8/255"]),
        ([], []),
    ],
)
def test_attack_and_epsilon_are_options_of_the_command(monkeypatch, options, settings):
    seen = []

    def planned(_, choices):
        seen.append(choices.settings)
        raise ValueError("enough")

    monkeypatch.setattr("acn_bench.plan.unresolved", planned)
    CliRunner().invoke(cli.app, ["run", "noise_cifar10", *options])
    assert [list(s) for s in seen] == [settings]
