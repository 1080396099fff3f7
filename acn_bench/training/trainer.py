"""A network, a task and a recipe -> a trained network: one loop, for one process or many.

The trainer knows neither images nor text. A task makes the batch of given rows and its loss. Random numbers
depend on (seed, step, process, micro-batch) alone, and the order of rows on (seed, epoch): so a training that
resumes needs two integers, and on the CPU ends with the same bits.
"""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from acn_bench.backbones import Backbone
from acn_bench.data.generators import seed_torch
from acn_bench.data.prefetching import prefetched
from acn_bench.training import averaging, distributed, faults, optimizers, row_order
from acn_bench.training.checkpoints import Checkpoints
from acn_bench.training.faults import TrainingDiverged
from acn_bench.training.recipe import Recipe
from acn_bench.training.saving import Saving
from acn_bench.training.step import Pending, Step
from acn_bench.training.stopping import EXIT_CODE, Stop
from acn_bench.training.train_state import Counts, TrainState


@dataclass(frozen=True)
class Batch:
    """Rows of a task, ready for the network."""

    inputs: Any  # on the device
    targets: Any
    # what the loss is divided by: rows, or masked tokens; known before any forward pass
    weight: float


class Task(Protocol):
    """What is trained on. It may define `order(epoch) -> (rows,) int64` to replace `row_order.order`.

    And `ahead`, a number of steps whose batches a thread makes early: `batch` then draws from no global generator.
    """

    @property
    def rows(self) -> int:
        """The number of training rows."""
        ...

    def batch(self, rows: Tensor, epoch: int) -> Batch:
        """Rows (B,) int64, on the CPU -> their batch; random numbers depend on (seed, epoch, row) alone."""
        ...

    def loss(self, model: nn.Module, batch: Batch, step: int, total_steps: int) -> Tensor:
        """The sum of the losses of the batch's items: what is divided by its weight."""
        ...


@dataclass(frozen=True)
class TrainOutput:
    """What a training measured, interruptions included."""

    losses: list[float]  # mean over the items of each epoch
    learning_rates: list[float]  # of the last step of each epoch
    steps: int
    rows: int  # trained on, over all processes
    seconds: float  # of training
    measured: list[Any]  # what `after_epoch` returned


@dataclass(frozen=True)
class _Loaded:
    """A step with its data."""

    step: int
    epoch: int
    rows: Tensor  # of all processes
    batches: list[tuple[Batch, bool]]  # micro-batches of this process, and whether each counts


