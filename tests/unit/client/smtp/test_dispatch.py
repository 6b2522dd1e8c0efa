"""What becomes of a message when the server, the network or the person misbehaves: told truly, and never sent twice."""

from __future__ import annotations

import contextlib
import datetime as dt
import email.policy
import threading
from collections.abc import Callable, Iterator
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from lanline.client.smtp.draft import Draft, compose, new_token
from lanline.client.smtp.flush import Flush, by_route, entries
from lanline.client.smtp.outbox import Entry, Outbox, Record, Route, State
from lanline.client.smtp.sending import Courier, Dispatch, Outcome, Verdict
from lanline.errors import OutboxFull, OutboxProblem
from lanline.model.mail.address import parse_mailbox
from lanline.model.mail.message import Attachment, Message, Parcel
from lanline.model.mail.server import Credentials, Security, Server
from lanline.proto.smtp.events import Timeouts
from lanline.transport.smtp.connecting import Interrupt
from lanline.transport.smtp.session import Passage
from mailhouse.certificates import Authority
from mailhouse.moody import CUT, EHLO, SILENCE, Moody
from mailhouse.stage import Stage

BIG_BYTES = 6_000_000
PATIENT = Timeouts(60, 60)
"""Whoever answers is heard out, however busy the machine is."""
IMPATIENT, IMPATIENT_AT_LAST = Timeouts(0.7, 0.7), Timeouts(60, 0.7)
"""For a server that says nothing, in reply to anything or to the final dot."""


class Office:
    """A sender with an outbox, and one moody server."""

    def __init__(self, stage: Stage, authority: Authority, folder: Path, answers: dict[str, Any]) -> None:
        self.moody = Moody(answers, authority.good.server_context())
        port = stage.serve_streams(self.moody)
        self.route = Route(Server("localhost", port, Security.STARTTLS, str(authority.ca_file)), "ann")
        self.outbox = Outbox(folder)

    def send(
        self,
        parcel: Parcel,
        *,
        queue: bool = False,
        timeouts: Timeouts = PATIENT,
        interrupt: Interrupt | None = None,
        keep_typed: bool = False,
    ) -> Outcome:
        with contextlib.closing(interrupt or Interrupt()) as wish:
            courier = Courier(Passage(self.route.server, Credentials("ann", "secret"), timeouts=timeouts), wish)
            try:
                return Dispatch(courier, self.outbox).send(parcel, self.route, queue=queue, keep_typed=keep_typed)
            finally:
                courier.close()

    def states(self) -> list[State]:
        records = [self.outbox.peek(token) for token in self.outbox.tokens()]
        return [record.state for record in records if record is not None]

    def recipients(self) -> tuple[str, ...]:
        record = self.outbox.peek(self.outbox.tokens()[0])
        assert record is not None
        return record.envelope.recipients


@pytest.fixture
def office(stage: Stage, authority: Authority, outbox_folder: Path) -> Any:
    return lambda answers=None: Office(stage, authority, outbox_folder, answers or {})


def letter(*to: str, text: str = "hi\n", attachments: tuple[str, ...] = ()) -> Parcel:
    draft = Draft(sender="ann@example.org", to=to or ("bob@example.org",), text=text, attachments=attachments)
    return compose(draft)


