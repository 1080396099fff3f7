"""The example runs, and its table adds up."""

import importlib.util
import re

import pytest


@pytest.fixture
def example(root):
    path = root / "examples" / "early_exit.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_prints_where_images_leave_and_what_that_saves(example, capsys):
    example.main(["--depth", "4", "--steps", "12", "--batch-size", "16", "--thresholds", "0,2.2,9"])
    count = len(example.images.load("digits10").test_labels)
    header, *rows = capsys.readouterr().out.splitlines()
    assert "speed-up" in header
    assert [row.split()[:3] for row in rows] == [
        [wiring, by, threshold]
        for by in ("head", "branches")
        for wiring in ("ac", "residual")
        for threshold in ("0.00", "2.20", "9.00")
    ]
    for none, some, all_ in zip(rows[::3], rows[1::3], rows[2::3], strict=True):
        full, early = re.findall(r"([\d.]+) %", none)
        assert full == early
        speed = [float(re.search(r"([\d.]+)×", row)[1]) for row in (none, some, all_)]
        assert speed[0] <= 1  # exits that are asked in vain cost
        assert speed == sorted(speed)
        assert speed[2] > 2
        left = [[int(n) for n in re.findall(r"\d: (\d+)", row)] for row in (none, some, all_)]
        assert {sum(counts) for counts in left} == {count}
        assert left[0][-1] == left[2][0] == count


def test_too_few_blocks_for_the_branches_are_refused(example, capsys):
    with pytest.raises(SystemExit):
        example.main(["--depth", "3"])
    assert "--depth 3: three branches need 4 blocks or more" in capsys.readouterr().err
