"""The process that owns a home, without a server: faces come and go, read or do not read, and nothing is lost by it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from lanline.client.node import faceend, place, process
from lanline.client.node.call import NodeCall
from lanline.client.node.face import Face
from lanline.client.node.greeting import decoder
from lanline.client.node.place import connected
from lanline.client.node.process import NodeRuns, run_for_good
from lanline.client.node.protocol import (
    Answer,
    AnyCommand,
    Changed,
    ChangePassword,
    CreateRoom,
    Deregister,
    Done,
    Follow,
    Frames,
    Hello,
    LeaveRoom,
    Outcome,
    Page,
    Read,
    Request,
    Said,
    SendAway,
    WaitReady,
    WaitSent,
    Welcome,
    encode,
)
from lanline.client.node.start import NodeStart, node_paused, stop_node
from lanline.client.pin import KnownServer, joined_pin, write_pin
from lanline.client.sealing.lockedfile import change_passphrase
from lanline.client.sealing.passphrase import PASSPHRASE_VARIABLE
from lanline.client.view.view import Snapshot
from lanline.errors import InvalidInput, LanlineError, LinkNotOpen, VersionMismatch
from lanline.model.content import Text
from unit.client.node.running import LIMIT_S, Played, Running, eventually, said, start_of


def raw(home: Path) -> socket.socket:
    """A face that has greeted, and whose bytes the test reads."""
    end = connected(home)
    assert end is not None
    end.settimeout(LIMIT_S)
    end.sendall(encode(Hello(1, "0.1.0")))
    return end


def values(end: socket.socket) -> Iterator[Any]:
    frames = Frames()
    while data := end.recv(65_536):
        for value in frames.receive_bytes(data):
            yield decoder.decode(value)


# What is said.


def test_what_was_answered_is_on_the_disk_for_the_next_node(home: Path, run: Callable[..., Running]) -> None:
    first = run()
    with NodeCall(start_of(home)) as call:
        answered = call.ask(said(1))
        assert isinstance(answered, Said)
    first.stop()
    run()
    with NodeCall(start_of(home)) as call:
        assert [each.entry_id for each in call.follow().outbox] == [answered.message.entry_id]


def test_a_repeat_after_a_node_was_lost_is_queued_once(home: Path, run: Callable[..., Running]) -> None:
    run()
    with NodeCall(start_of(home)) as call:
        for _ in range(2):
            call.ask(said(1))
        assert len(call.follow().outbox) == 1


def test_what_no_server_would_take_is_refused_with_its_sentence(home: Path, run: Callable[..., Running]) -> None:
    run()
    with NodeCall(start_of(home)) as call, pytest.raises(InvalidInput, match="60 kB"):
        call.ask(said(1, "x" * 70_000))


def test_bytes_that_are_no_text_are_refused_with_a_sentence_and_what_comes_next_is_taken(
    home: Path, run: Callable[..., Running]
) -> None:
    run()

    async def ask() -> None:
        async with Face(start_of(home)) as face:
            with pytest.raises(InvalidInput, match="UTF-8"):
                await face.say("ben", Text("caf\udce9"))
            await face.say("ben", Text("café"))

    with NodeCall(start_of(home)) as call:
        with pytest.raises(InvalidInput, match="UTF-8"):
            call.ask(said(1, "caf\udce9"))
        call.ask(said(2, "café"))
    asyncio.run(asyncio.wait_for(ask(), LIMIT_S))


def test_who_waits_for_the_server_is_told_that_it_is_still_queued(home: Path, run: Callable[..., Running]) -> None:
    run()
    with NodeCall(start_of(home)) as call:
        call.ask(said(1))
        outcome = call.ask(WaitSent((1).to_bytes(16, "big"), 0.05))
        assert isinstance(outcome, Outcome)
        assert outcome.state.value == "queued"


def test_every_face_hears_what_another_one_says(home: Path, run: Callable[..., Running]) -> None:
    run()
    with NodeCall(start_of(home)) as listening, NodeCall(start_of(home)) as talking:
        listening.follow()
        talking.ask(said(1))
        while not listening.view.outbox:
            listening.next_change()
        assert [each.content for each in listening.view.outbox] == [Text("x 1")]


@pytest.mark.parametrize(
    "command", [CreateRoom("#lab"), ChangePassword("old", "new"), LeaveRoom(1), SendAway(1, 2), Deregister()]
)
def test_what_is_not_to_be_done_twice_is_not_asked_twice(command: AnyCommand) -> None:
    """The node has heard it, and ended before it answered."""
    played = Played([], [[Answer(2, Done())]])
    with NodeCall(played) as call:  # type: ignore[arg-type]
        with pytest.raises(LinkNotOpen, match="See whether it was done"):
            call.ask(command)
        assert call.ask(WaitReady(1.0)) == Done()
    assert played.heard == [command, WaitReady(1.0)]


def test_what_the_node_has_not_heard_is_asked_again() -> None:
    deaf, played = Played([]), Played([[Answer(2, Done())]])
    deaf.sendall = unheard  # type: ignore[method-assign]
    ends = iter([deaf, played])
    with NodeCall(SimpleNamespace(connect=lambda: next(ends).connect())) as call:  # type: ignore[arg-type]
        assert call.ask(CreateRoom("#lab")) == Done()
    assert played.heard == [CreateRoom("#lab")]


def unheard(_data: bytes) -> None:
    raise BrokenPipeError


# One node.


def test_a_second_node_of_a_home_is_never_started(home: Path, run: Callable[..., Running]) -> None:
    run()
    second = run()
    assert isinstance(second.problem, NodeRuns)
    second.wait_end()
    with NodeCall(start_of(home)) as call:
        call.ask(said(1))


def test_one_that_is_to_stay_takes_the_place_of_those_that_others_start(
    home: Path, run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    run()

    def stop_and_see_another_started(home: Path) -> bool:
        monkeypatch.undo()
        stopped = process.stop_node(home)
        run(linger_s=60.0)
        return stopped

    async def work() -> None:
        ready = asyncio.Event()
        staying = asyncio.create_task(run_for_good(home, ready.set))
        await ready.wait()
        await asyncio.to_thread(stop_node, home)
        await staying

    monkeypatch.setattr(process, "stop_node", stop_and_see_another_started)
    asyncio.run(asyncio.wait_for(work(), LIMIT_S))


@pytest.mark.parametrize(("linger_s", "place"), [(None, "127.0.0.1:10"), (60.0, "")])
def test_one_that_is_kept_opens_its_home_again_when_it_begins_anew_and_any_other_ends(
    home: Path, run: Callable[..., Running], linger_s: float | None, place: str
) -> None:
    running = run(linger_s=linger_s)
    write_pin(home, msgspec.structs.replace(joined_pin(home), port=10))
    assert stop_node(home, begins_anew=True)
    if not place:
        running.wait_end()
        return
    eventually((home / "node.json").exists)
    with NodeCall(start_of(home)) as call:
        assert call.follow().server_place == place
    second = run()
    assert isinstance(second.problem, NodeRuns)
    running.stop()


def test_one_that_is_kept_waits_while_its_keys_are_changed_and_opens_them_afterwards(
    home: Path, run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, goes_on = threading.Event(), threading.Event()

    def wait_unpaused(home: Path) -> None:
        waits.set()
        place.wait_unpaused(home)
        goes_on.set()

    monkeypatch.setattr(process, "wait_unpaused", wait_unpaused)
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "")  # the node sets it, in this same program
    running = run(linger_s=None)
    with node_paused(home, "seven brown hens"):
        assert waits.wait(LIMIT_S)
        assert connected(home) is None
        change_passphrase(home, None, "seven brown hens", os.urandom)
        assert not goes_on.is_set()
    eventually((home / "node.json").exists)
    with NodeCall(start_of(home)) as call:
        call.ask(said(1))
    running.stop()


def test_one_that_a_chat_shows_opens_its_keys_again_after_they_were_changed(
    home: Path, run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "")  # the node sets it, in this same program
    running = run(linger_s=60.0)
    with NodeCall(start_of(home)) as chat:
        chat.follow()
        with node_paused(home, "seven brown hens"):
            change_passphrase(home, None, "seven brown hens", os.urandom)
        eventually((home / "node.json").exists)
        assert isinstance(chat.ask(said(1)), Said)
    running.stop()


def test_a_change_that_fails_leaves_one_that_is_kept_with_the_passphrase_before(
    home: Path, run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "seven brown hens")
    change_passphrase(home, None, "seven brown hens", os.urandom)
    running = run(linger_s=None)
    for other in ("eight white geese", ""):
        with node_paused(home, other):
            pass
        eventually((home / "node.json").exists)
        with NodeCall(start_of(home)) as call:
            call.ask(said(1))
    assert os.environ[PASSPHRASE_VARIABLE] == "seven brown hens"
    running.stop()


def test_one_that_is_started_while_keys_are_changed_opens_them_afterwards(
    home: Path, run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, real = threading.Event(), place.is_paused

    def is_paused(home: Path) -> bool:
        found = real(home)
        if found:
            waits.set()
        return found

    monkeypatch.setattr(process, "is_paused", is_paused)
    with node_paused(home):
        started = threading.Thread(target=run)
        started.start()
        assert waits.wait(LIMIT_S)
        monkeypatch.setenv(PASSPHRASE_VARIABLE, "seven brown hens")
        change_passphrase(home, None, "seven brown hens", os.urandom)
        assert not (home / "node.json").exists()
    started.join()
    with NodeCall(start_of(home)) as call:
        call.ask(said(1))


def test_one_that_begins_just_now_is_stopped_as_well(
    home: Path, run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = os.open(home / "node.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)

    def listen_meanwhile(_seconds: float) -> None:
        monkeypatch.undo()
        os.close(lock)
        run()

    monkeypatch.setattr("lanline.client.node.start.time.sleep", listen_meanwhile)
    assert stop_node(home)
    assert not stop_node(home), "and nothing more runs"


def test_it_ends_when_nobody_needs_it_and_takes_its_socket_along(home: Path, run: Callable[..., Running]) -> None:
    running = run(linger_s=0.05)
    running.wait_end()
    assert connected(home) is None
    assert not (home / "node.json").exists()


def test_a_face_that_comes_while_it_ends_is_left_to_the_next(home: Path, run: Callable[..., Running]) -> None:
    running = run(linger_s=0.0)
    running.wait_end()
    assert not running.node.is_allowed(None)  # type: ignore[arg-type]


def test_it_stays_while_a_face_is_there(home: Path, run: Callable[..., Running]) -> None:
    running = run(linger_s=0.05)
    with NodeCall(start_of(home)) as call:
        for _ in range(20):
            call.ask(WaitReady(0.02, is_patient=False))
    running.wait_end()


def test_it_ends_when_its_home_vanishes(home: Path, run: Callable[..., Running]) -> None:
    running = run()
    shutil.rmtree(home)
    running.wait_end()
    assert not home.exists()


def test_a_newer_program_replaces_it(home: Path, run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> None:
    old = run(program="0.1.0")
    started: list[Running] = []
    monkeypatch.setattr(NodeStart, "_start", lambda start: started.append(run(program="0.10.0")))
    with NodeCall(start_of(home, "0.10.0")) as call:
        old.wait_end()
        call.ask(said(1))
    assert len(started) == 1


def test_an_older_program_goes_on_with_a_newer_node(home: Path, run: Callable[..., Running]) -> None:
    running = run(program="0.2.0")
    with NodeCall(start_of(home, "0.1.0")) as call:
        call.ask(said(1))
    end = raw(running.home)
    end.close()


def test_a_node_of_another_protocol_is_told_to_the_person(
    home: Path, run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faceend, "PROTOCOL", faceend.PROTOCOL + 1)
    run(program="1.0.0")
    with pytest.raises(VersionMismatch, match="newer Lanline"):
        start_of(home).connect()


# Faces that do not behave.


def test_a_face_that_does_not_read_costs_little_and_gets_a_snapshot_when_it_does(
    home: Path, run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faceend, "MAX_UNREAD_BYTES", 20_000)
    running = run()
    asleep = raw(home)
    asleep.sendall(encode(Request(1, Follow())))
    arriving = values(asleep)
    while not isinstance(value := next(arriving), Changed) or not isinstance(value.change, Snapshot):
        pass
    # More than the system itself keeps of a socket.
    count = 200
    with NodeCall(start_of(home)) as call:
        for number in range(count):
            call.ask(said(number, "x" * 10_000))
    [end] = [face for face in running.node._faces if face.follows]
    assert end._transport is not None
    assert end._transport.get_write_buffer_size() < 40_000
    for value in arriving:
        if isinstance(value, Changed) and isinstance(value.change, Snapshot):
            assert len(value.change.outbox) == count
            break
    asleep.close()


def test_a_face_that_talks_nonsense_is_hung_up_on_and_no_other(home: Path, run: Callable[..., Running]) -> None:
    run()
    with NodeCall(start_of(home)) as call:
        for nonsense in (b"\xff" * 100, encode(Hello(1, "0.1.0"))[:4] + b"x" * 200, encode(Request(1, Follow()))):
            end = connected(home)
            assert end is not None
            end.sendall(nonsense)
            with contextlib.suppress(ConnectionResetError):
                while end.recv(65_536):
                    pass
            end.close()
        call.ask(said(1))


def test_somebody_else_is_not_let_in(home: Path, run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> None:
    run()
    with monkeypatch.context() as strange:
        strange.setattr(process, "is_same_user", lambda _: False)
        end = connected(home)
        assert end is not None
        end.settimeout(LIMIT_S)
        with contextlib.closing(end), contextlib.suppress(BrokenPipeError, ConnectionResetError):
            end.sendall(encode(Hello(1, "0.1.0")))
            assert not end.recv(100)
    end = raw(home)
    assert isinstance(next(values(end)), Welcome)
    end.close()


def test_a_page_of_a_conversation_that_is_none_is_an_error_and_no_more(home: Path, run: Callable[..., Running]) -> None:
    run()
    with NodeCall(start_of(home)) as call:
        with pytest.raises(LanlineError, match="no such conversation"):
            call.ask(Read(99, 10))
        assert not isinstance(call.ask(WaitReady(0.0, is_patient=False)), Page | Answer)


# Where it is reached.


def test_the_socket_is_for_its_owner_alone(home: Path, run: Callable[..., Running]) -> None:
    run()
    assert stat.S_IMODE((home / "node.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "node.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("where", ["runtime", "temporary", "short"])
def test_where_the_home_can_hold_no_socket_it_stands_elsewhere_and_the_home_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    short = Path("/tmp") / f"lanline-test-{os.getpid()}"
    short.mkdir(mode=0o700)
    try:
        home = tmp_path / ("long" * 40)
        home.mkdir()
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        if where == "runtime":
            monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
        elif where == "temporary":
            monkeypatch.setattr("tempfile.gettempdir", lambda: str(short))
        else:
            monkeypatch.setattr("tempfile.gettempdir", lambda: str(home))
            monkeypatch.setattr(place, "SHORT_FOLDER", short)
        write_pin(home, KnownServer("127.0.0.1", 9, b"f" * 32, "ship", 1, "ann"))
        running = Running(home)
        [found] = list(short.glob("*/*.sock"))
        assert stat.S_IMODE(found.parent.stat().st_mode) == 0o700
        with NodeCall(start_of(home)) as call:
            call.ask(said(1))
        running.stop()
        assert not found.exists()
    finally:
        shutil.rmtree(short)


def test_a_temporary_folder_that_others_may_write_to_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = Path("/tmp") / f"lanline-test-{os.getpid()}"
    (short / f"lanline-{os.getuid()}").mkdir(parents=True)
    (short / f"lanline-{os.getuid()}").chmod(0o777)
    try:
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        monkeypatch.setattr("tempfile.gettempdir", lambda: str(short))
        monkeypatch.setattr(place, "SHORT_FOLDER", short)
        home = tmp_path / ("long" * 40)
        home.mkdir()
        with pytest.raises(LanlineError, match="No socket can be made"):
            place.listen(home)
    finally:
        shutil.rmtree(short)
