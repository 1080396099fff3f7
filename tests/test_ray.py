"""A Ray cluster of two nodes on this machine; one of them is killed in the middle of a run."""

import importlib.util
import json
from contextlib import closing

import pytest

from acn_bench import records
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.execution import code_hash, ray_executor, status
from acn_bench.execution.job import Job
from acn_bench.execution.local import LocalExecutor
from acn_bench.execution.ray_executor import RayExecutor
from acn_bench.families.mixer import MixerSpec
from acn_bench.run_folder import RunFolder
from acn_bench.strategies.naive import NaiveSpec

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="no Ray"),
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]


def config(seed):
    return RunConfig(
        benchmark=ContinualSpec(
            name="tiny", data="digits100", experiences=2, classes_per_experience=2, epochs=100
        ),
        strategy=NaiveSpec(name="naive"),
        backbone=MixerSpec(
            wiring="ac", depth=1, patch_size=8, width=16, token_width=8, channel_width=16
        ),
        seeds=Seeds(order=seed, init=seed, data=seed, noise=seed),
        fingerprint=images.load("digits100").fingerprint,
    )


RUNS = [config(seed) for seed in range(3)]


def job(folder):
    codes = {run.run_id: code_hash.code(run) for run in RUNS}
    return Job(RunFolder(folder), codes, None, ("cpu",), threads=1, again=False, interval=0.5)


def outcome(folder):
    """Weights, bit for bit, and results but for time and memory, by run."""
    found = {}
    for record in records.load_all([folder.folder]):
        (weights,) = folder.weights.glob(f"{record.run_id}-*.safetensors")
        result = json.loads(json.dumps(record.result.accuracy)), record.result.train_loss
        found[record.run_id] = weights.read_bytes(), result
    return found


@pytest.fixture
def cluster():
    """A head without a core, and two nodes of one core each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    cluster.wait_for_nodes()
    yield cluster, nodes
    cluster.shutdown()


def test_runs_of_a_node_that_is_killed_resume_on_another(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_executor, "POLL", 0.5)
    the_cluster, nodes = cluster
    a_job, events, killed = job(tmp_path / "ray"), [], False
    with closing(RayExecutor(the_cluster.address).execute(RUNS, a_job)) as stream:
        for event in stream:
            events.append(event)
            begun = list(a_job.folder.checkpoints.glob("*.safetensors"))
            if not killed and len(begun) >= 1 and event.state == "progress":
                the_cluster.remove_node(nodes[0], allow_graceful=False)
                killed = True
    assert killed
    ends = {e.config.run_id: e.state for e in events if e.state in ("done", "failed")}
    assert ends == {run.run_id: "done" for run in RUNS}
    assert any("resumed from its checkpoint" in e.message for e in events if e.state == "done")
    starts = [e.config.run_id for e in events if e.state == "started"]
    assert sorted(starts) == sorted(ends)

    alone = job(tmp_path / "alone")
    with closing(LocalExecutor(1).execute(RUNS, alone)) as stream:
        list(stream)
    assert outcome(a_job.folder) == outcome(alone.folder)
    assert not status.heartbeats(a_job.folder)


def test_an_address_where_no_cluster_answers_is_refused_at_once(tmp_path):
    stream = RayExecutor("127.0.0.1:9").execute(RUNS, job(tmp_path))
    with pytest.raises(ValueError, match=r"--address 127\.0\.0\.1:9: no Ray cluster answers there"):
        next(stream)
