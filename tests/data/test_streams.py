"""A function that makes an Avalanche benchmark is a benchmark: its images, its experiences, its task labels."""

import random
import sys

import msgspec
import numpy as np
import pytest
import torch

from acn_bench import catalog
from acn_bench.benchmarks.continual.protocol import measure
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.benchmarks.continual.split import split
from acn_bench.benchmarks.run import Run
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images, streams
from acn_bench.execution import session
from acn_bench.families.mixer import MixerSpec
from acn_bench.plan import Choices, unresolved
from acn_bench.strategies.naive import NaiveSpec

MODULE = """
import numpy as np
import torch
from avalanche.benchmarks import benchmark_from_datasets, nc_benchmark
from avalanche.benchmarks.utils import as_classification_dataset
from PIL import Image
from sklearn.datasets import load_digits
from torchvision.transforms import Compose, Normalize, ToTensor

NORMALISED = Compose([ToTensor(), Normalize((0.5,), (0.5,))])


class Digits(torch.utils.data.Dataset):
    def __init__(self, side, kind, order):
        raw = load_digits()
        rows = np.arange(360) if side == "train" else np.arange(360, 560)
        self.pixels, self.targets = (raw.images[rows] * 15).astype("uint8"), raw.target[rows].tolist()
        self.pixels = self.pixels.reshape(-1, 64)[:, order].reshape(-1, 8, 8)
        self.kind = kind

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, k):
        image = Image.fromarray(self.pixels[k].repeat(2, 0).repeat(2, 1))
        if self.kind in ("deep", "faint"):
            image = Image.fromarray(np.asarray(image).astype("uint16") * (257 if self.kind == "deep" else 1))
        if self.kind == "colour":
            image = image.convert("RGB")
        if self.kind == "uneven" and k == 7:
            image = image.resize((12, 12))
        if self.kind in ("array", "tensor", "signed"):
            image = np.asarray(image)
        if self.kind in ("tensor", "signed"):
            image = torch.from_numpy(image / 255).float()[None] - 0.5 * (self.kind == "signed")
        return image, self.targets[k]


def sides(kind="pil", order=range(64)):
    return Digits("train", kind, list(order)), Digits("test", kind, list(order))


def digits(n_experiences=5, task_labels=True, kind="pil", **more):
    return nc_benchmark(*sides(kind), n_experiences, task_labels, **more)


def normalised(dataset_root=None, train_transform=NORMALISED, eval_transform=NORMALISED, seed=0):
    assert dataset_root.is_absolute()
    more = {"train_transform": train_transform, "eval_transform": eval_transform}
    return nc_benchmark(*sides(), 5, True, seed=seed, **more)


def permuted(task_labels=True, tests=2):
    made = [sides(order=np.random.default_rng(e).permutation(64)) for e in range(2)]
    train, test = zip(*made)
    if task_labels:
        return nc_benchmark(
            list(train), list(test), 2, True, shuffle=False, one_dataset_per_exp=True,
            class_ids_from_zero_in_each_exp=True,
        )
    train, test = ([as_classification_dataset(d) for d in side] for side in (train, test))
    return benchmark_from_datasets(train=train, test=test[:tests])


class Shades(torch.utils.data.Dataset):
    def __init__(self, targets, yielded):
        self.targets = [t if type(t) is int else 0 for t in targets]
        self.yielded = targets if yielded is None else yielded

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, k):
        return torch.full((1, 8, 8), 1 - k % 50 / 50), self.yielded[k]


def shades(train, test, yielded=None):
    # a list of labels for each experience; `yielded`: what a data set yields in their place
    sides = [[as_classification_dataset(Shades(own, yielded)) for own in side] for side in (train, test)]
    return benchmark_from_datasets(train=sides[0], test=sides[1])


def split_shades(train, test):
    return nc_benchmark(Shades(train, None), Shades(test, None), 2, False)


def words():
    return "digits"


def exits():
    raise SystemExit(0)


class Closed:
    @property
    def train_stream(self):
        raise RuntimeError("closed")


def closed():
    return Closed()


class Broken:
    test_stream = ()

    @property
    def train_stream(self):
        yield from ()
        raise SystemExit


def broken():
    return Broken()
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads the data of a function of that module: `load("digits", task_labels=False)`."""
    (tmp_path / "own_streams.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_streams", raising=False)
    streams._load.cache_clear()

    def make(function="digits", **arguments):
        return images.load(f"own_streams:{function}", tmp_path, arguments)

    yield make
    sys.modules.pop("own_streams", None)


