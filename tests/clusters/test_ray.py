"""A Ray cluster of two nodes on this machine; one of them is killed in the middle of a run."""

import importlib.util
import subprocess
import sys

import pytest

from acn_bench.execution.job import Job
from acn_bench.execution.ray_executor import RayExecutor
from acn_bench.run_folder import RunFolder

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="no Ray"),
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]


@pytest.fixture
def cluster(plan):
    """A head without a core, and two nodes of one core each, which find the plan's brake."""
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    try:
        tried(lambda: cluster.add_node(num_cpus=0, include_dashboard=False))
        nodes = [tried(lambda: cluster.add_node(num_cpus=1)) for _ in range(2)]
        cluster.wait_for_nodes()
        yield cluster, nodes
    finally:
        cluster.shutdown()


def tried(start):
    """A node, which Ray gives 30 s to start: too few on a busy machine that never loaded its files."""
    for _ in range(2):
        try:
            return start()
        except Exception as e:
            if "timed out during startup" not in str(e):
                raise
    return start()


def test_a_plan_whose_node_is_killed_ends_like_an_undisturbed_one(
    cluster, plan, alone, outcome, wait_for
):
    the_cluster, nodes = cluster
    words = ("run", "tiny.toml", "--executor", "ray", "--address", the_cluster.address)
    command = [sys.executable, "-m", "acn_bench", *words, "--out", str(plan.out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:  # fmt: skip
        checkpoints = plan.out / "tiny" / "checkpoints"
        wait_for(
            lambda: run.poll() is not None or len(list(checkpoints.glob("*.safetensors"))) == 2,
            "a checkpoint of each run",
        )
        the_cluster.remove_node(nodes[0], allow_graceful=False)
        plan.brake.unlink()
        printed = run.communicate()[0]
    assert run.returncode == 0, printed
    assert "resumed from its checkpoint" in printed
    assert [state.state for state in plan.runs()] == ["done"] * 4
    assert outcome(plan) == alone


def test_an_address_where_no_cluster_answers_is_refused_at_once(tmp_path):
    job = Job(RunFolder(tmp_path), {}, None, ("cpu",), threads=1, again=False)
    with pytest.raises(ValueError, match=r"--address 127\.0\.0\.1:9: no Ray cluster answers there"):
        next(RayExecutor("127.0.0.1:9").execute([], job))
