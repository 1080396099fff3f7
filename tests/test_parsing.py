"""Whatever a file or a text holds, reading it ends: with values, or with one sentence."""

import json
import os
import re
from math import inf

import pytest

from acn_bench import parsing

MANY = 100_000


@pytest.mark.parametrize("depth", [parsing.LEVELS, 900, 1_100, MANY])
@pytest.mark.parametrize("text", ['{"a":[' + "%s" + "]}", '{"a":%s}'])
def test_brackets_in_brackets_have_an_end(depth, text):
    brackets = text % ("[" * depth + "]" * depth)
    with pytest.raises(ValueError, match="more than 50 brackets are open at once"):
        parsing.json_object(brackets)
    with pytest.raises(ValueError, match="more than 50 brackets are open at once"):
        parsing.toml(f"a = {brackets.partition(':')[2][:-1]}")


@pytest.mark.parametrize("text", ["[" * MANY, '{"a":' * 1_100, "[1," * 1_100])
def test_brackets_without_an_end_are_refused(text):
    with pytest.raises(ValueError, match=r"more than 50 brackets|truncated"):
        parsing.json_value(text)


def test_the_keys_of_toml_nest_by_their_dots_too():
    with pytest.raises(ValueError, match="more than 50 brackets are open at once"):
        parsing.toml(".".join("a" * 60) + " = 1")


def test_plain_values_are_read_as_they_are():
    assert parsing.json_value("[1, [2.5, null]]") == [1, [2.5, None]]
    assert parsing.json_object(b'{"a": {"a": 1}, "b": {"a": 2}}') == {"a": {"a": 1}, "b": {"a": 2}}
    assert parsing.toml("a = inf\nb = [[1], {c = 2}]") == {"a": inf, "b": [[1], {"c": 2}]}
    assert parsing.json_value("7") == 7


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"b": [{"a": 1, "a": 1}]}',
        '{"a" : {"a": 1}, "b": ["a", "{"], "a": 2}',
        r'{"\u0061": 1, "a": 2}',
    ],
)
def test_a_key_that_is_given_twice_is_refused(text):
    with pytest.raises(ValueError, match="the key 'a' is given twice"):
        parsing.json_object(text)


def test_equal_keys_of_different_objects_and_words_like_keys_are_read():
    text = r'{"a": [{"a": "a"}, {"a": ["a", "\"a\":"]}], "\"": 1, "\\": 2, "a:": "{"}'
    assert parsing.json_object(text) == json.loads(text)


@pytest.mark.parametrize("text", ["", "{", "[1]", "NaN", '{"a": NaN}', '{"a": 1e999}', "\ufeff{}"])
def test_what_is_no_json_object_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parsing.json_object(text)


@pytest.mark.parametrize("text", ["a = ", "a = 1\na = 2", "a = " + "9" * 5_000])
def test_what_is_no_toml_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parsing.toml(text)


def test_a_pipe_a_device_a_folder_and_a_huge_file_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match=f"{re.escape(str(tmp_path))}/pipe is a pipe or a device"):
        parsing.file_bytes(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="zeros is a pipe or a device"):
        parsing.file_bytes(tmp_path / "zeros")
    with pytest.raises(IsADirectoryError):
        parsing.file_bytes(tmp_path)
    with (tmp_path / "huge").open("wb") as f:
        f.truncate(2**40)  # it takes no room
    with pytest.raises(ValueError, match="has 1,099,511,627,776 bytes, and at most"):
        parsing.file_bytes(tmp_path / "huge")
    with pytest.raises(FileNotFoundError):
        parsing.file_bytes(tmp_path / "nothing")