def protocol(**changes):
    given = {"data": "own_streams:digits", "experiences": 5, "classes_per_experience": 2}
    small = {"epochs": 2, "batch_size": 16, "crop_padding": 0, "flip": False}
    return ContinualSpec(name="own", **(given | small | changes))


def measured(data, **changes):
    channels, size, _ = data.train_images.shape[1:]
    network = MixerSpec(
        wiring="ac", depth=1, patch_size=4, width=24, token_width=8, channel_width=32,
        in_channels=channels, image_size=size,
    )  # fmt: skip
    config = RunConfig(
        benchmark=protocol(**changes),
        strategy=NaiveSpec(name="naive"),
        backbone=network,
        seeds=Seeds(),
        fingerprint=data.fingerprint,
    )
    return measure(Run(config, [data], torch.device("cpu")))


# ---------------------------------------------------------------- what it holds


def test_a_stream_with_task_labels_runs_with_a_head_each_in_its_own_order(load):
    order = [4, 0, 7, 8, 2, 5, 1, 6, 3, 9]
    data = load(fixed_class_order=order)
    values = measured(data, epochs=10)
    assert [sorted(order[2 * e : 2 * e + 2]) for e in range(5)] == values.result.classes
    assert data.train_images.shape == (360, 1, 16, 16)
    assert data.task_labels
    assert [g for g in values.guards if not g.passed] == []
    assert values.result.accuracy[-1][-1] > 0.7  # a real digit of two


def test_labels_from_zero_in_each_experience_are_told_apart(load):
    plain = load(fixed_class_order=list(range(10)))
    again = load(fixed_class_order=list(range(10)), class_ids_from_zero_in_each_exp=True)
    assert again.shared
    assert again.class_names[:4] == ("0/0", "0/1", "1/0", "1/1")
    assert torch.equal(plain.train_images, again.train_images)
    assert torch.equal(plain.train_labels, again.train_labels)


def test_a_stream_without_task_labels_runs_with_one_head(load):
    data = load(task_labels=False)
    values = measured(data, heads="one", experiences=3)
    assert not data.task_labels
    assert [g for g in values.guards if not g.passed] == []
    assert None not in values.result.accuracy[0] + values.result.masked_accuracy[0]


def test_permuted_images_share_their_classes_and_have_a_head_each(load):
    data = load("permuted")
    dealt = split(data, protocol(experiences=2, classes_per_experience=10), Seeds())
    assert dealt.classes == [list(range(10)), list(range(10, 20))]
    for e, rows in enumerate(dealt.test):
        assert set(rows.tolist()) == set(range(200 * e, 200 * (e + 1)))
    first, second = data.train_images.split(360)
    assert not torch.equal(first, second)
    assert torch.equal(first.flatten(1).sort().values, second.flatten(1).sort().values)


@pytest.mark.parametrize("kind", ["array", "tensor", "deep"])
def test_images_are_the_same_pixels_however_they_come(load, kind):
    assert load(kind=kind).fingerprint == load().fingerprint


def test_colour_is_three_channels_and_other_data(load):
    grey, colour = load(), load(kind="colour")
    assert colour.train_images.shape == (360, 3, 16, 16)
    assert torch.equal(colour.train_images[:, 1], grey.train_images[:, 0])
    assert colour.fingerprint != grey.fingerprint


