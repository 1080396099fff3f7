"""HOME that cannot be written, is damaged, or is fine."""

import json
import os
import sys

import pytest

from acn_bench import home
from acn_bench.run_folder import atomic


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, tmp_path):
    """A process that has imported neither library, with a folder for temporary files of its own."""
    monkeypatch.delitem(sys.modules, home.AVALANCHE, raising=False)
    for name in (home.MATPLOTLIB, "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "")  # so that what a test sets is removed after it
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(home.tempfile, "tempdir", str(tmp_path / "temporary"))
    home._substitute.cache_clear()
    yield
    home._substitute.cache_clear()
    sys.modules.pop(home.AVALANCHE, None)  # before monkeypatch puts the former one there again


def settings(folder):
    return json.loads((folder / ".avalanche" / "config.json").read_text())


def test_a_home_that_can_be_written_is_used_without_a_word(tmp_path):
    assert home.prepare() is None
    assert home.AVALANCHE not in sys.modules
    assert not os.environ[home.MATPLOTLIB]
    folder = tmp_path / "home" / ".avalanche"
    assert settings(tmp_path / "home") == {"dataset_location": str(folder / "data")}
    assert list((tmp_path / "temporary").iterdir()) == []


def test_settings_of_avalanche_that_are_there_stay(tmp_path):
    folder = tmp_path / "home" / ".avalanche"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"dataset_location": "/data"}')
    assert home.prepare() is None
    assert settings(tmp_path / "home") == {"dataset_location": "/data"}


def test_a_home_that_cannot_be_written_is_named_and_the_libraries_get_another_folder(tmp_path, monkeypatch):  # fmt: skip
    (tmp_path / "home").write_text("")  # as root, too, nothing can be made below a file
    reason = home.prepare()
    other = tmp_path / "temporary" / f"acn_bench-{os.getuid()}"
    assert f"{tmp_path / 'home' / '.avalanche'}: Not a directory" in reason
    assert f"write to {other}; set HOME to a folder of yours instead" in reason
    assert "\n" not in reason
    used = sys.modules[home.AVALANCHE].AVALANCHE_CONFIG_ROOT
    assert used == str(other / ".avalanche")
    assert os.environ[home.MATPLOTLIB] == str(other / "matplotlib")
    assert os.environ["HOME"] == str(tmp_path / "home")  # other code may read what lies there
    assert other.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "7", "[" * 100_000])
def test_settings_that_are_none_stand_in_nobodys_way(tmp_path, text):
    folder = tmp_path / "home" / ".avalanche"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(text)
    assert f"{folder / 'config.json'} is not Avalanche's settings file" in home.prepare()
    assert home.AVALANCHE in sys.modules
    assert (folder / "config.json").read_text() == text


@pytest.mark.parametrize("kind", ["of others", "link", "file"])
def test_a_folder_that_others_can_change_is_not_used(tmp_path, kind):
    (tmp_path / "home").write_text("")
    other = tmp_path / "temporary" / f"acn_bench-{os.getuid()}"
    if kind == "of others":
        other.mkdir()
        other.chmod(0o777)
    elif kind == "link":
        (tmp_path / "elsewhere").mkdir()
        other.symlink_to(tmp_path / "elsewhere")
    else:
        other.write_text("")
    assert str(other) + ";" not in home.prepare()
    made = os.environ[home.MATPLOTLIB]
    assert made.startswith(str(tmp_path / "temporary" / "acn_bench-"))
    assert not made.startswith(f"{other}/")


def test_a_folder_that_the_user_gave_to_matplotlib_stays(tmp_path, monkeypatch):
    monkeypatch.setenv(home.MATPLOTLIB, "/mine")
    (tmp_path / "home").write_text("")
    home.prepare()
    assert os.environ[home.MATPLOTLIB] == "/mine"


def test_avalanche_never_sees_half_of_its_settings(tmp_path, monkeypatch):
    """Its own code opens the file first and fills it later: another process reads an empty one."""
    seen = []

    def watched(path):
        seen.append(path)
        return atomic(path)

    monkeypatch.setattr(home, "atomic", watched)
    home.prepare()
    assert seen == [tmp_path / "home" / ".avalanche" / "config.json"]
