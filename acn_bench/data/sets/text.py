"""Plain text for masked-language pre-training, and the embedded text that stands in for it."""

from acn_bench.data.sets.info import DataSetInfo

TEXT = DataSetInfo(
    name="text",
    title="text",
    description="plain text: text/<name>_train.txt with text/<name>_valid.txt, a paragraph a line; never downloaded",
    reader="acn_bench.data.corpus:load",
    flips=False,
    embedded="rules_text",
)
RULES_TEXT = DataSetInfo(
    name="rules_text",
    title="rules_text (embedded)",
    description="embedded: plain text made by rule",
    reader="acn_bench.data.corpus:load_rules",
    flips=False,
    embedded="rules_text",
)
