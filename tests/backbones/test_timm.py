"""timm knows every vision backbone by name, and its tools work on them."""

import importlib
import inspect
import sys

import pytest
import torch
from torch.nn.functional import cross_entropy

pytest.importorskip("timm", reason="timm is no dependency")

import timm
import timm.data
import timm.optim

import acn_bench.backbones.timm as acn_timm
from acn_bench.backbones import build, load, save, truncate
from acn_bench.families.names import BACKBONES, variants
from acn_bench.spec import WIRINGS

TIMMS_OWN = [size for size in acn_timm.SIZES if size.endswith("_224")]
TINY = {
    "vit": {"patch_size": 8, "embed_dim": 24, "num_heads": 3, "depth": 2},
    "mixer": {
        "patch_size": 8, "embed_dim": 24, "token_width": 12, "channel_width": 32, "num_blocks": 2,
    },
}  # fmt: skip
SIZE = {"vit": "vit_tiny_patch4_32", "mixer": "mixer_t4_32"}
EVERY = [(n, v) for n in BACKBONES if not n.endswith("bert") for v in variants(n)]
every = pytest.mark.parametrize(("name", "variant"), EVERY, ids=[f"{n}:{v}" for n, v in EVERY])


@pytest.fixture
def create():
    """Makes a tiny one by timm: `create("ac_vit", num_classes=5)`."""

    def make(name, *, seed=0, **asked):
        torch.manual_seed(seed)
        wiring, _, family = name.partition("_")
        return timm.create_model(f"{wiring}_{SIZE[family]}", **TINY[family] | asked)

    return make


# ---------------------------------------------------------------- names


def test_timm_lists_every_wiring_at_every_size():
    for wiring in WIRINGS:
        listed = timm.list_models(f"{wiring}_*")
        assert sorted(listed) == sorted(f"{wiring}_{size}" for size in acn_timm.SIZES)
        assert all(inspect.isfunction(getattr(acn_timm, name)) for name in listed)
    assert not any(name in acn_timm.default_cfgs for name in timm.list_models(pretrained=True))


@pytest.mark.parametrize("size", TIMMS_OWN)
def test_the_residual_one_has_the_tensors_of_timms_own_of_that_name(size):
    with torch.device("meta"):
        timms = timm.create_model(size, num_classes=10)
        residual, ac = (
            timm.create_model(f"{w}_{size}", num_classes=10) for w in ("residual", "ac")
        )
    for model in (residual, ac):
        assert sorted(p.shape for p in model.parameters()) == sorted(
            p.shape for p in timms.parameters()
        )
    for key in ("input_size", "mean", "std", "crop_pct", "interpolation"):
        assert residual.default_cfg[key] == timms.default_cfg[key]


def test_the_small_mixer_is_that_of_the_paper():
    with torch.device("meta"):
        timms = timm.create_model("ac_mixer_t4_32", num_classes=10)
        papers = build("ac_mixer", num_classes=10, depth=16, mean=None)
    assert timms.spec == papers.spec


@every
def test_a_seed_gives_the_weights_that_build_gives(create, name, variant):
    made = create(name, seed=3, num_classes=5, variant=variant)
    torch.manual_seed(3)
    spec = {f: getattr(made.spec, f) for f in made.spec.__struct_fields__}
    sizes = {k: v for k, v in spec.items() if k not in ("wiring", "variant")}
    built = build(name, num_classes=5, variant=variant, mean=None, **sizes)
    assert made.spec == built.spec
    assert made.state_dict().keys() == built.state_dict().keys()
    assert all(torch.equal(t, built.state_dict()[k]) for k, t in made.state_dict().items())


def test_the_package_and_the_module_of_that_name_are_two():
    assert sys.modules["timm"] is timm is not acn_timm
    assert timm.__name__ == "timm"


def test_without_timm_one_sentence_names_what_to_install(monkeypatch):
    for name in ("timm", "timm.models"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "acn_bench.backbones.timm")
    with pytest.raises(ImportError, match=r"pip install 'acn_bench\[timm\]'"):
        importlib.import_module("acn_bench.backbones.timm")


# ---------------------------------------------------------------- what a model answers


@every
def test_it_trains_and_has_every_depth(create, images, name, variant):
    model = create(name, num_classes=4, variant=variant)
    optimizer = timm.optim.create_optimizer_v2(model, opt="adamw", lr=3e-3)
    losses = []
    for _ in range(4):
        loss = cross_entropy(model(images), torch.arange(4))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    model.eval()
    with torch.no_grad():
        depths = model.forward_depths(images)
        assert torch.equal(depths[-1], model(images))
        torch.testing.assert_close(truncate(model, 1)(images), depths[1])


