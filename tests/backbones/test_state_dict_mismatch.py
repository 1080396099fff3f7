"""Weights of another network are refused in one sentence that says where they differ."""

import re

import pytest

from acn_bench.backbones.state_dict_mismatch import state_dict_mismatch

OTHERS = {
    "another family": (
        {"name": "ac_vit"},
        "stem.proj.weight is missing; stem.cls_token is not expected; and ",
    ),
    "another width": (
        {"width": 32},
        "stem.proj.weight is (32, 3, 8, 8), expected (24, 3, 8, 8); and ",
    ),
    "more blocks": (
        {"depth": 4},
        "blocks.3.token_mixing.norm.weight is not expected; and 11 more",
    ),
    "fewer blocks": ({"depth": 2}, "blocks.2.token_mixing.norm.weight is missing; and 11 more"),
    "other classes": (
        {"num_classes": 5},
        "head.weight is (5, 24), expected (7, 24); and 1 more",
    ),
    "another variant": (
        {"variant": "released"},
        "stem.proj.weight is missing; stem.token is not expected",
    ),
    "another wiring": (
        {"name": "densenet_mixer"},
        "wiring.projections.0.weight is not expected; and 2 more",
    ),
    "no normalisation": ({"mean": None}, "normalise.mean is missing; and 1 more"),
}


@pytest.mark.parametrize(("other", "where"), OTHERS.values(), ids=list(OTHERS))
def test_the_weights_of_another_network_are_refused_with_a_place(small, other, where):
    network, given = small("ac_mixer"), small(**{"name": "ac_mixer"} | other).state_dict()
    with pytest.raises(ValueError, match=re.escape(where)) as error:
        network.load_state_dict(given)
    assert str(error.value).startswith("these are not the weights of ac_mixer:plain with 3 blocks:")
    assert len(str(error.value).splitlines()) == 1


def test_weights_that_fit_give_an_empty_sentence(small):
    network, given = small("ac_mixer"), small("ac_mixer", seed=1).state_dict()
    assert state_dict_mismatch(network, given) == ""
    network.load_state_dict(given)
    del given["head.bias"]
    assert state_dict_mismatch(network, given) == "head.bias is missing"
    keys = network.load_state_dict(given, strict=False)
    assert (keys.missing_keys, keys.unexpected_keys) == (["head.bias"], [])


def test_without_strictness_a_shape_is_still_looked_at(small):
    given = small("ac_mixer", num_classes=5).state_dict()
    with pytest.raises(ValueError, match=re.escape("head.weight is (5, 24), expected (7, 24)")):
        small("ac_mixer").load_state_dict(given, strict=False)
