from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.client.view.places import nearest_names
from lanline.errors import InvalidInput
from lanline.faces.chat.commands import COMMANDS, WORDS, Kind, help_lines, nearest_commands
from lanline.faces.chat.grammar import Order, Saying, parse_line


def order(line: str) -> tuple[str, dict[Kind, str]]:
    parsed = parse_line(line, "me")
    assert isinstance(parsed, Order), parsed
    return parsed.command.name, parsed.arguments


@pytest.mark.parametrize("line", ["", " ", "\n", "\t \n"])
def test_nothing_typed_is_nothing(line: str) -> None:
    assert parse_line(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "hello",
        "clients are here",
        "the clients",
        "deregister me",
        "sending two words",
        "help",
        "quit",
        "  two spaces",
        "\ttab",
        "    x = 1\n    y = 2",
        "half / way",
    ],
)
def test_what_is_no_command_is_said_as_it_stands(line: str) -> None:
    assert parse_line(line, "me") == Saying(line)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (" clients", "clients"),
        (" !q", "!q"),
        (" /join #lab", "/join #lab"),
        (" send ana hi", "send ana hi"),
        (" dereg", "dereg"),
        ("//etc", "/etc"),
    ],
)
def test_a_space_or_a_second_slash_escapes(line: str, text: str) -> None:
    assert parse_line(line, "me") == Saying(text)


@pytest.mark.parametrize(
    ("line", "name", "arguments"),
    [
        ("clients", "who", {}),
        ("clients  ", "who", {}),
        ("!q", "quit", {}),
        ("dereg", "dereg", {}),
        ("dereg me", "dereg", {}),
        ("send ana hi  there ", "msg", {Kind.PLACE: "ana", Kind.TEXT: "hi  there"}),
        ("send me the file", "msg", {Kind.PLACE: "me", Kind.TEXT: "the file"}),
        ("send ana one\ntwo", "msg", {Kind.PLACE: "ana", Kind.TEXT: "one\ntwo"}),
        ("/msg ana one\n  two", "msg", {Kind.PLACE: "ana", Kind.TEXT: "one\n  two"}),
        ("/msg #lab hi", "msg", {Kind.PLACE: "#lab", Kind.TEXT: "hi"}),
        ("/JOIN #lab", "join", {Kind.ROOM: "#lab"}),
        ("/j   #lab ", "join", {Kind.ROOM: "#lab"}),
        ("/part", "part", {}),
        ("/say /join", "say", {Kind.TEXT: "/join"}),
        ("/say\nbelow", "say", {Kind.TEXT: "below"}),
        ("/me waves", "me", {Kind.TEXT: "waves"}),
        ("/reply yes", "reply", {Kind.TEXT: "yes"}),
        ("/reply ^12 yes", "reply", {Kind.MEANT: "12", Kind.TEXT: "yes"}),
        ("/reply 12 yes", "reply", {Kind.TEXT: "12 yes"}),
        ("/react 👍", "react", {Kind.SYMBOL: "👍"}),
        ("/react ^3 -👍", "react", {Kind.MEANT: "3", Kind.SYMBOL: "-👍"}),
        ("/delete", "delete", {}),
        ("/history 50", "history", {Kind.COUNT: "50"}),
        ("/create #lab private", "create", {Kind.ROOM: "#lab", Kind.SORT: "private"}),
        ("/create #lab rsa", "create", {Kind.ROOM: "#lab", Kind.SORT: "rsa"}),
        ("/access Closed", "access", {Kind.ACCESS: "private"}),
        ("/switch 3", "switch", {Kind.TAB: "3"}),
        ("/help /join", "help", {Kind.COMMAND: "/join"}),
        ("/?", "help", {}),
    ],
)
def test_commands_and_their_arguments(line: str, name: str, arguments: dict[Kind, str]) -> None:
    assert order(line) == (name, arguments)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/joni #lab", "There is no command '/joni'. Did you mean /join"),
        ("/usr/bin/python", "put a space in front"),
        ("/", "There is no command '/'."),
        ("/\x1b[31m", "/\ufffd[31m"),
        ("/msg ana", "It is written: /msg #ROOM|NICK TEXT"),
        ("/say  ", "It is written: /say TEXT"),
        ("/join lab", "#lab?"),
        ("/kick #lab", "is a room"),
        ("/kick ana and bo", "'and bo' is too much"),
        ("/history many", "'many' is not a number"),
        ("/history 0", "'0' is not a number"),
        ("/history ²", "is not a number"),
        ("/history 9999999", "is not a number"),
        ("/create #lab secret", "'open' or 'private'"),
        ("/quit now", "too much"),
        ("/presence maybe", "'on', 'off' or 'auto'"),
        ("send", "send NICK TEXT. To say the line as it is, put a space in front"),
        ("send bo", "send NICK TEXT"),
        ("dereg now", "dereg, alone"),
        ("!q now", "!q, alone"),
    ],
)
def test_what_is_typed_wrong_is_told_with_how_it_is_written(line: str, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_line(line, "me")
    assert told in str(caught.value)
    assert "\x1b" not in str(caught.value)


@given(st.text(max_size=40))
def test_any_line_is_words_an_order_or_a_sentence(line: str) -> None:
    try:
        parsed = parse_line(line, "me")
    except InvalidInput:
        return
    assert (parsed is None) == (not line.strip())
    if isinstance(parsed, Saying):
        assert parsed.text in line


@given(st.sampled_from([command.name for command in COMMANDS]), st.text(max_size=30))
def test_any_arguments_are_taken_or_refused_in_words(name: str, rest: str) -> None:
    try:
        parsed = parse_line(f"/{name} {rest}")
    except InvalidInput:
        return
    assert isinstance(parsed, Order)
    assert parsed.command.name == name


def test_no_word_means_two_commands() -> None:
    assert len(WORDS) == sum(1 + len(command.aliases) for command in COMMANDS)


def test_the_nearest_are_the_ones_meant() -> None:
    assert nearest_commands("/unm")[0] == "/unmute"
    assert nearest_commands("qiut")[0] == "/quit"
    assert nearest_commands("zzzzzz") == []
    assert nearest_names("Anna", ["ana", "bo", "Hannah"])[0] == "ana"
    assert nearest_names("x", []) == []


def test_help_tells_every_command_and_one_in_full() -> None:
    overview = "\n".join(help_lines())
    assert all(f"/{command.name}" in overview for command in COMMANDS)
    assert "Also: /send, /m" in "\n".join(help_lines("/msg"))
    assert "no command '/mgs'" in help_lines("mgs")[0]
