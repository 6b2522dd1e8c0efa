"""`lanline chat` as people and scripts use it: real processes, at terminals and at pipes, with a real server."""

from __future__ import annotations

import json
import re
import signal
import time

import pytest

from e2e.program import LIMIT_S, Program
from e2e.square import Square

QUEUED = 75
USAGE = 64


def leaves(program: Program, how: str = "\x04") -> int:
    program.write(how)
    return program.wait_end()


def test_a_first_start_asks_until_it_works_and_then_two_talk(new_square: Square) -> None:
    ann = new_square.chat("ann", at_terminal=True)
    words = new_square.key_words.split()
    for question, answer in (
        ("Server", "no such place"),
        ("names no server.*Server", f"127.0.0.1:{new_square.port}"),
        ("Nickname", "a b"),
        ("none of them.*Nickname", "ann"),
        (f"{words[0]}.*{words[-1]}.*Are they the same", "yes"),
    ):
        ann.wait_out(f"(?s){question}")
        ann.write(f"{answer}\r")
    ann.wait_out("You are ann")
    ann.wait_out("Connected to .* as ann")
    ben = new_square.enters("ben")
    ann.wait_out(r"\* ben is here")
    ben.write("hello\r")
    ann.wait_out(r"\d\d:\d\d ben: hello\r")
    ben.wait_out(r"\d\d:\d\d ben: hello ✓")
    ben.wait_out("✓✓.{1,6}read")  # the space may be a move of the cursor
    assert leaves(ben) == 0
    ann.wait_out(r"\* ben has left")
    ann.write("!q\r")
    ann.wait_out("(?s)another device too.*New password")
    assert leaves(ann, "\n") == 0
    assert "^[" not in ann.out.text, "the terminal's answer at the prompt"


def test_a_taken_name_is_refused_and_another_one_taken(square: Square) -> None:
    square.enters("ann")
    thief = square.chat("thief", "--server", f"127.0.0.1:{square.port}", "--name", "ANN", at_terminal=True)
    thief.wait_out("Are they the same")
    thief.write("yes\r")
    thief.wait_out(
        "(?s)The name ANN is taken.*The password of ANN"
    )  # told while nothing was typed yet; the question is below
    thief.write("some other password\r")
    thief.wait_out("(?s)not the password of ANN.*Nickname")
    thief.write("cai\r")
    thief.wait_out("Connected to .* as cai")


def test_what_was_said_before_an_account_was_made_is_history_for_it(new_square: Square) -> None:
    ann = new_square.enters("ann")
    ann.write("".join(f"old {number}\r" for number in range(1, 13)))
    ann.wait_out("ann: old 12 ✓")
    assert new_square.join("ben").returncode == 0
    ann.write("new\r")
    ann.wait_out("ann: new ✓")
    ben = new_square.at_terminal("ben")
    ben.wait_out(r"(?s)You have 1 message from ann \(1 room\).*2 earlier lines: /history.*ann: old 12.*ann: new")


def test_the_log_honours_what_authors_wish_and_is_whole_for_a_program(square: Square) -> None:
    ann = square.enters("ann")
    ann.write("a tpyo\r/edit a typo\rsecret\r/delete\r")
    limit = time.monotonic() + LIMIT_S
    while "ann: (taken back)\n" not in (shown := square.run("ann", "log", "#lobby").stdout):
        assert time.monotonic() < limit  # on the screen it stands in a line of its own, or at the message
        time.sleep(0.2)
    assert "ann: a typo (edited)\n" in shown
    assert "tpyo" not in shown
    assert "secret" not in shown
    kept = square.run("ann", "log", "#lobby", "--json").stdout
    assert [json.loads(line).get("text") for line in kept.splitlines()] == ["a tpyo", "a typo", "secret", None]


def test_what_is_said_of_a_message_stands_at_it(square: Square) -> None:
    """In place at a terminal that says where its cursor is; else in a line that quotes it. In the log always."""
    ann, ben = square.enters("ann"), square.enters("ben")
    assert leaves(ben) == 0
    ben = square.at_terminal("ben", cursor_row=20, cursor_answers=2)
    ann.write("a tpyo\r")
    ben.wait_out("ann: a tpyo")
    ann.write("/edit a typo\r")
    ann.wait_out(r"ann: \(instead of “a tpyo”, \d\d:\d\d\) a typo ✓")
    ben.wait_out(r"\x1b\[1A\r\x1b\[J\d\d:\d\d ann: a typo \(edited\)\r?\n")
    ben.write("/react +1\r")
    ben.wait_out(r"\x1b\[1A\r\x1b\[J\d\d:\d\d ann: a typo \(edited\)  \[\+1 ben\]\r?\n")
    ann.wait_out(r"\* ben \+1 ann: “a typo”, \d\d:\d\d")
    assert square.run("ben", "log", "#lobby").stdout.endswith("ann: a typo (edited)  [+1 ben]\n")


