"""What every backbone promises, whatever its family."""

import copy
from itertools import pairwise

import pytest
import torch
from torch import nn

from acn_bench.backbones import build, depth_logits, from_factory, sublayers, truncate
from acn_bench.backbones.patches import Normalise

ARMS = [
    ("ac_mixer", "plain"),
    ("residual_mixer", "plain"),
    ("feedforward_mixer", "plain"),
    ("ac_mixer", "released"),
    ("residual_mixer", "released"),
]


# ---------------------------------------------------------------- depths


@torch.no_grad()
@pytest.mark.parametrize(("name", "variant"), ARMS)
def test_every_depth_in_one_pass_and_the_last_row_is_the_network(small, images, name, variant):
    network = small(name, variant=variant).eval()
    depths = network.forward_depths(images)
    assert depths.shape == (4, len(images), 7)
    assert torch.equal(depths[-1], network(images))
    assert network.feature_depths(images).shape == (4, len(images), 24)
    assert torch.equal(network.feature_depths(images)[-1], network.features(images))
    assert torch.equal(network.head(network.feature_depths(images)), depths)


@torch.no_grad()
@pytest.mark.parametrize(("name", "variant"), ARMS)
def test_truncated_to_k_it_gives_row_k_and_the_network_stays_as_it_was(
    small, images, name, variant
):
    network = small(name, variant=variant).eval()
    before = copy.deepcopy(network.state_dict())
    depths = network.forward_depths(images)
    for k in range(4):
        cut = truncate(network, k)
        assert cut.depth == k
        torch.testing.assert_close(cut(images), depths[k], rtol=0, atol=1e-6)
        assert not {id(p) for p in cut.parameters()} & {id(p) for p in network.parameters()}
    assert network.depth == 3
    assert list(network.state_dict()) == list(before)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert torch.equal(network.forward_depths(images), depths)


def test_a_truncated_network_is_smaller_by_its_blocks_and_can_be_cut_again(small, images):
    network = small("ac_mixer").eval()
    block = sum(p.numel() for p in network.blocks[0].parameters())
    sizes = [sum(p.numel() for p in truncate(network, k).parameters()) for k in range(4)]
    assert [b - a for a, b in pairwise(sizes)] == [block] * 3
    again = truncate(truncate(network, 2), 1)
    assert torch.equal(again(images), truncate(network, 1)(images))


@pytest.mark.parametrize("k", [-1, 4, 100])
def test_a_depth_that_does_not_exist_is_refused(small, k):
    network = small("ac_mixer")
    with pytest.raises(ValueError, match=f"cannot truncate to {k} blocks: the network has 3"):
        truncate(network, k)
    assert network.depth == 3


@pytest.mark.parametrize("k", [1.0, "1", None])
def test_a_depth_that_is_no_integer_is_refused(small, k):
    with pytest.raises(ValueError, match=f"cannot truncate to {k!r} blocks: the network has 3"):
        truncate(small("ac_mixer"), k)


def test_what_is_no_backbone_is_not_cut():
    with pytest.raises(ValueError, match="truncate cuts a backbone, not a Linear"):
        truncate(nn.Linear(2, 2), 1)


# ---------------------------------------------------------------- images


def test_normalisation_is_inside_and_is_kept_in_the_checkpoint(small, images):
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    inside = small("ac_mixer", mean=mean, std=std).eval()
    outside = small("ac_mixer", mean=None).eval()
    shape = (1, 3, 1, 1)
    normalised = (images - torch.tensor(mean).view(shape)) / torch.tensor(std).view(shape)
    torch.testing.assert_close(inside(images), outside(normalised))
    state = inside.state_dict()
    assert state["normalise.mean"].flatten().tolist() == pytest.approx(mean)
    assert state["normalise.std"].flatten().tolist() == pytest.approx(std)
    assert not any(key.startswith("normalise") for key in outside.state_dict())
    other = small("ac_mixer", seed=1).eval()
    other.load_state_dict(state)
    assert torch.equal(other(images), inside(images))