def as_timm_names(state, family):
    """Our tensors under timm's names."""
    renamed = {
        "vit": [("stem.patches.", "patch_embed."), ("stem.", ""), ("readout.", "")],
        "mixer": [
            ("readout.", ""), ("token_mixing.norm", "norm1"), ("token_mixing.mlp", "mlp_tokens"),
            ("channel_mixing.norm", "norm2"), ("channel_mixing.mlp", "mlp_channels"),
        ],
    }  # fmt: skip
    out = {}
    for name, tensor in state.items():
        for old, new in renamed[family]:
            name = name.replace(old, new)
        out[name] = tensor
    return out


@pytest.mark.parametrize("family", ["vit", "mixer"])
@torch.no_grad()
def test_each_step_of_the_residual_one_gives_what_timms_gives(create, images, family):
    ratios = {"mlp_ratio": 4.0} if family == "vit" else {"mlp_ratio": (0.5, 2.0)}
    sizes = {"patch_size": 8, "embed_dim": 24, "img_size": 32, "num_classes": 5}
    if family == "vit":
        timms = timm.models.VisionTransformer(depth=2, num_heads=3, **sizes, **ratios)
        network = create("residual_vit", num_classes=5)
    else:
        timms = timm.models.MlpMixer(num_blocks=2, **sizes, **ratios)
        network = create("residual_mixer", num_classes=5, token_width=12, channel_width=48)
    network, timms = network.double().eval(), timms.double().eval()
    for p in network.parameters():
        p.normal_(std=0.3)
    timms.load_state_dict(as_timm_names(network.state_dict(), family))
    x = images.double()
    close = {"atol": 1e-10, "rtol": 0}
    tokens = network.forward_features(x)
    torch.testing.assert_close(tokens, timms.forward_features(x), **close)
    for pre_logits in (True, False):
        timm_head = timms.forward_head(tokens, pre_logits=pre_logits)
        torch.testing.assert_close(network.forward_head(tokens, pre_logits), timm_head, **close)
    torch.testing.assert_close(network(x), timms(x), **close)
    for asked in ({}, {"indices": [0], "output_fmt": "NLC", "norm": True}, {"stop_early": True}):
        (last, maps), (expected, timm_maps) = (
            m.forward_intermediates(x, **asked) for m in (network, timms)
        )
        torch.testing.assert_close(last, expected, **close)
        torch.testing.assert_close(maps, timm_maps, **close)


@every
@torch.no_grad()
def test_without_classes_it_gives_features_and_unpooled_tokens(create, images, name, variant):
    whole = create(name, num_classes=4, variant=variant).eval()
    features = whole.features(images)
    tokens = whole.forward_features(images)
    assert features.shape == (4, whole.num_features) == (4, 24)
    assert tokens.shape == (4, 16 + whole.num_prefix_tokens, 24)
    torch.testing.assert_close(whole.forward_head(tokens, pre_logits=True), features)

    bare = create(name, num_classes=0, variant=variant).eval()
    torch.testing.assert_close(bare(images), features)
    assert isinstance(bare.get_classifier(), torch.nn.Identity)

    whole.reset_classifier(7)
    assert (whole(images).shape, whole.num_classes) == ((4, 7), 7)
    assert whole.get_classifier().out_features == 7
    whole.reset_classifier(0, "")
    assert whole(images).shape == tokens.shape


def test_a_new_head_is_where_the_network_is_and_in_its_precision(create):
    model = create("ac_vit", num_classes=4, dtype=torch.float64)
    model.reset_classifier(3)
    assert model.head.weight.dtype == torch.float64


@torch.no_grad()
def test_features_only_gives_maps_of_the_sum_so_far(create, images):
    maps = create("ac_vit", features_only=True, out_indices=(0, 1)).eval()
    assert [tuple(m.shape) for m in maps(images)] == [(4, 24, 4, 4)] * 2
    assert (maps.feature_info.channels(), maps.feature_info.reduction()) == ([24, 24], [8, 8])
    states = list(create("ac_vit").eval()._hidden_states(images))
    torch.testing.assert_close(maps(images)[0].flatten(2).transpose(1, 2), states[1][:, 1:])
    first = create("ac_vit", features_only=True, out_indices=(0,))
    assert len(first.model.blocks) == 1


@torch.no_grad()
def test_drop_rate_drops_features_in_training_alone(create, images):
    model = create("ac_vit", num_classes=5, drop_rate=0.5)
    assert not torch.allclose(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))


@torch.no_grad()
def test_bf16_is_inside(create, images):
    exact = create("ac_vit", num_classes=5).eval()(images)
    rounded = create("ac_vit", num_classes=5, precision="bf16").eval()(images)
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, exact)
    torch.testing.assert_close(rounded, exact, atol=0.05, rtol=0)


# ---------------------------------------------------------------- timm's tools


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"embed_dims": 3}, "Did you mean 'embed_dim'"),
        ({"wiring": "residual"}, "has no argument 'wiring'"),
        ({"token_width": 8}, "has no argument 'token_width'"),
        ({"drop_path_rate": 0.1}, "model.dropping"),
        ({"global_pool": "avg"}, "may be 'token'"),
        ({"img_size": (32, 64)}, r"square images, not img_size=\(32, 64\)"),
        ({"img_size": 30}, "30 is not a multiple of patch_size 8"),
        ({"num_heads": 5}, "not a multiple of heads 5"),
        ({"num_classes": -1}, "at least 0, not -1"),
    ],
    ids=lambda a: next(iter(a)) if isinstance(a, dict) else "",
)
def test_what_it_has_not_is_refused_by_name(create, asked, message):
    with pytest.raises(ValueError, match=message):
        create("ac_vit", **asked)