def test_who_is_ignored_is_seen_and_heard_nowhere_until_that_ends(square: Square) -> None:
    ann, ben = square.enters("ann"), square.enters("ben")
    ben.write("/ignore ann\r")
    ben.wait_out("You ignore ann on this device")
    ann.write("ben, look\rsend ben psst\r")
    ann.wait_out("ann: psst ✓")
    ann.write("/me waves\r")
    ann.wait_out("ann waves ✓")
    assert square.run("ben", "log", "#lobby").stdout == "", "and what was said is on the device by now"
    ben.take_ready()
    assert not re.search("look|psst|waves|\a", ben.out.text)
    assert "ann" in square.run("ben", "ignore").stdout
    ben.write("/unignore ann\r/history\r")
    ben.wait_out(r"(?s)ann: ben, look.*ann waves")
    ann.write("ben?\r")
    ben.wait_out("(?s)\a.*ann: ben\\?")


def test_numbers_pins_and_a_slow_room_last(square: Square) -> None:
    ann, ben = square.enters("ann"), square.enters("ben")
    ann.write("/create #aaa\r/create #bbb\rthe key is under the mat\r")
    ann.wait_out("ann: the key is under the mat ✓")
    ann.write("/pin\r/slow 3600\r")
    ann.wait_out(r"Pinned in #bbb, \^\d+: ann: “the key is under the mat”")
    ann.wait_out("#bbb is slow")
    ben.write("/join #bbb\rone\rtwo\rsend ann I must wait\r")
    ben.wait_out(r"── #bbb · slow, 1 h · 1 pinned")
    ann.wait_out("(?s)ben: one.*ben: I must wait")
    ben.wait_out("takes a message of yours every 1 h. What waits goes out by itself")
    ben.write("/pins\r")
    ben.wait_out(r"\^\d+ \d\d:\d\d ann: the key is under the mat")
    ann.write("/part #aaa\r")
    ann.wait_out("You have left #aaa")
    assert leaves(ann) == 0
    square.run("ann", "agent", "stop")
    ann = square.at_terminal("ann")
    ann.write("/switch 3\r")
    ann.wait_out("── #bbb")
    ann.write("/switch 2\r")
    ann.wait_out("You are in no conversation 2")
    ann.write("/switch 3\r/slow off\r")
    ann.wait_out("ben: two")


def test_what_is_typed_at_once_is_said_in_its_order(square: Square) -> None:
    ann = square.enters("ann")
    typed = [f"/{word} {number}" if number % 2 else f"{number}" for number, word in enumerate(["say", "me"] * 20)]
    ann.write("\r".join([*typed, "end"]) + "\r")
    ann.wait_out("ann: end ✓")
    said = [re.sub(r"\D", "", text) for text in square.texts("ann", "#lobby")]
    assert said == [str(number) for number in range(40)] + [""]


def test_commands_work_as_bare_words_and_with_a_slash(square: Square) -> None:
    ann, ben = square.enters("ann"), square.enters("ben")
    ann.wait_out("ben is here")
    # Who joins is there with one link, and then with the other that the chat has: ann may ask just in between.
    table = re.compile(r"ann \(you\) +online.*\n +ben +(online|offline)")
    for asked in range(1, 100):
        ann.write("clients\r")
        ann.pump(lambda asked=asked: len(table.findall(ann.out.text)) >= asked, "table of people")
        if table.findall(ann.out.text)[-1] == "online":
            break
    assert table.findall(ann.out.text)[-1] == "online"
    ann.write("send ben psst\r")
    ben.wait_out(r"\(private\) ann: psst")
    ann.write("send bem for ben only\r")
    ann.wait_out("(?s)nobody called 'bem'. Did you mean ben")
    ann.write("/create #lab\r/topic Keys\rin the lab\r")
    ann.wait_out("ann: in the lab ✓")
    ben.write("/join #lab\r")
    ben.wait_out("(?s)── #lab · Keys.*ann: in the lab")
    ben.write("/reply yes\r")
    ann.wait_out("ben: .to ann: “in the lab”. yes")
    ann.write("/kcik ben\r")
    ann.wait_out("Did you mean /kick")
    ann.write("/kick ben\r")
    ben.wait_out("You are no longer in #lab")
    ben.write("for the lab\r")
    ben.wait_out("nothing was said")
    ann.write(" /not a command\r")
    ann.wait_out("ann: /not a command ✓")
    assert "for ben only" not in "".join(square.texts("ben", "#lobby"))


