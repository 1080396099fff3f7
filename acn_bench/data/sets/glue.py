"""The tasks of GLUE (Wang et al. 2019), and the embedded texts that stand in for each."""

from acn_bench.data.glue.tasks import TASKS
from acn_bench.data.sets.info import DataSetInfo


def _release(name: str) -> DataSetInfo:
    task = TASKS[name]
    return DataSetInfo(
        name=name,
        title=task.title,
        description=f"GLUE's {task.title}, the release's folder glue/{task.folder}; never downloaded",
        reader="acn_bench.data.glue.reader:load",
        flips=False,
        embedded=f"rules_{name}",
    )


def _by_rule(name: str) -> DataSetInfo:
    return DataSetInfo(
        name=f"rules_{name}",
        title=f"rules_{name} (embedded)",
        description=f"embedded: texts made by rule, in the shape of {TASKS[name].title}",
        reader="acn_bench.data.rules:load",
        flips=False,
        embedded=f"rules_{name}",
    )


RELEASE = {name: _release(name) for name in TASKS}
RULES = {f"rules_{name}": _by_rule(name) for name in TASKS}

COLA, SST2, MRPC, STSB, QQP, MNLI, QNLI, RTE, WNLI = RELEASE.values()
(
    RULES_COLA,
    RULES_SST2,
    RULES_MRPC,
    RULES_STSB,
    RULES_QQP,
    RULES_MNLI,
    RULES_QNLI,
    RULES_RTE,
    RULES_WNLI,
) = RULES.values()
