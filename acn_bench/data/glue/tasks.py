"""The nine tasks of GLUE: where their files lie, which columns they have, and their official metrics.

Label words are those of the release's files; their order is that of the classes (the order of Hugging Face's
`glue`, so that labels of a checkpoint fit).
"""

from dataclasses import dataclass, field
from typing import Literal

PREFIX = "rules_"  # of the embedded texts that stand in for a task
Score = Literal["accuracy", "f1", "matthews", "pearson", "spearman"]


@dataclass(frozen=True)
class GlueTask:
    """One task; the development set is the test set here, since labels of GLUE's test sets are not public."""

    name: str
    title: str
    folder: str  # of the release
    texts: tuple[str, ...]  # columns of one sentence, or of two
    label: str  # column
    labels: tuple[str, ...]  # words of the label column, by class; empty: a number
    class_names: tuple[str, ...]  # by class; empty: a number
    scores: tuple[Score, ...]  # the official ones; the first leads
    train: int  # rows of the release
    dev: dict[str, int]  # development set -> its rows
    columns: tuple[str, ...] = ()  # where the files have no header
    incomplete: int = 0  # rows of the release that lack a column or a text, at most
    files: dict[str, str] = field(default_factory=dict)  # development set -> file, if not dev.tsv

    @property
    def is_regression(self) -> bool:
        """Whether a label is a number."""
        return not self.labels

    @property
    def outputs(self) -> int:
        """The width of the head."""
        return max(len(self.labels), 1)

    @property
    def is_small(self) -> bool:
        """Whether training examples are so few that fine-tuning varies by several points from seed to seed."""
        return self.train < 10_000

    def file(self, split: str) -> str:
        """The name of the file of `train` or of a development set."""
        return "train.tsv" if split == "train" else self.files.get(split, "dev.tsv")


_ENTAILMENT = ("entailment", "not_entailment")
_SENTENCES = ("sentence1", "sentence2")

TASKS: dict[str, GlueTask] = {
    task.name: task
    for task in (
        GlueTask("cola", "CoLA", "CoLA", ("sentence",), "label", ("0", "1"), ("unacceptable", "acceptable"), ("matthews",), 8_551, {"dev": 1_043}, columns=("source", "label", "mark", "sentence")),
        GlueTask("sst2", "SST-2", "SST-2", ("sentence",), "label", ("0", "1"), ("negative", "positive"), ("accuracy",), 67_349, {"dev": 872}),
        GlueTask("mrpc", "MRPC", "MRPC", ("#1 String", "#2 String"), "Quality", ("0", "1"), ("not_equivalent", "equivalent"), ("f1", "accuracy"), 3_668, {"dev": 408}),
        GlueTask("stsb", "STS-B", "STS-B", _SENTENCES, "score", (), (), ("pearson", "spearman"), 5_749, {"dev": 1_500}),
        GlueTask("qqp", "QQP", "QQP", ("question1", "question2"), "is_duplicate", ("0", "1"), ("not_duplicate", "duplicate"), ("f1", "accuracy"), 363_846, {"dev": 40_430}, incomplete=20),
        GlueTask("mnli", "MNLI", "MNLI", _SENTENCES, "gold_label", ("entailment", "neutral", "contradiction"), ("entailment", "neutral", "contradiction"), ("accuracy",), 392_702, {"matched": 9_815, "mismatched": 9_832}, files={"matched": "dev_matched.tsv", "mismatched": "dev_mismatched.tsv"}),
        GlueTask("qnli", "QNLI", "QNLI", ("question", "sentence"), "label", _ENTAILMENT, _ENTAILMENT, ("accuracy",), 104_743, {"dev": 5_463}),
        GlueTask("rte", "RTE", "RTE", _SENTENCES, "label", _ENTAILMENT, _ENTAILMENT, ("accuracy",), 2_490, {"dev": 277}),
        GlueTask("wnli", "WNLI", "WNLI", _SENTENCES, "label", ("0", "1"), _ENTAILMENT[::-1], ("accuracy",), 635, {"dev": 71}),
    )
}  # fmt: skip
