"""A file rebuilds the network that was written, to the bit."""

import json
import os
import re

import pytest
import safetensors.torch
import torch
from torch import nn

from acn_bench import backbones
from acn_bench.backbones import Heads, MultiHead, depth_logits, load, save, truncate, weights_file
from acn_bench.families.names import BACKBONES, variants

EVERY = [(name, variant) for name in BACKBONES for variant in variants(name)]


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_every_backbone_comes_back_whole_and_cut(small, inputs, tmp_path, name, variant):
    network, given = small(name, variant=variant).eval(), inputs(name)
    for k in (0, 2, 3):
        save(truncate(network, k), tmp_path / "network.safetensors")
        back = load(tmp_path / "network.safetensors")
        assert back.depth == k
        with torch.no_grad():
            assert torch.equal(back(*given), truncate(network, k)(*given))
            torch.testing.assert_close(back(*given), network.forward_depths(*given)[k])


def heads(*widths, features=24):
    torch.manual_seed(5)
    return Heads([nn.Linear(features, width) for width in widths])


def test_a_head_each_comes_back_too_wide_ones_and_narrow_ones(small, images, tmp_path):
    network = MultiHead(small("ac_mixer"), heads(3, 5, 2)).eval()
    path = tmp_path / "heads.safetensors"
    save(network, path)
    back = load(path)
    labels = torch.tensor([0, 2, 1, 1])
    with torch.no_grad():
        assert torch.equal(back(images, labels), network(images, labels))
        rows = back.forward_depths(images, labels)
        assert torch.equal(rows, depth_logits(network, images, labels))
        assert torch.equal(rows[-1], back(images, labels))
        save(back.truncated(1), path)
        torch.testing.assert_close(load(path)(images, labels), rows[1])
        torch.testing.assert_close(
            load(path)(images, 2)[:, :2], network.forward_depths(images, 2)[1][:, :2]
        )


def test_the_networks_own_normalisation_comes_back(small, images, tmp_path):
    path = tmp_path / "n.safetensors"
    for norms in ({"mean": None}, {"mean": (0.1, 0.2, 0.3), "std": (0.5, 0.6, 0.7)}):
        network = small("residual_vit", **norms).eval()
        save(network, path)
        assert torch.equal(load(path)(images), network(images))


def test_precision_comes_back(small, tmp_path):
    save(small("ac_mixer", precision="bf16"), tmp_path / "n.safetensors")
    assert load(tmp_path / "n.safetensors").precision == "bf16"


def test_a_loaded_network_trains_and_draws_nothing(small, images, tmp_path):
    save(small("denseformer_mixer"), tmp_path / "n.safetensors")
    before = torch.random.get_rng_state()
    back = load(tmp_path / "n.safetensors")
    assert torch.equal(before, torch.random.get_rng_state())
    assert not back.training
    back.train()(images).sum().backward()
    assert all(p.requires_grad and p.device.type == "cpu" for p in back.parameters())
    assert any(p.grad.abs().sum() > 0 for p in back.parameters() if p.grad is not None)


def test_what_could_not_be_rebuilt_is_not_saved(small, tmp_path):
    network = small("ac_mixer")
    network.head = nn.Sequential(nn.Linear(24, 7))
    with pytest.raises(ValueError, match="this head is a Sequential"):
        save(network, tmp_path / "n.safetensors")
    with pytest.raises(
        ValueError, match="only a backbone or a MultiHead can be saved, not a Linear"
    ):
        save(nn.Linear(2, 2), tmp_path / "n.safetensors")
    network = small("ac_mixer")
    network.spec = None
    with pytest.raises(ValueError, match="only a network that `build`"):
        save(network, tmp_path / "n.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_something_else_is_refused_by_name(small, tmp_path):
    path = tmp_path / "other.safetensors"
    with pytest.raises(LookupError, match=re.escape(f"there is no file at {path}")):
        load(path)
    path.write_text("a text")
    with pytest.raises(ValueError, match=re.escape(f"{path} is not a whole safetensors file")):
        load(path)
    safetensors.torch.save_file({"weight": torch.ones(2)}, path)
    with pytest.raises(ValueError, match="is not a finished network of acn_bench"):
        load(path)
    safetensors.torch.save_file({"weight": torch.ones(2)}, path, {"acn_bench": "{}"})
    with pytest.raises(ValueError, match="its header cannot be read"):
        load(path)


@pytest.mark.parametrize("size", [0, 4, 100, 0.5, -1])
def test_a_damaged_file_is_refused(small, tmp_path, size):
    path = tmp_path / "n.safetensors"
    save(small("ac_mixer"), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * size) if isinstance(size, float) else size])
    with pytest.raises(ValueError, match=re.escape(f"{path} is not a whole safetensors file")):
        load(path)