def test_a_function_that_takes_transforms_is_asked_for_plain_images(load):
    plain = load("normalised")
    assert torch.equal(
        plain.train_images.sum(dim=(1, 2, 3)).sort().values,
        load().train_images.sum(dim=(1, 2, 3)).sort().values,
    )


def test_other_experiences_are_another_fingerprint(load):
    prints = {load(fixed_class_order=o).fingerprint for o in (list(range(10)), [*range(1, 10), 0])}
    assert len(prints) == 2


def test_what_it_draws_is_the_same_each_time_and_leaves_the_generators(load):
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    first = load().fingerprint  # no seed of its own
    streams._load.cache_clear()
    torch.manual_seed(99)
    random.seed(99)
    assert load().fingerprint == first
    torch.set_rng_state(torch.tensor(before[2], dtype=torch.uint8))
    random.setstate(before[0])
    streams._load.cache_clear()
    load()
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert after == before


def test_numbers_that_no_class_has_are_no_classes(load):
    some, all_of_them = [[0, 1] * 20, [2, 2_000_000] * 20], [[0, 1] * 20, [2, 3] * 20]
    data, plain = (
        load("shades", train=some, test=some),
        load("shades", train=all_of_them, test=all_of_them),
    )
    assert data.class_names == ("0", "1", "2", "2000000")
    assert data.experiences == plain.experiences == ((0, 1), (2, 3))
    assert torch.equal(data.train_labels, plain.train_labels)
    assert torch.equal(data.test_labels, plain.test_labels)
    assert data.fingerprint != plain.fingerprint


def test_a_class_is_named_as_its_stream_numbers_it(load):
    labels = [[0, 5] * 20, [7] * 40 + [9]]
    card = protocol(experiences=2, heads="one")
    with pytest.raises(ValueError, match="class 9 of own_streams:shades has 1 training images"):
        split(load("shades", train=labels, test=labels), card, Seeds())


def test_experiences_have_the_fingerprint_that_they_had_before(load):
    # run ids depend on it
    labels = [[0, 1] * 20, [2, 30] * 20]
    assert load("shades", train=labels, test=labels).fingerprint == "997a406ced59"
    assert load("permuted").fingerprint == "b1fc57baa7d7"


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("value", "shown"),
    [(-1, "-1"), (2.5, "2.5"), (float("nan"), "a float"), (10**400, "a int"), ("x", "a str"), ([1, 2], "a list")],
)  # fmt: skip
def test_a_label_that_is_no_class_is_refused_with_its_place(load, monkeypatch, value, shown):
    import own_streams

    labels = [[0, 1] * 5]
    monkeypatch.setattr(own_streams, "odd", lambda: own_streams.shades(labels, labels, [0, value] * 5), raising=False)  # fmt: skip
    message = f"experience 0 of the train stream of own_streams:odd has the label {shown}: classes"
    with pytest.raises(ValueError, match=message):
        load("odd")


@pytest.mark.parametrize(
    ("function", "train", "test", "message"),
    [
        ("shades", [[0, 1], [2, 3]], [[0, 1, 4, 4], [2, 3]], r"tests class 4 \(2 images\), which no experience"),
        ("shades", [[0, 1], []], [[0, 1]], "experience 1 of the train stream .* has no examples"),
        ("shades", [[0, 1], [2, 3]], [[0, 1, 2, 3], []], "experience 1 of the test stream .* has no examples"),
        ("shades", [], [[0, 1]], "the train stream of own_streams:shades has no experiences"),
        ("split_shades", [0, 1, 2, 3], [0, 1, 2], "KeyError: 3 .*training and test set differ in their classes"),
    ],
)  # fmt: skip
def test_streams_that_lack_examples_or_training_are_refused(load, function, train, test, message):
    with pytest.raises(ValueError, match=message):
        load(function, train=train, test=test)


