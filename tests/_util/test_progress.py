"""Whoever wants to hear nothing hears nothing, and bars are shown to whoever looks on."""

import io
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console

from tabgan._util import progress
from tabgan._util.progress import (
    Listener,
    NotebookBars,
    NotebookLine,
    PassOverRows,
    ProgressBars,
    silent,
    told,
)
from tabgan.errors import ConfigError


def test_nothing_is_said(capsys):
    silent("train", 1, 2)
    assert capsys.readouterr() == ("", "")


def console(is_terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=is_terminal, force_jupyter=False, width=80)


@pytest.fixture
def screen(monkeypatch):
    shown = {}
    monkeypatch.delenv("PYTEST_VERSION", raising=False)  # by which a test run is known

    def looks_on(is_terminal: bool) -> Console:
        shown["console"] = console(is_terminal)
        monkeypatch.setattr("rich.console.Console", lambda **kwargs: shown["console"])
        return shown["console"]

    return looks_on


def test_without_a_callback_bars_are_shown_on_a_terminal(screen, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    looked_at = screen(True)
    with told(None) as tell:
        tell("anchor [1]", 1, 4)
    assert "anchor [1]" in looked_at.file.getvalue()
    assert "25%" in looked_at.file.getvalue()


def test_work_that_is_done_at_once_shows_none(screen):
    looked_at = screen(True)
    with told(None) as tell:
        tell("anchor", 4, 4)
    assert looked_at.file.getvalue() == ""


def test_elsewhere_nothing_is_shown(screen):
    screen(False)
    with told(None) as tell:
        assert tell is silent


def test_nor_in_a_test_nor_to_whoever_wants_none(screen, monkeypatch):
    screen(True)
    with told(False) as tell:
        assert tell is silent
    with told(True) as tell:
        assert isinstance(tell, ProgressBars)
    monkeypatch.setenv("PYTEST_VERSION", "9")
    for asked in (None, True):
        with told(asked) as tell:
            assert tell is silent


def test_other_things_are_refused():
    with pytest.raises(ConfigError, match="progress: expected a function"), told("loud"):
        pass


def test_a_notebook_has_bars_of_tqdm_where_there_is_one(screen, monkeypatch, capsys):
    pytest.importorskip("tqdm")
    looked_at = screen(True)
    looked_at.is_jupyter = True
    monkeypatch.setattr(progress, "find_spec", lambda name: "there")
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with told(None) as tell:
        assert isinstance(tell, NotebookBars)
        tell("fit", 1, 4)
        tell("fit", 4, 4)
    assert "fit" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["tqdm", "ipywidgets"])
def test_a_notebook_that_lacks_a_package_has_a_line(screen, monkeypatch, missing):
    """Bars of tqdm and of Rich would ask for ipywidgets, and several of text do not fit into a cell."""
    looked_at, shown = screen(True), []
    looked_at.is_jupyter = True

    class Line:
        def update(self, data, raw):
            shown.append(data["text/plain"])

    def display(data, raw, display_id):
        shown.append(data["text/plain"])
        return Line()

    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    monkeypatch.setattr(progress, "find_spec", lambda name: None if name == missing else "there")
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "_PAUSE", 0.0)
    with told(None) as tell:
        assert isinstance(tell, NotebookLine)
        tell("fit", 1, 4)
        tell("read", 31_000, 0)
        tell("fit", 0, 0)
    assert shown == ["fit 25%", "read 31k rows", "fit", ""]
    monkeypatch.setattr(progress, "PATIENCE", 9.0)
    with told(None) as tell:
        tell("fit", 1, 4)
    assert len(shown) == 4


def test_a_callback_is_told_itself():
    calls = []
    with told(lambda *done: calls.append(done)) as tell:
        tell("anchor", 1, 4)
    assert calls == [("anchor", 1, 4)]


def test_bars_go_when_the_work_fails(screen, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    screen(True)
    with pytest.raises(KeyboardInterrupt), told(None) as tell:
        tell("anchor", 1, 4)
        raise KeyboardInterrupt
    assert isinstance(tell, ProgressBars)
    assert not tell._bars.live.is_started


class TestRows:
    def test_numbers_are_rounded_and_gone_at_the_end(self):
        calls = []
        done = PassOverRows(lambda *told: calls.append(told), "read", 51_234_567)
        for n_rows in (999, 1_000_000, 50_233_568):
            done.add(n_rows)
        done.end()
        assert calls == [
            ("read", 0, 1),
            ("read", 1_000_000, 52_000_000),
            ("read", 51_000_000, 52_000_000),
            ("read", 1, 1),
        ]

    def test_nobody_knows_how_many_there_are_or_there_are_more_than_declared(self):
        for known in (None, 2_000):
            calls = []
            done = PassOverRows(lambda *told: calls.append(told), "read", known)  # noqa: B023
            done.add(262_144)
            assert calls[1:] == [("read", 260_000, 0)]

    def test_bars_show_number_and_rate_while_rows_are_read(self, screen, monkeypatch):
        monkeypatch.setattr(progress, "PATIENCE", 0.0)
        looked_at = screen(True)
        with told(None) as tell:
            done = PassOverRows(tell, "read", 51_234_567)
            for _ in range(3):
                done.add(10_123_456)
                tell._bars.refresh()
            assert "30M of 52M rows" in looked_at.file.getvalue()
            assert "M/s" in looked_at.file.getvalue() or "G/s" in looked_at.file.getvalue()
            done.end()
            looked_at.file.truncate(0)
            tell._bars.refresh()
            assert "100%" in looked_at.file.getvalue()
            assert "rows" not in looked_at.file.getvalue()

    def test_a_second_pass_begins_anew(self, screen):
        screen(True)
        with told(None) as tell:
            PassOverRows(tell, "count", 9_000).end()
            assert tell._bars.tasks[0].finished
            PassOverRows(tell, "count", 9_000).add(4_500)
            assert not tell._bars.tasks[0].finished
            assert tell._bars.tasks[0].completed == 4_000

    def test_a_notebook_counts_them_too(self, screen, monkeypatch, capsys):
        pytest.importorskip("tqdm")
        looked_at = screen(True)
        looked_at.is_jupyter = True
        monkeypatch.setattr(progress, "find_spec", lambda name: "there")
        monkeypatch.setattr(progress, "PATIENCE", 0.0)
        with told(None) as tell:
            for known in (51_234_567, None):
                done = PassOverRows(tell, "read", known)
                done.add(30_123_456)
                tell._bars["read"].refresh()
                done.end()
        shown = capsys.readouterr().err
        assert "30.0M/52.0M" in shown
        assert "30.0M rows [" in shown

    def test_a_listener_hears_through_another_once(self):
        def fails(*told):
            raise ValueError("mine")

        one = Listener.of(fails)
        assert Listener.of(one) is one
        with pytest.raises(ValueError, match="mine"):
            one("read", 0, 1)
        assert str(one.raised) == "mine"