def test_a_header_of_another_architecture_is_refused_with_a_place(small, tmp_path):
    path = tmp_path / "n.safetensors"
    save(small("ac_mixer"), path)
    weights = safetensors.torch.load_file(path)
    with safetensors.safe_open(path, "pt") as f:
        header = f.metadata()["acn_bench"]
    changes = {
        '"width":24->"width":32': "stem.proj.weight is (24, 3, 8, 8), expected (32, 3, 8, 8); and",
        '"wiring":"ac"->"wiring":"densenet"': "wiring.projections.0.weight is missing; and 2 more",
        '"precision":"fp32"->"precision":"fp16"': "Invalid enum value 'fp16' - at `$.precision`",
        '"family":"mixer"->"family":"resnet"': "unknown backbone family 'resnet'. Known: mixer, vit, bert, factory, trained. - at `$.backbone.family`",
        '"patch_size":8->"patch_size":5': "image_size 32 is not a multiple of patch_size 5",
    }
    for change, message in changes.items():
        old, new = change.split("->")
        assert old in header
        safetensors.torch.save_file(weights, path, {"acn_bench": header.replace(old, new)})
        with pytest.raises(ValueError, match=re.escape(message)) as error:
            load(path)
        assert str(error.value).startswith(f"{path}: ")


def test_heads_with_a_gap_between_them_are_refused(small, tmp_path):
    path = tmp_path / "n.safetensors"
    save(MultiHead(small("ac_mixer"), heads(3, 5)), path)
    with safetensors.safe_open(path, "pt") as f:
        words = f.metadata()
    weights = safetensors.torch.load_file(path)
    gap = {name.replace("head.1.", "head.2."): tensor for name, tensor in weights.items()}
    safetensors.torch.save_file(gap, path, words)
    with pytest.raises(ValueError, match=r"head.1.weight is missing, of 2 heads"):
        load(path)


def test_weights_that_do_not_fit_their_header_are_refused(small, tmp_path):
    path = tmp_path / "n.safetensors"
    save(small("ac_mixer"), path)
    whole = safetensors.torch.load_file(path)
    with safetensors.safe_open(path, "pt") as f:
        words = f.metadata()
    without = {k: v for k, v in whole.items() if "blocks.1." not in k}
    headless = {k: v for k, v in whole.items() if not k.startswith("head.")}
    for tensors in (without, headless, whole | {"backbone.more": torch.ones(1)}):
        safetensors.torch.save_file(tensors, path, words)
        with pytest.raises(ValueError, match="header and weights do not fit"):
            load(path)
    words = {"acn_bench": words["acn_bench"].replace('"depth":3,"prec', '"depth":4,"prec')}
    safetensors.torch.save_file(whole, path, words)
    with pytest.raises(ValueError, match="the network has 4 blocks, of 3 before a cut"):
        load(path)


# ---------------------------------------------------------------- before anything is built


@pytest.fixture
def forged(small, tmp_path, monkeypatch):
    """A file with a changed header or changed tensors: the error of loading it, which builds no network.

    Networks that are built are counted in `forged.built`.
    """
    path = tmp_path / "n.safetensors"
    build = backbones.from_spec

    def load_forged(changed=None, tensors=None, name="ac_mixer", raw=None, **header):
        save(small(name), path)
        whole = safetensors.torch.load_file(path)
        with safetensors.safe_open(path, "pt") as f:
            content = json.loads(f.metadata()["acn_bench"])
        content["backbone"] |= changed or {}
        text = raw or json.dumps(content | header)
        safetensors.torch.save_file(tensors(whole) if tensors else whole, path, {"acn_bench": text})
        load_forged.built = []
        monkeypatch.setattr(
            backbones,
            "from_spec",
            lambda spec, *a, **k: (load_forged.built.append(spec.depth), build(spec, *a, **k))[1],
        )
        with pytest.raises(ValueError, match=re.escape(str(path))) as error:
            load(path)
        assert len(str(error.value)) < 2_500
        return str(error.value)

    return load_forged


@pytest.mark.parametrize("size", [2**62, 2**53, 10**9, 20_000])
@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("ac_mixer", "width"),
        ("ac_mixer", "image_size"),
        ("ac_mixer", "in_channels"),
        ("residual_vit", "heads"),
        ("ac_bert", "vocab_size"),
        ("ac_bert", "max_length"),
    ],
)
def test_a_header_of_larger_sizes_than_the_weights_is_refused(forged, name, field, size):
    message = forged({field: size}, name=name)
    assert field in message or "header and weights do not fit" in message
    if size > 20_000:
        assert forged.built == []


