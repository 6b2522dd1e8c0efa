"""Whatever stands in whatever argument: one message goes out, with the commands and fields that were asked for."""

from __future__ import annotations

import contextlib
import email.policy
from email.parser import BytesParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lanline.client.smtp.draft import Draft, compose
from lanline.errors import InvalidInput
from lanline.model.mail.message import Parcel
from lanline.model.mail.server import Credentials, Security, Server, SignIn, checked_credentials
from lanline.proto.smtp.events import Timeouts
from lanline.transport.smtp.connecting import Interrupt
from lanline.transport.smtp.session import MailSession, Passage, Watch
from mailhouse.certificates import Authority
from mailhouse.moody import Moody
from mailhouse.stage import Stage

POISON = st.sampled_from(
    ["\r\n", "\n", "\r", "\0", "\u2028", "\x85", "\r\nBcc: eve@evil.test\r\n", "\r\n.\r\nMAIL FROM:<e@evil.test>\r\n",
     "\n.\n", "> SIZE=1 <", ">\r\nRCPT TO:<eve@evil.test", ", eve@evil.test", "\r\n\r\n", "--=_", "=?utf-8?q?=0D=0A?=",
     "\udce9", "\x1b[2J"]
)  # fmt: skip
HARMLESS = st.sampled_from(['"', "\\", "<", ">", "ü", "漢", " ", "\t", ";", ":", "@", ",", "=?", "--", ".", "From "])
TEXT = st.lists(POISON | HARMLESS | st.text(max_size=8), max_size=6).map("".join)
LINE = st.lists(HARMLESS, max_size=9).map("".join)
LINE = LINE | LINE | LINE | TEXT
GOOD = st.sampled_from(
    ["ann@example.org", "Ann <ann@example.org>", '"A, <b@c.de>" <ann@example.org>', "Ü; <ann@example.org>"]
)
POISONED = st.builds(lambda good, poison, place: good[:place] + poison + good[place:], GOOD, POISON, st.integers(0, 40))
ADDRESS = GOOD | GOOD | GOOD | GOOD | POISONED
NAME = st.sampled_from(["X-Note", "Comments", "Keywords"]) | st.sampled_from(["Reply-To", "Subject", "Bcc"]) | TEXT


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    return Draft(
        sender=draw(ADDRESS),
        to=tuple(draw(st.lists(ADDRESS, min_size=1, max_size=2))),
        cc=tuple(draw(st.lists(ADDRESS, max_size=1))),
        bcc=tuple(draw(st.lists(ADDRESS, max_size=1))),
        subject=draw(LINE),
        text=draw(st.none() | TEXT),
        html=draw(st.none() | TEXT),
        fields=tuple(draw(st.lists(st.tuples(NAME, LINE), max_size=2))),
        attachments=tuple(draw(st.lists(LINE, max_size=1))),
    )


def composed(draft: Draft, folder: Path) -> Parcel | None:
    """None when the draft is refused. The attachments exist, under names as hostile as the file system takes."""
    paths: list[str] = []
    for name in draft.attachments:
        path = folder / name.replace("/", "_")
        try:
            path.write_bytes(b"data")
        except (OSError, ValueError):
            continue
        paths.append(str(path))
    fields = {name: getattr(draft, name) for name in draft.__struct_fields__} | {"attachments": tuple(paths)}
    try:
        return compose(Draft(**fields))
    except InvalidInput:
        return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("attachments")


class WatchedServer:
    def __init__(self, stage: Stage, authority: Authority) -> None:
        self.moody = Moody(tls=authority.good.server_context())
        port = stage.serve_streams(self.moody)
        self.server = Server("localhost", port, Security.STARTTLS, str(authority.ca_file))

    def carry(self, parcel: Parcel, credentials: Credentials, method: SignIn) -> list[bytes]:
        """The verbs of the commands that reached the server."""
        self.moody.commands.clear()
        self.moody.messages.clear()
        with contextlib.closing(Interrupt()) as interrupt:
            session = MailSession(Passage(self.server, credentials, method, Timeouts(60, 60)), interrupt)
            session.sign_in()
            session.deliver(parcel, Watch())
            session.close()
        return [command.split(b" ")[0] for command in self.moody.commands]


@pytest.fixture(scope="module")
def wire(authority: Authority) -> object:
    with Stage() as stage:
        yield WatchedServer(stage, authority)


@settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(drafts(), TEXT.filter(bool), TEXT.filter(bool))
def test_no_argument_adds_a_command_a_recipient_or_a_field(
    wire: WatchedServer, folder: Path, draft: Draft, user: str, password: str
) -> None:
    parcel = composed(draft, folder)
    try:
        credentials = checked_credentials(user, password)
    except InvalidInput:
        credentials = Credentials("ann", "secret")
    if parcel is None:
        return
    verbs = wire.carry(parcel, credentials, SignIn.PLAIN)
    recipients = parcel.envelope.recipients
    arguments = [*draft.to, *draft.cc, *draft.bcc]
    assert 1 <= len(recipients) <= len(arguments)
    for address in (*recipients, parcel.envelope.sender):
        assert address.endswith("example.org")
        assert any(address in argument for argument in [*arguments, draft.sender])
    assert verbs == [b"EHLO", b"STARTTLS", b"EHLO", b"AUTH", b"MAIL", *[b"RCPT"] * len(recipients), b"DATA", b"QUIT"]
    assert {f"RCPT TO:<{address}>".encode() for address in recipients} <= set(wire.moody.commands)
    (content,) = wire.moody.messages
    assert content == b"".join(parcel.chunks())
    names = BytesParser(policy=email.policy.compat32).parsebytes(content, headersonly=True).keys()
    assert len(names) == len(set(names)) + len(draft.fields) - len({name for name, _ in draft.fields})
    own = {
        "Date",
        "From",
        "To",
        "Cc",
        "Subject",
        "Message-ID",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    }
    assert set(names) <= own | {name for name, _ in draft.fields}
    assert "Bcc" not in names


def test_the_search_reaches_messages_that_are_sent(wire: WatchedServer, folder: Path) -> None:
    """The property above would hold for a command that refuses everything."""
    reached: list[Parcel] = []

    @settings(deadline=None, max_examples=200, database=None, derandomize=True)
    @given(drafts())
    def search(draft: Draft) -> None:
        parcel = composed(draft, folder)
        if parcel is not None:
            reached.append(parcel)

    search()
    assert len(reached) > 15
