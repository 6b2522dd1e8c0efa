import email_validator
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanline.errors import InvalidInput
from lanline.model.mail import address as address_module
from lanline.model.mail.address import Mailbox, parse_mailbox, parse_mailboxes


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("ann@example.org", "", "ann@example.org"),
        ("  ann@example.org ", "", "ann@example.org"),
        ("Ann Example <ann@example.org>", "Ann Example", "ann@example.org"),
        ("Jörg <j@example.org>", "Jörg", "j@example.org"),
        ('"Example, Ann \\"A\\"" <ann@example.org>', 'Example, Ann "A"', "ann@example.org"),
        ("<ann@example.org>", "", "ann@example.org"),
        ('"two words"@example.org', "", '"two words"@example.org'),
        ("ann@bücher.example", "", "ann@xn--bcher-kva.example"),
        ("用户@例子.广告", "", "用户@xn--fsqu00a.xn--4rr70v"),
        ("ann@[192.0.2.1]", "", "ann@[192.0.2.1]"),
    ],
)
def test_an_address_is_taken_apart(text: str, name: str, address: str) -> None:
    assert parse_mailbox(text, "The recipient") == Mailbox(name, address)


@pytest.mark.parametrize(
    "text", ["ann@localhost", "ann@ship", "ann@printer.local", "ann@host.test", "ann@nas.home.arpa"]
)
def test_names_of_an_own_wire_are_proper_domains(text: str) -> None:
    assert parse_mailbox(text, "The recipient").address == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "ann",
        "@example.org",
        "ann@",
        "ann@example@org",
        "ann@exam ple.org",
        "ann@example.org>, <eve@example.org",
        "ann@example.org, eve@example.org",
        "a..b@example.org",
        "x" * 300 + "@example.org",
        "ann@" + "x" * 300,
        "Ann <ann@example.org",
        "<>",
        "Ann <>",
        "ann@example.org SIZE=1",
        "a b <c@d.de> <e@f.de>x",
    ],
)
def test_what_is_no_address_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_mailbox(text, "The recipient")
    assert str(caught.value).startswith("The recipient ")
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\0", "\u2028"])
def test_an_address_with_a_line_break_is_refused(break_: str) -> None:
    for text in (f"ann@example.org{break_}RCPT TO:<eve@example.org>", f"Ann{break_}Bcc: eve@e.org <ann@example.org>"):
        with pytest.raises(InvalidInput):
            parse_mailbox(text, "The recipient")


def test_only_a_local_part_outside_ascii_stays_so() -> None:
    assert not parse_mailbox("jörg@example.org", "x").address.isascii()
    assert parse_mailbox("Jörg <j@bücher.example>", "x").address.isascii()


def test_a_list_is_split_at_commas_outside_quotes() -> None:
    found = parse_mailboxes('"A, \\"B" <ab@example.org>, c@example.org', "The header field Reply-To")
    assert found == (Mailbox('A, "B', "ab@example.org"), Mailbox("", "c@example.org"))


@settings(max_examples=300)
@given(st.text(st.sampled_from("aZ0.-_@+'é"), min_size=1, max_size=20), st.text(st.sampled_from("az0.-_"), max_size=70))
def test_what_counts_as_plain_the_library_takes_as_it_is(local_part: str, domain: str) -> None:
    text = f"{local_part}@{domain}"
    if len(text) <= address_module._MAX_PLAIN_CHARS and address_module._PLAIN.fullmatch(text):
        valid = email_validator.validate_email(text, check_deliverability=False, globally_deliverable=False)
        assert f"{valid.local_part}@{valid.ascii_domain}" == text
