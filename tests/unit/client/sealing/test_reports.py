"""What proves to an admin who said a reported message, and what does not."""

from __future__ import annotations

import msgspec
import pytest

from grouphouse.people import Person, Story, chance
from lanline.chain.state import Chain
from lanline.client.chat.sealed.content import EARLIER, OPENED, PLAIN, open_sealed
from lanline.client.sealing.reports import Proof, Verdict, judged, proof_of, time_of
from lanline.crypto.groups import ids
from lanline.crypto.groups.said import RunKeys, Where, seal_words
from lanline.model.content import Content, Edit, Report, Text
from lanline.testing.said import open_words
from lanline.wire.sealing.said import Header, Words
from lanline.wire.sealing.strict import ZEROS, encode_strictly

SAID_MS = 1_700_000_000_123
ENTRY_ID, EPOCH_ID, RUN = bytes(16), b"e" * 16, b"r" * 16


class Trial:
    """A group of three: bo says something, cy shows it, and ana, who is an admin, judges."""

    def __init__(self) -> None:
        self.ana, self.bo, self.cy = Person("ana"), Person("bo"), Person("cy")
        self.story = Story()
        assert self.story.found(self.ana) is None
        for person in (self.bo, self.cy):
            assert self.story.admit(self.ana, person) is None

    @property
    def chain(self) -> Chain:
        return self.story.chain

    def room(self, name: str) -> bytes:
        return ids.open_room_id_of(self.chain.group_id, name)

    def proof(self, room_id: bytes, said: Content, author: Person | None = None) -> bytes:
        author = author or self.bo
        where = Where(room_id, author.id, ENTRY_ID)
        words = Words(0, ZEROS, SAID_MS, 3, self.chain.head, bytes(8), 0, ZEROS, (), msgspec.msgpack.encode(said))
        header = Header(EPOCH_ID, author.device.id, RUN, b"")
        keys = RunKeys(bytes(32), author.device.id, RUN)
        sealed, _ = seal_words(keys, author.device.signer, header, where, encode_strictly(words), chance("said"))
        return proof_of(open_words(keys, where, sealed), where)


@pytest.fixture(scope="module")
def trial() -> Trial:
    return Trial()


def report(proof: bytes, text: str = "you idiot", author: str = "bo", room: str = "#lab", **more: object) -> Report:
    return msgspec.structs.replace(Report(room, author, SAID_MS, text, "rude", ("cy: hi",), proof), **more)


def verdict(trial: Trial, shown: Report) -> str:
    body = judged(trial.chain, msgspec.msgpack.encode(shown), "cy")
    found = open_sealed(OPENED, body)
    assert isinstance(found, Report)
    assert msgspec.structs.replace(found, verdict="") == msgspec.structs.replace(shown, verdict="")
    return found.verdict


def test_words_that_were_said_there_are_proven_to_who_was_never_there(trial: Trial) -> None:
    proof = trial.proof(trial.room("lab"), Text("you idiot"))
    assert verdict(trial, report(proof)) == Verdict.PROVEN.value
    assert time_of(proof) == SAID_MS
    corrected = trial.proof(trial.room("lab"), Edit(bytes(16), "you idiot"))
    assert verdict(trial, report(corrected)) == Verdict.PROVEN.value


@pytest.mark.parametrize("way", ["last", "long"])
def test_no_verdict_comes_from_who_reports_however_they_write_it(trial: Trial, way: str) -> None:
    fields = msgspec.msgpack.decode(msgspec.msgpack.encode(report(b"", verdict=Verdict.PROVEN.value)))
    if way == "last":
        fields["type"] = fields.pop("type")
    body = msgspec.msgpack.encode(fields)
    if way == "long":
        body = body.replace(b"\xa4type\xa6report", b"\xd9\x04type\xd9\x06report")
    said = open_sealed(OPENED, judged(trial.chain, body, "cy"))
    in_group_before = open_sealed(EARLIER, body)
    assert isinstance(said, Report)
    assert isinstance(in_group_before, Report)
    assert (said.verdict, in_group_before.verdict) == (Verdict.UNKNOWN.value, "")


def test_words_of_a_talk_of_two_are_proven_to_somebody_else(trial: Trial) -> None:
    pair = ids.pair_id_of(trial.chain.group_id, trial.bo.id, trial.cy.id)
    assert verdict(trial, report(trial.proof(pair, Text("you idiot")), room="bo")) == Verdict.PROVEN.value
    other = ids.pair_id_of(trial.chain.group_id, trial.bo.id, trial.ana.id)
    assert verdict(trial, report(trial.proof(other, Text("you idiot")), room="bo")) == Verdict.ELSEWHERE.value


def test_of_a_room_that_the_reader_does_not_know_it_is_said_that_the_place_is_not_known(trial: Trial) -> None:
    proof = trial.proof(chance("a private room"), Text("you idiot"))
    assert verdict(trial, report(proof, room="#den")) == Verdict.ELSEWHERE.value
    passed_off = trial.proof(trial.room("jokes"), Text("you idiot"))
    assert verdict(trial, report(passed_off)) == Verdict.ELSEWHERE.value, "said in another room than is told"


def test_words_that_were_changed_are_not_proven(trial: Trial) -> None:
    proof = trial.proof(trial.room("lab"), Text("you idiot"))
    assert verdict(trial, report(proof, text="you idiot!")) == Verdict.FALSE.value
    assert verdict(trial, report(proof, author="ana")) == Verdict.FALSE.value
    assert verdict(trial, report(proof, time_ms=SAID_MS + 1)) == Verdict.FALSE.value
    decoded = msgspec.msgpack.decode(proof, type=Proof)
    for changed in (
        {"room_id": trial.room("jokes")},
        {"account_id": trial.ana.id},
        {"entry_id": b"x" * 16},
        {"signature": bytes(64)},
        {"header": decoded.header[:17] + trial.ana.device.id + decoded.header[33:]},
        {"statement": decoded.statement.replace(b"idiot", b"angel")},
        {"statement": b""},
    ):
        altered = msgspec.msgpack.encode(msgspec.structs.replace(decoded, **changed))
        assert verdict(trial, report(altered)) == Verdict.FALSE.value, changed
    for garbage in (b"x", bytes(200), msgspec.msgpack.encode([b""] * 6)):
        assert verdict(trial, report(garbage)) == Verdict.FALSE.value


def test_who_reports_cannot_prove_words_that_they_signed_themselves_as_anothers(trial: Trial) -> None:
    proof = trial.proof(trial.room("lab"), Text("you idiot"), trial.cy)
    assert verdict(trial, report(proof)) == Verdict.FALSE.value


def test_a_verdict_that_comes_with_the_report_is_not_believed(trial: Trial) -> None:
    claims = report(b"", verdict=Verdict.PROVEN.value)
    assert verdict(trial, claims) == Verdict.UNKNOWN.value
    plain = open_sealed(PLAIN, msgspec.msgpack.encode(claims))
    assert isinstance(plain, Report)
    assert plain.verdict == ""


def test_what_is_no_report_stays_as_it_came(trial: Trial) -> None:
    for said in (Text("\xa4type\xa6report"), Text("type report"), Edit(bytes(16), "report")):
        body = msgspec.msgpack.encode(said)
        assert judged(trial.chain, body, "cy") is body
    assert judged(trial.chain, b"\x81\xa4type\xa6report", "cy") == b"\x81\xa4type\xa6report"