def test_who_comes_back_is_told_and_shown_what_was_kept(square: Square) -> None:
    ann, ben = square.enters("ann"), square.enters("ben")
    assert leaves(ben) == 0
    ann.wait_out("ben has left")
    ann.write("for all\rsend ben for you\r")
    ann.wait_out(r"\(to ben\) ann: for you ✓")
    ben = square.at_terminal("ben")
    ben.wait_out(r"You have 2 messages from ann \(1 room\)\.")
    ben.wait_out(r"\d\d:\d\d ann: for all\r")
    ben.wait_out(r"\d\d:\d\d \(private\) ann: for you\r")


def test_what_is_said_while_the_server_is_dead_is_sent_when_it_is_back(square: Square) -> None:
    ann, ben = square.enters("ann"), square.enters("ben")
    square.close(signal.SIGKILL)
    ann.write("first\rsecond\r")
    ann.wait_out(r"(?s)not sent yet .*: first.*… second")
    square.open()
    ben.wait_out(r"(?s)ann: first\r.*ann: second\r")
    ann.wait_out("(?s)Connected again.*ann: first ✓.*ann: second ✓")
    assert leaves(ann) == 0
    assert square.texts("ben", "#lobby") == ["first", "second"]


def test_leaving_with_something_unsent_says_so_and_the_next_start_sends_it(square: Square) -> None:
    ann = square.enters("ann")
    square.close()
    ann.wait_out("Connection lost: The server is stopping")
    ann.write("kept\r")
    ann.wait_out(r"not sent yet \(1\)")
    assert leaves(ann) == QUEUED
    ann.wait_out("1 message stays queued, and will be sent when you are connected again: kept")
    square.open()
    ann = square.at_terminal("ann")
    ann.wait_out("ann: kept ✓")


@pytest.mark.parametrize("how", ["half a line\x03\x03", "\x04", "/quit\r", "dereg\r", signal.SIGTERM, signal.SIGINT])
def test_a_terminal_is_left_at_once(square: Square, how: str | int) -> None:
    ann = square.enters("ann")
    if isinstance(how, str):
        ann.write(how)
    else:
        ann.signal(how)
    assert ann.wait_end() == 0


def test_ctrl_c_takes_a_half_typed_line_away_first(square: Square) -> None:
    ann = square.enters("ann")
    ann.write("half a line\x03")
    ann.write("a whole one\r")
    ann.wait_out("ann: a whole one")
    assert leaves(ann, "\x03") == 0


@pytest.mark.parametrize("question", ["Server", "Nickname"])
def test_the_questions_can_be_left(new_square: Square, question: str) -> None:
    options = ["--server", f"127.0.0.1:{new_square.port}"] if question == "Nickname" else []
    ann = new_square.chat("ann", *options, at_terminal=True)
    ann.wait_out(question)
    assert leaves(ann, "\x03") == 0


def test_a_closed_terminal_loses_nothing(square: Square) -> None:
    ann = square.enters("ann")
    square.close()
    ann.write("kept\r")
    ann.wait_out(r"not sent yet \(1\)")
    ann.close_terminal()
    ann.process.wait(60)
    square.open()
    square.enters("ben").wait_out("Connected")
    assert square.run("ann", "send", "#lobby", "after").returncode == 0
    assert square.texts("ben", "#lobby") == ["kept", "after"]


def test_a_paste_of_many_lines_is_one_message_and_a_huge_one_is_refused(square: Square) -> None:
    ann = square.enters("ann")
    ann.write("\x1b[200~one\rtwo\x1b[201~\r")
    ann.wait_out("ann: one\r\n +two ✓")
    ann.write("\x1b[200~" + "x" * 1_000_000 + "\x1b[201~")
    ann.wait_out("Not taken: the paste has 1,000,000 bytes")
    ann.write("short\r")
    ann.wait_out("ann: short ✓")
    assert square.texts("ann", "#lobby") == ["one\ntwo", "short"]


def test_nothing_of_others_reaches_the_terminal_raw(square: Square) -> None:
    ann = square.enters("ann")
    assert square.run("ben", "send", "#lobby", "\x1b]0;owned\x07\x1b[41mred\x9b2J").returncode == 0
    ann.wait_out("ben: \ufffd]0;owned\ufffd\ufffd\\[41mred\ufffd2J")
    assert b"\x1b[41m" not in ann.out.data
    assert b"\x1b]0;owned" not in ann.out.data