def test_by_default_images_are_moved_to_minus_one_to_one():
    normalise = build("ac_mixer", 2, depth=1).normalise
    assert isinstance(normalise, Normalise)
    assert normalise(torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1)).flatten().tolist() == [-1, 0, 1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.rand(2, 1, 32, 32), r"\(B, 3, 32, 32\), got \(2, 1, 32, 32\)"),
        (torch.rand(2, 4, 32, 32), r"\(B, 3, 32, 32\), got \(2, 4, 32, 32\)"),
        (torch.rand(2, 3, 28, 28), r"\(B, 3, 32, 32\), got \(2, 3, 28, 28\)"),
        (torch.rand(3, 32, 32), r"\(B, 3, 32, 32\), got \(3, 32, 32\)"),
        (torch.zeros(2, 3, 32, 32, dtype=torch.uint8), "floating point in .*, got torch.uint8"),
        (torch.zeros(2, 3, 32, 32, dtype=torch.int64), "floating point in .*, got torch.int64"),
        (torch.rand(2, 3, 32, 32).double(), "of the weights, torch.float32, got torch.float64"),
        (torch.rand(2, 32, 32, 3), r"\(B, 3, 32, 32\), got \(2, 32, 32, 3\)"),
        (torch.rand(2, 3, 32, 32).numpy(), r"torch.Tensor \(B, 3, 32, 32\), got numpy.ndarray"),
        (None, r"torch.Tensor \(B, 3, 32, 32\), got builtins.NoneType"),
    ],
    ids=[
        *("grey", "four channels", "small", "no batch", "bytes", "integers", "doubles"),
        *("channels last", "numpy", "nothing"),
    ],
)
@pytest.mark.parametrize("variant", ["plain", "released"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("family", ["mixer", "vit"])
def test_images_that_do_not_fit_are_refused_in_one_sentence(
    small, wrong, message, variant, precision, family
):
    network = small(f"ac_{family}", variant=variant, precision=precision)
    for method in (network, network.forward_depths, network.feature_depths):
        with pytest.raises(ValueError, match=f"expected images.*{message}"):
            method(wrong)


def test_half_precision_is_refused_unless_autocast_casts_it(small, images):
    with pytest.raises(ValueError, match=r"of the weights, torch\.float32, got torch\.float16"):
        small("ac_mixer")(images.half())
    assert small("ac_mixer", precision="bf16")(images.half()).dtype == torch.float32
    assert small("ac_mixer").half()(images.half()).dtype == torch.float16


def test_grey_images_need_statistics_of_one_channel():
    with pytest.raises(ValueError, match="a value for each of 1 channels"):
        build("ac_mixer", 2, in_channels=1)
    network = build("ac_mixer", 2, depth=1, in_channels=1, mean=(0.5,), std=(0.5,))
    assert network(torch.rand(2, 1, 32, 32)).shape == (2, 2)


def test_a_spread_of_zero_is_refused():
    with pytest.raises(ValueError, match="std must be above 0"):
        build("ac_mixer", 2, std=(0.5, 0.0, 0.5))


# ---------------------------------------------------------------- names and sizes


VIT = {"name": "ac_vit", "width": 24, "heads": 3}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"name": "ac_mixr"}, LookupError, "unknown backbone 'ac_mixr'. Did you mean 'ac_mixer'"),
        ({"name": "my.module:net"}, LookupError, "unknown backbone 'my.module:net'"),
        ({"variant": "relased"}, LookupError, "'relased' of ac_mixer. Did you mean 'released'"),
        (
            {"name": "feedforward_mixer", "variant": "released"},
            LookupError,
            "no variant 'released': no code of it was released",
        ),
        ({"widht": 64}, ValueError, "unknown key 'widht'. Did you mean 'width'"),
        (
            {"name": "ac_mixer:released"},
            LookupError,
            r"Did you mean build\('ac_mixer', variant='released'\)",
        ),
        ({"name": None}, LookupError, "unknown backbone None. Known: ac_mixer, residual_mixer"),
        ({"variant": ""}, LookupError, "unknown variant '' of ac_mixer. Known: plain, released"),
        ({"wiring": "residual"}, ValueError, "wiring is part of the name, not a size"),
        ({"depth": 0}, ValueError, "ac_mixer:plain: depth is 0: Expected `int` >= 1"),
        ({"depth": 2.5}, ValueError, "depth is 2.5: Expected `int`, got `float`"),
        ({"depth": True}, ValueError, "depth is True: Expected `int`, got `bool`"),
        ({"patch_size": 5}, ValueError, "image_size 32 is not a multiple of patch_size 5"),
        ({"patch_size": 64}, ValueError, "image_size 32 is not a multiple of patch_size 64"),
        ({"image_size": -32}, ValueError, "image_size is -32: Expected `int` >= 1"),
        ({"width": "64"}, ValueError, "width is '64': Expected `int`, got `str`"),
        ({"heads": 3}, ValueError, "unknown key 'heads'. Known: depth, image_size"),
        (VIT | {"heads": 5}, ValueError, "width 24 is not a multiple of heads 5"),
        ({"name": "ac_bert", "heads": 5}, ValueError, "width 768 is not a multiple of heads 5"),
        (VIT | {"mlp_ratio": 0.01}, ValueError, "mlp_ratio 0.01 times width 24 must give 1 chan"),
        (VIT | {"mlp_ratio": float("inf")}, ValueError, "mlp_ratio inf times width 24"),
        (VIT | {"mlp_ratio": 0}, ValueError, "mlp_ratio is 0: Expected `float` > 0"),
        (
            VIT | {"mlp_ratio": 0.5, "variant": "released"},
            ValueError,
            "an identity path needs a hidden width of 24 or more, not 12",
        ),
        ({"name": "ac_bert", "image_size": 32}, ValueError, "unknown key 'image_size'"),
        ({"num_classes": 0}, ValueError, "num_classes must be an int of at least 1, not 0"),
        ({"num_classes": -1}, ValueError, "num_classes must be an int of at least 1, not -1"),
        ({"num_classes": 2.0}, ValueError, "num_classes must be an int of at least 1, not 2.0"),
        ({"precision": "fp16"}, LookupError, "unknown precision 'fp16'. Did you mean 'bf16'"),
        ({"precision": "half"}, LookupError, "unknown precision 'half'. Known: fp32, bf16"),
        ({"mean": 0.5}, ValueError, "mean 0.5 and std .* a value for each of 3 channels"),
        ({"std": (1.0, 1.0)}, ValueError, r"std \(1.0, 1.0\) must have a value for each of 3"),
        ({"mean": "imagenet"}, ValueError, "mean 'imagenet' and std .* a value for each of 3"),
        ({"mean": (0, 0, float("nan"))}, ValueError, "a value for each of 3 channels"),
    ],
    ids=lambda v: str(v) if isinstance(v, dict) else "",
)
def test_what_cannot_be_built_is_refused_with_the_nearest_right_answer(arguments, error, message):
    with pytest.raises(error, match=message):
        build(**{"name": "ac_mixer", "num_classes": 10} | arguments)