class Trainer:
    """Trains `model`, which is on `device`, in place. Seeds torch's global generators in each step."""

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        recipe: Recipe,
        *,
        seed: int,
        device: torch.device,
        checkpoints: Checkpoints | None = None,
        on_step: Callable[[Step], None] = lambda _: None,
        events: Callable[[str], None] = lambda _: None,
        after_epoch: Callable[[int, Batch], Any] = lambda *_: None,
        stop: Stop | None = None,
    ) -> None:
        """`on_step` and `events` (sentences without full stop) are called in the first process alone.

        `after_epoch(epochs done, first micro-batch of the last step)` is called in all; what it returns, in JSON, is kept
        unless None.
        Raises ValueError where there are too few rows for a step.
        """
        self.model, self.task, self.recipe = model, task, recipe
        self.seed, self.device = seed, device
        self.checkpoints, self.on_step = checkpoints, on_step
        self.after_epoch, self.stop = after_epoch, stop or Stop()
        self.steps = recipe.steps(task.rows)  # of an epoch
        self.total_steps = recipe.total_steps(task.rows)
        self.processes = distributed.current()
        self.micro_batch = recipe.micro_batch or -(-recipe.batch_size // self.processes.size)
        model.train()
        decay = recipe.ema_decay
        average = None if decay is None else averaging.averaged(model, decay)
        self._whole = distributed.WholeModel(model, average, recipe, self.processes)
        if recipe.compiled:
            model.compile()  # in place: names stay
        self.objective = distributed.wrap(_Objective(model, task), recipe, self.processes)
        optimizer = optimizers.optimizer(model, recipe)
        schedule = optimizers.schedule(optimizer, recipe, self.total_steps)
        self.state = TrainState(model, average, optimizer, schedule, self.processes)
        identity = recipe.identity | {"rows": task.rows, "seed": seed}
        self.saving = Saving(checkpoints, self.state, self.processes, identity, events)
        self.counts = Counts()
        self._order: tuple[int, Tensor] | None = None  # epoch, its rows in order

    @property
    def averaged(self) -> nn.Module:
        """The averaged network, if the recipe has one, or the trained one; whole. All processes must ask for it."""
        return self._whole.model()

    def fit(self) -> TrainOutput:
        """Train to the end, from the newest whole checkpoint if there is one.

        Raises TrainingDiverged, ChangedConfiguration, and SystemExit(143) after a stop was requested and the
        checkpoint is written.
        """
        self.counts = counts = self.saving.resume()
        pending: Pending | None = None
        began = perf_counter() - counts.seconds
        with self.stop.heed(), self._precision(), closing(self._loaded(counts.step)) as steps:
            for step in steps:
                begun = self._step(step)
                due, stopping = self._settle(pending)  # while a device computes the step
                pending, counts.step = begun, step.step + 1
                began += self._measured(step)
                counts.seconds = perf_counter() - began
                ended = counts.step == self.total_steps
                if due or stopping or ended or self.saving.due_after(counts.step):
                    self._settle(pending)
                    pending = None
                    self._save(begun)
                if stopping or (ended and self.stop.requested):
                    raise SystemExit(EXIT_CODE)
        counts.seconds = perf_counter() - began
        c = self.counts
        return TrainOutput(c.losses, c.learning_rates, c.step, c.rows, c.seconds, c.measured)

    # ------------------------------------------------------------ a step

    def _loaded(self, first: int) -> Generator[_Loaded, None, None]:
        """The steps from `first` on."""
        works = map(self._load, range(first, self.total_steps))
        ahead: int = getattr(self.task, "ahead", 0)
        yield from prefetched(works, ahead) if ahead else (work() for work in works)

    def _load(self, step: int) -> Callable[[], _Loaded]:
        """What makes the batches of a step."""
        epoch, position = divmod(step, self.steps)
        rows = row_order.of_step(self._rows(epoch), position, self.recipe.batch_size)
        world = self.processes
        mine = row_order.micro_batches(rows, self.micro_batch, world.rank, world.size)

        def work() -> _Loaded:
            batches = [(self.task.batch(part, epoch), counted) for part, counted in mine]
            return _Loaded(step, epoch, rows, batches)

        return work

    def _step(self, loaded: _Loaded) -> Pending:
        """Forward, backward, update. Nothing here waits for a GPU."""
        step, batches = loaded.step, loaded.batches
        weight = sum(batch.weight for batch, counted in batches if counted)
        # what the gradient is divided by, times the processes, over which DDP and FSDP average
        whole = self._tensor(weight)
        divisor = self.processes.total(whole).clamp(min=1e-9) / self.processes.size
        loss_sum = self._tensor(0.0)
        for k, (batch, counted) in enumerate(batches):
            seed_torch(self.device, "step", self.seed, step, self.processes.rank, k)
            with distributed.without_sum(self.objective, last=k + 1 == len(batches)):
                loss = self.objective(batch, step, self.total_steps)
                (loss * float(counted) / divisor).backward()
            loss_sum += loss.detach() * float(counted)
        rate = self.state.optimizer.param_groups[0]["lr"]
        self._update()
        numbers = self._numbers(loss_sum, whole)
        return Pending(step, loaded.epoch, loaded.rows, weight, numbers, rate)

    def _update(self) -> None:
        state, clip = self.state, self.recipe.clip_norm
        if clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), clip)
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        state.schedule.step()
        if state.average is not None:
            state.average.update_parameters(self.model)

    def _rows(self, epoch: int) -> Tensor:
        """The rows of an epoch in their order, (rows,)."""
        if self._order is None or self._order[0] != epoch:
            own = getattr(self.task, "order", None)
            made = own(epoch) if own else row_order.order(self.seed, epoch, self.task.rows)
            self._order = epoch, made
        return self._order[1]

    def _tensor(self, value: float) -> Tensor:
        return torch.full((), value, dtype=torch.float64, device=self.device)  # copies nothing

    def _numbers(self, loss_sum: Tensor, weight: Tensor) -> Tensor:
        if self.processes.size == 1:
            return loss_sum.unsqueeze(0)
        due, stopping = self._wishes()
        mine = [loss_sum, self._tensor(due), self._tensor(stopping)]
        return torch.cat([self.processes.total(torch.stack(mine)), weight.unsqueeze(0)])

    def _wishes(self) -> tuple[bool, bool]:
        """Whether this process wants a checkpoint by the clock, and to stop."""
        return self.saving.overdue(), self.stop.requested

    # ------------------------------------------------------------ between steps

    def _settle(self, pending: Pending | None) -> tuple[bool, bool]:
        """Wait for a step, count it, and report it: whether a checkpoint is due by the clock, and a stop."""
        if pending is None:
            return self._wishes() if self.processes.size == 1 else (False, False)
        loss_sum, *others = pending.numbers.tolist()
        due, stopping, weight = others or (*self._wishes(), pending.weight)
        counts, recipe = self.counts, self.recipe
        mean = loss_sum / weight if weight else 0.0
        if what := faults.fault(mean, recipe.loss_limit):
            raise self._diverged(what, pending)
        counts.rows += len(pending.rows)
        counts.loss_sum, counts.weight_sum = counts.loss_sum + loss_sum, counts.weight_sum + weight
        finished = pending.step + 1
        if finished % self.steps == 0 or finished == self.total_steps:
            counts.losses.append(counts.loss_sum / max(counts.weight_sum, 1e-9))
            counts.learning_rates.append(pending.learning_rate)
            counts.loss_sum = counts.weight_sum = 0.0
        if self.processes.first:
            rows, rate = len(pending.rows), pending.learning_rate
            self.on_step(Step(finished, self.total_steps, pending.epoch, rows, mean, rate))
        return bool(due), bool(stopping)

    def _measured(self, last: _Loaded) -> float:
        """Measure the network where an epoch ended: the seconds that it took."""
        epoch, rest = divmod(self.counts.step, self.steps)
        if rest:
            return 0.0
        began = perf_counter()
        found = self.after_epoch(epoch, last.batches[0][0])
        if found is not None:
            self.counts.measured.append(found)
        return perf_counter() - began

    def _diverged(self, what: str, pending: Pending) -> TrainingDiverged:
        last = None if self.checkpoints is None else self.checkpoints.last
        return TrainingDiverged(what, step=pending.step, epoch=pending.epoch, rows=pending.rows.tolist(), checkpoint=last)  # fmt: skip

    def _save(self, last: Pending) -> None:
        """Write a checkpoint after the step `last`."""
        if self.checkpoints is None:
            return
        if not self.state.finite():
            raise self._diverged("a weight is no finite number after the update", last)
        counts = self.counts
        counts.epoch, counts.step_of_epoch = divmod(counts.step, self.steps)
        counts.share = counts.step / self.total_steps
        self.saving.save(counts)

    def _precision(self) -> AbstractContextManager[Any]:
        """Autocast, unless the network has its own, as a `Backbone`: its logits stay float32."""
        own = any(isinstance(module, Backbone) for module in self.model.modules())
        if self.recipe.precision == "fp32" or own:
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)


class _Objective(nn.Module):
    """The loss of a task as a forward pass, which DDP and FSDP can wrap."""

    def __init__(self, model: nn.Module, task: Task) -> None:
        super().__init__()
        self.model = model
        self.task = task

    def forward(self, batch: Batch, step: int, total_steps: int) -> Tensor:
        return self.task.loss(self.model, batch, step, total_steps)