def test_there_are_no_pretrained_weights(create):
    with pytest.raises(RuntimeError, match="No pretrained weights exist for ac_vit_tiny_patch4_32"):
        create("ac_vit", pretrained=True)


def test_an_unreleased_block_is_refused_and_rates_of_zero_are_taken(create):
    with pytest.raises(LookupError, match="no code of it was released"):
        create("feedforward_mixer", variant="released")
    create("ac_mixer", drop_path_rate=0.0, drop_rate=0.0)


@torch.no_grad()
def test_other_images_are_taken_by_timms_words(create):
    assert create("ac_vit", num_classes=2, img_size=16, in_chans=1)(
        torch.rand(3, 1, 16, 16)
    ).shape == (3, 2)


def test_loaders_normalise_for_it_and_it_does_not_again(create):
    from PIL import Image

    model = create("ac_mixer", num_classes=2)
    config = timm.data.resolve_data_config(model=model)
    transform = timm.data.create_transform(**config)
    white = transform(Image.new("RGB", (40, 40), "white"))
    assert white.shape == (3, 32, 32)
    torch.testing.assert_close(white, torch.ones(3, 32, 32))
    assert "normalise.mean" not in model.state_dict()


@every
def test_decay_by_layer_puts_what_a_wiring_has_for_a_block_with_the_block(create, name, variant):
    model = create(name, num_classes=2, variant=variant)
    optimizer = timm.optim.create_optimizer_v2(
        model, opt="adamw", lr=1.0, weight_decay=0.1, layer_decay=0.5
    )
    names = {id(p): n for n, p in model.named_parameters()}
    rates = {names[id(p)]: g["lr_scale"] for g in optimizer.param_groups for p in g["params"]}
    assert rates.keys() == set(names.values())
    expected = {"stem": 1 / 8, "0": 1 / 4, "1": 1 / 2, "readout": 1 / 2, "head": 1.0}
    for parameter, rate in rates.items():
        place = next(part for part in parameter.split(".") if part in expected)
        assert rate == expected[place], parameter
    free = {
        names[id(p)] for g in optimizer.param_groups if not g["weight_decay"] for p in g["params"]
    }
    assert free >= {n for n in rates if n in ("stem.cls_token", "stem.pos_embed", "stem.token")}
    assert "head.weight" not in free


@every
def test_the_first_convolution_and_the_classifier_are_where_timm_looks(create, name, variant):
    model = create(name, num_classes=2, variant=variant)
    first = model.get_submodule(model.default_cfg["first_conv"])
    assert isinstance(first, torch.nn.Conv2d)
    assert model.get_submodule(model.pretrained_cfg["classifier"]) is model.head


@torch.no_grad()
def test_a_checkpoint_of_timm_and_one_of_acn_bench_are_both_loaded(create, images, tmp_path):
    model = create("ac_vit", num_classes=3).eval()
    torch.save(model.state_dict(), tmp_path / "timm.pth")
    save(model, tmp_path / "acn_bench.safetensors")
    assert torch.equal(load(tmp_path / "acn_bench.safetensors")(images), model(images))
    for file in ("timm.pth", "acn_bench.safetensors"):
        path = str(tmp_path / file)
        other = create("ac_vit", seed=1, num_classes=3, checkpoint_path=path).eval()
        assert torch.equal(other(images), model(images))


@torch.no_grad()
def test_weights_that_were_trained_on_images_of_other_statistics_are_refused(
    create, images, tmp_path
):
    path = tmp_path / "network.safetensors"
    sizes = {"patch_size": 8, "width": 24, "heads": 3, "depth": 2}
    half = build("ac_vit", num_classes=3, **sizes).eval()
    save(half, path)
    model = create("ac_vit", num_classes=3, checkpoint_path=str(path)).eval()
    torch.testing.assert_close(model((images - 0.5) / 0.5), half(images))

    save(build("ac_vit", num_classes=3, mean=(0.4, 0.4, 0.4), **sizes), path)
    with pytest.raises(ValueError, match=r"normalise.mean \(0.4"):
        create("ac_vit", num_classes=3, checkpoint_path=str(path))


def test_timms_switch_for_checkpointing_is_ours(create, images):
    model = create("densenet_vit", num_classes=3)
    gradients = []
    for on in (False, True):
        model.set_grad_checkpointing(on)
        assert model.checkpointing is on
        model.zero_grad()
        model(images).square().sum().backward()
        gradients.append([p.grad for p in model.parameters()])
    assert all(torch.equal(stored, again) for stored, again in zip(*gradients, strict=True))
