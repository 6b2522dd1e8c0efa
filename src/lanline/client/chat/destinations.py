"""From what a person typed, `#room` or a nickname, to the log that it means; opening it when it is somebody's first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from lanline.client.chat.conversations import Conversations, Track
from lanline.client.chat.directory import Directory
from lanline.client.chat.requests import Answer, OnAnswer
from lanline.client.chat.values import Person
from lanline.clock import Clock
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.names import checked_name, checked_room_name, folded_name
from lanline.wire.chat.conversations import OpenDirect, Opened
from lanline.wire.chat.messages import ClientMessage

_LEAST_PAUSE_S = 0.5


def checked_destination(text: str) -> str:
    """As it is kept in the outbox; raises InvalidInput."""
    return checked_room_name(text) if text.startswith("#") else checked_name(text)


class Waiter(Protocol):
    def resolve(self, destination: str, log: int) -> None: ...

    def refuse_destination(self, destination: str, refused: RequestRefused) -> None: ...

    def put_off_destination(self, refused: RequestRefused) -> None: ...

    def send(self) -> None: ...


class DestinationFinder:
    def __init__(
        self,
        directory: Directory,
        conversations: Conversations,
        clock: Clock,
        request: Callable[[ClientMessage, OnAnswer], None],
    ) -> None:
        self._directory = directory
        self._conversations = conversations
        self._clock = clock
        self._request = request
        self._asked: set[str] = set()
        self.is_synchronized = False
        self.waiter: Waiter | None = None

    def begin_link(self) -> None:
        self.is_synchronized = False
        self._asked = set()

    def track_of(self, destination: str) -> Track | None:
        if destination.startswith("#"):
            return self._room(destination)
        person = self._directory.named(destination)
        return None if person is None else self._direct(person)

    def _room(self, name: str) -> Track | None:
        wanted = folded_name(name)
        tracks = (track for track in self._conversations.tracks if track.shown.is_room)
        return _open_first(track for track in tracks if folded_name(track.shown.title) == wanted)

    def _direct(self, person: Person) -> Track | None:
        tracks = self._conversations.tracks
        return _open_first(track for track in tracks if track.shown.other == person.account)

    # For the outbox.

    def find_log(self, destination: str) -> int | RequestRefused | None:
        track = self.track_of(destination)
        if track is not None and track.shown.is_open:
            return track.shown.log
        if not self.is_synchronized:
            return None
        if destination.startswith("#"):
            return RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, f"You are not in {destination}. Join it first.")
        person = self._directory.named(destination)
        if person is None:
            return RequestRefused(RefusalCode.UNKNOWN_PERSON, f"There is nobody called {destination} here.")
        self._open(destination, person)
        return None

    def _open(self, destination: str, person: Person) -> None:
        if destination not in self._asked:
            self._asked.add(destination)
            self._request(OpenDirect(0, person.account), lambda answer: self._on_answer(destination, answer))

    def _on_answer(self, destination: str, answer: Answer) -> None:
        self._asked.discard(destination)
        assert self.waiter is not None
        match answer:
            case Opened(_, log):
                self.waiter.resolve(destination, log)
            case RequestRefused(retry_after_s=pause_s) if pause_s:
                self._asked.add(destination)
                self._clock.call_later(max(pause_s, _LEAST_PAUSE_S), lambda: self._ask_again(destination))
                self.waiter.put_off_destination(answer)
            case RequestRefused():
                self.waiter.refuse_destination(destination, answer)
            case _:
                pass  # the link has ended; the next one asks anew

    def _ask_again(self, destination: str) -> None:
        self._asked.discard(destination)
        if self.waiter is not None:
            self.waiter.send()


def _open_first(tracks: Iterable[Track]) -> Track | None:
    """Of a conversation that a restored server has lost and made anew there are two here."""
    return min(tracks, key=lambda track: not track.shown.is_open, default=None)