# ---------------------------------------------------------------- bf16


@torch.no_grad()
@pytest.mark.parametrize(("name", "variant"), ARMS)
def test_bf16_keeps_the_stream_in_float32_and_says_nearly_the_same(small, images, name, variant):
    exact = small(name, variant=variant).eval()
    network = small(name, variant=variant, precision="bf16").eval()
    streams, products = [], []
    for block in network.blocks:
        block.register_forward_pre_hook(lambda _, args: streams.append(args[0].dtype))
        block.channel_mixing.mlp.fc1.register_forward_hook(
            lambda _, _args, out: products.append(out.dtype)
        )
    network.readout.register_forward_pre_hook(lambda _, args: streams.append(args[0].dtype))
    logits, depths = network(images), network.forward_depths(images)
    assert logits.dtype == depths.dtype == torch.float32
    assert set(streams) == {torch.float32}
    assert set(products) == {torch.bfloat16}
    reference = exact(images)
    assert not torch.equal(logits, reference)
    torch.testing.assert_close(logits, reference, rtol=0, atol=0.05)


@pytest.mark.parametrize(("name", "variant"), ARMS)
def test_bf16_without_gradients_takes_quicker_kernels_that_say_the_same(
    small, images, monkeypatch, name, variant
):
    network = small(name, variant=variant, precision="bf16").eval()
    calls = []
    quicker = sublayers._onednn_linear
    monkeypatch.setattr(sublayers, "_onednn_linear", lambda *a: calls.append(1) or quicker(*a))
    with torch.no_grad():
        evaluated = network(images)
    assert bool(calls) == sublayers._has_onednn_bf16()
    calls.clear()
    trained = network(images).detach()
    assert not calls
    torch.testing.assert_close(evaluated, trained, rtol=0, atol=0.02)
    for block in network.blocks:
        block.channel_mixing.mlp.fc1.register_forward_hook(lambda *_: None)
    with torch.no_grad():
        network(images)
    assert not calls  # a hook is called, whatever it costs


