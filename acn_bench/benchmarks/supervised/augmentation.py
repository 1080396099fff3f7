"""The settings of a card -> what is done to training images beyond crop and flip."""

from acn_bench.benchmarks.supervised.network import STATISTICS
from acn_bench.benchmarks.supervised.spec import SupervisedSpec
from acn_bench.data.augmentations.autoaugment import AutoAugment
from acn_bench.data.augmentations.cutmix import CutMix
from acn_bench.data.augmentations.either import Either
from acn_bench.data.augmentations.erasing import Erasing
from acn_bench.data.augmentations.mixing import Mixer
from acn_bench.data.augmentations.mixup import MixUp
from acn_bench.data.augmentations.randaugment import RandAugment
from acn_bench.data.image_batches import Augmentations


def augmentations(spec: SupervisedSpec) -> Augmentations:
    """The policy, erasing and mixing of a card."""
    return Augmentations(policy=_policy(spec), erasing=_erasing(spec), mixer=_mixer(spec))


def _policy(spec: SupervisedSpec) -> AutoAugment | RandAugment | None:
    if spec.policy == "randaugment":
        return RandAugment(operations=spec.policy_operations, magnitude=spec.policy_magnitude)
    if spec.policy == "autoaugment_cifar10":
        return AutoAugment("cifar10")
    return AutoAugment("imagenet") if spec.policy == "autoaugment_imagenet" else None


def _erasing(spec: SupervisedSpec) -> Erasing | None:
    """A box becomes the mean colour, which the network normalises to about 0."""
    if not spec.erasing:
        return None
    mean, _ = STATISTICS.get(spec.normalisation, ((0.5,), (0.5,)))
    return Erasing(probability=spec.erasing, value=sum(mean) / len(mean))


def _mixer(spec: SupervisedSpec) -> Mixer | None:
    """CutMix in a share of the images, Mixup in another; never both in one."""
    mixed = spec.cutmix + spec.mixup
    if not mixed:
        return None
    cutmix = CutMix(alpha=spec.cutmix_alpha, probability=mixed)
    mixup = MixUp(alpha=spec.mixup_alpha, probability=mixed)
    if not spec.mixup:
        return cutmix
    return Either(cutmix=cutmix, mixup=mixup, switch=spec.cutmix / mixed) if spec.cutmix else mixup
