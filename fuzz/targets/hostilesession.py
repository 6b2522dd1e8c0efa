"""Members and strangers who send legal messages in illegal orders to a server that has its store on a disk.

It is judged by what it costs: function calls, reads and writes of the store, bytes that go out, what is held for
sessions, for each message and byte that came in; and nothing that a client says makes the server fail at it.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import typing
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from lanline.gateways.lanline.sendqueue import MAX_WAITING_BYTES
from lanline.model.blobs import BLOB_ID_BYTES
from lanline.proto.channels import Channel
from lanline.wire.chat import answers, blobs, entries, signin
from lanline.wire.chat.messages import ClientMessage, encode_message
from serverhouse.house import Client, House
from targets._cost import Decisions, Work

KINDS: tuple[type[Any], ...] = typing.get_args(ClientMessage)
FREQUENT = (entries.Append, entries.Follow, entries.Unfollow, entries.Advance, entries.ReadBefore, blobs.GetBlob)
NAMES = ("#lobby", "#lab", "#other", "mallory", "ann", "eve", "x" * 33, "")
MEMBER, NOBODY, SLOW = range(3)
SMALL_BUFFER_BYTES = 32 * 1024
MOST_CALLS_A_MESSAGE = 500
MOST_CALLS_A_CHEAP_MESSAGE = 100
CHEAP = (entries.Follow, entries.Unfollow, entries.Advance)
"""They are taken at any pace."""
MOST_CALLS_A_BYTE = 4
MOST_CALLS_A_BATCH = 1500
"""A commit, and what it brings about."""
MOST_CALLS_A_SECOND = 2000
MOST_SENT_A_MESSAGE = 80 * 1024
"""A piece of the history is up to 64 KiB."""
MOST_LOGS_FOLLOWED = 100
MOST_CURSORS = 1000
_AGES_S = (0.0, 0.01, 1.0, 20.0)


class _Failures(logging.Handler):
    """What the server logs as an error is a failure of its own."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(self.format(record))


