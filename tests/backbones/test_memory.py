"""What the long sum costs, no more than one activation beside a residual network; what checkpointing saves."""

import weakref

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from acn_bench.backbones import build
from acn_bench.backbones.wiring import WIRINGS

SIZES = {
    "vit": {"width": 32, "heads": 2, "depth": 8},
    "mixer": {"width": 32, "token_width": 16, "channel_width": 64, "depth": 8},
}


class Watermark(TorchDispatchMode):
    """The most bytes of tensors that were alive at once, of those made inside."""

    def __init__(self):
        super().__init__()
        self.alive, self.peak, self.known = 0, 0, set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return out

    def _count(self, storage):
        key = storage._cdata
        if key not in self.known:
            self.known.add(key)
            self.alive += storage.nbytes()
            self.peak = max(self.peak, self.alive)
            weakref.finalize(storage, self._gone, key, storage.nbytes())

    def _gone(self, key, size):
        self.known.discard(key)
        self.alive -= size


def peak(name, *, train, checkpointing=False, **sizes):
    torch.manual_seed(0)
    model = build(name, num_classes=4, **SIZES[name.partition("_")[2]] | sizes)
    model.checkpointing = checkpointing
    images = torch.rand(4, 3, 32, 32)
    with torch.set_grad_enabled(train), Watermark() as mark:
        loss = model(images).sum()
        if train:
            loss.backward()
    return mark.peak


def activation(name):
    """Bytes of one (B, T, D) tensor of float32."""
    tokens = 65 if name == "vit" else 64
    return 4 * tokens * SIZES[name]["width"] * 4


def test_the_watermark_counts_what_is_alive_together():
    with Watermark() as mark:
        for _ in range(3):
            torch.zeros(1000)
        two = [torch.zeros(1000), torch.zeros(1000)]
    assert mark.peak == 2 * 4000, len(two)


@pytest.mark.parametrize("family", SIZES)
@pytest.mark.parametrize("train", [False, True])
def test_the_long_sum_holds_one_activation_at_most(family, train):
    more = peak(f"ac_{family}", train=train) - peak(f"residual_{family}", train=train)
    assert more <= activation(family)


def a_block_more(name, *, checkpointing):
    """By how many activations the peak of a training step grows, less the gradients of the weights."""

    def held(depth):
        model = build(name, num_classes=4, **SIZES[name.partition("_")[2]] | {"depth": depth})
        weights = sum(p.numel() * p.element_size() for p in model.parameters())
        return peak(name, train=True, checkpointing=checkpointing, depth=depth) - weights

    return (held(12) - held(8)) / 4 / activation(name.partition("_")[2])


@pytest.mark.parametrize("family", SIZES)
@pytest.mark.parametrize("wiring", WIRINGS)
def test_checkpointing_stores_the_inputs_of_blocks_and_little_more(wiring, family):
    stored = a_block_more(f"{wiring}_{family}", checkpointing=False)
    again = a_block_more(f"{wiring}_{family}", checkpointing=True)
    assert again < stored / 3
    if wiring in ("ac", "residual", "feedforward"):  # the others hold every output, too
        assert again < 2 < stored
