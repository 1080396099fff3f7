"""The one shape of everything that can run a plan: local processes today, a cluster's queue later."""

from collections.abc import Generator, Sequence
from typing import Protocol

from acn_bench.config import RunConfig
from acn_bench.execution.job import Job, RunEvent


class Executor(Protocol):
    """Runs configs somewhere, and reports events while they run.

    An implementation promises:

    1. Each config ends exactly once, with `done` (its record is written), `kept` (a record by the same code
       was there, and `job.again` is false), `failed` (no record; `message` says why) or, with `job.patience`,
       `left` (another worker makes it). `started` and
       `progress` come before the end, and may come again where a run is repeated. Configs end in any order.
    2. A record exists only for a run that is whole. A run that fails, or whose process dies, leaves at most its
       checkpoint. A run whose process dies is repeated once, from its checkpoint, and then fails.
    3. `share` of `progress` events is what is done of the training and evaluation, in [0, 1]. It may reach 1
       while the run's files are still to be written: only `done` says that they are there.
    4. A run is made by one worker at a time: an implementation takes the run's lock in `job.folder.locks`, or
       excludes other workers by its own means, before it looks for the record.
    5. Each process of a run computes on the device of its `Placement`; a run has `job.world_size` of them, with
       ranks 0 to `job.world_size` − 1. Rank 0 alone writes files.
    6. A failed run stops no other run. Errors of the executor itself are raised.
    7. Closing the generator, or Ctrl-C, stops all workers before it returns. Unfinished runs keep their last
       checkpoint, and the same configs with the same job continue from there.
    """

    def execute(self, configs: Sequence[RunConfig], job: Job) -> Generator[RunEvent]:
        """Run every config; yield its events as they come."""
        ...
