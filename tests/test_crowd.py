"""1,000 runs that take no time, over 8 processes on one folder: none is lost, none is made twice, and what one costs.

This file is also the program of the processes. `pytest -m slow -s tests/test_crowd.py` prints the cost.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from acn_bench import records
from acn_bench.benchmarks.continual.example import example_record
from acn_bench.config import Seeds
from acn_bench.execution import worker
from acn_bench.execution.job import Job, Placement
from acn_bench.execution.shards import Shard
from acn_bench.run_folder import RunFolder

RUNS, PROCESSES = 1000, 8
EXAMPLE = example_record()


def config(seed):
    return msgspec.structs.replace(
        EXAMPLE.config, seeds=Seeds(order=seed, init=seed, data=seed, noise=seed)
    )


def job(folder, lock):
    configs = [config(seed) for seed in range(RUNS)]
    codes = {run.run_id: EXAMPLE.provenance.code for run in configs}
    return configs, Job(
        RunFolder(folder), codes, None, ("cpu",), threads=1, again=False, lock=lock, lease=30.0
    )


def write(run, a_job, *_):
    """In place of training."""
    claim = _[-1]
    claim.check()
    record = msgspec.structs.replace(EXAMPLE, config=run, run_id=run.run_id)
    stem = records.stem(record.run_id, record.provenance.code)
    path = records.free_path(a_job.folder.records, stem, claim.token)
    records.save(record, a_job.folder.records, path)


def main(folder, lock, number):
    """One of the processes: makes runs until all have ended; prints how many it made, and its seconds."""
    worker.run, worker.BUSY_INTERVAL = write, 0.05
    configs, a_job = job(Path(folder), lock)
    waiting, ends, start = (
        Shard(int(number), PROCESSES).order(configs),
        Counter(),
        time.process_time(),
    )
    locks = a_job.locks()
    for run in waiting:
        answer = worker.attempt(run, a_job, Placement("cpu"), lambda _: None, locks)
        if isinstance(answer, worker.Busy):
            waiting.append(run)
            continue
        assert answer.state in ("done", "kept"), answer
        ends[answer.state] += 1
    sys.stdout.write(json.dumps({**ends, "cpu": time.process_time() - start}))


@pytest.mark.slow
@pytest.mark.parametrize("lock", ["flock", "lease"])
def test_a_thousand_runs_are_made_once_each_by_eight_processes(tmp_path, lock):
    start = time.monotonic()
    crowd = [
        subprocess.Popen(
            [sys.executable, __file__, tmp_path / "tiny", lock, str(k)], stdout=subprocess.PIPE
        )
        for k in range(1, PROCESSES + 1)
    ]
    outputs = [process.communicate()[0] for process in crowd]
    seconds = time.monotonic() - start
    assert all(process.returncode == 0 for process in crowd)
    ends = [json.loads(output) for output in outputs]
    assert sum(end["done"] for end in ends) == RUNS
    made = list((tmp_path / "tiny" / "records").iterdir())
    assert len(made) == len({records.without_token(path) for path in made}) == RUNS
    assert {r.run_id for r in records.load_all([tmp_path])} == {
        config(k).run_id for k in range(RUNS)
    }
    assert list((tmp_path / "tiny" / "running").iterdir()) == []
    cpu = sum(end["cpu"] for end in ends) / RUNS
    sys.stdout.write(f"\n{lock}: {1000 * cpu:.1f} ms of CPU a run, {seconds:.0f} s in all\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
