"""GEM and A-GEM: Avalanche's plug-ins, with their state for checkpoints."""

from typing import Any

from avalanche.benchmarks.utils.data_loader import GroupBalancedInfiniteDataLoader
from avalanche.training.plugins import AGEMPlugin, GEMPlugin

from acn_bench.strategies.stream import Examples, rows
from acn_bench.training.resume import State


class GradientEpisodicMemory(GEMPlugin):  # type: ignore[misc]  # Avalanche is untyped
    """Lopez-Paz & Ranzato 2017: no step increases the loss on the memory of an earlier experience."""

    resumes_within_experience = True

    def state(self) -> State:
        memories = (self.memory_x, self.memory_y, self.memory_tid)  # experience -> (N,), each
        return {"memories": [[memory[e] for memory in memories] for e in self.memory_x]}

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        for e, (x, y, task) in enumerate(state["memories"]):
            self.memory_x[e], self.memory_y[e], self.memory_tid[e] = x, y, task


class AveragedGradientEpisodicMemory(AGEMPlugin):  # type: ignore[misc]
    """Chaudhry et al. 2019. The iterator over its memory lasts for an experience, and cannot be saved."""

    resumes_within_experience = False

    def state(self) -> State:
        return {"memories": [rows(memory) for memory in self.buffers]}

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        self.buffers = [examples.of(memory) for memory in state["memories"]]
        if not self.buffers:
            return
        self.buffer_dataloader = GroupBalancedInfiniteDataLoader(
            self.buffers, batch_size=self.sample_size // len(self.buffers), num_workers=0
        )
        self.buffer_dliter = iter(self.buffer_dataloader)  # draws nothing before its first batch
