"""Who is told of a person's coming and going: of a chat, and not of a command that says or shows something."""

from __future__ import annotations

from e2e.square import Square
from e2e.town import parsed


def is_online(square: Square, name: str) -> bool:
    listed = square.run("ann", "clients", "--json").stdout.splitlines()
    return any(each["name"] == name and each["online"] for each in map(parsed, listed))


def test_a_command_tells_nobody_that_its_person_is_there_and_a_chat_does(square: Square) -> None:
    lasting = {"LANLINE_NODE_LINGER_S": "60"}
    ann = square.enters("ann")
    assert square.run("ben", "send", "#lobby", "from a script", **lasting).returncode == 0
    ann.wait_out("ben: from a script")
    for words in (("log", "#lobby"), ("clients",), ("rooms",)):
        assert square.run("ben", *words, **lasting).returncode == 0
    assert not is_online(square, "ben"), "though a process of ben's is connected"
    assert "ben is here" not in ann.out.text

    ben = square.chat("ben", at_terminal=True)
    ann.wait_out(r"\* ben is here")
    assert is_online(square, "ben")
    assert square.run("ben", "send", "#lobby", "beside the chat").returncode == 0
    ann.wait_out("ben: beside the chat")
    ben.write("!q\r")
    assert ben.wait_end() == 0
    ann.wait_out(r"\* ben has left")
    assert square.run("ben", "send", "#lobby", "after the chat").returncode == 0
    ann.wait_out("ben: after the chat")
    assert ann.out.text.count("ben is here") == ann.out.text.count("ben has left") == 1


def test_who_follows_a_room_or_keeps_an_agent_is_there(square: Square) -> None:
    ann = square.enters("ann")
    square.start("ben", "log", "#lobby", "--follow")
    ann.wait_out(r"\* ben is here")