def test_names_have_colours_unless_they_are_not_wanted(square: Square) -> None:
    ann = square.enters("ann")
    coloured = square.chat("ann", at_terminal=True, environment={"NO_COLOR": ""})
    ann.write("hello\r")
    coloured.wait_out("\x1b\\[1;\\d\\dmann\x1b\\[0m: hello")
    assert not re.search("\x1b\\[1;\\d\\dmann", ann.out.text)


def test_a_server_with_another_key_is_a_hard_stop_that_loses_nothing(square: Square) -> None:
    ann = square.enters("ann")
    square.close()
    ann.write("for the old server\r")
    ann.wait_out(r"not sent yet \(1\)")
    square.open("another folder")
    assert ann.wait_end() == QUEUED
    ann.wait_out("shows another key")
    ann.wait_out("1 message stays queued, and will be sent when you are connected again: for the old server")
    assert "> lanline:" not in ann.out.text


def test_who_is_banned_is_told_and_out(square: Square) -> None:
    ann = square.enters("ann")
    assert square.run("", "admin", "ban", "ann", "--data", str(square.folder / "data")).returncode == 0
    assert ann.wait_end() == 1
    ann.wait_out("You are banned")
    assert "words are kept" not in ann.out.text


def test_what_a_muted_one_says_is_not_taken_and_can_be_said_again(square: Square) -> None:
    ann, ben = square.enters("ann"), square.enters("ben")
    ann.write("/create #lab\r")
    ann.wait_out("── #lab")
    ben.write("/join #lab\r")
    ann.wait_out("ben has joined #lab")
    ann.write("/mute ben\r")
    ben.wait_out("You are muted in #lab")
    ben.write("listen\r")
    ben.wait_out("(?s)Not taken by the server: “listen” You are muted.*✗ not taken")
    ann.write("/unmute ben\r")
    ben.wait_out("You may speak in #lab again")
    ben.write("/again\r")
    ben.wait_out("ben: listen ✓")


# At pipes.


def test_a_pipe_says_each_line_and_leaves_when_all_is_safe(square: Square) -> None:
    lines = [f"line {number}" for number in range(1000)]
    done = square.run("ann", "chat", given="\n".join(lines))
    assert (done.returncode, done.stdout) == (0, "")
    assert square.texts("ben", "#lobby") == lines


def test_a_pipe_prints_what_arrives(square: Square) -> None:
    ben = square.enters("ben")
    ann, bot = square.chat("ann"), square.chat("ann", "--json", "--stay")
    bot.end_input()
    for program in (ann, bot):
        program.wait_aside("Connected to")
    ben.write("hello\rsend ann one\r")
    ann.wait_out("#lobby ben: hello\nben ben: one\n")
    bot.wait_out('"one"')
    rows = [json.loads(line) for line in bot.out.text.splitlines()]
    assert [(row["conversation"], row["from"], row["text"]) for row in rows] == [
        ("#lobby", "ben", "hello"),
        ("ben", "ben", "one"),
    ]
    ann.write("yes\n/quit\n")
    ben.wait_out("(?s)ann: yes.*ann: /quit")
    ann.end_input()
    assert ann.wait_end() == 0
    bot.signal(signal.SIGTERM)
    assert bot.wait_end() == 0


def test_a_pipe_without_a_server_keeps_the_lines_for_the_next_one(square: Square) -> None:
    assert square.run("ann", "chat", given="first\n").returncode == 0
    square.close()
    done = square.run("ann", "chat", "--wait", "0.5", given="second\nthird\n")
    assert done.returncode == QUEUED
    assert "2 messages stay queued" in done.stderr
    square.open()
    assert square.run("ann", "chat", given="fourth\n").returncode == 0
    assert square.texts("ann", "#lobby") == ["first", "second", "third", "fourth"]


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (["nobody"], USAGE, "nobody called"),
        (["#nowhere"], 1, "#nowhere"),
        (["#no such"], USAGE, "made of letters"),
        (["--wait", "-1"], USAGE, ""),
    ],
)
def test_a_place_that_is_none_is_an_error(square: Square, options: list[str], status: int, told: str) -> None:
    done = square.run("ann", "chat", *options, given="not to be said\n")
    assert done.returncode == status
    assert told in done.stderr


def test_a_pipe_of_a_home_that_is_nobody_says_how_to_join(new_square: Square) -> None:
    done = new_square.run("ann", "chat", given="hello\n")
    assert done.returncode == 1
    assert "lanline join" in done.stderr
