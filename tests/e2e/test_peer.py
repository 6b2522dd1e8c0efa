"""`lanline peer` as people and scripts use it: real processes, at pipes and at terminals."""

from __future__ import annotations

import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.lossyrelay import LossyRelay
from e2e.peers import Peer, Table, lines_of
from e2e.program import COMMAND, LIMIT_S, Program


def meet(seats: Table) -> tuple[Peer, Peer]:
    ann, bob = seats.seat("ann"), seats.seat("bob", calls="ann")
    ann.wait_aside("bob is here")
    bob.wait_aside("ann is here")
    return ann, bob


def test_two_talk_and_part(seats: Table) -> None:
    ann, bob = meet(seats)
    bob.write("hello\n\nGrüße\n")
    ann.wait_out("bob: hello\nbob: \nbob: Grüße\n")
    ann.write("and you\n")
    bob.wait_out("ann: and you\n")
    bob.end_input()
    assert bob.wait_end() == 0
    ann.wait_aside("bob has left")
    ann.end_input()
    assert ann.wait_end() == 0
    words = re.findall(r"^\*     (.+)$", ann.aside.text, re.MULTILINE)
    assert all(line in bob.aside.text for line in words)
    assert all(len(line) <= 80 for line in ann.aside.text.splitlines())


@pytest.mark.parametrize("first", ["ann", "bob"])
def test_either_may_start_first(seats: Table, first: str) -> None:
    second = "bob" if first == "ann" else "ann"
    one = seats.seat(first, calls=second)
    one.wait_aside("Calling")
    one.write("early\n")
    seats.seat(second, calls=first).wait_out(f"{first}: early\n")


def test_the_key_is_known_the_second_time_and_a_new_one_is_a_hard_stop(seats: Table, tmp_path: Path) -> None:
    ann, bob = meet(seats)
    bob.end_input()
    assert bob.wait_end() == 0
    bob = seats.seat("bob", calls="ann")
    bob.wait_aside("with the key known since")
    bob.end_input()
    assert bob.wait_end() == 0
    ann.signal(signal.SIGTERM)
    assert ann.wait_end() == 0
    (tmp_path / "ann" / "identity.pem").unlink()
    ann = seats.seat("ann")
    ann.wait_aside("Waiting")
    bob = seats.seat("bob", calls="ann")
    bob.write("secret\n")
    assert bob.wait_end() == 1
    assert "has changed" in bob.aside.text
    assert "1 message was not delivered: secret" in bob.aside.text
    ann.wait_aside("hung up")
    seats.seat("bob", "--accept-new-key", calls="ann").wait_aside("ann is here")


def test_a_third_is_refused_and_disturbs_nobody(seats: Table) -> None:
    ann, bob = meet(seats)
    eve = seats.seat("eve", calls="ann")
    assert eve.wait_end() == 1
    assert "Two are talking here already" in eve.aside.text
    bob.write("still here\n")
    ann.wait_out("bob: still here\n")


def test_what_waits_survives_a_crash_of_the_other_side(seats: Table) -> None:
    ann, bob = meet(seats)
    ann.kill()
    bob.write("for later\n")
    seats.seat("ann").wait_out("bob: for later\n")
    bob.end_input()
    assert bob.wait_end() == 0


def test_a_new_address_on_the_way_breaks_nothing(seats: Table) -> None:
    way = LossyRelay(seats.port("ann"))
    try:
        ann, bob = seats.seat("ann"), seats.seat("bob", calls=way.port)
        bob.write("before\n")
        ann.wait_out("bob: before\n")
        way.move()
        bob.write("after\n")
        ann.wait_out("bob: after\n")
        ann.write("back\n")
        bob.wait_out("ann: back\n")
        assert "gone" not in ann.aside.text + bob.aside.text
    finally:
        way.close()