def big_letter() -> Parcel:
    def chunks() -> Iterator[bytes]:
        for _ in range(BIG_BYTES // 60_000):
            yield bytes(60_000)

    attachment = Attachment("big", "application/octet-stream", BIG_BYTES, chunks)
    ann, bob = (parse_mailbox(f"{name}@example.org", "x") for name in ("ann", "bob"))
    now = dt.datetime.now(dt.UTC)
    return Message(sender=ann, to=(bob,), text="hi", attachments=(attachment,), date=now, token=new_token()).parcel()


BEFORE = ["GREETING", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA"]


@pytest.mark.parametrize("how", [CUT, SILENCE], ids=["cut", "silence"])
@pytest.mark.parametrize("step", BEFORE)
@pytest.mark.parametrize("queue", [False, True], ids=["direct", "queued"])
def test_a_connection_lost_before_the_dot_is_certain(office: Any, step: str, how: object, queue: bool) -> None:
    place = office({step: how})
    outcome = place.send(letter(), queue=queue, timeouts=IMPATIENT if how is SILENCE else PATIENT)
    assert outcome.verdict is (Verdict.QUEUED if queue else Verdict.DEFERRED)
    assert outcome.exit_status == (0 if queue else 75)
    assert place.states() == ([State.QUEUED] if queue else [])
    assert place.moody.messages == []


@pytest.mark.parametrize("how", [CUT, SILENCE, b"what?\r\n", b"354 more\r\n", b"\xff\xfe\r\n", b"777 x\r\n"])
@pytest.mark.parametrize("queue", [False, True], ids=["direct", "queued"])
def test_no_proper_reply_to_the_dot_is_uncertain_and_kept(office: Any, how: object, queue: bool) -> None:
    place = office({"CONTENT": how})
    parcel = letter()
    outcome = place.send(parcel, queue=queue, timeouts=IMPATIENT_AT_LAST if how is SILENCE else PATIENT)
    assert outcome.verdict is Verdict.UNCERTAIN
    assert outcome.exit_status == 1
    assert parcel.message_id in outcome.text
    assert place.states() == [State.UNCERTAIN]
    assert place.moody.reached["CONTENT"].wait(60)
    assert len(place.moody.messages) == 1


@pytest.mark.parametrize("queue", [False, True], ids=["direct", "queued"])
def test_a_connection_cut_in_the_middle_of_a_large_message_is_certain(office: Any, queue: bool) -> None:
    place = office({"HALF": CUT})
    outcome = place.send(big_letter(), queue=queue)
    assert outcome.verdict is (Verdict.QUEUED if queue else Verdict.DEFERRED)
    assert place.states() == ([State.QUEUED] if queue else [])


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (b"552 5.3.4 too big\r\n", Verdict.REFUSED),
        (b"451 4.3.0 disk\r\n", Verdict.DEFERRED),
        (b"250 sent\r\n", Verdict.REFUSED),
        (b"rubbish\r\n", Verdict.REFUSED),
        (b"000 zero\r\n", Verdict.REFUSED),
    ],
)
def test_a_reply_in_the_middle_of_a_large_message_ends_it(office: Any, said: bytes, verdict: Verdict) -> None:
    place = office({"HALF": said})
    outcome = place.send(big_letter())
    assert outcome.verdict is verdict
    assert place.states() == []


def test_a_server_that_stops_reading_is_not_waited_for_for_ever(office: Any) -> None:
    place = office({"HALF": SILENCE})
    outcome = place.send(big_letter(), timeouts=IMPATIENT)
    assert outcome.verdict is Verdict.DEFERRED


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "CONTENT"])
@pytest.mark.parametrize(
    ("code", "verdict"), [(b"450 4.2.0 wait\r\n", Verdict.DEFERRED), (b"550 5.0.0 no\r\n", Verdict.REFUSED)]
)
def test_a_refusal_at_each_step_is_told_by_kind(office: Any, step: str, code: bytes, verdict: Verdict) -> None:
    place = office({step: code})
    outcome = place.send(letter())
    assert outcome.verdict is verdict
    assert code.decode().split()[0] in outcome.text
    assert place.states() == []


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "CONTENT"])
def test_a_final_refusal_of_a_queued_message_is_told_and_not_kept(office: Any, step: str) -> None:
    place = office({step: b"550 5.0.0 no\r\n"})
    assert place.send(letter(), queue=True).verdict is Verdict.REFUSED
    assert place.states() == []


