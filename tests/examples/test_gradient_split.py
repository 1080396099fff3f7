"""The example runs, and shows what it says."""

import importlib.util

import pytest


@pytest.fixture
def example(root):
    path = root / "examples" / "gradient_split.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_prints_a_table_for_each_wiring_and_draws_them(example, tmp_path, capsys):
    figure = tmp_path / "split.png"
    words = ["--depth", "2", "--steps", "3", "--every", "2", "--batch-size", "4"]
    example.main([*words, "--figure", str(figure)])
    printed = capsys.readouterr().out
    for wiring in ("ac", "residual", "feedforward"):
        assert f"{wiring}: |FG|" in printed
        assert f"{wiring}: |DG| / |FG|" in printed
    assert printed.count("  step        1       2\n     0 ") == 6
    assert figure.read_bytes().startswith(b"\x89PNG")
