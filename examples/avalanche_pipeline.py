"""Stock Avalanche trains an auto-compressing Mixer on five pairs of digits, and logs what acn_bench adds."""

import torch
from avalanche.benchmarks import nc_benchmark
from avalanche.evaluation.metrics import accuracy_metrics
from avalanche.logging import InteractiveLogger
from avalanche.models import as_multitask
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive

from acn_bench.backbones import build
from acn_bench.data import images
from acn_bench.strategies import NoiseRobustness, RobustForgetting, UtilisedDepth

digits = images.load("digits10").datasets()  # images in [0, 1]; the network normalises
stream = nc_benchmark(*digits, 5, True, seed=0, class_ids_from_zero_in_each_exp=True)

model = as_multitask(build("ac_mixer", num_classes=2, depth=3, patch_size=8, width=32), "head")
metrics = [UtilisedDepth(), NoiseRobustness({"gaussian": (0.2,)}), RobustForgetting()]
evaluator = EvaluationPlugin(accuracy_metrics(stream=True), *metrics, loggers=[InteractiveLogger()])
strategy = Naive(  # or LwF, Replay, …
    model=model,
    optimizer=torch.optim.AdamW(model.parameters()),
    train_mb_size=32,
    evaluator=evaluator,
)
for experience in stream.train_stream:
    strategy.train(experience)
    strategy.eval(stream.test_stream)
