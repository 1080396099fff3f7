"""Supervised training in words: its protocol and its caveats."""

from collections.abc import Iterator, Sequence

from acn_bench import wording
from acn_bench.analysis.groups import Group
from acn_bench.benchmarks.supervised.record import SupervisedRecord
from acn_bench.benchmarks.supervised.spec import SupervisedConfig, SupervisedSpec
from acn_bench.data.data_set import DataSet
from acn_bench.wording import each, plural

# settings that a report names elsewhere, or that none of the training's publications would name
UNLISTED = frozenset(
    {
        "name", "validation", "scheme", "branches", "branch_weights", "micro_batch", "compiled", "wrapping", "noise_clip",
        "noise_quantise", "noise_per_value", "exit_thresholds", "evaluate_every", "momentum", "policy_operations", "policy_magnitude",
        "cutmix_alpha", "mixup_alpha", "crop_scale", "per_class_draw", "decay_norms",
    }
)  # fmt: skip
POLICIES = {
    "autoaugment_cifar10": "AutoAugment (CIFAR-10 policy)",
    "autoaugment_imagenet": "AutoAugment (ImageNet policy)",
}


# ---------------------------------------------------------------- one run


def describe(config: SupervisedConfig) -> str:
    """The protocol, in one line."""
    p = config.benchmark
    scheme = "" if p.scheme == "plain" else f", trained by {p.scheme}"
    tested = wording.listed(["clean", *_noise(p)])
    return (
        f"{_rows(p)} for {plural(p.epochs, 'epoch')}, batch {p.batch_size}, {_optimizer(p)}{scheme}; then test images "
        f"at every depth: {tested}"
    )


def _rows(spec: SupervisedSpec) -> str:
    """The training rows: "cifar10", "2 classes of cifar10, 100 images of each"."""
    classes = "" if spec.classes is None else f"{spec.classes} classes of "
    few = "" if spec.per_class is None else f", {plural(spec.per_class, 'image')} of each class"
    return f"{classes}{spec.data}{few}"


def _noise(spec: SupervisedSpec) -> list[str]:
    return [
        f"{wording.key(name)} at {', '.join(f'{level:g}' for level in levels)}"
        for name, levels in spec.noise.items()
    ]


def _optimizer(spec: SupervisedSpec) -> str:
    name = {"adamw": "AdamW", "adam": "Adam", "sgd": "SGD"}[spec.optimizer]
    return f"{name} {spec.learning_rate:g}"


def summary(record: SupervisedRecord) -> str:
    """The outcome of a run, in a few words."""
    result = record.result
    words = [f"accuracy {100 * result.test.top1[-1] / result.rows.test:.1f} %"]
    if result.noise:
        noisy = sum(n.top1[-1] for n in result.noise) / len(result.noise) / result.rows.test
        words.append(f"noisy {100 * noisy:.1f} %")
    words.append(f"loss {result.train_loss[-1]:.3g}")
    return ", ".join(words)


def practice(record: SupervisedRecord) -> dict[str, str]:
    """What a run does in place of the published settings that it cannot have."""
    p = record.config.benchmark
    return {
        "optimizer": _optimizer(p),
        "schedule": _schedule(p),
        "held_out": f"{100 * p.validation:g} % of the training rows",
        "training": plural(p.epochs, "epoch"),
        "selection": "none: the network of the last step is measured",
        "drop_path": "whole blocks are dropped per image, without rescaling",
        "normalisation": p.normalisation,
    }


def not_comparable(config: SupervisedConfig, _: Sequence[DataSet]) -> list[str]:
    """Why figures of a run compare with no published ones."""
    p = config.benchmark
    return [] if p.classes is None and p.per_class is None else [f"trained on {_rows(p)} alone"]


# ---------------------------------------------------------------- the protocol


def setting(records: Sequence[SupervisedRecord]) -> list[tuple[str, str]]:
    """Data, training, augmentation and measurements; where runs differ, each value once."""
    specs = [r.config.benchmark for r in records]
    exits = [_exits(spec) for spec in specs if spec.exit_thresholds]
    noise = [_noise_setting(spec) for spec in specs if spec.noise]
    return [
        ("Images", each(_images(spec) for spec in specs)),
        ("Training", each(_training(spec) for spec in specs)),
        ("Augmentation", each(_augmentation(spec) for spec in specs)),
        ("Measured", each(_measured(record) for record in records)),
        *([("Noise", each(noise))] if noise else []),
        *([("Early exit", each(exits))] if exits else []),
    ]


def _images(spec: SupervisedSpec) -> str:
    order = (
        "in the order of the data set"
        if spec.class_order == "natural"
        else "in an order that the seed draws"
    )
    classes = f"; the first classes {order}" if spec.classes is not None else ""
    drawn = "drawn from" if spec.per_class_draw == "random" else "the first of"
    few = (
        f"; those of each class are {drawn} the rows that are not held out"
        if spec.per_class
        else ""
    )
    held = f"{100 * spec.validation:g} % of the training rows of each class held out"
    return f"{_rows(spec)}{classes}{few}; {held}"


