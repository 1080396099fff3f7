"""An attack of a robustness run in words: its settings, its cost, and what its figures compare with."""

from collections.abc import Sequence

from acn_bench.benchmarks.robustness.spec import RobustnessConfig, RobustnessSpec
from acn_bench.data.data_set import DataSet
from acn_bench.evaluation import attack_cost


def title(spec: RobustnessSpec) -> str:
    """`AutoAttack (standard), Linf, ε = 8/255, on the first 1,000 test images at most`; empty without one."""
    if spec.linf is None:
        return ""
    return f"{spec.linf.title}, on the first {spec.attack_images:,} test images at most"


def setting(spec: RobustnessSpec, images: int) -> str:
    """The attack in a report's protocol, where so many images were attacked."""
    attack = spec.linf
    assert attack is not None
    words = [
        f"{attack.title}, on the first {images:,} test images by row, clean and at full depth",
        f"steps {', '.join(attack.steps)}, each on the images that those before it left correct",
    ]
    if "square" not in attack.steps:
        queries = attack_cost.check_queries(attack)
        words.append(
            f"Square with {queries:,} queries afterwards, which looks for gradient masking alone"
        )
    words.append(
        "the accuracies of less depth are of the same adversarial images, which were made at full depth: a transferred "
        "attack, so each is an upper bound of what an attack on that depth would leave"
    )
    return "; ".join(words)


def expenses(config: RobustnessConfig, data: Sequence[DataSet]) -> list[str]:
    """The cost of the attack, for a plan."""
    attack = config.benchmark.linf
    if attack is None:
        return []
    images = config.benchmark.attacked(data[0].counts.test)
    sentence = attack_cost.cost_sentence(attack, images, len(data[0].class_names))
    forward = attack_cost.check_passes(attack).forward
    search = (
        f"; {forward:,} forward passes more per image look for gradient masking" if forward else ""
    )
    return [f"{sentence}{search}"]


def not_comparable(spec: RobustnessSpec, data: Sequence[DataSet]) -> list[str]:
    """Why a robust accuracy is not that of RobustBench's leaderboards."""
    attack = spec.linf
    if attack is None:
        return []
    tests = data[0].counts.test
    reasons = []
    if attack.name != "standard":
        reasons.append(f"{attack.title} is an upper bound of AutoAttack's robust accuracy")
    if not attack.as_published:
        reasons.append("the attack has other iterations or queries than AutoAttack's")
    if spec.attacked(tests) < tests:
        reasons.append(f"{spec.attacked(tests):,} of {tests:,} test images were attacked")
    return reasons
