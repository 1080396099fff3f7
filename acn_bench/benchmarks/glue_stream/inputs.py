"""The tasks of a stream -> token ids by row number, and a text network with a head for each task."""

from typing import Any, cast

import torch
from torch import Tensor

from acn_bench.backbones.backbone import TextBackbone
from acn_bench.benchmarks.continual.spec import ContinualConfig
from acn_bench.benchmarks.glue_stream.spec import GlueStreamSpec
from acn_bench.benchmarks.glue_stream.stream import TextStream
from acn_bench.benchmarks.run import Run
from acn_bench.benchmarks.text_network import started, tokenizer_of_start
from acn_bench.data.data_set import joint_fingerprint
from acn_bench.data.texts import TextData
from acn_bench.data.tokens import vocabulary
from acn_bench.data.tokens.encoded import Encoded, encoded, joined
from acn_bench.evaluation import guards
from acn_bench.families.bert import BertSpec
from acn_bench.result import Guard
from acn_bench.strategies.row_models import MultiHeadRowModel
from acn_bench.training.row_model import heads


class TokenRows:
    """Texts by row number, the training rows first; it meets `row_model.RowInputs`."""

    def __init__(self, texts: Encoded) -> None:
        self.texts = texts
        self.epoch = 0
        self.trained = 0

    @property
    def device(self) -> torch.device:
        """Of the token ids."""
        return self.texts.ids.device

    def __deepcopy__(self, memo: dict[int, Any]) -> "TokenRows":
        """A copied model shares the texts and the epoch."""
        return self

    def plain(self, rows: Tensor) -> Tensor:
        """Rows (B,) -> token ids (B, T), padded to the longest of them."""
        return self.texts.batch(rows, types=False)[0]

    augmented = plain


class TextInputs:
    """It meets `continual.stream_inputs.StreamInputs`."""

    def __init__(self, run: Run[GlueStreamSpec, TextData]) -> None:
        config, spec = run.config, cast(BertSpec, run.config.backbone)
        self.data = TextStream(config, run.data)
        self.tokenizer = tokenizer_of_start(config) or vocabulary.stored(
            run.data[0].caches,
            joint_fingerprint(run.data),
            lambda: (t for part in run.data for column in part.train.texts for t in column),
            spec.vocab_size,
        )
        self.longest = min(config.benchmark.length, spec.max_length)
        train = [encoded(part, "train", self.tokenizer, self.longest) for part in run.data]
        tests = [
            encoded(part, name, self.tokenizer, self.longest)
            for part in run.data
            for name in part.tests
        ]
        self.cut = [a.overlong + b.overlong for a, b in zip(train, tests, strict=True)]
        self.rows = TokenRows(joined([*train, *tests]).to(run.device))

    def model(self, config: ContinualConfig) -> MultiHeadRowModel:
        """The network from its start, with new heads, whose weights depend on (seed, experience) alone."""
        network, _ = started(config)
        assert isinstance(network, TextBackbone)
        network.pad = self.rows.texts.pad
        protocol = config.benchmark
        classes = [protocol.classes_per_experience] * protocol.experiences
        width = cast(BertSpec, config.backbone).width
        return MultiHeadRowModel(network, heads(width, classes, config.seeds.init), self.rows)

    def usual(self) -> Tensor:
        """As many tokens as a text may have."""
        other = int(self.rows.texts.pad == 0)
        return torch.full((1, self.longest), other, device=self.rows.device)

    def noise(self, config: ContinualConfig) -> Tensor:
        return torch.zeros(1)

    def disjoint(self) -> list[Guard]:
        return [guards.texts_disjoint(part) for part in self.data.parts]