@pytest.mark.parametrize("depth", [4, 10_000])
def test_a_header_of_more_blocks_than_the_weights_is_refused(forged, depth):
    assert "of 3 before a cut" in forged(depth=depth)
    assert "and the weights have 3" in forged({"depth": depth}, depth=depth)
    assert "expected `int` <= 10000" in forged({"depth": 1_000_000}, depth=depth).lower()
    assert forged.built == []


@pytest.mark.parametrize("factory", ["", "pkg.module:net", "x" * 5_000])
def test_the_network_of_a_factory_is_refused(forged, factory):
    text = json.dumps({"backbone": {"family": "factory", "factory": factory}, "depth": 0})
    assert "holds a network of the factory" in forged(raw=text)


def test_of_a_network_that_was_cut_only_the_blocks_that_it_has_are_built(
    small, tmp_path, monkeypatch
):
    save(truncate(small("densenet_mixer", depth=6), 2), tmp_path / "n.safetensors")
    built = []
    build = backbones.from_spec
    monkeypatch.setattr(
        backbones,
        "from_spec",
        lambda spec, *a, **k: (built.append(spec.depth), build(spec, *a, **k))[1],
    )
    back = load(tmp_path / "n.safetensors")
    assert (built, back.depth, back.spec.depth) == ([2], 2, 6)


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.complex64])
def test_weights_that_are_no_floating_point_numbers_are_refused(forged, dtype):
    message = forged(tensors=lambda whole: {k: v.to(dtype) for k, v in whole.items()})
    assert "and weights are F64, F32, BF16, F16" in message
    assert forged.built == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_finite_numbers_are_neither_loaded_nor_saved(
    forged, small, tmp_path, value
):
    forge = {
        "all": lambda whole: {k: torch.full_like(v, value) for k, v in whole.items()},
        "one": lambda whole: (
            whole | {"head.bias": whole["head.bias"].index_fill(0, torch.tensor(1), value)}
        ),
    }
    for tensors in forge.values():
        assert "has values that are no finite numbers" in forged(tensors=tensors)
    network = small("ac_mixer")
    network.head.bias.data[1] = value
    with pytest.raises(ValueError, match=r"head\.bias has values that are no finite numbers"):
        save(network, tmp_path / "new.safetensors")
    assert not (tmp_path / "new.safetensors").exists()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("head.weight", ()),
        ("head.weight", (7,)),
        ("head.weight", (1,) * 60),
        ("head.bias", ()),
        ("head.bias", (0,)),
        ("backbone.normalise.mean", ()),
        ("backbone.normalise.mean", (3,)),
        ("backbone.stem.proj.weight", ()),
        ("backbone.branches.1.fc2.weight", ()),
        ("backbone.branches.1.fc2.weight", (7, 48, 2)),
        ("backbone.branches.x.fc2.weight", (7, 48)),
        ("backbone.branches.4.fc2.weight", (7, 48)),
        (f"backbone.branches.{'9' * 5_000}.fc2.weight", (7, 48)),
        (f"backbone.blocks.{'9' * 5_000}.more", (2,)),
        ("backbone.blocks.x.more", (2,)),
        ("x" * 5_000, (2,)),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_a_tensor_of_another_shape_or_name_is_refused(forged, name, shape):
    assert "header and weights do not fit" in forged(
        tensors=lambda whole: whole | {name: torch.zeros(shape)}
    )


def test_a_head_of_masked_tokens_names_what_loads_it(forged):
    masked = {"head.dense.weight": torch.zeros(24, 24), "head.decoder.weight": torch.zeros(7, 24)}
    message = forged(tensors=lambda whole: whole | masked)
    assert "load the folder of the same name by AutoModelForMaskedLM" in message


def test_thousands_of_empty_heads_are_refused(forged, monkeypatch):
    def heads(count, rows):
        return lambda whole: (
            {k: v for k, v in whole.items() if not k.startswith("head")}
            | {f"head.{e}.weight": torch.zeros(rows, 24) for e in range(count)}
        )

    assert "head.0.weight is (0, 24), which holds no value" in forged(tensors=heads(100, 0))
    monkeypatch.setattr(weights_file, "TENSORS", 100)
    assert "142 tensors are more than a network's 100" in forged(tensors=heads(100, 1))
    assert forged.built == []


@pytest.mark.parametrize("depth", [60, 1_100, 100_000])
def test_a_header_of_brackets_in_brackets_is_refused(forged, depth):
    for text in ("[" * depth, '{"backbone": ' + "[" * depth + "]" * depth + "}"):
        assert "its header cannot be read" in forged(raw=text)


def test_a_pipe_is_no_file_of_weights(tmp_path):
    os.mkfifo(tmp_path / "n.safetensors")
    with pytest.raises(LookupError, match="there is no file at"):
        load(tmp_path / "n.safetensors")
