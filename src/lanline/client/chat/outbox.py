"""Sends what waits in the outbox, over one link: in the order of typing, a bounded number at a time, from the disk.

Order is a promise, so there is one queue for all conversations: a row that has no log yet (the first words to somebody)
holds up those behind it for the one round trip that finding it takes. A row that the server puts off is sent again
together with all that follow it (go-back-N). After a reconnect everything not yet committed goes out anew, under the
same ids, which the server knows.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from lanline.client.chat.outboxrows import OutboxRow, OutboxRows
from lanline.client.chat.session import Session
from lanline.clock import Clock, Timer
from lanline.errors import RefusalCode, RequestRefused
from lanline.wire.chat.entries import Append

MOST_UNCOMMITTED = 64
MOST_UNCOMMITTED_BYTES = 256 * 1024
LOOK_AGAIN_S = 5.0
_LEAST_PAUSE_S = 0.05
_UNSAID_PAUSE_S = 1.0


class Destinations(Protocol):
    """Where a row without a log is to go."""

    def find_log(self, destination: str) -> int | RequestRefused | None:
        """None: not known yet, and being found out; `Outbox.resolve` or `Outbox.refuse_destination` follows."""


class OutboxTeller(Protocol):
    def on_message_refused(self, row: OutboxRow, refused: RequestRefused) -> None: ...

    def on_put_off(self, refused: RequestRefused) -> None: ...


class Outbox:
    def __init__(self, rows: OutboxRows, clock: Clock, destinations: Destinations, teller: OutboxTeller) -> None:
        self._rows = rows
        self._clock = clock
        self._destinations = destinations
        self._teller = teller
        self._session: Session | None = None
        self._under_way: dict[int, OutboxRow] = {}
        self._bytes_under_way = 0
        self._sent_through = 0
        self._put_off: OutboxRow | None = None
        """The first that the server put off. It wants this very one before any other, even if another process of this
        home has got it through meanwhile and its row is gone."""
        self._pause: Timer | None = None
        self._look: Timer | None = None
        self._is_sending = False

    def begin_link(self, session: Session) -> None:
        self.end_link()
        self._session = session
        self._look_again()

    def _look_again(self) -> None:
        """Another process of this home may have left something that nobody else is there to send."""
        self.send()
        self._look = self._clock.call_later(LOOK_AGAIN_S, self._look_again)

    def end_link(self) -> None:
        self._session = None
        self._under_way = {}
        self._bytes_under_way = self._sent_through = 0
        self._put_off = None
        for timer in (self._pause, self._look):
            if timer is not None:
                timer.cancel()
        self._pause = self._look = None

    # Out.

    def send(self) -> None:
        """As much as may be under way, and as the link takes."""
        if self._is_sending:  # a listener has said something: the loop below gets to it
            return
        self._is_sending = True
        try:
            while self._may_send() and (rows := self._next_rows()):
                for row in rows:
                    if not self._may_send() or not self._send_row(row):
                        return
        finally:
            self._is_sending = False

    def _may_send(self) -> bool:
        is_bounded = len(self._under_way) < MOST_UNCOMMITTED and self._bytes_under_way < MOST_UNCOMMITTED_BYTES
        return is_bounded and self._session is not None and self._session.has_room and self._pause is None

    def _next_rows(self) -> list[OutboxRow]:
        if self._put_off is not None:
            return [self._put_off]
        return self._rows.waiting(self._sent_through, MOST_UNCOMMITTED - len(self._under_way))

    def _send_row(self, row: OutboxRow) -> bool:
        """False: nothing may follow for now."""
        log = row.log if row.log is not None else self._destinations.find_log(row.destination)
        if log is None:
            return False
        self._sent_through = max(self._sent_through, row.position)
        if isinstance(log, RequestRefused):
            self._refuse_rows(row.destination, log)
            return True
        if row.log is None:
            self._rows.resolve(row.destination, log)
        self._append(row, log)
        return True

    def _append(self, row: OutboxRow, log: int) -> None:
        session = self._session
        assert session is not None
        number = session.requests.next_number()
        self._under_way[number] = msgspec.structs.replace(row, log=log)
        self._bytes_under_way += len(row.content)
        self._put_off = None
        session.send(Append(number, log, row.entry_id, row.suite, row.content))

    # Answers.

    def take(self, request: int) -> OutboxRow | None:
        row = self._under_way.pop(request, None)
        if row is not None:
            self._bytes_under_way -= len(row.content)
        return row

    def refuse(self, request: int, refused: RequestRefused) -> bool:
        """False: it was no append, or one that goes out anew already."""
        row = self.take(request)
        if row is None:
            return False
        if refused.retry_after_s or refused.code is RefusalCode.SLOW_DOWN:
            self._go_back(row, refused.retry_after_s)
            self._teller.on_put_off(refused)
        else:
            self._rows.refuse(row.entry_id, refused.code, str(refused))
            self._teller.on_message_refused(row, refused)
            self.send()
        return True

    def _go_back(self, row: OutboxRow, pause_s: float) -> None:
        """To this row: what was sent after it, the server does not take before it has this one again."""
        for number, later in list(self._under_way.items()):
            if later.position > row.position:
                self.take(number)
        self._sent_through = row.position
        self._put_off = row
        if self._pause is not None:
            self._pause.cancel()
        self._pause = self._clock.call_later(max(pause_s or _UNSAID_PAUSE_S, _LEAST_PAUSE_S), self._on_pause_over)

    def _on_pause_over(self) -> None:
        self._pause = None
        self.send()

    # Destinations.

    def resolve(self, destination: str, log: int) -> None:
        self._rows.resolve(destination, log)
        self.send()

    def put_off_destination(self, refused: RequestRefused) -> None:
        """It is being found out again, after a pause."""
        self._teller.on_put_off(refused)

    def refuse_destination(self, destination: str, refused: RequestRefused) -> None:
        """Nothing can go there; what is behind it in the queue can go on."""
        self._refuse_rows(destination, refused)
        self.send()

    def _refuse_rows(self, destination: str, refused: RequestRefused) -> None:
        for row in self._rows.all():
            if row.log is None and row.destination == destination and row.refused_code is None:
                self._rows.refuse(row.entry_id, refused.code, str(refused))
                self._teller.on_message_refused(row, refused)
