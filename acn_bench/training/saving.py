"""The tensors and counts of a training <-> its checkpoints: the first process writes and reads, all take part.

A process of a sharded training writes its shards, which the first process puts together tensor by tensor.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from acn_bench.errors import sentence
from acn_bench.training.checkpoints import ChangedConfiguration, Checkpoint, Checkpoints
from acn_bench.training.distributed import Processes
from acn_bench.training.train_state import Counts, TrainState


class Saving:
    """Saves and resumes one training; without checkpoints it does neither."""

    def __init__(
        self,
        checkpoints: Checkpoints | None,
        state: TrainState,
        processes: Processes,
        identity: dict[str, Any],
        events: Callable[[str], None],
    ) -> None:
        """`identity` is what a checkpoint must share with the training; only the first process calls `events`."""
        self.checkpoints, self.state, self.processes = checkpoints, state, processes
        self.identity, self.events = identity, events

    def due_after(self, step: int) -> bool:
        """Whether a checkpoint is due after that many steps."""
        return self.checkpoints is not None and self.checkpoints.due_after(step)

    def overdue(self) -> bool:
        """Whether one is due by the clock of the first process."""
        return self.processes.first and self.checkpoints is not None and self.checkpoints.overdue()

    def save(self, counts: Counts) -> None:
        """Write a checkpoint. The training goes on where it cannot be written, and an event says so."""
        if self.checkpoints is None:
            return
        try:
            with self._shards(self.checkpoints) as folder:
                parts = self.state.parts(folder)
                if self.processes.first:
                    self.checkpoints.save(counts.step, parts, counts.encoded(), self.identity)
        except OSError as e:
            if self.processes.first:
                self.events(f"wrote no checkpoint after step {counts.step}: {sentence(e)}")
        self.processes.wait()  # a process that ended earlier would make the launcher end the one that writes

    @contextmanager
    def _shards(self, checkpoints: Checkpoints) -> Iterator[Path | None]:
        """The folder in which the processes write shards, in the block; None where nothing is sharded.

        Raises OSError in all of them where the first cannot make it.
        """
        if not self.state.sharded:
            yield None
            return
        with ExitStack() as stack:
            made: Path | str = ""
            if self.processes.first:
                try:
                    made = stack.enter_context(checkpoints.shards())
                except OSError as e:
                    made = sentence(e)
            made = self.processes.agreed(made)
            if isinstance(made, str):
                raise OSError(made)
            yield made

    def resume(self) -> Counts:
        """Continue from the newest whole checkpoint: its counts; new ones where there is none.

        Raises ChangedConfiguration, and ValueError where its tensors are not those of the training.
        """
        found: Checkpoint | None = None
        refusal: str | None = None
        if self.checkpoints is not None and self.processes.first:
            try:
                found = self.checkpoints.newest(self.identity, self.events)
            except ChangedConfiguration as e:
                refusal = str(e)
        if refusal := self.processes.agreed(refusal):
            raise ChangedConfiguration(refusal)
        state = self.processes.agreed(None if found is None else found.state)
        if state is None:
            return Counts()
        counts = msgspec.convert(state, Counts)
        self.state.load({} if found is None else found.parts, counts.step)
        if self.processes.first:
            self.events(f"resumed from its checkpoint at {100 * counts.share:.0f} %")
        return counts
