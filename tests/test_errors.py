import pytest

from acn_bench.errors import sentence


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(2, "No such file", "/a/b"), "/a/b: No such file"),
        (ValueError("two\n  lines"), "two lines"),
        (KeyError("a key, without the quotes"), "a key, without the quotes"),
        (KeyError(7), "KeyError: 7"),
        (IndexError(), "IndexError: "),
        (RuntimeError("out of memory"), "RuntimeError: out of memory"),
        (ZeroDivisionError(), "ZeroDivisionError: "),
    ],
)
def test_an_error_becomes_one_line(error, message):
    assert sentence(error) == message
