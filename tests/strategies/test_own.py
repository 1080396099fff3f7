"""A strategy of one's own: the documentation's card and builder, as they stand there."""

import re
import sys

import pytest
import torch

from acn_bench import catalog
from acn_bench.plan import Choices, unresolved
from acn_bench.strategies.builder import BuilderSpec
from acn_bench.strategies.seeding import generators_kept


@pytest.fixture
def example(root, tmp_path, monkeypatch):
    """The folder in which the README's files lie, and Python finds them."""
    text = (root / "strategies" / "README.md").read_text()
    recipe = text.partition("## To add one")[2]
    files = {"python": "anchor.py", "toml": "anchored.toml"}
    for language, name in files.items():
        assert f"here `{name}`" in recipe
        (block,) = re.findall(rf"```{language}\n(.*?)```", recipe, re.DOTALL)
        (tmp_path / name).write_text(block)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "anchor", raising=False)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("anchor", None)


def trunks(run):
    """The trunk's weights after each of two experiences."""
    after = []
    with generators_kept():
        for experience in run._stream().train_stream[:2]:
            run._train(experience)
            weights = [p.detach().flatten().clone() for p in run.model.backbone.parameters()]
            after.append(torch.cat(weights))
    return after


def test_the_documented_strategy_runs_and_acts_from_the_second_experience_on(example, small):
    options = catalog.strategy("anchored.toml").options
    assert isinstance(options, BuilderSpec)
    naive, ours = trunks(small()), trunks(small(options))
    assert torch.equal(naive[0], ours[0])
    assert (ours[1] - ours[0]).norm() < 0.8 * (naive[1] - naive[0]).norm()
    measured = small(options, heads="one", epochs=1, experiences=2).measure()
    assert [g for g in measured.guards if not g.passed] == []


def test_its_command_plans_it_beside_floor_and_ceiling(example, root):
    text = (root / "strategies" / "README.md").read_text()
    (words,) = re.findall(r"^acn-bench run (.*anchored\.toml)$", text, re.MULTILINE)
    strategies = tuple(words.rpartition("--strategies ")[2].split(","))
    card = catalog.benchmark(words.split()[0])
    unresolved_plan = unresolved(
        card, Choices(strategies=strategies, seeds=(0,), quick="--quick" in words)
    )
    assert {c.strategy.name for c in unresolved_plan.runs} == {"naive", "joint", "anchored"}
    assert unresolved_plan.functions == {"anchor:anchored": "strategy builder"}

    def identities(source):
        sources = {"anchor:anchored": source}
        return {c.run_id for c in unresolved_plan.resolve("f" * 12, {"auto": "fp32"}, sources)}

    assert len(identities("01234567") & identities("76543210")) == 4  # naive and joint, both arms


@pytest.mark.parametrize(
    ("builder", "error", "message"),
    [
        ("anchor:nobody", LookupError, "no strategy builder 'anchor:nobody'.*no attribute"),
        ("math:floor", ValueError, "math:floor failed: TypeError"),
        ("builtins:print", ValueError, "must make a strategy of Avalanche's, not a NoneType"),
    ],
)
def test_a_builder_that_makes_none_says_so_in_one_sentence(
    example, small, builder, error, message, capsys
):
    with pytest.raises(error, match=message):
        small(BuilderSpec(name="own", builder=builder))


def test_two_cards_of_one_name_are_refused(example):
    (example / "mine.toml").write_text(
        (example / "anchored.toml").read_text().replace('"anchored"', '"naive"')
    )
    card = catalog.benchmark("split_cifar100")
    with pytest.raises(ValueError, match="two strategy cards are named 'naive'"):
        unresolved(card, Choices(strategies=("naive", "mine.toml")))