def test_an_example_that_fails_is_told_with_its_place(load):
    message = "experience 0 of the train stream .* cannot be read: IndexError: list index"
    with pytest.raises(ValueError, match=message):
        load("shades", train=[[0, 1]], test=[[0, 1]], yielded=[0])


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        ("digits", {"kind": "signed"}, r"values from -0.5 to .*: images must lie in \[0, 1\]"),
        (
            "digits",
            {"kind": "faint"},
            "uint16 pixels that are nearly black: the brightest of all is 1",
        ),
        ("digits", {"kind": "uneven"}, "images of different shapes: 1×12×12, 1×16×16"),
        ("digits", {"per_exp_classes": 3}, r"failed with {'per_exp_classes': 3}: "),
        (
            "permuted",
            {"task_labels": False, "tests": 1},
            "2 experiences to train on and 1 to test on",
        ),
        ("words", {}, "must make an Avalanche benchmark, not a str"),
        ("exits", {}, "own_streams:exits failed with no arguments: SystemExit: 0"),
        (
            "closed",
            {},
            "own_streams:closed made a benchmark that cannot be read: RuntimeError: closed",
        ),
        ("broken", {}, "train stream of own_streams:broken cannot be read: SystemExit"),
    ],
)
def test_a_function_that_fails_says_so_in_one_sentence(load, function, arguments, message):
    with pytest.raises(ValueError, match=message):
        load(function, **arguments)


def test_a_function_that_is_not_there_is_named(load):
    with pytest.raises(LookupError, match="no benchmark function 'own_streams:letters'"):
        load("letters")


@pytest.mark.parametrize(
    ("arguments", "changes", "message"),
    [
        ({}, {"experiences": 6}, r"5 experiences of 2 classes with a task label each: write"),
        ({}, {"heads": "one"}, r'experiences = 5 \(or fewer\), .* heads = "each"'),
        ({"task_labels": False}, {}, 'with no task labels: write .* heads = "one"'),
        ({}, {"classes_per_experience": 5}, "classes_per_experience = 2"),
        ({}, {"class_order": "pycil1993"}, "has an order of its own"),
        ({"n_experiences": 10}, {}, "one class in each experience .* leave the task labels out"),
        ({"n_experiences": 3, "per_exp_classes": {"0": 4}}, {}, "experiences of 3 and 4 classes"),
    ],
)
def test_a_card_that_does_not_fit_its_stream_says_what_to_write(load, arguments, changes, message):
    with pytest.raises(ValueError, match=message):
        split(load(**arguments), protocol(**changes), Seeds())


def test_shared_classes_without_task_labels_are_refused(load):
    card = protocol(experiences=2, classes_per_experience=10, heads="one")
    with pytest.raises(ValueError, match=r"carry no task labels \(domain-incremental\)"):
        split(load("permuted", task_labels=False), card, Seeds())


def test_arguments_without_a_function_are_refused():
    with pytest.raises(ValueError, match="'cifar100' is a data set"):
        ContinualSpec(name="", arguments={"n_experiences": 5})


# ---------------------------------------------------------------- a card that names it


CARD = """
name = "own"
intent = "Does AC forget less on a stream of ours?"
citation = "none"

[protocol]
kind = "continual"
data = "own_streams:digits"
arguments = { n_experiences = 5, task_labels = true }
experiences = 5
classes_per_experience = 2
flip = false
noise = { gaussian = [0.1] }

[defaults]
backbones = ["ac_mixer:plain", "residual_mixer:plain"]
strategies = ["naive", "joint"]
seeds = [0]
"""


@pytest.fixture
def plan(load, tmp_path):
    """Prepares the card's plan: `plan("patch_size=8")`."""
    path = tmp_path / "own.toml"
    path.write_text(CARD)
    card = catalog.benchmark(str(path))

    def prepare(*settings, **choices):
        unresolved_plan = unresolved(card, Choices(settings=settings, **choices))
        options = session.Options(tmp_path / "runs", tmp_path, "cpu", 1, again=False)
        return session.prepare(card, path, unresolved_plan, options)

    return prepare


