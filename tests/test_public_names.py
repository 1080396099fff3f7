"""The names that the README teaches stay importable: scripts rely on them."""

import importlib

import pytest

NAMES = """
acn_bench.backbones: build truncate load save load_bert depth_logits from_spec from_factory Backbone MultiHead Heads
    EarlyExit add_branches INITIALISATION
acn_bench.backbones.gradients: GradientSplit split
acn_bench.backbones.timm:
acn_bench.backbones.transformers:
acn_bench.backbones.robustbench: as_robustbench_model zoo_model
acn_bench.evaluation.attacks: run square correct Attacked
acn_bench.evaluation.attack_cost: Attack cost_sentence epsilon_of
acn_bench.evaluation.gradient_masking: other_attacks gradients_lead
acn_bench.analysis.robustbench.leaderboard: models model mean_corruption_error relative_mean_corruption_error
acn_bench.training.schemes: scheme
acn_bench.evaluation.probing: depth_probes right
acn_bench.metrics: average_accuracy average_incremental_accuracy forgetting backward_transfer forward_transfer
    utilised_depth sufficient_depth mean_corruption_error relative_mean_corruption_error flops_saved
acn_bench.data.noise: gaussian salt_and_pepper
acn_bench.data.corruptions: corrupt
acn_bench.data.images: load
acn_bench.records: load load_all save find RunRecord
acn_bench.strategies: UtilisedDepth NoiseRobustness RobustForgetting
"""


def taught():
    module = ""
    for word in NAMES.split():
        if word.endswith(":"):
            module = word.removesuffix(":")
            yield module, None
        else:
            yield module, word


@pytest.mark.filterwarnings("ignore:acn_bench:DeprecationWarning")
@pytest.mark.parametrize(("module", "name"), list(taught()))
def test_a_name_that_the_readme_teaches_stays_importable(module, name):
    result = importlib.import_module(module)
    assert name is None or hasattr(result, name)
