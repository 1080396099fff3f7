"""Every vision backbone in stock Avalanche: with a head for each experience, and with one that grows."""

import pytest
import torch
from avalanche.benchmarks import nc_benchmark
from avalanche.models import IncrementalClassifier, as_multitask
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import LwF, Naive, Replay, SynapticIntelligence

from acn_bench.backbones import build, depth_logits, truncate
from acn_bench.data import images as data
from acn_bench.families.names import BACKBONES, variants

SIZES = {
    "mixer": {"patch_size": 16, "width": 8, "token_width": 4, "channel_width": 8},
    "vit": {"patch_size": 16, "width": 8, "heads": 2},
}
VISION = [(n, v) for n in BACKBONES if n.partition("_")[2] in SIZES for v in variants(n)]
STRATEGIES = {
    "naive": (Naive, {}),
    "si": (SynapticIntelligence, {"si_lambda": 1.0}),
    "lwf": (LwF, {"alpha": 5.0, "temperature": 2.0}),
    "replay": (Replay, {"mem_size": 8}),
}
CLASSES = 4  # two an experience

pytestmark = [
    pytest.mark.filterwarnings("ignore:No loggers specified"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),  # its SI
    pytest.mark.filterwarnings("ignore:Using a non-tuple sequence:UserWarning"),  # its SI
]
heads = pytest.mark.parametrize("task_incremental", [True, False], ids=["a head each", "one head"])
backbones = pytest.mark.parametrize(
    ("name", "variant"), VISION, ids=[f"{n}:{v}" for n, v in VISION]
)


class Digits(torch.utils.data.Dataset):
    """The first 24 images of a few classes."""

    def __init__(self):
        digits = data.load("digits10")
        keep = (digits.train_labels < CLASSES).nonzero().squeeze(1)[:24]
        self.images = digits.train_images[keep].float() / 255
        self.targets = digits.train_labels[keep].tolist()

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        return self.images[index], self.targets[index]


@pytest.fixture(scope="module")
def streams():
    """By whether each experience has a head of its own."""
    digits = Digits()

    def make(task_incremental):
        with torch.random.fork_rng():
            return nc_benchmark(
                digits,
                digits,
                n_experiences=2,
                task_labels=task_incremental,
                shuffle=False,
                class_ids_from_zero_in_each_exp=task_incremental,
            )

    return {task_incremental: make(task_incremental) for task_incremental in (True, False)}


@pytest.fixture
def learn(streams):
    """Trains a tiny network on the stream: `learn("ac_vit", "plain", "si", True)`."""

    def run(name, variant, strategy, task_incremental, *, precision="fp32", epochs=1):
        torch.manual_seed(0)
        sizes = SIZES[name.partition("_")[2]]
        model = build(name, 2, depth=2, variant=variant, precision=precision, **sizes)
        if task_incremental:
            model = as_multitask(model, "head")
        else:
            model.head = IncrementalClassifier(model.head.in_features, 2)
        kind, options = STRATEGIES[strategy]
        learner = kind(
            model=model,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
            criterion=torch.nn.CrossEntropyLoss(),
            train_mb_size=8,
            train_epochs=epochs,
            eval_mb_size=8,
            evaluator=EvaluationPlugin(loggers=[]),
            **options,
        )
        for experience in streams[task_incremental].train_stream:
            learner.train(experience)
        learner.eval(streams[task_incremental].test_stream)
        return model.eval()

    return run


def mixed():
    """Images of both experiences in one batch, and which experience each is of."""
    digits = Digits()
    return digits.images, torch.tensor(digits.targets) // 2


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.blocks.parameters()])


@backbones
@heads
@torch.no_grad()
def test_it_trains_under_naive_si_lwf_and_replay(learn, name, variant, task_incremental):
    with torch.enable_grad():
        learned = {s: learn(name, variant, s, task_incremental) for s in STRATEGIES}
    trained = {s: weights(model) for s, model in learned.items()}
    # SI is left out: what Avalanche's has learned to be important is, on the CPU, nothing
    assert not torch.allclose(trained["naive"], trained["lwf"], atol=1e-5)
    assert not torch.allclose(trained["naive"], trained["replay"], atol=1e-5)
    images, labels = mixed()
    for model in learned.values():
        depths = depth_logits(model, images, labels)
        assert depths.shape == (3, len(images), 2 if task_incremental else CLASSES)
        assert depths.isfinite().all()
        full = model(images, labels) if task_incremental else model(images)
        torch.testing.assert_close(depths[-1], full)


@backbones
@heads
@torch.no_grad()
def test_it_trains_in_bf16_with_batches_of_several_experiences(
    learn, name, variant, task_incremental
):
    with torch.enable_grad():
        model = learn(name, variant, "replay", task_incremental, precision="bf16")
    images, labels = mixed()
    logits = model(images, labels) if task_incremental else model(images)
    assert logits.dtype == torch.float32
    assert torch.equal(depth_logits(model, images, labels)[-1], logits)


@pytest.mark.parametrize("strategy", STRATEGIES)
@heads
def test_in_bf16_every_strategy_learns_what_it_learns_in_fp32_but_for_rounding(
    learn, strategy, task_incremental
):
    rounded = weights(learn("ac_mixer", "plain", strategy, task_incremental, precision="bf16"))
    exact = weights(learn("ac_mixer", "plain", strategy, task_incremental))
    assert not torch.equal(rounded, exact)
    torch.testing.assert_close(rounded, exact, atol=0.02, rtol=0)


@torch.no_grad()
def test_a_multi_head_network_is_cut_with_its_heads(learn):
    with torch.enable_grad():
        model = learn("denseformer_vit", "plain", "naive", True)
    images, labels = mixed()
    depths = depth_logits(model, images, labels)
    for k in range(3):
        torch.testing.assert_close(truncate(model, k)(images, labels), depths[k])
    assert model.depth == 2


def test_forward_depths_without_its_heads_says_where_they_are(learn):
    model = learn("ac_mixer", "plain", "naive", True)
    with pytest.raises(ValueError, match=r"depth_logits\(model, x, task_labels\)"):
        model.forward_depths(mixed()[0])
