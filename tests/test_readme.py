"""The README's pipelines run word for word: every python block below its heading "In your pipeline".

To add one, write it below that heading: it brings its own imports and data, needs no network, has five lines
beside its imports, and calls its network `model`.
"""

import re
from pathlib import Path

import pytest
import torch

README = Path(__file__).parent.parent / "README.md"
HEADING = "\n## In your pipeline\n"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def blocks():
    """What it imports first -> the code."""
    text = README.read_text(encoding="utf-8")
    start = text.index(HEADING) + len(HEADING)
    found = [block[1] for block in BLOCK.finditer(text, start, text.index("\n## ", start))]
    return {re.findall(r"(?:from|import) (?!torch)(\w+)", code)[0]: code for code in found}


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Executes a block, in an empty folder, and gives its names."""
    monkeypatch.chdir(tmp_path)

    def execute(library, code):
        pytest.importorskip(library, reason=f"{library} is no dependency")
        names = {"__name__": "pipeline"}
        with torch.random.fork_rng():
            exec(compile(code, f"README.md, {library}", "exec"), names)
        return names

    return execute


@pytest.mark.parametrize("library", blocks())
def test_a_pipeline_runs_as_it_is_written(run, library):
    model = run(library, blocks()[library])["model"]
    assert isinstance(model, torch.nn.Module)
    assert all(p.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("library", blocks())
def test_it_has_five_lines_beside_its_imports(library):
    lines = [line for line in blocks()[library].splitlines() if line.strip()]
    assert len([line for line in lines if not line.startswith(("import ", "from "))]) <= 5


def test_avalanche_timm_and_transformers_are_among_them():
    assert {"avalanche", "timm", "transformers"} <= blocks().keys()
