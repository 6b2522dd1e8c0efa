from __future__ import annotations

import pytest
from prompt_toolkit.formatted_text import to_plain_text
from prompt_toolkit.utils import get_cwidth

from lanline.client.view.values import MessageState, NodeState
from lanline.faces.chat.statusbar import StatusBar
from lanline.model.content import Delete, Edit, Text
from unit.faces.chat.standin import ANA, ME, Stage, room


@pytest.fixture(name="stage")
def _stage() -> Stage:
    return Stage()


def shown(stage: Stage, columns: int = 80) -> str:
    return to_plain_text(StatusBar(stage.view, stage.places).fragments(columns))


def test_conversations_have_numbers_and_what_is_unread(stage: Stage) -> None:
    stage.hears(11, ANA, "hi")
    stage.hears(20, ANA, "hi")
    stage.hears(10, ANA, "here")
    assert shown(stage).split("  ")[:3] == ["1 #lobby", "2 #lab (1)", "3 ana (1)"]


def test_a_number_stays_when_others_come_and_go(stage: Stage) -> None:
    stage.view.add(room(5, "#aaa"))
    stage.view.drop(11)
    assert shown(stage).split("  ")[:3] == ["1 #lobby", "3 ana", "4 #aaa"]


@pytest.mark.parametrize(
    ("state", "mark"), [(MessageState.SENT, "✓ "), (MessageState.DELIVERED, "✓✓ "), (MessageState.READ, "✓✓ read ")]
)
def test_the_latest_own_message_has_its_mark(stage: Stage, state: MessageState, mark: str) -> None:
    stage.hears(10, ME, "earlier")
    stage.hears(10, ME, "a rather long message of mine", state)
    stage.hears(10, ANA, "hers")
    assert shown(stage).endswith(f" {mark}a rather long m…")


def test_what_was_taken_back_is_not_to_be_read_below(stage: Stage) -> None:
    stage.hears(10, ME, "earlier")
    secret = stage.hears(10, ME, "secret")
    stage.hears(10, ME, Edit(secret.entry_id, "less secret"))
    assert shown(stage).endswith("✓ less secret")
    stage.hears(10, ANA, Delete(secret.entry_id))
    assert shown(stage).endswith("✓ less secret"), "she has no say in what others said"
    stage.hears(10, ME, Delete(secret.entry_id))
    assert shown(stage).endswith("✓ earlier")


def test_what_was_taken_back_while_nothing_goes_out_is_not_to_be_read_below(stage: Stage) -> None:
    said = stage.hears(10, ME, "secret")
    stage.view.say("#lobby", Delete(said.entry_id))
    assert "secret" not in shown(stage)
    queued = stage.view.say("#lobby", Text("more secret"))
    stage.view.say("#lobby", Delete(queued.entry_id))
    assert "secret" not in shown(stage)


def test_what_is_not_sent_stands_below(stage: Stage) -> None:
    stage.view.say("#lobby", Text("first\nline"))
    stage.view.say("#lobby", Text("second"))
    assert shown(stage).startswith("… not sent yet (2): first line\n")


def test_what_was_not_taken_stands_below_with_what_to_do(stage: Stage) -> None:
    stage.view.say("#lobby", Text("too loud"))
    stage.view.refuse_all()
    assert shown(stage).startswith("✗ not taken by the server, /again or /forget (1): too loud\n")


def test_no_connection_is_seen(stage: Stage) -> None:
    stage.view.state = NodeState.OFFLINE
    assert shown(stage).endswith("not connected")


@pytest.mark.parametrize("columns", [10, 20, 39, 80, 200])
def test_it_fits_any_width_with_the_open_one_and_the_unread_first(stage: Stage, columns: int) -> None:
    for number in range(40):
        stage.view.add(room(100 + number, f"#世界{number}"))
    stage.hears(120, ANA, "hi")
    stage.view.say("#lobby", Text("界" * 300))
    text = shown(stage, columns)
    assert "1 #lobby" in text
    assert columns < 39 or "#世界20 (1)" in text
    assert all(get_cwidth(line) <= max(columns, 25) for line in text.split("\n"))


def test_why_the_server_takes_nothing_stands_below_what_waits(stage: Stage) -> None:
    stage.view.problem = "The server's disk is full."
    assert "disk" not in shown(stage)
    stage.view.say("#lobby", Text("hello"))
    assert shown(stage).split("\n")[:2] == ["… not sent yet (1): hello", "  The server's disk is full."]


def test_who_is_ignored_has_no_place_below(stage: Stage) -> None:
    stage.view.ignored = {ANA: "ana"}
    assert shown(stage).split("  ")[:3] == ["1 #lobby", "2 #lab", ""]
