import re
import subprocess
from pathlib import Path

import pytest

# Folders of a machine, not of the project: what stands in a file must hold on any machine.
# In pieces, so that this file is not its own finding.
MACHINE_PATHS = re.compile(
    "|".join(rf"(?<![\w.$}}~-])/{top}/\w" for top in ("work", "root", "home", "Users"))
)


def _tracked(root: Path) -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("not a git repository")
    return [root / name for name in done.stdout.split("\0") if name and (root / name).is_file()]


@pytest.mark.parametrize("folder", ["benchmarks", "strategies", "reports", "tests", "tools"])
def test_the_folders_of_the_root_are_no_packages(root, folder):
    # A bare package of such a name would land in site-packages, where others install theirs
    assert list((root / folder).rglob("__init__.py")) == []


def test_every_folder_of_the_package_is_a_package(root):
    folders = {path.parent for path in _tracked(root) if path.suffix == ".py"}
    bare = [
        f
        for f in folders
        if f.is_relative_to(root / "acn_bench") and not (f / "__init__.py").is_file()
    ]
    assert bare == []


def test_nothing_speaks_of_the_machine_it_was_written_on(root):
    result = []
    for path in _tracked(root):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # not a text
        result += [
            f"{path.relative_to(root)}:{number}: {line.strip()[:120]}"
            for number, line in enumerate(text.splitlines(), start=1)
            if MACHINE_PATHS.search(line)
        ]
    assert result == []


def test_no_tracked_file_is_a_data_set(root):
    def limit(path):  # what is published is evidence, and grows with its runs and groups
        return {"records.jsonl": 2**23, "report.html": 2**21}.get(path.name, 2**20)

    assert [p.relative_to(root) for p in _tracked(root) if p.stat().st_size > limit(p)] == []


@pytest.mark.parametrize("folder", ["benchmarks", "strategies"])
def test_a_cards_file_is_named_after_it(root, folder):
    for path in (root / folder).glob("*.toml"):
        assert f'name = "{path.stem}"' in path.read_text(encoding="utf-8").splitlines()


def test_the_map_of_the_architecture_is_the_tree(root):
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    block = text.split("## Where things are")[1].split("```")[1]
    package, others = block.split("benchmarks/   WHAT")
    named = set(re.findall(r"(?<![\w/.])(\w+(?:\.py|/))", package)) - {"acn_bench/"}
    inside = {"kind.py", "run.py", "wiring.py", "plugins/", "metrics/", "sets/"}  # of its folders
    entries = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (root / "acn_bench").iterdir()
        if path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").is_file())
    }
    assert named - inside == entries
    for folder in re.findall(r"^(\w+)/", f"benchmarks/   WHAT{others}", re.MULTILINE):
        assert (root / folder).is_dir(), folder