def test_bf16_trains_weights_that_stay_float32(small, images):
    network = small("ac_mixer", precision="bf16")
    network(images).sum().backward()
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert all(p.grad.dtype == torch.float32 for p in network.parameters())


# ---------------------------------------------------------------- learning


@pytest.mark.parametrize(("name", "variant"), ARMS)
def test_it_learns_one_batch_by_heart(small, name, variant):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(14, 3, 32, 32, generator=generator)
    labels = torch.arange(14) % 7
    network = small(name, variant=variant, depth=2)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    assert torch.equal(network.eval()(images).argmax(1), labels)


# ---------------------------------------------------------------- heads


class HeadEach(nn.Module):
    """The least of a multi-head model."""

    def __init__(self, backbone, heads):
        super().__init__()
        backbone.head = nn.Identity()
        self.backbone, self.heads = backbone, nn.ModuleList(heads)

    def feature_depths(self, x):
        return self.backbone.feature_depths(x)

    def head(self, features, task_labels):
        return torch.stack(
            [self.heads[int(t)](f) for f, t in zip(features, task_labels, strict=True)]
        )


@torch.no_grad()
def test_depth_logits_sends_each_example_through_its_own_head(small, images):
    heads = [nn.Linear(24, 5) for _ in range(2)]
    model = HeadEach(small("ac_mixer").eval(), heads)
    labels = torch.tensor([0, 1, 1, 0])
    logits = depth_logits(model, images, labels)
    assert logits.shape == (4, 4, 5)
    features = model.feature_depths(images)
    for b, task in enumerate(labels.tolist()):
        torch.testing.assert_close(logits[:, b], heads[task](features[:, b]))


@torch.no_grad()
def test_with_one_head_depth_logits_are_those_of_forward_depths(small, images):
    model = small("ac_mixer").eval()
    assert torch.equal(depth_logits(model, images, 0), model.forward_depths(images))


# ---------------------------------------------------------------- anybody's network


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module that can be imported, and gives its name."""
    monkeypatch.syspath_prepend(str(tmp_path))
    number = iter(range(100))

    def write(source):
        name = f"anybodys_{tmp_path.name.replace('-', '_')}_{next(number)}"
        (tmp_path / f"{name}.py").write_text(source)
        return name

    return write


NET = """
from torch import nn
class Net(nn.Sequential):
    def __init__(self, num_classes):
        super().__init__(nn.Flatten())
        self.head = nn.Linear(3072, num_classes)
"""


def test_a_factory_makes_anybodys_network(module):
    network = from_factory(f"{module(NET)}:Net", num_classes=4)
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 4)


@pytest.mark.parametrize(
    ("source", "function", "error", "message"),
    [
        (None, "Net", LookupError, "there is no backbone factory 'nowhere_at_all:Net'.*No module"),
        (NET, "Nett", LookupError, "no attribute 'Nett'"),
        (NET, "", LookupError, "there is no backbone factory"),
        ("1 +", "Net", LookupError, "SyntaxError"),
        ("1 / 0", "Net", LookupError, "ZeroDivisionError"),
        ("import sys; sys.exit(0)", "Net", LookupError, "no backbone factory .*: SystemExit: 0"),
        ("raise GeneratorExit", "Net", LookupError, "no backbone factory .*: GeneratorExit"),
        ("def __getattr__(name): 1 / 0", "Net", LookupError, "ZeroDivisionError"),
        ("Net = 3", "Net", LookupError, "is no function, but a int"),
        ("def Net(): pass", "Net", ValueError, "failed with num_classes=4: TypeError"),
        ("def Net(num_classes): return 3", "Net", ValueError, "must make an nn.Module whose `.head`"),
        (NET.replace("self.head", "self.fc"), "Net", ValueError, "must make an nn.Module whose"),
    ],
)  # fmt: skip
def test_a_factory_that_fails_says_so_in_one_sentence(module, source, function, error, message):
    name = "nowhere_at_all" if source is None else module(source)
    with pytest.raises(error, match=message):
        from_factory(f"{name}:{function}", num_classes=4)
