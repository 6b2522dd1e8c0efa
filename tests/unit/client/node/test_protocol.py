"""The protocol of a home: what is sent is what arrives, cut anywhere, and its version is that of the package."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lanline
from lanline import errors
from lanline.client.node import protocol
from lanline.client.node.protocol import Answer, Changed, Failed, Frames, FromNode, Request, Say, encode, error_of
from lanline.client.view import events
from lanline.client.view.values import Message, MessageState, Unreadable
from lanline.client.view.view import problem_of
from lanline.errors import (
    HistoryProblem,
    InvalidInput,
    LanlineError,
    LinkNotOpen,
    ProtocolViolation,
    RefusalCode,
    RequestRefused,
)
from lanline.model.content import Reaction, Text

DECODER = msgspec.json.Decoder(FromNode)
MESSAGE = Message(1, 2, b"\xff" * 16, 3, 4, Text("Grüße"), MessageState.SENT, "#lab")
VALUES = (
    Answer(1, Failed(problem_of(LinkNotOpen("gone")))),
    Changed(events.EntriesReceived(1, (MESSAGE, msgspec.structs.replace(MESSAGE, content=Unreadable("rsa"))), True)),
    Changed(events.MessageStateChanged(None, b"x" * 16, MessageState.REFUSED, code=RefusalCode.MUTED)),
)


@given(st.lists(st.sampled_from(VALUES), max_size=5), st.integers(1, 50))
def test_what_is_sent_arrives_however_it_is_cut(sent: list[FromNode], piece: int) -> None:
    data, frames = b"".join(map(encode, sent)), Frames()
    found = [
        DECODER.decode(value)
        for start in range(0, len(data), piece)
        for value in frames.receive_bytes(data[start : start + piece])
    ]
    assert found == sent


def test_what_went_wrong_is_told_also_where_it_names_a_file_that_is_no_utf8() -> None:
    problem = problem_of(HistoryProblem("Nothing can be written in caf\udce9."))
    assert problem.text == "Nothing can be written in caf�."
    assert encode(Answer(1, Failed(problem)))


def test_text_that_is_no_utf8_is_refused_and_the_person_is_not_told_that_they_typed_what_they_did_not() -> None:
    with pytest.raises(InvalidInput, match="What was typed"):
        encode(Request(7, Say("#lab", Text("caf\udce9"), b"e" * 16)))
    with pytest.raises(InvalidInput, match="What this device has to tell"):
        encode(Changed(events.HistoryFailed("caf\udce9")))


def test_a_length_that_is_none_is_a_violation() -> None:
    with pytest.raises(ProtocolViolation):
        list(Frames().receive_bytes(b"\xff\xff\xff\xff"))


def test_it_is_json_that_a_page_can_read() -> None:
    value = msgspec.json.decode(encode(Request(7, Say("#lab", Reaction(b"t" * 16, "👍"), b"e" * 16)))[4:])
    assert value["type"] == "request"
    assert value["command"]["type"] == "say"
    assert value["command"]["content"]["symbol"] == "👍"


@pytest.mark.parametrize(
    "error", [RequestRefused(RefusalCode.MUTED, "No.", 2.5), LinkNotOpen("gone"), errors.InvalidInput("What?")]
)
def test_an_error_comes_out_as_it_was_raised(error: LanlineError) -> None:
    found = error_of(problem_of(error))
    assert (type(found), str(found), found.exit_status) == (type(error), str(error), error.exit_status)
    assert getattr(found, "retry_after_s", 0.0) == getattr(error, "retry_after_s", 0.0)


def test_the_program_tells_the_version_of_its_package() -> None:
    project = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())["project"]
    assert lanline.__version__ == project["version"]
    assert protocol.PROTOCOL == 4
