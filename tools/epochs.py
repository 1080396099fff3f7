"""Run single epochs on request, in the middle of a learner's training.

The strategy then has its full state: penalties, memories, a teacher.
"""

import threading
from collections.abc import Callable
from typing import Any

from avalanche.core import SupervisedPlugin

Train = Callable[
    ["Gate"], None
]  # trains with the gate among the plug-ins; returns when the stream ends


class Gate(SupervisedPlugin, supports_distributed=True):  # type: ignore[call-arg,misc]
    """Delays each epoch of one experience until `epoch` is called."""

    def __init__(self, experience: int) -> None:
        super().__init__()
        self.experience = experience
        self.images = 0  # of the experience
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._failure: BaseException | None = None

    def before_training_epoch(self, strategy: Any, **kwargs: Any) -> None:
        if strategy.clock.train_exp_counter == self.experience:
            self.images = len(strategy.experience.dataset)
            self._done.release()
            self._go.acquire()

    def train(self, train: Train) -> None:
        """Train in a new thread, up to the experience's first epoch."""

        def run() -> None:
            try:
                train(self)
            except BaseException as e:
                self._failure = e
                self._done.release()

        threading.Thread(target=run, daemon=True).start()
        self._wait()

    def epoch(self) -> int:
        """Run one more epoch. Returns the number of the experience's images, without those of a memory."""
        self._go.release()
        self._wait()
        return self.images

    def _wait(self) -> None:
        self._done.acquire()
        if self._failure is not None:
            raise self._failure
