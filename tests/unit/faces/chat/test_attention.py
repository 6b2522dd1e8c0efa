"""How a person is called: bell, and the way that this terminal or desktop has."""

from __future__ import annotations

from typing import Any

import pytest

from lanline.client.view.values import Notifying
from lanline.faces.chat.attention import Attention, NotificationWay, way_of
from unit.faces.chat.standin import View


class Called:
    def __init__(self, environment: dict[str, str], notifying: Notifying | None = None) -> None:
        self.written = ""
        self.ran: list[list[str]] = []
        self.now = 0.0
        view: Any = View()
        view.notifying = notifying or Notifying()
        self.attention = Attention(
            view,
            environment=environment,
            write=self._write,
            run=self.ran.append,
            now=lambda: self.now,
            minute=lambda: 60,
        )

    def _write(self, text: str) -> None:
        self.written += text


@pytest.mark.parametrize(
    ("environment", "way"),
    [
        ({"TERM": "xterm-256color", "DISPLAY": ":0"}, NotificationWay.PROGRAM),
        ({"TERM": "xterm-256color", "WAYLAND_DISPLAY": "wayland-0"}, NotificationWay.PROGRAM),
        ({"TERM": "xterm-256color", "DISPLAY": ":0", "SSH_CONNECTION": "1 2 3 4"}, NotificationWay.OSC_9),
        ({"TERM": "xterm-256color"}, NotificationWay.OSC_9),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, NotificationWay.OSC_777),
        ({"TERM": "foot"}, NotificationWay.OSC_777),
        ({"TERM": "linux"}, NotificationWay.NONE),
        ({}, NotificationWay.NONE),
    ],
)
def test_the_way_is_that_of_the_desktop_or_of_the_terminal(environment: dict[str, str], way: NotificationWay) -> None:
    assert way_of(environment, lambda _: "/usr/bin/notify-send") is way
    assert way_of(environment, lambda _: None) is not NotificationWay.PROGRAM


def test_bell_and_notification_are_as_wanted() -> None:
    called = Called({"TERM": "xterm"})
    called.attention.call("ana: hi")
    assert called.written == "\a\x1b]9;ana: hi\a"
    called = Called({"TERM": "foot"}, Notifying(has_bell=False))
    called.attention.call("ana: a;b")
    assert called.written == "\x1b]777;notify;Lanline;ana: a,b\a"
    called = Called({"TERM": "foot"}, Notifying(has_desktop=False))
    called.attention.call("ana: hi")
    assert called.written == "\a"


def test_within_tmux_it_is_passed_through() -> None:
    called = Called({"TERM": "tmux-256color", "TMUX": "/tmp/x"}, Notifying(has_bell=False))
    called.attention.call("hi")
    assert called.written == "\x1bPtmux;\x1b\x1b]9;hi\a\x1b\\"


def test_what_others_say_steers_neither_terminal_nor_desktop() -> None:
    called = Called({"TERM": "xterm"}, Notifying(has_bell=False))
    called.attention.call("a\a\x1b]0;title\n")
    assert called.written.count("\x1b") == 1
    assert called.written.count("\a") == 1


def test_in_quiet_hours_nothing_is_heard() -> None:
    called = Called({"TERM": "xterm"}, Notifying(quiet="00:30-01:30"))
    called.attention.call("hi")
    assert called.written == ""


def test_one_is_not_called_more_often_than_one_can_hear() -> None:
    called = Called({"TERM": "linux"})
    for second in (0.0, 0.5, 1.0, 2.5):
        called.now = second
        called.attention.call("hi")
    assert called.written == "\a\a"


def test_a_program_gets_the_words_as_one_plain_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lanline.faces.chat.attention.way_of", lambda _: NotificationWay.PROGRAM)
    called = Called({}, Notifying(has_bell=False))
    called.attention.call("--help: <b>&</b>")
    assert called.ran == [["notify-send", "--app-name", "Lanline", "--", "Lanline", "--help: &lt;b&gt;&amp;&lt;/b&gt;"]]
    assert called.written == ""
