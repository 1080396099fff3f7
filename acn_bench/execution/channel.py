"""Messages between the processes that make runs together, by a store that torch's process group shares."""

import time
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]
from torch.distributed import distributed_c10d as c10d
from torch.distributed.rendezvous import rendezvous

from acn_bench.launch import Launch
from acn_bench.training.distributed import backend

POLL = 0.05  # seconds between two looks for a message; a longer wait would keep signals out
PATIENCE = 60.0  # seconds that the others get to end a run that failed in one process
FAREWELL = 5.0  # seconds that the others get to leave
HOST = "127.0.0.1"
END = b"end"


class OutOfStepError(RuntimeError):
    """A process did not end a run that failed in another: it may wait for it in a collective operation."""


def serve_store() -> Any:
    """A store of this process for others of this machine; its `port` says where. It ends with the last reference."""
    return TCPStore(HOST, 0, is_master=True, wait_for_workers=False)


class Channel:
    """One process's end: the first one announces runs, the others wait for them."""

    def __init__(self, rank: int, world_size: int, store: Any) -> None:
        self.rank, self.world_size, self.store = rank, world_size, store
        self.number = 0  # of the run

    @classmethod
    def of_launcher(cls, launch: Launch) -> "Channel":
        """By the store of torchrun or `accelerate launch`, where the environment says."""
        return cls(launch.rank, launch.world_size, next(iter(rendezvous("env://", launch.rank, launch.world_size)))[0])  # fmt: skip

    @classmethod
    def on_port(cls, rank: int, world_size: int, port: int) -> "Channel":
        """By the store that a process of this machine serves."""
        return cls(rank, world_size, TCPStore(HOST, port, is_master=False))

    def announce(self, message: bytes) -> None:
        """Tell the others the next run, or the end."""
        self.number += 1
        self.store.set(f"run/{self.number}", message)

    def next(self) -> bytes:
        """Wait for the next message of the first process."""
        self.number += 1
        self._wait([f"run/{self.number}"], None)
        message: bytes = self.store.get(f"run/{self.number}")
        return message

    def end(self) -> None:
        """Tell the others the end, and wait a moment: this process may hold the store."""
        self.announce(END)
        self._wait([f"left/{rank}" for rank in range(1, self.world_size)], FAREWELL)

    def leave(self) -> None:
        """Answer the end."""
        self.store.set(f"left/{self.rank}", b"")

    def settle(self, failed: bool) -> None:
        """Wait until the run has ended in all processes. Raises OutOfStepError."""
        keys = [f"end/{self.number}/{rank}" for rank in range(self.world_size)]
        self.store.set(keys[self.rank], b"")
        if not self._wait(keys, PATIENCE if failed else None):
            raise OutOfStepError("a process did not end the run")

    def _wait(self, keys: list[str], seconds: float | None) -> bool:
        began = time.monotonic()
        while not self.store.check(keys):
            if seconds is not None and time.monotonic() - began > seconds:
                return False
            time.sleep(POLL)
        return True

    def join(self, device: torch.device) -> None:
        """Make torch's process group, once."""
        if not dist.is_initialized():
            if device.type == "cuda":
                torch.cuda.set_device(device)
            dist.init_process_group(
                backend(device),
                store=c10d.PrefixStore("group", self.store),
                rank=self.rank,
                world_size=self.world_size,
                timeout=timedelta(minutes=30),
            )