def _training(spec: SupervisedSpec) -> str:
    clipped = ""
    if spec.clip_norm is not None:
        scaled = "" if spec.clip_scale == 1 else f" times {spec.clip_scale:g} (before unscaling)"
        clipped = f"gradients{scaled} clipped to norm {spec.clip_norm:g}"
    words = [
        f"{plural(spec.epochs, 'epoch')}, batches of {spec.batch_size}, {_optimizer(spec)}",
        f"weight decay {spec.weight_decay:g}{'' if spec.decay_norms else ', none on biases and norms'}",
        _schedule(spec),
        clipped,
        f"label smoothing {spec.label_smoothing:g}" if spec.label_smoothing else "",
        f"drop path up to {spec.drop_path:g}" if spec.drop_path else "",
        f"scheme {spec.scheme}" if spec.scheme != "plain" else "",
    ]
    return "; ".join(word for word in words if word)


def _schedule(spec: SupervisedSpec) -> str:
    warm = f"warm-up of {spec.warmup_epochs:g} epochs, then " if spec.warmup_epochs else ""
    if spec.schedule == "constant":
        return f"{warm}a constant learning rate"
    return f"{warm}a {spec.schedule} schedule to {spec.final_learning_rate:g}"


def _augmentation(spec: SupervisedSpec) -> str:
    steps = [*_crop(spec), "horizontal flip" if spec.flip else "", _policy(spec)]
    steps += [f"CutMix on {100 * spec.cutmix:g} % of the images"] if spec.cutmix else []
    steps += [f"Mixup on {100 * spec.mixup:g} % of the images"] if spec.mixup else []
    steps += [f"erasing in {100 * spec.erasing:g} % of the images"] if spec.erasing else []
    return wording.listed([step for step in steps if step]) or "none"


def _crop(spec: SupervisedSpec) -> list[str]:
    if spec.crop == "resized":
        low, high = spec.crop_scale
        return [f"crop of {100 * low:g} to {100 * high:g} % of the area, resized"]
    if not spec.crop_padding:
        return []
    times = "" if spec.crops == 1 else f", {spec.crops} times"
    return [f"random crop ({spec.crop_padding} px{times})"]


def _policy(spec: SupervisedSpec) -> str:
    if spec.policy == "randaugment":
        return (
            f"RandAugment ({spec.policy_operations} operations, magnitude {spec.policy_magnitude})"
        )
    return POLICIES.get(spec.policy, "")


def _measured(record: SupervisedRecord) -> str:
    ema = record.config.benchmark.ema_decay
    which = (
        "the weights of the last step"
        if record.result.weights == "raw"
        else f"the moving average of the weights (decay {ema:g})"
    )
    return f"{which}, at every depth in one pass; the test rows are read once, at the end"


def _noise_setting(spec: SupervisedSpec) -> str:
    words = [
        f"{wording.listed(_noise(spec))}, before normalisation, on pixels in [0, 1]",
        "clipped" if spec.noise_clip else "not clipped",
        "in 8 bits" if spec.noise_quantise else "not quantised",
    ]
    if "salt_and_pepper" in spec.noise:
        of = "values, each channel on its own" if spec.noise_per_value else "pixels, all channels"
        words.append(f"salt and pepper: a share of the {of}")
    words.append("one draw for each image, the same for both arms")
    return "; ".join(words)


def _exits(spec: SupervisedSpec) -> str:
    thresholds = ", ".join(f"{t:g}" for t in spec.exit_thresholds)
    by = (
        f"the branches after blocks {', '.join(map(str, spec.branches))}"
        if spec.scheme == "branches"
        else "the one head after each block"
    )
    return f"through {by}, where the entropy is below {thresholds} nats; the first threshold is that of the metrics"


# ---------------------------------------------------------------- caveats


def caveats(groups: Sequence[Group]) -> list[str]:
    """Images that were left out, and classes that differ from seed to seed."""
    return [s for group in groups for s in (*_skipped(group), *_orders(group))]


def _skipped(group: Group) -> Iterator[str]:
    most = max(r.result.skipped for r in group.records)
    if most:
        yield f"{group.label}: {plural(most, 'damaged image')} of the data set were left out."


def _orders(group: Group) -> Iterator[str]:
    chosen = {tuple(sorted(r.result.class_order)) for r in group.records}
    if len(chosen) > 1:
        yield (
            f"{group.label}: each seed has classes of its own ({len(chosen)} sets of them), the same for the arms of a "
            "pair, so a spread over seeds holds that of the classes; --set class_order=natural takes the same for all."
        )
