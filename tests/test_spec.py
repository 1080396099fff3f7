import msgspec
import pytest

from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.families.mixer import MixerSpec
from acn_bench.spec import FactorySpec
from acn_bench.strategies.naive import NaiveSpec
from acn_bench.strategies.si import SiSpec


def config(**changed):
    return RunConfig(
        **{
            "benchmark": ContinualSpec(name="split_cifar100"),
            "strategy": NaiveSpec(name="naive"),
            "backbone": MixerSpec(wiring="ac"),
            "seeds": Seeds(),
            "fingerprint": "0123abcd",
        }
        | changed
    )


def test_the_identity_of_a_run_never_changes():
    # Records on disk are matched by this name: after a change here, none of them match
    assert config().run_id == "naive-ac_mixer-plain-d5-s0-90fd797f"


def test_a_run_is_named_by_what_a_reader_asks_for_first():
    run_id = config(
        strategy=SiSpec(name="si"),
        backbone=MixerSpec(wiring="residual", variant="released", depth=10),
        seeds=Seeds(order=2, init=2, data=2, noise=2),
    ).run_id
    assert run_id.startswith("si-residual_mixer-released-d10-s2-")


def test_seeds_that_differ_are_all_named():
    assert "-s0.1.2.3-" in config(seeds=Seeds(order=0, init=1, data=2, noise=3)).run_id


def test_a_network_of_ones_own_is_named_by_its_factory():
    run_id = config(backbone=FactorySpec(factory="pkg.nets:small")).run_id
    assert run_id.startswith("naive-pkg-nets-small-s0-")


class LaterSpec(ContinualSpec, frozen=True, kw_only=True, tag="continual"):
    """`ContinualSpec` as a later version might have it."""

    label_smoothing: float = 0.0


def test_a_field_that_is_added_later_changes_no_identity_at_its_default():
    later = config(benchmark=LaterSpec(name="split_cifar100"))
    assert later.run_id == config().run_id


def test_a_field_that_is_added_later_counts_once_it_is_set():
    later = config(benchmark=LaterSpec(name="split_cifar100", label_smoothing=0.1))
    assert later.run_id != config().run_id


@pytest.mark.parametrize(
    "changed",
    [
        {"fingerprint": "0123abce"},
        {"precision": "bf16"},
        {"quick": True},
        {"seeds": Seeds(order=1)},
        {"seeds": Seeds(init=1)},
        {"seeds": Seeds(data=1)},
        {"seeds": Seeds(noise=1)},
        {"strategy": SiSpec(name="si")},
        {"strategy": NaiveSpec(name="naive2")},
        {"backbone": MixerSpec(wiring="residual")},
        {"backbone": MixerSpec(wiring="ac", variant="released")},
        {"backbone": MixerSpec(wiring="ac", width=64)},
        {"backbone": FactorySpec(factory="pkg.nets:small", source="aa")},
        {"backbone": FactorySpec(factory="pkg.nets:small", source="bb")},
        {"benchmark": ContinualSpec(name="split_cifar100", epochs=5)},
        {"benchmark": ContinualSpec(name="split_cifar100", noise={"gaussian": (0.1,)})},
    ],
    ids=str,
)
def test_whatever_decides_an_outcome_changes_the_identity(changed):
    digests = {c.run_id.rsplit("-", 1)[1] for c in (config(), config(**changed))}
    assert len(digests) == 2


def test_the_order_in_which_noise_is_written_does_not_matter():
    a = {"gaussian": (0.1,), "salt_and_pepper": (0.01,)}
    b = dict(reversed(a.items()))
    ids = {config(benchmark=ContinualSpec(name="x", noise=noise)).run_id for noise in (a, b)}
    assert len(ids) == 1


def test_a_config_survives_json_with_its_identity():
    before = config(strategy=SiSpec(name="si", importance_max=None), seeds=Seeds(order=3))
    after = msgspec.json.decode(
        msgspec.json.encode(before), type=RunConfig[ContinualSpec, SiSpec, MixerSpec]
    )
    assert after == before
    assert after.run_id == before.run_id


def test_no_limit_of_sis_importance_is_one_setting_however_it_is_written():
    none, infinite = (SiSpec(name="si", importance_max=limit) for limit in (None, float("inf")))
    assert infinite == none
    assert config(strategy=infinite).run_id == config(strategy=none).run_id
    assert SiSpec(name="si").importance_max == 1e-3  # released: the configs of published records


def test_a_whole_number_and_its_float_are_one_setting():
    def read(rate):
        raw = {"name": "x", "kind": "continual", "learning_rate": rate}
        return config(benchmark=msgspec.convert(raw, ContinualSpec)).run_id

    assert read(1) == read(1.0)


def test_an_unknown_key_is_an_error():
    with pytest.raises(msgspec.ValidationError, match="unknown field `widht`"):
        msgspec.convert({"wiring": "ac", "family": "mixer", "widht": 3}, MixerSpec)


def test_a_spec_cannot_be_changed():
    with pytest.raises(AttributeError):
        config().quick = True