def test_a_card_names_the_function_and_the_network_fits_its_images(plan, load):
    made = plan()
    assert {c.fingerprint for c in made.configs} == {
        load(n_experiences=5, task_labels=True).fingerprint
    }
    sizes = {(c.backbone.in_channels, c.backbone.image_size) for c in made.configs}
    assert sizes == {(1, 16)}
    assert all(seconds > 0 for seconds in made.seconds)


def test_patches_that_do_not_divide_the_images_are_refused(plan):
    with pytest.raises(ValueError, match=r"patches of 5×5, and these are 16×16: .*patch_size"):
        plan("patch_size=5")


def test_other_data_takes_no_arguments_of_the_function(plan):
    made = plan(data="digits10")
    assert {msgspec.to_builtins(c.benchmark)["data"] for c in made.configs} == {"digits10"}
    assert not any(c.benchmark.arguments for c in made.configs)


def test_a_plan_has_one_stream(plan):
    one, other = '{"n_experiences":5}', '{"n_experiences":2}'
    assert {c.benchmark.arguments["n_experiences"] for c in plan(f"arguments={one}").configs} == {5}
    with pytest.raises(ValueError, match="given twice"):
        plan(f"arguments={one}", f"arguments={other}")


# ---------------------------------------------------------------- Avalanche's own


@pytest.fixture
def mnist(tmp_path):
    """Loads a benchmark of Avalanche's on the embedded digits, in the files that MNIST comes in."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    digits = images.load("digits10")
    sides = {"train": digits.train_images[:300], "t10k": digits.test_images[:200]}
    labels = {"train": digits.train_labels, "t10k": digits.test_labels}
    for side, pixels in sides.items():
        small = pixels[:, 0, 2:30, 2:30].contiguous()
        for kind, values in {
            "images-idx3": small,
            "labels-idx1": labels[side][: len(small)],
        }.items():
            sizes = b"".join(n.to_bytes(4, "big") for n in values.shape)
            head = bytes([0, 0, 8, values.ndim]) + sizes
            (raw / f"{side}-{kind}-ubyte").write_bytes(head + values.byte().numpy().tobytes())

    def load(function, **arguments):
        return images.load(f"avalanche.benchmarks.classic:{function}", tmp_path, arguments)

    yield load
    streams._load.cache_clear()


def test_split_mnist_of_avalanche_is_grey_and_whole(mnist):
    data = mnist("SplitMNIST", n_experiences=5, return_task_id=True, seed=0)
    assert data.train_images.shape == (300, 1, 28, 28)
    assert data.train_images.float().mean() > 10  # plain: nothing was normalised
    assert data.task_labels
    assert sorted(c for own in data.experiences for c in own) == list(range(10))
    dealt = split(data, protocol(), Seeds())
    assert sum(map(len, dealt.test)) == 200


def test_permuted_mnist_of_avalanche_has_its_classes_in_each_experience(mnist):
    data = mnist("PermutedMNIST", n_experiences=2, return_task_id=True, seed=0)
    assert data.shared
    assert [len(own) for own in data.experiences] == [10, 10]
    card = protocol(experiences=2, classes_per_experience=10)
    assert [len(rows) for rows in split(data, card, Seeds()).test] == [200, 200]


@pytest.mark.network
def test_split_mnist_is_named_by_its_function(tmp_path):
    name = "avalanche.benchmarks.classic:SplitMNIST"
    data = images.load(name, tmp_path, {"n_experiences": 5, "return_task_id": True, "seed": 0})
    assert data.train_images.shape == (60_000, 1, 28, 28)
    assert len(data.test_labels) == 10_000
    assert data.task_labels
    assert data.train_images.max() == 255
