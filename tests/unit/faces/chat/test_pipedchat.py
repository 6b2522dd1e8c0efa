from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec
import pytest

from lanline.client.view.events import EntriesReceived, MessageQueued, MessageStateChanged
from lanline.client.view.values import Message, MessageState, NodeState
from lanline.client.view.view import Snapshot
from lanline.errors import RefusalCode, RequestRefused, StillQueued
from lanline.faces.chat.pipedchat import NotSaid, PipedChat
from lanline.model.content import Content, Edit, Reaction, Text
from unit.faces.chat.standin import ANA, BO, ME, Stage

LIMIT_S = 60.0


class Pipe(Stage):
    """The chat at a pipe; the stand-in commits what is said, unless it is told to be away."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        inside, self.input = os.pipe()
        self._output, outside = os.pipe()
        os.set_blocking(self._output, False)
        self._streams = [os.fdopen(inside, "rb"), os.fdopen(outside, "wb")]
        self._monkeypatch = monkeypatch
        self.printed = ""
        self.is_away = False
        self.refuses = ""
        self._say = self.view.say
        self.view.say = self._say_and_commit

    def types(self, text: str) -> None:
        os.write(self.input, text.encode())

    def ends(self) -> None:
        os.close(self.input)

    async def happens(self, *messages: Message) -> None:
        assert messages[0].log is not None
        self.face.happen(EntriesReceived(messages[0].log, messages, is_live=True))

    async def prints(self, text: str) -> None:
        """Wait until it has."""
        loop, readable = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._output, readable.set)
        while text not in self.printed:
            await readable.wait()
            readable.clear()
            with contextlib.suppress(BlockingIOError):
                self.printed += os.read(self._output, 65_536).decode()
        loop.remove_reader(self._output)

    def begins(self) -> None:
        """What the node says first: all of the view."""
        about_me, link = (ME, "me", "ship", "ship:5265", False), (NodeState.SYNCHRONIZED, "", 0, None, (), ())
        shown = self.view.conversations
        self.face.happen(Snapshot(*about_me, *link, (), shown, ((),) * len(shown), ()))

    def run(self, script: Callable[[], Awaitable[None]] | None = None, **options: Any) -> str:
        """What was printed, the script having run meanwhile; raises what the chat raises."""
        options = {"as_json": False, "stays": False, "wait_s": 0.01 if self.is_away else LIMIT_S} | options
        if script is None:
            self.ends()
        # Not earlier: between the phases of a test the runner puts its own streams there.
        self._monkeypatch.setattr("sys.stdin", self._streams[0])
        self._monkeypatch.setattr("sys.stdout", _Encoded(self._streams[1]))

        async def work() -> None:
            chat = PipedChat(self.face, "#lobby", **options)
            self.begins()
            async with asyncio.timeout(LIMIT_S):
                await asyncio.gather(chat.run(), script() if script is not None else asyncio.sleep(0))

        asyncio.run(work())
        self._streams[1].close()
        os.set_blocking(self._output, True)
        while piece := os.read(self._output, 65_536):
            self.printed += piece.decode()
        return self.printed

    def dispose(self) -> None:
        os.close(self._output)
        for stream in self._streams:
            stream.close()

    def _say_and_commit(self, target: int | str, content: Content) -> Message:
        said: Message = self._say(target, content)
        self.face.happen(MessageQueued(said))
        if not self.is_away:
            asyncio.get_running_loop().call_soon(self._commit, said)
        return said

    def _commit(self, said: Message) -> None:
        self.view.outbox.remove(said)
        if self.refuses:
            event = MessageStateChanged(10, said.entry_id, MessageState.REFUSED, problem=self.refuses)
            self.face.happen(event)
            return
        kept = self.view.kept[10]
        kept.append(msgspec.structs.replace(said, sequence=len(kept) + 1, state=MessageState.SENT))
        self.face.happen(EntriesReceived(10, (kept[-1],), is_live=True))
        self.face.happen(MessageStateChanged(10, said.entry_id, MessageState.SENT))


class _Encoded:
    encoding = "utf-8"

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def fileno(self) -> int:
        return int(self._stream.fileno())


@pytest.fixture(name="pipe")
def _pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    made = Pipe(monkeypatch)
    yield made
    made.dispose()


def said(pipe: Pipe) -> list[str]:
    return [each.content.text for each in pipe.view.kept[10]]


def test_every_line_is_said_as_it_stands_and_none_is_a_command(pipe: Pipe) -> None:
    pipe.types("one\n/join #lab\n\n!q\n  indented\nlast without end")
    assert not pipe.run(), "what one said oneself is not printed"
    assert said(pipe) == ["one", "/join #lab", "!q", "  indented", "last without end"]


def test_what_arrives_is_printed_with_its_place_and_is_read_then(pipe: Pipe) -> None:
    pipe.hears(11, BO, "kept for you")

    async def script() -> None:
        await pipe.prints("#lab bo: kept for you\n")
        await pipe.happens(pipe.hears(20, ANA, "one\ntwo\x1b[2J"))
        await pipe.happens(pipe.hears(10, ME, "my other device"), pipe.hears(10, ANA, Reaction(b"x" * 16, "👍")))
        await pipe.happens(pipe.hears(10, ANA, Edit(b"x" * 16, "better")))
        await pipe.prints("better\n")
        pipe.ends()

    assert pipe.run(script) == (
        "#lab bo: kept for you\nana ana: one\nana ana: two\ufffd[2J\n#lobby me: my other device\n"
        "#lobby * ana 👍 something earlier\n#lobby ana: (instead of something earlier) better\n"
    )
    assert pipe.view.read == {11: 1, 20: 1, 10: 3}


def test_json_is_exact_and_plain_ascii(pipe: Pipe) -> None:
    async def script() -> None:
        await pipe.happens(pipe.hears(10, ANA, "Grüße\n\x1b[2J"), pipe.hears(10, ANA, Reaction(b"x" * 16, "👍")))
        await pipe.prints('"withdrawn": false')
        pipe.ends()

    printed = pipe.run(script, as_json=True)
    assert printed.isascii()
    assert "\x1b" not in printed
    text, reaction = map(json.loads, printed.splitlines())
    assert text == {
        "form": 1,
        "conversation": "#lobby",
        "from": "ana",
        "own": False,
        "state": "received",
        "kind": "text",
        "text": "Grüße\n\x1b[2J",
        "time": "2026-03-01T12:00:00.000Z",
        "sequence": 1,
        "sealed": True,
        "id": (b"\x0a\x01" * 8).hex(),
    }
    assert (reaction["kind"], reaction["symbol"], reaction["target"]) == ("reaction", "👍", (b"x" * 16).hex())


def test_nothing_is_printed_twice(pipe: Pipe) -> None:
    kept = pipe.hears(10, ANA, "once")

    async def script() -> None:
        await pipe.happens(kept)
        await pipe.happens(pipe.hears(10, ANA, "end"))
        await pipe.prints("end\n")
        pipe.ends()

    assert pipe.run(script) == "#lobby ana: once\n#lobby ana: end\n"


def test_of_a_restored_server_it_prints_what_is_unread_though_its_numbers_are_old(pipe: Pipe) -> None:
    async def script() -> None:
        await pipe.happens(pipe.hears(10, ANA, "old"))
        await pipe.prints("old")
        pipe.view.kept[10], pipe.view.read, pipe.view.is_restored = [], {}, True
        pipe.hears(10, ANA, "new")
        pipe.begins()
        await pipe.prints("new")
        pipe.ends()

    assert pipe.run(script) == "#lobby ana: old\n#lobby ana: new\n"


def test_what_cannot_be_sent_in_time_is_told_with_its_own_status(pipe: Pipe) -> None:
    pipe.is_away = True
    pipe.types("one\ntwo\nthree\nfour\n")
    with pytest.raises(StillQueued, match=r"4 messages stay queued.*one; two; three and 1 more") as caught:
        pipe.run()
    assert caught.value.exit_status == 75


def test_more_lines_than_may_wait_are_all_kept_while_the_server_is_away(pipe: Pipe) -> None:
    pipe.is_away = True
    pipe.view.state = NodeState.OFFLINE
    pipe.types("line\n" * 600)
    with pytest.raises(StillQueued, match="600 messages"):
        pipe.run()


def test_lines_that_were_queued_before_are_not_this_runs_fault(pipe: Pipe) -> None:
    pipe.is_away = True
    pipe.view.say("#lobby", Text("of yesterday"))
    assert not pipe.run()


def test_a_refused_line_is_told_and_fails(pipe: Pipe, capsys: pytest.CaptureFixture[str]) -> None:
    pipe.refuses = "You are muted."
    pipe.types("one\n")
    with pytest.raises(NotSaid, match="1 of the lines"):
        pipe.run()
    assert "You are muted." in capsys.readouterr().err


def test_a_refusal_that_no_change_told_is_told_and_fails(pipe: Pipe, capsys: pytest.CaptureFixture[str]) -> None:
    pipe.is_away = True

    async def script() -> None:
        pipe.types("too late\n")
        await pipe.face.wait_until(lambda: bool(pipe.view.outbox))
        pipe.view.refuse_all()
        pipe.ends()

    with pytest.raises(NotSaid, match="1 of the lines"):
        pipe.run(script)
    assert capsys.readouterr().err.count("Not taken by the server") == 1


def test_what_this_device_has_not_is_told_and_the_rest_is_printed(
    pipe: Pipe, capsys: pytest.CaptureFixture[str]
) -> None:
    async def script() -> None:
        for number in range(1, 6):
            pipe.hears(11, BO, f"text {number}")
        pipe.face.read = nothing
        await pipe.happens(*pipe.view.kept[11][3:])
        await pipe.prints("text 5\n")
        pipe.ends()

    async def nothing(*_: Any, **__: Any) -> list[Message]:
        return []

    assert pipe.run(script) == "#lab bo: text 4\n#lab bo: text 5\n"
    assert "3 messages in #lab came before these" in capsys.readouterr().err


def test_a_line_that_is_too_long_is_skipped_and_fails(pipe: Pipe, capsys: pytest.CaptureFixture[str]) -> None:
    pipe.types("x" * 61_441 + "\nshort\n")
    with pytest.raises(NotSaid):
        pipe.run()
    assert said(pipe) == ["short"]
    assert "at most 60 kB; this one has 61 kB. Say it in parts." in capsys.readouterr().err


def test_the_end_for_good_names_what_is_left(pipe: Pipe) -> None:
    pipe.is_away = True
    pipe.types("kept\n")

    async def end() -> None:
        await pipe.face.wait_until(lambda: bool(pipe.view.outbox))
        raise RequestRefused(RefusalCode.BANNED, "You are banned.")

    pipe.face.wait_ended = end
    with pytest.raises(StillQueued, match=r"You are banned\. 1 message stays queued"):
        pipe.run(wait_s=LIMIT_S)
