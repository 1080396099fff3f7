"""What comes from a file or from the user reaches the screen as words, and moves nothing there."""

import pytest
from rich.markup import escape
from rich.table import Table

from acn_bench.printable import one_line, printable
from acn_bench.terminal import Terminal


@pytest.mark.parametrize("stderr", [False, True])
def test_control_characters_reach_the_screen_as_escapes(capsys, stderr):
    terminal = Terminal(stderr=stderr)
    name = "nets\x1b[2J\x9b31m\u202eevil\udcff:make"
    table = Table(box=None, title=escape(name))
    table.add_row("a cell")

    terminal.print(f"[red]error:[/red] {escape(name)}", soft_wrap=True)
    terminal.print(name, markup=False, soft_wrap=True)
    terminal.print(table)

    shown = capsys.readouterr()[stderr]
    assert not {"\x1b", "\x9b", "\u202e", "\udcff"} & set(shown)
    assert shown.count("nets\\x1b[2J\\x9b31m\\u202eevil\\udcff:make") == 2
    assert shown.count("error: ") == 1


def test_words_between_colons_are_no_emoji(capsys):
    Terminal().print("nets:warning:b:x", soft_wrap=True)

    assert capsys.readouterr().out == "nets:warning:b:x\n"


def test_colours_and_bars_still_move_the_cursor(monkeypatch, capsys):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    terminal = Terminal()

    terminal.print("[red]error:[/red]")
    with terminal.status("writing"):
        pass

    shown = capsys.readouterr().out
    assert "\x1b[31merror:\x1b[0m" in shown
    assert "\x1b[2K" in shown
    assert "\\x1b" not in shown


def test_a_line_of_foreign_text_is_one_line():
    assert one_line("a\r\nb\tc\nd\re") == "a b c d e"
    assert printable("a\n\tb · – é 漢 😀") == "a\n\tb · – é 漢 😀"
