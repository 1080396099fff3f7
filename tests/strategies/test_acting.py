"""At the strength of its own card a strategy acts: its training differs from naive's by more than rounding does."""

import msgspec
import pytest
import torch

from acn_bench import catalog
from acn_bench.strategies.seeding import preserved_generators

SIZES = {"memory": 36, "memory_batch_size": 16, "memory_per_experience": 8, "sample_size": 8}
# Its card says that it is a weak L2 penalty: it is there to repeat what Avalanche's runs.
WEAK = "si_limited"


def ways(run, change=None):
    """The trunk before the stream and after each of three experiences; `change` acts before the second."""
    weights = list(run.model.backbone.parameters())
    after = [torch.cat([p.detach().flatten() for p in weights])]
    with preserved_generators():
        for k, experience in enumerate(run._stream().train_stream):
            if k == 1 and change:
                change(weights)
            run._train(experience)
            after.append(torch.cat([p.detach().flatten() for p in weights]))
    return after


def rounded(seed):
    """Changes each weight by about one part in ten millions, as float32 rounds."""
    generator = torch.Generator().manual_seed(seed)

    @torch.no_grad()
    def change(weights):
        for p in weights:
            p.mul_(1 + 1e-7 * torch.randn(p.shape, generator=generator))

    return change


def difference(naive, other):
    """How far the last experience ends from where naive ends, in ways that naive goes there."""
    return ((other[-1] - naive[-1]).norm() / (naive[-1] - naive[-2]).norm()).item()


@pytest.fixture(scope="module")
def naives():
    """Scenario -> naive's way, and the largest difference that rounding makes; each trained once."""
    return {}


@pytest.fixture
def naive(small, naives):
    def trained(heads):
        if heads not in naives:
            way = ways(small(heads=heads))
            rounding = [difference(way, ways(small(heads=heads), rounded(s))) for s in (0, 1)]
            naives[heads] = way, max(rounding)
        return naives[heads]

    return trained


def acting():
    """The options of every card that is neither bound nor weak, with small memories, and a scenario for it."""
    for name in catalog.names("strategies"):
        options = catalog.strategy(name).options
        known = {f.name for f in msgspec.structs.fields(options)}
        spec = msgspec.structs.replace(options, **{k: v for k, v in SIZES.items() if k in known})
        if spec.bound is None and name != WEAK:
            yield pytest.param(spec, "one" if name in ("icarl", "er_ace") else "each", id=name)


@pytest.mark.parametrize(("spec", "heads"), list(acting()))
def test_at_its_cards_strength_a_strategy_differs_from_naive_by_more_than_rounding(
    small, naive, spec, heads
):
    way, rounding = naive(heads)
    assert difference(way, ways(small(spec, heads=heads))) > 1.5 * rounding


def test_si_as_shipped_knows_important_weights_from_others_and_has_no_limit(small):
    run = small(catalog.strategy("si").options)
    ways(run)
    (si,) = (p for p in run.learner.plugins if hasattr(p, "share_at_limit"))
    importance = torch.cat([omega.flatten() for omega in si.importance])
    assert si.share_at_limit is None
    assert importance.max() > 5 * importance.median() > 0


def test_avalanches_limit_makes_nearly_all_weights_alike_and_the_record_says_so(small):
    run = small(catalog.strategy(WEAK).options, experiences=2, epochs=1)
    shares = run.measure().result.share_at_limit
    assert len(shares) == 2
    assert all(0.9 < share < 1 for share in shares)
    assert small(experiences=2, epochs=1).measure().result.share_at_limit is None
