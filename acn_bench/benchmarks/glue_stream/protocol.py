"""RunConfig of a stream of text tasks -> GlueStreamResult: the protocol of continual learning, on texts."""

from dataclasses import replace

import msgspec

from acn_bench.benchmarks.continual.protocol import ContinualRun
from acn_bench.benchmarks.glue_stream.inputs import TextInputs
from acn_bench.benchmarks.glue_stream.result import GlueStreamResult
from acn_bench.benchmarks.glue_stream.spec import GlueStreamSpec
from acn_bench.benchmarks.run import Run, RunOutput
from acn_bench.data.texts import TextData
from acn_bench.evaluation import cost
from acn_bench.strategies.seeding import preserved_generators


def measure(run: Run[GlueStreamSpec, TextData]) -> RunOutput:
    """Run the protocol, from its last checkpoint if there is one.

    Raises ValueError if data and protocol do not fit, DivergedError if the loss is nan or infinite.
    """
    cost.reset_peak_memory(run.device)
    with preserved_generators():
        inputs = TextInputs(run)
        output = ContinualRun(run, inputs).measure()
    result = GlueStreamResult(
        vocabulary=inputs.tokenizer.get_vocab_size(),
        cut=inputs.cut,
        most_frequent=inputs.data.most_frequent,
        **msgspec.structs.asdict(output.result),
    )
    return replace(output, result=result)


def build(run: Run[GlueStreamSpec, TextData]) -> None:
    """Build all that the run trains, the learner of its strategy among it, and train nothing. Raises as `measure`."""
    with preserved_generators():
        ContinualRun(run, TextInputs(run))