def test_nothing_reported_delivered_is_missing_after_a_kill_on_a_bad_way(seats: Table, tmp_path: Path) -> None:
    count = 2_000
    way = LossyRelay(seats.port("ann"), loss=0.2)
    said = {who: [f"{who[0]}{number}" for number in range(count)] for who in ("ann", "bob")}
    try:
        with (tmp_path / "first").open("wb") as first, (tmp_path / "second").open("wb") as second:
            ann = seats.seat("ann", stdout=first)
            bob = seats.seat("bob", calls=way.port)
            bob.write("\n".join(said["bob"][:-1]) + "\n")
            ann.write("\n".join(said["ann"][: count // 2]) + "\n")
            bob.wait_out("ann: a200\n")
            ann.kill()
            again = seats.seat("ann", stdout=second)
            again.write("\n".join(said["ann"][count // 2 :]) + "\n")
            again.end_input()
            assert again.wait_end() == 0
            bob.wait_out(f"ann: {said['ann'][-1]}\n")
            final = seats.seat("ann")
            bob.write(said["bob"][-1] + "\n")
            bob.end_input()
            assert bob.wait_end() == 0
            final.wait_out(f"bob: {said['bob'][-1]}\n")
    finally:
        way.close()
    lives = [(tmp_path / "first").read_text(), (tmp_path / "second").read_text(), final.out.text]
    for life in lives:
        # One life: a run without a gap, in order, nothing twice.
        shown = [int(number) for number in re.findall(r"^bob: b(\d+)$", life, re.MULTILINE)]
        assert shown == list(range(shown[0], shown[0] + len(shown))) if shown else True
    assert {line for life in lives for line in life.splitlines()} == set(lines_of("bob", said["bob"]).splitlines())
    heard = [int(number) for number in re.findall(r"^ann: a(\d+)$", bob.out.text, re.MULTILINE)]
    assert heard == sorted(set(heard))
    assert set(range(count // 2, count)) <= set(heard)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_leaving_is_fine_unless_something_is_left_behind(seats: Table, number: int) -> None:
    ann = seats.seat("ann")
    ann.wait_aside("Waiting")
    ann.signal(number)
    assert ann.wait_end() == 0
    eve = seats.seat("eve", "--wait", "0", calls="nobody")
    eve.write("lost\x1b[2J\n")
    eve.end_input()
    assert eve.wait_end() == 1
    assert "1 message was not delivered: lost\ufffd[2J" in eve.aside.text


def test_an_output_that_nobody_reads_ends_it_and_delivers_nothing(seats: Table) -> None:
    ann, bob = meet(seats)
    assert ann.process.stdout is not None
    ann.process.stdout.close()
    ann.out.is_over = True
    bob.write("unread\n")
    assert ann.wait_end() == 1
    assert "Nobody reads the output any more." in ann.aside.text
    bob.wait_aside("ann has left")
    bob.signal(signal.SIGINT)
    assert bob.wait_end() == 1
    assert "1 message was not delivered: unread" in bob.aside.text


def test_too_long_a_line_is_refused_and_the_next_one_goes(seats: Table) -> None:
    ann, bob = meet(seats)
    bob.write(b"x" * 10_000_000 + b"\n\xffafter\n")
    bob.end_input()
    ann.wait_out("bob: \ufffdafter\n")
    assert bob.wait_end() == 1
    assert "a line has 10,000,000 bytes, and one message holds 1,048,576" in bob.aside.text
    assert "1 message was not sent, being too long." in bob.aside.text


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_crash(seats: Table, tmp_path: Path, closed: str) -> None:
    peer = seats.seat("ann")
    peer.wait_aside("Waiting")
    options = f"--home {tmp_path}/bob --listen-port 0 --peer-host 127.0.0.1 --peer-port {seats.port('ann')}"
    ended = subprocess.run(
        ["sh", "-c", f"echo hello | {sys.executable} -m lanline peer {options} {closed}"],
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert ended.returncode == 0
    assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        (("--peer-host", "nobody.invalid"), 1, "not known here"),
        (("--peer-host", "::1"), 64, "Add --listen-host ::"),
        (("--listen-host", "192.0.2.1"), 1, "not an address of this machine"),
        (("--listen-port", "70000"), 64, "65535"),
        (("--what",), 64, "No such option"),
    ],
)
def test_what_cannot_work_is_said(seats: Table, options: tuple[str, ...], status: int, sentence: str) -> None:
    peer = seats.seat("ann", *options)
    assert peer.wait_end() == status
    assert sentence in peer.aside.text


def test_a_taken_port_is_said(seats: Table) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", seats.port("ann")))
        peer = seats.seat("ann")
        assert peer.wait_end() == 1
        assert f"ort {seats.port('ann')} on 127.0.0.1 is taken" in peer.aside.text


def test_a_typed_line_gets_its_mark_when_it_was_shown(seats: Table) -> None:
    ann, bob = seats.seat("ann", at_terminal=True), seats.seat("bob", calls="ann", at_terminal=True)
    bob.wait_out("ann is here")
    ann.wait_out("bob is here")
    bob.write("hello\r")
    ann.wait_out("bob: hello")
    bob.wait_out("bob: hello ✓")
    bob.write("\x04")
    assert bob.wait_end() == 0
    ann.wait_out("bob has left")
    ann.write("nobody hears\r")
    ann.wait_out("not.*delivered.*yet")
    ann.write("\x03")
    assert ann.wait_end() == 1
    ann.wait_out("1 message was not delivered: nobody hears")


@pytest.mark.parametrize("how", ["half a line\x03", "\x04", signal.SIGTERM, signal.SIGINT])
def test_a_terminal_is_left_at_once(seats: Table, how: str | int) -> None:
    ann = seats.seat("ann", at_terminal=True)
    ann.wait_out("leaves[^>]*>")
    if isinstance(how, str):
        ann.write(how)
    else:
        ann.signal(how)
    assert ann.wait_end() == 0


def test_ctrl_z_lends_the_terminal_to_the_shell_until_the_conversation_goes_on(seats: Table) -> None:
    bob = seats.seat("bob")
    shell = Program("--norc", "--noprofile", "-i", program=["bash"], at_terminal=True)
    try:
        words = ["peer", "--home", str(seats.folder / "ann"), "--name", "ann", "--listen-port", "0"]
        words += ["--peer-host", "127.0.0.1", "--peer-port", str(seats.port("bob"))]
        shell.write(shlex.join([*COMMAND, *words]) + "\r")
        shell.wait_out("bob is here")
        shell.write("\x1a")
        shell.wait_out("Stopped")
        shell.write("echo the-shell-has-$((40 + 2))\r")
        shell.wait_out("the-shell-has-42")
        shell.write("fg\r")
        shell.write("hello\r")
        bob.wait_out("ann: hello")
        shell.write("\x04")
        bob.wait_aside("ann has left")
    finally:
        shell.dispose()


def test_a_closed_terminal_ends_the_program(seats: Table) -> None:
    ann = seats.seat("ann", at_terminal=True)
    ann.wait_out("leaves")
    ann.close_terminal()
    ann.process.wait(LIMIT_S)


def test_a_paste_of_many_lines_is_one_message(seats: Table) -> None:
    ann, bob = seats.seat("ann"), seats.seat("bob", calls="ann", at_terminal=True)
    bob.wait_out("ann is here")
    bob.write("\x1b[200~one\rtwo\x1b[201~\r")
    ann.wait_out("bob: one\nbob: two\n")
    bob.write("\x1b[200~" + "x" * 1_100_000 + "\x1b[201~")
    bob.wait_out("Not taken: the paste has 1,100,... bytes")


def test_plain_peers_talk_to_each_other(seats: Table) -> None:
    ann = seats.seat("ann", "--plain", calls="bob")
    bob = seats.seat("bob", "--plain", calls="ann")
    ann.wait_aside("Plain datagrams")
    bob.wait_aside("Plain datagrams")
    ann.write("Grüße\n")
    bob.wait_out("Grüße\n")
    bob.write(b"\xff\x1b[31m\n" + b"x" * 70_000 + b"\n")
    ann.wait_out("\ufffd\ufffd\\[31m\n")
    bob.end_input()
    assert bob.wait_end() == 1
    assert "70,001 bytes" in bob.aside.text
