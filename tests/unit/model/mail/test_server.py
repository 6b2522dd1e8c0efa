import pytest

from lanline.errors import InvalidInput
from lanline.model.mail.server import Credentials, Security, Server, checked_credentials, checked_host, checked_port


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("mail.example.org", "mail.example.org"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("mail.example.org.", "mail.example.org"),
        ("straße.example", "xn--strae-oqa.example"),
    ],
)
def test_names_and_addresses_are_hosts(typed: str, host: str) -> None:
    assert checked_host(typed) == host


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "a b",
        "a\r\nb",
        "a\0b",
        "smtp://a",
        "host:25",
        "-a",
        "a..b",
        "x" * 64,
        "x." * 200,
        "ü" * 300,
        "<a>",
        "caf\udce9",
    ],
)
def test_what_is_no_host_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInput):
        checked_host(typed)


@pytest.mark.parametrize("port", [0, -1, 65536, 10**9])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(InvalidInput, match="1 to 65535"):
        checked_port(port)


@pytest.mark.parametrize(
    ("user", "password"), [("", "x"), ("x", ""), ("a\0b", "x"), ("x", "a\0b"), ("x", "a\r\nQUIT"), ("x\udce9", "y")]
)
def test_credentials_that_would_end_a_command_are_refused_without_being_shown(user: str, password: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_credentials(user, password)
    assert "QUIT" not in str(caught.value)


def test_a_password_is_not_in_the_representation() -> None:
    assert "secret" not in repr(Credentials("ann", "secret"))
    assert "secret" not in str(Credentials("ann", "secret"))


def test_an_ipv6_server_is_written_in_brackets() -> None:
    assert str(Server("::1", 25, Security.NONE)) == "[::1]:25"