class Siege:
    def __init__(self, folder: Path, data: bytes) -> None:
        self.decisions = Decisions(data)
        self.work = Work()
        self.house = House(folder)
        self.failures = _Failures()
        self.ann = self.house.join("ann")
        self.log = self.ann.log("#lobby")
        for number in range(1, 40):
            self.ann.append(self.log, number, b"before " * 300, settles=False)
        self.house.settle()
        self.attackers = [self.house.join("mallory"), self.house.greet("nobody"), self._slow_reader()]
        self.messages = self.came = self.went_before = 0
        self.batches = 0
        self.waited_s = 0.0
        self.work.calls = 0
        self.went_before = self._went()

    def _slow_reader(self) -> Client:
        slow = self.house.greet("mallory", buffer_bytes=SMALL_BUFFER_BYTES)
        slow.say(signin.SignIn(slow.number()))
        slow.link.is_reading = False
        return slow

    def run(self) -> None:
        acts = (*[self._say] * 12, self._wait, self._wait, self._hang_up, self._read)
        while not self.decisions.is_over:
            self.decisions.one_of(acts)()
            self.batches += 1
            self.check()
        self._check_the_others()

    def _say(self) -> None:
        decisions = self.decisions
        index = decisions.below(len(self.attackers))
        if self.attackers[index].link.closed is not None:
            self._call_again(index)
        client = self.attackers[index]
        kind = decisions.one_of(FREQUENT if decisions.below(3) else KINDS)
        channel = Channel.BULK if kind in {blobs.PutBlob, blobs.GetBlob} else Channel.CHAT
        before, said, weighed = self.work.calls, self.messages, self.came
        for _ in range(1 if decisions.below(4) else 1 + decisions.below(60)):
            payload = encode_message(self._message(kind, client))
            self.messages += 1
            self.came += len(payload)
            self.work.of(lambda payload=payload: client.say_bytes(payload, channel, settles=False))  # type: ignore[misc]
        self.work.of(self.house.settle)
        calls, messages = self.work.calls - before, self.messages - said
        each = MOST_CALLS_A_CHEAP_MESSAGE if kind in CHEAP else MOST_CALLS_A_MESSAGE
        most = MOST_CALLS_A_BATCH + each * messages + MOST_CALLS_A_BYTE * (self.came - weighed)
        assert calls <= most, f"{calls} calls for {messages} x {kind.__name__}"

    def _message(self, kind: type[Any], client: Client) -> Any:  # noqa: ANN401 -- of every kind
        values: dict[str, Any] = {}
        for field in msgspec.structs.fields(kind):
            if field.name == "request":
                values["request"] = client.number()
            else:
                values[field.name] = self._value(field.name, _plain(field.type))
        return kind(**values)

    def _value(self, name: str, kind: Any) -> Any:  # noqa: ANN401, C901, PLR0911 -- one for each kind of field
        decisions = self.decisions
        if name == "cursors":
            few = [entries.LogCursor(self._log(), decisions.near(20), decisions.near(20)) for _ in range(3)]
            return (*few, *few * (333 * decisions.below(2)))[:MOST_CURSORS]
        if name == "limit":
            return 1 + decisions.below(1000)
        if name in {"log", "account", "device"}:
            return self._log() if name == "log" else decisions.below(6)
        if name in {"uses", "expires_in_s"}:
            return 1 + decisions.below(100)
        if name == "versions":
            return (1,) if decisions.below(4) else (99,)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return decisions.one_of(list(kind))
        if kind is bool:
            return bool(decisions.below(2))
        if kind is int:
            return decisions.near(20)
        if kind is str:
            return decisions.one_of(NAMES)
        if name == "blob":
            return bytes([decisions.below(4)]) * BLOB_ID_BYTES
        return bytes([decisions.below(256)]) * (16 if name == "entry_id" else decisions.below(2000))

    def _log(self) -> int:
        return self.log if self.decisions.below(3) else self.decisions.below(8)

    def _wait(self) -> None:
        seconds = self.decisions.one_of(_AGES_S)
        self.waited_s += seconds
        self.work.of(lambda: self.house.pass_time(seconds))

    def _hang_up(self) -> None:
        self.decisions.one_of(self.attackers).hang_up()

    def _call_again(self, index: int) -> None:
        self.messages += 4
        if index == SLOW:
            self.attackers[index] = self._slow_reader()
            return
        client = self.attackers[index] = self.house.greet(("mallory", "nobody")[index])
        if index == MEMBER:
            client.say(signin.SignIn(client.number()))

    def _read(self) -> None:
        """The slow reader takes all that waits."""
        self.work.of(self.attackers[2].link.arrive)
        self.work.of(self.house.settle)
        self.messages += 2

    # The judgement.

    def _went(self) -> int:
        return sum(len(raw) for client in self.house.clients for raw in client.link.raw)

    def check(self) -> None:
        most = (
            MOST_CALLS_A_BATCH * (self.batches + 1)
            + MOST_CALLS_A_MESSAGE * self.messages
            + MOST_CALLS_A_BYTE * self.came
            + int(MOST_CALLS_A_SECOND * self.waited_s)
        )
        assert self.work.calls <= most, f"{self.work.calls} calls for {self.messages} messages of {self.came} bytes"
        went = self._went() - self.went_before
        assert went <= MOST_SENT_A_MESSAGE * (self.messages + 2), f"{went} bytes for {self.messages} messages"
        assert not self.failures.records, self.failures.records
        for client in self.house.clients:
            assert client.link.most_buffered_bytes <= 2 * MAX_WAITING_BYTES + 4 * 1024 * 1024
        gateway = self.house.server.gateway
        for session in gateway.sessions:
            assert session.queue._waiting_bytes <= 2 * MAX_WAITING_BYTES  # noqa: SLF001
            following = sum(session in live.sends for live in gateway.followers._live.values())  # noqa: SLF001
            assert following + len(session.behind) <= MOST_LOGS_FOLLOWED

    def _check_the_others(self) -> None:
        """What an honest member says is still committed."""
        self.house.pass_time(30.0)
        if self.ann.link.closed is not None:
            return
        request = self.ann.append(self.log, 10**6)
        self.house.pass_time(1.0)
        assert self.ann.place(request) is not None or isinstance(self.ann.answer(request), answers.Refused)


def _plain(kind: Any) -> Any:  # noqa: ANN401 -- of every kind
    """Without what is annotated, and without None where that is the other possibility."""
    while typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    possible = [each for each in typing.get_args(kind) if each is not type(None)]
    return _plain(possible[0]) if possible and typing.get_origin(kind) is not tuple else kind


def siege(data: bytes) -> Siege:
    with tempfile.TemporaryDirectory() as folder:
        made = Siege(Path(folder), data)
        logger = logging.getLogger("lanline")
        logger.addHandler(made.failures)
        try:
            made.run()
        finally:
            logger.removeHandler(made.failures)
            made.house.stop()
    return made


def fuzz_one(data: bytes) -> None:
    siege(data)


def seeds() -> list[bytes]:
    return [bytes(range(256)), bytes(range(255, -1, -1)), bytes(range(0, 256, 7)) * 12]
