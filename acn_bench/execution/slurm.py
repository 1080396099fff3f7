"""A plan and a number of workers -> one sbatch script, and its submission."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from acn_bench.errors import within_screen
from acn_bench.execution.preemption import LEAD
from acn_bench.interruption import AGAIN

MOST_RESTARTS = (
    100  # of one worker: a run that saves nothing in its time would begin again for ever
)
CORES = re.compile(r"(?:^|\s)(?:-c|--cpus-per-task)[ =]*(\d+)")
# "2", "a100:2"; of --gres "gpu", "gpu:2", "gpu:a100:2"
GPUS = re.compile(
    r"(?:^|\s)(?:(?:-G|--gpus(?:-per-\w+)?)[ =]*|--gres[ =]*gpu:?)(?:[a-z]\w*:)?(\d+)?"
)

SCRIPT = """\
#!/bin/bash
# {workers} of {name}, each a share of its runs. Submit it again to resume: finished runs are kept.
#SBATCH --job-name={job_name}
#SBATCH --array=1-{workers}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={log}
#SBATCH --signal=USR1@{lead:.0f}
{options}
cd {folder} || exit
# newer versions of srun take no account of sbatch's --cpus-per-task
[ -n "${{SLURM_CPUS_PER_TASK:-}}" ] && export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"
srun {command} --shard "$SLURM_ARRAY_TASK_ID/{workers}"
status=$?
# {again}: the worker saved its runs, and has more to do
if [ "$status" -eq {again} ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {restarts} ]; then
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID"
fi
exit "$status"
"""


@dataclass(frozen=True)
class Submission:
    """What is submitted, and from where."""

    name: str  # of the benchmark
    workers: int
    command: Sequence[str]  # of a worker, less its share
    options: Sequence[str]  # of sbatch
    place: Path  # of the script and of the logs
    folder: Path  # that workers start in

    @property
    def script_path(self) -> Path:
        """Where the script lies."""
        return self.place / "submit.sh"

    @property
    def cores(self) -> int:
        """The cores of each worker, as sbatch's --cpus-per-task asks for them."""
        match = CORES.search(" ".join(self.options))
        return max(1, int(match[1])) if match else 1

    @property
    def gpus(self) -> int:
        """The GPUs of each worker, as sbatch's --gpus or --gres ask for them."""
        match = GPUS.search(" ".join(self.options))
        return int(match[1] or 1) if match else 0

    @property
    def script(self) -> str:
        """The script, for people to read and to change."""
        return SCRIPT.format(
            name=self.name,
            job_name=shlex.quote(f"acn-{self.name}"),
            workers=self.workers,
            log=shlex.quote(str(self.place / "%A_%a.log")),
            lead=LEAD + 10,
            options="".join(f"#SBATCH {option}\n" for option in _options(self.options)),
            folder=shlex.quote(str(self.folder)),
            command=shlex.join(self.command),
            again=AGAIN,
            restarts=MOST_RESTARTS,
        )


def _options(words: Sequence[str]) -> list[str]:
    """One option a line: a word that is no option is the value of the one before it."""
    options: list[str] = []
    for word in words:
        if word.startswith("-") or not options:
            options.append(shlex.quote(word))
        else:
            options[-1] += f" {shlex.quote(word)}"
    return options


def submit(submission: Submission) -> str:
    """Write the script and submit it; returns the number of the job.

    Raises LookupError where there is no sbatch, ValueError with what sbatch answers.
    """
    if shutil.which("sbatch") is None:
        raise LookupError(
            "there is no sbatch here: submit from a machine of the cluster, or take --dry-run"
        )
    submission.place.mkdir(parents=True, exist_ok=True)
    submission.script_path.write_text(submission.script, encoding="utf-8")
    words = ["sbatch", "--parsable", str(submission.script_path)]
    answer = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    if answer.returncode:
        raise ValueError(f"sbatch refused the script: {within_screen(answer.stderr)}")
    return answer.stdout.strip().partition(";")[0]
