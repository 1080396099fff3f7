"""The end of a command -> what is wrong with it."""

from dataclasses import dataclass, field

from forked import CPU_SECONDS, SECONDS, Outcome

from acn_bench.errors import SCREEN

ENDS: dict[int | None, str] = {0: "accepted", 1: "failed", 2: "refused"}  # by exit code
ANOTHER_RECORD = 99  # exit code: a damaged record was read as another one


@dataclass(frozen=True)
class Finding:
    """One case."""

    end: str  # how the command ended, as the summary counts it
    faults: list[str] = field(default_factory=list)  # empty: it ended as it should
    seconds: float = 0.0  # of CPU
    kills: int = 0


def of(outcome: Outcome) -> Finding:
    """Whether the command said what is wrong in one line, and left alone what is not its own."""
    faults = [*_end(outcome), *_errors(outcome)]
    faults += [f"changes {path} outside its folder" for path in outcome.outside]
    return Finding(ENDS.get(outcome.code, "neither"), faults, outcome.seconds)


def _end(outcome: Outcome) -> list[str]:
    if outcome.code is None:
        return [f"has not ended in {CPU_SECONDS} s of CPU or {SECONDS:.0f} s"]
    if outcome.code == ANOTHER_RECORD:
        return ["a damaged record is read as another record"]
    if outcome.code < 0:
        return [f"ended by signal {-outcome.code}"]
    return [] if outcome.code in ENDS else [f"exit code {outcome.code}"]


def _errors(outcome: Outcome) -> list[str]:
    faults = []
    lines = [line for line in outcome.errors.splitlines() if line.startswith("error:")]
    expected = 1 if outcome.code in (1, 2) else 0
    if outcome.code in ENDS and len(lines) != expected:
        faults.append(f"{len(lines)} lines begin with `error:`, not {expected}")
    if any(len(line) > SCREEN + len("error: ") for line in lines):
        faults.append(f"an error of {max(map(len, lines))} characters")
    for text in (outcome.errors, outcome.output):
        if "Traceback (most recent call last)" in text:
            faults.append(f"a traceback: {text.strip().splitlines()[-1]:.200}")
        if odd := sorted({c for c in text if not c.isprintable()} - {"\n"}):
            faults.append(f"control characters on the screen: {odd}")
    return faults
