"""The settings of a card -> the trainer's recipe."""

from acn_bench.benchmarks.supervised.spec import SupervisedConfig
from acn_bench.training.recipe import Recipe


def recipe(config: SupervisedConfig, rows: int) -> Recipe:
    """How to train on so many rows."""
    spec = config.benchmark
    steps = -(-rows // spec.batch_size)  # of an epoch
    return Recipe(
        epochs=spec.epochs,
        batch_size=spec.batch_size,
        micro_batch=spec.micro_batch,
        optimizer=spec.optimizer,
        learning_rate=spec.learning_rate,
        weight_decay=spec.weight_decay,
        betas=spec.betas,
        momentum=spec.momentum,
        decay_norms=spec.decay_norms,
        warmup_steps=round(spec.warmup_epochs * steps),
        schedule=spec.schedule,
        final_learning_rate=spec.final_learning_rate,
        clip_norm=spec.clipped_at,
        ema_decay=spec.ema_decay,
        precision=config.precision,
        compiled=spec.compiled,
        wrapping=spec.wrapping,
        # blocks that a whole batch leaves out have no gradient
        unused_parameters=spec.scheme in ("layerdrop", "layerskip") or spec.drop_path > 0,
    )
