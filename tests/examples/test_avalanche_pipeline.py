"""The example is short, runs as it stands, and logs what it says."""

import re
import runpy

from avalanche.training.supervised import Naive

from acn_bench.strategies.seeding import preserved_generators


def test_stock_avalanche_trains_the_backbone_and_logs_every_metric(root, capsys):
    path = root / "examples" / "avalanche_pipeline.py"
    assert len(path.read_text().splitlines()) <= 40
    with preserved_generators():
        made = runpy.run_path(str(path))
    assert type(made["strategy"]) is Naive
    end = capsys.readouterr().out.rpartition("End of eval phase")[2]
    logged = dict(re.findall(r"^\s([\w.]+)/eval_phase/test_stream\S* = (\S+)$", end, re.MULTILINE))
    assert 0 <= float(logged.pop("UtilisedDepth_Stream")) <= 3
    assert float(logged.pop("Top1_Acc_Stream")) > 0.6
    noises = "gaussian_0.2", "salt_and_pepper_0.05"
    expected = {f"{name}_gaussian_0.2_Stream" for name in ("NoisyAcc", "NoiseDrop")}
    assert set(logged) == expected | {f"RobustForgetting_{noise}_Stream" for noise in noises}
