"""A server that has moved: a home finds it again with the key that it has, and a chat that runs goes there too."""

from __future__ import annotations

import pytest

from e2e.square import Square
from serverhouse.ports import free_port


@pytest.mark.parametrize("way", ["join", "chat"])
def test_a_running_chat_calls_the_new_address_and_nobody_is_asked_for_a_password(square: Square, way: str) -> None:
    chat = square.enters("ann")
    square.close()
    square.port = free_port()
    square.open()
    chat.wait_out("(?s)Connected to.*(not reach|lost|away|Connection)")
    chat.write("said while it was away\r")
    place = f"127.0.0.1:{square.port}"
    if way == "join":
        done = square.run("ann", "join", place)
        assert done.returncode == 0, done.stderr
        assert "assword" not in done.stdout + done.stderr
    else:
        square.at_terminal("ann", "--server", place)
    chat.wait_out("ann: said while it was away ✓")
    chat.write("said there\r")
    chat.wait_out("ann: said there ✓")
    assert square.texts("ann", "#lobby")[-2:] == ["said while it was away", "said there"]
