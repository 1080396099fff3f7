"""The settings of a card -> the trainer's recipe."""

from acn_bench.benchmarks.glue.spec import GlueConfig
from acn_bench.training.recipe import Recipe


def recipe(config: GlueConfig, rows: int) -> Recipe:
    """How to fine-tune on so many rows."""
    spec = config.benchmark
    steps = spec.epochs * -(-rows // spec.batch_size)
    return Recipe(
        epochs=spec.epochs,
        batch_size=spec.batch_size,
        micro_batch=spec.micro_batch,
        optimizer=spec.optimizer,
        learning_rate=spec.learning_rate,
        weight_decay=spec.weight_decay,
        warmup_steps=round(spec.warmup * steps),
        schedule=spec.schedule,
        clip_norm=spec.clip_norm,
        precision=config.precision,
        compiled=spec.compiled,
    )
