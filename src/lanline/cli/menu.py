"""What `lanline` alone shows at a terminal: what a person may do next, chosen by a letter. Each choice is a command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from lanline.cli.nodecall import home_folder, show_line


class Choice(NamedTuple):
    key: str
    text: str
    words: tuple[str, ...]
    """Of the command; none: leave."""
    question: str = ""
    """Its answer is put behind the words."""


_PLAY = ("video", "play")
_LEAVE = Choice("q", "leave", ())
_MEMBER = (
    Choice("t", "talk: the chat, in rooms and in private", ("chat",)),
    Choice("f", "films: those of the server", _PLAY),
    Choice("w", "watch: live video that somebody shares", ("video", "watch"), "The watch link: "),
    Choice("s", "share: live video from here", ("video", "serve", "--source"), "camera, screen, test, or a file: "),
    Choice("i", "invite: let somebody in", ("invite", "--qr")),
    _LEAVE,
)
_NEWCOMER = (
    Choice("s", "start a group: a server on this machine, and you in it", ("start",)),
    Choice("j", "join a group that there is", ("chat", "--server"), "Its invite, or HOST[:PORT]: "),
    Choice("p", "talk with one other host, without a server", ("peer", "--peer-host"), "Its address: "),
    _LEAVE,
)


def show_menu(home: Path) -> None:
    from lanline.client.pin import read_pin

    folder = home_folder(home)
    while True:
        pin = read_pin(folder)
        choices = _NEWCOMER if pin is None else _MEMBER
        show_line("\nLanline" if pin is None else f"\nYou are {pin.nick} on {pin.name or pin.place}")
        chosen = _choose(choices)
        if chosen is None or not chosen.words:
            return
        if chosen.words == _PLAY:
            _run_film(chosen, folder)
        else:
            _run(chosen, folder)


def _choose(choices: tuple[Choice, ...]) -> Choice | None:
    if os.environ.get("TERM", "dumb") != "dumb":
        from lanline.cli.rowchoice import choose_row

        chosen = choose_row([(choice.key, choice.text) for choice in choices])
        return None if chosen is None else choices[chosen]
    for choice in choices:
        show_line(f"  {choice.key}  {choice.text}")
    while True:
        answer = _ask("> ")
        if answer is None:
            return None
        for choice in choices:
            if (answer and choice.text.startswith(answer.lower())) or answer.lower() == choice.key:
                return choice
        show_line(f"Type one of {', '.join(choice.key for choice in choices)}, and press Enter.")


def _ask(question: str) -> str | None:
    try:
        return input(question).strip()
    except (EOFError, KeyboardInterrupt):
        show_line("")
        return None


def _run_film(choice: Choice, folder: Path) -> None:
    """One of those that there are; a window where there is a display."""
    from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, at_server
    from lanline.cli.video.library import listed
    from lanline.errors import LanlineError
    from lanline.model.text import safe_line

    try:
        films = [film for film in at_server(folder, DEFAULT_TIMEOUT_S, listed).library.films if film.playable]
    except LanlineError as problem:
        show_line(str(problem))
        return
    if not films:
        show_line("There is no film on this server yet.")
        return
    rows = [Choice(str(number), safe_line(film.name), (film.name,)) for number, film in enumerate(films, 1)]
    chosen = _choose(tuple(rows))
    if chosen is not None:
        sink = "window" if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") else "terminal"
        _run(Choice(choice.key, choice.text, (*choice.words, "--sink", sink, "--", *chosen.words)), folder)


def _run(choice: Choice, folder: Path) -> None:
    words = list(choice.words)
    if choice.question:
        answer = _ask(choice.question)
        if not answer:
            return
        words.append(answer)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C ends what runs, and comes back here
    try:
        command, where = [sys.executable, "-m", "lanline", *words], {**os.environ, "LANLINE_HOME": str(folder)}
        subprocess.run(command, check=False, env=where, preexec_fn=_heed_interrupts)  # noqa: S603 -- this very program
    finally:
        signal.signal(signal.SIGINT, before)


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
