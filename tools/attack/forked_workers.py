"""The workers of a command, forked from a clean copy of it: no import, and no fork of a process that has computed.

A process forked after a backward pass waits for ever in its own: autograd's threads are not forked with it.
"""

import multiprocessing
import os
from functools import partial
from multiprocessing import forkserver, util
from typing import Any

from acn_bench import cores
from acn_bench.execution import session
from acn_bench.execution.job import Job


def prepare() -> None:
    """Fork the copy, which forks each worker; call it before the command runs.

    Runs write a checkpoint after every epoch, and compute in one thread.
    """
    context = multiprocessing.get_context("forkserver")
    start: Any = util.spawnv_passfds

    def fork_the_server(program: bytes, words: list[str], descriptors: list[int]) -> int:
        if "forkserver" not in words[-1]:  # Python's resource tracker
            process: int = start(program, words, descriptors)
            return process
        process = os.fork()
        if process == 0:
            try:
                exec(words[-1], {})
            finally:
                os._exit(1)
        return process

    forkserver.set_forkserver_preload([])
    util.spawnv_passfds = fork_the_server
    try:
        forkserver.ensure_running()
    finally:
        util.spawnv_passfds = start
    multiprocessing.get_context = lambda *_: context
    cores.cores = lambda: 1
    session.Job = partial(Job, interval=0.0)