def test_what_was_sent_is_told_as_sent_although_the_outbox_fails(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(entry: Entry) -> None:
        raise OutboxProblem("The outbox cannot be used: Read-only file system.")

    monkeypatch.setattr(Entry, "remove", fail)
    place = office()
    outcome = place.send(letter(), queue=True)
    assert (outcome.verdict, outcome.exit_status) == (Verdict.SENT, 1)
    assert outcome.text.startswith("Sent <")
    assert "Read-only" in outcome.text
    assert place.states() == [State.SENDING]


@pytest.mark.parametrize("queue", [False, True])
def test_uncertain_is_told_as_uncertain_although_the_outbox_fails(
    office: Any, monkeypatch: pytest.MonkeyPatch, queue: bool
) -> None:
    write = Outbox.write_record

    def fail(outbox: Outbox, token: str, record: Record) -> None:
        if record.state is State.UNCERTAIN:
            raise OutboxProblem("The outbox cannot be used: No space left on device.")
        write(outbox, token, record)

    monkeypatch.setattr(Outbox, "write_record", fail)
    place = office({"CONTENT": CUT})
    outcome = place.send(letter(), queue=queue)
    assert (outcome.verdict, outcome.exit_status) == (Verdict.UNCERTAIN, 1)
    assert place.states() == ([State.SENDING] if queue else [])


def test_put_off_and_then_accepted_it_arrives_once(office: Any) -> None:
    place = office({"RCPT": [b"450 4.2.0 greylisted\r\n", b"250 ok\r\n"]})
    parcel = letter()
    assert place.send(parcel, queue=True).verdict is Verdict.QUEUED

    entry = place.outbox.claim(place.outbox.tokens()[0])
    with contextlib.closing(Interrupt()) as wish:
        courier = Courier(Passage(place.route.server), wish)
        assert Dispatch(courier, place.outbox).resend(entry).verdict is Verdict.SENT
        courier.close()
    entry.release()
    assert place.states() == []
    assert len(place.moody.messages) == 1
    assert place.moody.messages[0] == b"".join(parcel.chunks())


def test_one_refused_recipient_does_not_keep_it_from_the_others(office: Any) -> None:
    place = office({"RCPT": [b"250 ok\r\n", b"550 5.1.1 unknown\r\n", b"250 ok\r\n"]})
    outcome = place.send(letter("a@x.org", "b@x.org", "c@x.org"))
    assert outcome.verdict is Verdict.PARTLY_SENT
    assert outcome.exit_status == 1
    assert "b@x.org" in outcome.text
    assert len(place.moody.messages) == 1


@pytest.mark.parametrize(("queue", "status"), [(False, 1), (True, 0)])
def test_a_recipient_put_off_is_kept_alone(office: Any, queue: bool, status: int) -> None:
    place = office({"RCPT": [b"250 ok\r\n", b"450 4.2.0 later\r\n"]})
    outcome = place.send(letter("a@x.org", "b@x.org"), queue=queue)
    assert outcome.verdict is Verdict.PARTLY_SENT
    assert outcome.exit_status == status
    if queue:
        assert place.recipients() == ("b@x.org",)
        assert place.states() == [State.QUEUED]


def test_of_all_refused_those_put_off_are_worth_another_try(office: Any) -> None:
    place = office({"RCPT": [b"450 4.2.0 later\r\n", b"550 5.1.1 unknown\r\n"]})
    assert place.send(letter("a@x.org", "b@x.org"), queue=True).verdict is Verdict.QUEUED
    assert place.states() == [State.QUEUED]


def test_a_message_over_the_limit_is_not_even_started(office: Any) -> None:
    place = office({"EHLO": EHLO.replace(b"50000000", b"200")})
    outcome = place.send(letter(text="x" * 500))
    assert outcome.verdict is Verdict.REFUSED
    assert "at most 200 bytes" in outcome.text
    assert place.moody.count(b"MAIL") == 0


def test_an_international_address_is_refused_where_it_is_not_offered(office: Any) -> None:
    place = office({"EHLO": EHLO.replace(b"250-SMTPUTF8\r\n", b"")})
    outcome = place.send(letter("jörg@example.org"))
    assert outcome.verdict is Verdict.REFUSED
    assert "SMTPUTF8" in outcome.text
    assert place.moody.count(b"MAIL") == 0


def test_an_international_address_is_sent_where_it_is_offered(office: Any) -> None:
    place = office()
    assert place.send(letter("jörg@bücher.example")).verdict is Verdict.SENT
    assert "RCPT TO:<jörg@xn--bcher-kva.example>".encode() in place.moody.commands
    mail = next(command for command in place.moody.commands if command.startswith(b"MAIL"))
    assert mail.endswith(b"BODY=8BITMIME SMTPUTF8")


def interrupted(place: Office, step: str, parcel: Parcel, *, queue: bool, after: Callable[[], None] = str) -> Outcome:
    interrupt = Interrupt()

    def stop() -> None:
        place.moody.reached[step].wait(60)
        interrupt.set()
        after()

    person = threading.Thread(target=stop)
    person.start()
    try:
        return place.send(parcel, queue=queue, interrupt=interrupt)
    finally:
        person.join()


@pytest.mark.parametrize("queue", [False, True], ids=["direct", "queued"])
@pytest.mark.parametrize("step", ["GREETING", "EHLO", "AUTH", "RCPT", "DATA"])
def test_an_interruption_before_the_dot_says_not_sent(office: Any, step: str, queue: bool) -> None:
    place = office({step: SILENCE})
    outcome = interrupted(place, step, letter(), queue=queue)
    assert outcome.verdict is Verdict.INTERRUPTED
    assert outcome.exit_status == 130
    assert "not sent" in outcome.text
    assert place.states() == ([State.QUEUED] if queue else [])


def test_an_interruption_after_the_dot_says_that_nobody_knows(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lanline.proto.smtp.client._INTERRUPTED_S", 0.1)
    place = office({"CONTENT": SILENCE})
    outcome = interrupted(place, "CONTENT", letter(), queue=False)
    assert outcome.verdict is Verdict.UNCERTAIN
    assert "you interrupted it" in outcome.text
    assert place.states() == [State.UNCERTAIN]


def test_a_reply_that_comes_just_after_an_interruption_counts(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lanline.proto.smtp.client._INTERRUPTED_S", 60)
    place = office({"CONTENT": SILENCE})
    outcome = interrupted(
        place, "CONTENT", letter(), queue=False, after=lambda: place.moody.late_reply(b"250 kept\r\n")
    )
    assert outcome.verdict is Verdict.SENT
    assert "too late" in outcome.text


def test_an_attachment_that_changes_on_the_way_is_not_sent(office: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_bytes(b"x" * 100)
    parcel = letter(attachments=(str(path),))
    path.write_bytes(b"x" * 99)
    place = office()
    with pytest.raises(Exception, match="changed while"):
        place.send(parcel)
    assert place.moody.messages == []
    with pytest.raises(Exception, match="changed while"):
        place.send(parcel, queue=True)
    assert list(place.outbox.folder.iterdir()) == []


def test_a_file_that_grows_is_sent_as_it_was(office: Any, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first\n")
    parcel = letter(attachments=(str(path),))
    path.write_bytes(b"first\nsecond\n")
    place = office()
    assert place.send(parcel).verdict is Verdict.SENT
    (part,) = BytesParser(policy=email.policy.default).parsebytes(place.moody.messages[0]).iter_attachments()
    assert part.get_payload(decode=True) == b"first\n"


def test_a_disk_that_is_full_after_the_dot_is_no_reason_to_send_again(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server puts the message off after it has all of it, and that cannot be noted: it is found as uncertain."""
    write = Outbox.write_record
    place = office({"RCPT": [b"450 later\r\n", b"250 ok\r\n"], "CONTENT": b"451 not now\r\n"})
    place.send(letter(), queue=True)

    def fail(outbox: Outbox, token: str, record: Record) -> None:
        if record.state is State.QUEUED:
            raise OutboxFull("There is no room left.")
        write(outbox, token, record)

    monkeypatch.setattr(Outbox, "write_record", fail)
    outcomes: list[Outcome] = []
    passage = Passage(place.route.server, Credentials("ann", "secret"))
    with contextlib.closing(Interrupt()) as wish:
        bar = lambda _: contextlib.nullcontext(lambda _: None)  # noqa: E731
        Flush(place.outbox, {place.route: passage}, outcomes.append, bar, wish).run(
            by_route(entries(place.outbox, outcomes.append))
        )
    (outcome,) = outcomes
    assert outcome.exit_status == 1
    assert outcome.text.startswith("There is no room left. Uncertain: <")
    assert place.states() == [State.SENDING]


@pytest.mark.parametrize(
    ("answers", "states"),
    [({"GREETING": b"421 no\r\n"}, [State.QUEUED]), ({"CONTENT": b"451 later\r\n"}, [State.SENDING])],
)
def test_a_disk_that_is_full_once_a_message_is_kept_is_no_reason_to_send_it_anew(
    office: Any, monkeypatch: pytest.MonkeyPatch, answers: dict[str, bytes], states: list[State]
) -> None:
    """It would be in the outbox twice."""
    write = Outbox.write_record

    def fail(outbox: Outbox, token: str, record: Record) -> None:
        if record.state is State.QUEUED and record.reason:
            raise OutboxFull("There is no room left.")
        write(outbox, token, record)

    place = office(answers)
    monkeypatch.setattr(Outbox, "write_record", fail)
    with pytest.raises(OutboxProblem, match=r"no room left.*is in it, as it was") as told:
        place.send(letter(), queue=True)
    assert told.value.exit_status == 1
    assert place.states() == states
