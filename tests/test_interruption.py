"""Signals in small processes of their own, in which an import or a command is a few lines."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

MODULE = """
import signal, sys
from importlib.machinery import ModuleSpec

class Finder:
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name == NAME else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        try:
            signal.raise_signal(signal.SIGINT)
        except BaseException:
            pass  # as libraries do
        print("it went on")

sys.meta_path.insert(0, Finder())
"""
COMMAND = """
from acn_bench import __main__, cli, interruption
import os, signal, time
interruption.PATIENCE = 0.1

def app(**_):
    {body}

cli.app = app
__main__.main()
"""
CATCHES_ALL = """
    print("ready", flush=True)
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass
"""


def start(program, *words):
    """A program as from a terminal: a job in the background of a shell would ignore Ctrl-C."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def end(process):
    """(exit code, output, last line of errors)"""
    stdout, stderr = process.communicate(timeout=120)
    return process.returncode, stdout, (stderr.splitlines() or [""])[-1]


def resume(what):
    return f"{what}: finished runs are saved; run the same command again to resume"


@pytest.mark.parametrize("module", ["acn_bench.cli", "torch"])
def test_ctrl_c_inside_an_import_is_heard_at_once_though_a_library_catches_it(module, tmp_path):
    program = (
        f"NAME = {module!r}\n{MODULE}\n"
        "from acn_bench import __main__\n"
        "sys.argv = ['acn-bench', 'run', 'split_cifar100', '--data=digits100', '--out', sys.argv[1]]\n"
        "__main__.main()"
    )
    assert end(start(program, str(tmp_path))) == (130, "", resume("interrupted"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("exec('signal.raise_signal(signal.SIGINT)')", (130, "interrupted")),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", (143, "terminated")),
        ("os.kill(os.getpid(), signal.SIGHUP); time.sleep(60)", (129, "the terminal closed")),
    ],
)
def test_each_signal_has_its_code_and_its_line(body, expected):
    code, what = expected
    assert end(start(COMMAND.format(body=body))) == (code, "", resume(what))


def test_a_command_that_catches_the_signal_ends_nevertheless():
    process = start(COMMAND.format(body=CATCHES_ALL))
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    assert end(process) == (143, "", resume("terminated"))


def test_a_second_signal_does_not_wait():
    body = (
        "interruption.PATIENCE = 3600\n"
        "    try: os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)\n"
        "    except BaseException: os.kill(os.getpid(), signal.SIGINT); time.sleep(3600)"
    )
    assert end(start(COMMAND.format(body=body))) == (130, "", resume("interrupted"))


def test_signals_that_a_shell_ignores_stay_ignored():
    body = "os.kill(os.getpid(), signal.SIGHUP); print('it went on')"
    program = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    assert end(start(program + COMMAND.format(body=body)))[:2] == (0, "it went on\n")


# ---------------------------------------------------------------- workers

PARENT = """
import multiprocessing, os, sys, time
from acn_bench.execution import worker

def hold(pipe):
    worker._end_with_parent()
    time.sleep(0.2)  # its thread waits
    sys.setswitchinterval(3600)  # as an import that holds the interpreter: no thread gets a turn
    pipe.send(os.getpid())
    while True:
        pass

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    pipe, child = context.Pipe()
    context.Process(target=hold, args=(child,), daemon=True).start()
    print(pipe.recv(), flush=True)
    time.sleep(3600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a worker ends between two imports")
def test_a_worker_ends_with_its_parent_though_it_listens_to_nobody(root, tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    parent = subprocess.Popen(
        [sys.executable, tmp_path / "parent.py"],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    worker = int(parent.stdout.readline())
    try:
        parent.kill()
        # both hold the other end of this pipe: it closes when the last of them has ended
        assert parent.communicate(timeout=10) == ("", None)
    finally:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


# ---------------------------------------------------------------- schedulers

GRACEFUL = """
    with interruption.graceful(0.3, 1.5, LIMIT):
        try:
            print("ready", flush=True)
            time.sleep(60)
        finally:
            print("saving", flush=True)
            time.sleep(SAVING)
            print("saved", flush=True)
"""


@pytest.mark.parametrize(
    ("signals", "saving", "limit", "code", "saved"),
    [
        (["SIGTERM"], 0.0, None, 143, True),
        (["SIGUSR1"], 0.8, None, 75, True),
        (["SIGTERM"], 30.0, None, 143, False),
        (["SIGUSR1", "SIGTERM", "SIGTERM"], 0.2, None, 75, True),  # to the command and its children
        (["SIGUSR1", "SIGTERM"], 30.0, None, 75, False),
        ([], 0.0, 0.2, 75, True),
    ],
)
def test_a_scheduler_leaves_time_to_save_and_no_more(signals, saving, limit, code, saved):
    body = GRACEFUL.replace("LIMIT", str(limit)).replace("SAVING", str(saving))
    process = start(COMMAND.replace("{body}", body))
    assert process.stdout.readline() == "ready\n"
    for name in signals:
        process.send_signal(getattr(signal, name))
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == code
    assert ("saved" in stdout) == saved
    assert stderr.splitlines()[-1].endswith("run the same command again to resume")
