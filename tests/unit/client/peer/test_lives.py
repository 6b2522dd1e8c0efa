"""What is remembered of each start of a peer's program, and for how long."""

from __future__ import annotations

from lanline.client.peer.backlog import WINDOW_BYTES
from lanline.client.peer.lives import Lives
from lanline.model.text import MAX_TEXT_BYTES


def test_same_start_goes_on_where_it_was_and_another_begins_anew() -> None:
    lives = Lives()
    lives.life_of(b"ann", b"1").on_received(7, "seven")
    assert lives.life_of(b"ann", b"1").has(7)
    assert not lives.life_of(b"ann", b"1").has(8)
    assert not lives.life_of(b"ann", b"2").has(1)
    assert not lives.life_of(b"bob", b"1").has(1)


def test_start_that_was_heard_of_least_lately_is_forgotten_first() -> None:
    lives = Lives()
    for name in (b"old", b"new"):
        lives.life_of(name, b"1").on_received(1, "")
    lives.life_of(b"old", b"1")
    for number in range(63):
        lives.life_of(b"another", bytes([number]))
    assert lives.life_of(b"old", b"1").has(1)
    assert not lives.life_of(b"new", b"1").has(1)


def test_room_is_taken_by_what_arrives_and_given_back_by_what_is_shown() -> None:
    life = Lives().life_of(b"ann", b"1")
    life.on_received(1, "x" * WINDOW_BYTES)
    assert life.has_room("x" * MAX_TEXT_BYTES)
    assert not life.has_room("x" * (MAX_TEXT_BYTES + 1))
    life.on_shown(1, "x" * WINDOW_BYTES)
    assert life.has_room("x" * (MAX_TEXT_BYTES + 1))
    assert life.shown == 1
