"""What a message looks like for a program and in a log: every kind, in the documented form."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lanline.client.view.rendering import JSON_FORM, message_json, rendered
from lanline.client.view.values import GroupFacts, Message, MessageState, Unreadable
from lanline.model.content import Delete, Edit, FileReference, Notice, Reaction, Reply, Report, Text, Topic
from unit.faces.chat.standin import ANA, NOON_MS, View, room

PAGE = (Path(__file__).parents[4] / "docs" / "json.md").read_text()
TARGET = b"t" * 16
KINDS: list[tuple[Any, dict[str, Any], str]] = [
    (Text("hi\x1b"), {"kind": "text", "text": "hi\x1b"}, "ana: hi\ufffd"),
    (Text("/me waves"), {"kind": "text", "text": "/me waves"}, "* ana waves"),
    (Reply(TARGET, "yes"), {"kind": "reply", "text": "yes", "target": TARGET.hex()}, "ana: (in reply) yes"),
    (Edit(TARGET, "no"), {"kind": "edit", "text": "no", "target": TARGET.hex()}, "ana: (corrected) no"),
    (Delete(TARGET), {"kind": "delete", "target": TARGET.hex()}, "* ana takes back a message"),
    (
        Reaction(TARGET, "👍", is_withdrawn=True),
        {"kind": "reaction", "symbol": "👍", "withdrawn": True, "target": TARGET.hex()},
        "* ana takes 👍 off a message",
    ),
    (Topic("tea"), {"kind": "topic", "text": "tea"}, "* ana sets the topic: tea"),
    (Topic(""), {"kind": "topic", "text": ""}, "* ana takes the topic away"),
    (Notice("built"), {"kind": "notice", "text": "built"}, "ana: (program) built"),
    (
        FileReference("plan.pdf", 12_345, "text/plain", b"", ()),
        {"kind": "file", "name": "plan.pdf", "size": 12_345, "type": "text/plain"},
        "ana: (file) plan.pdf, 12 kB",
    ),
    (
        Unreadable("rsa"),
        {"kind": "unreadable", "text": Unreadable("rsa").text, "suite": "rsa"},
        f"ana: {Unreadable('rsa').text}",
    ),
]


@pytest.fixture(name="view")
def _view() -> Any:
    view = View()
    view.add(room(10, "#lab"))
    return view


def message(content: Any, **more: Any) -> Message:
    made = Message(10, 7, b"e" * 16, ANA, NOON_MS, content, MessageState.RECEIVED, "#lab")
    return msgspec.structs.replace(made, **more)


@pytest.mark.parametrize(("content", "fields", "text"), KINDS)
def test_every_kind_has_its_form_and_its_text(view: Any, content: Any, fields: dict[str, Any], text: str) -> None:
    line = message_json(view, message(content))
    assert line.isascii()
    assert "\x1b" not in line
    assert json.loads(line) == {
        "form": JSON_FORM,
        "conversation": "#lab",
        "sequence": 7,
        "id": (b"e" * 16).hex(),
        "time": "2026-03-01T12:00:00.000Z",
        "from": "ana",
        "own": False,
        "state": "received",
        **({} if isinstance(content, Unreadable) else {"sealed": True}),
        **fields,
    }
    assert str(rendered(view, message(content), has_quotes=False)) == text


def test_what_was_said_before_the_group_is_marked(view: Any) -> None:
    plain = message(Reply(b"x" * 16, "yes"), is_plain=True)
    assert json.loads(message_json(view, plain))["sealed"] is False
    assert str(rendered(view, plain, has_quotes=False)) == "ana: (in reply) yes", (
        "where nothing is sealed, it is told once"
    )
    view.group = GroupFacts(is_founded=True)
    assert str(rendered(view, plain, has_quotes=False)) == "ana: (not sealed) (in reply) yes"
    assert "not sealed" not in str(rendered(view, message(Text("hi"))))


def test_a_refused_one_says_why_and_an_impossible_time_is_none(view: Any) -> None:
    refused = message(Text("hi"), state=MessageState.REFUSED, problem="You are muted.", sequence=0, time_ms=2**62)
    row = json.loads(message_json(view, refused))
    assert (row["state"], row["problem"], row["time"], row["from"]) == ("refused", "You are muted.", None, "me")


def test_every_field_stands_on_the_page() -> None:
    view = View()
    view.add(room(10, "#lab"))
    rows = [json.loads(message_json(view, message(content, problem="No."))) for content, _, _ in KINDS]  # type: ignore[arg-type]
    fields = {field for row in rows for field in row}
    told = {name for line in re.findall(r"^\| (`.*?`) \|", PAGE, re.MULTILINE) for name in re.findall(r"`(\w+)`", line)}
    assert fields <= told
    assert f"This is form {JSON_FORM}:" in PAGE


def test_a_report_says_what_was_said_and_what_is_proven(view: Any) -> None:
    report = Report("#lab", "bo", NOON_MS, "you\x1b fool", "rude", ("ana: hi",), b"", "proven")
    lines = str(rendered(view, message(report))).splitlines()
    assert lines[0].startswith("ana: (report) bo in #lab, 2026-0")
    assert lines[0].endswith(": “you\ufffd fool”")
    assert [line.strip() for line in lines[1:]] == [
        "because: rude",
        "before it, as the reporter tells:",
        "ana: hi",
        "Proven: a device of bo has signed these words, said there.",
    ]
    alone = msgspec.structs.replace(report, room="bo", reason="", before=(), verdict="")
    assert str(rendered(view, message(alone))).startswith("ana: (report) bo in private, 2026-0")
    assert "Not proven" in str(rendered(view, message(alone)))
    assert "FALSE" in str(rendered(view, message(msgspec.structs.replace(alone, verdict="false"))))
    row = json.loads(message_json(view, message(report)))
    assert (row["kind"], row["author"], row["room"], row["verdict"]) == ("report", "bo", "#lab", "proven")
    assert (row["said"], row["reason"], row["before"]) == ("2026-03-01T12:00:00.000Z", "rude", ["ana: hi"])
    told = {name for line in re.findall(r"^\| (`.*?`) \|", PAGE, re.MULTILINE) for name in re.findall(r"`(\w+)`", line)}
    assert set(row) <= told
