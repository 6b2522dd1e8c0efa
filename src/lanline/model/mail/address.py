"""A mailbox: the name that people read and the address that servers read.

The address is checked by email-validator. A domain is always carried in its ASCII form (RFC 5890), so only a local part
outside ASCII asks the server for SMTPUTF8.
"""

from __future__ import annotations

import re
from email.utils import getaddresses
from functools import lru_cache

import msgspec

from lanline.errors import InvalidInput
from lanline.model.mail.text import checked_line, shown

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"(?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN = re.compile(rf"(?=.{{1,64}}@)(?!.*--){_ATOM}(?:\.{_ATOM})*@(?:[a-z0-9]{_LABEL}\.)*[a-z]{_LABEL}")
_MAX_PLAIN_CHARS = 250


class Mailbox(msgspec.Struct, frozen=True):
    display_name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


@lru_cache(maxsize=4096)
def parse_mailbox(text: str, what: str) -> Mailbox:
    """From `ann@example.org` or `Ann Example <ann@example.org>`; `what` names the option to the person."""
    address, name = checked_line(text, what).strip(), ""
    if not address:
        raise InvalidInput(f"{what} is empty; it takes an address such as ann@example.org.")
    if address.endswith(">"):
        name, _, address = address[:-1].rpartition("<")
        name = name.strip()
        if len(name) > 1 and name.startswith('"') and name.endswith('"'):
            name = re.sub(r"\\(.?)", r"\1", name[1:-1])
    return Mailbox(name, _checked_address(address, what))


def parse_mailboxes(text: str, what: str) -> tuple[Mailbox, ...]:
    """A list with commas, as it stands in a header field."""
    found = getaddresses([checked_line(text, what)])
    return tuple(Mailbox(name, _checked_address(address, what)) for name, address in found)


def _checked_address(address: str, what: str) -> str:
    """What is plain beyond doubt does without the library, which takes a third of the start of a short mail."""
    if len(address) <= _MAX_PLAIN_CHARS and _PLAIN.fullmatch(address):
        return address
    import email_validator  # noqa: PLC0415

    # The library's own switch for this: `.local`, `.test` and `localhost` are proper names on a wire of one's own.
    email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()
    try:
        valid = email_validator.validate_email(
            address,
            check_deliverability=False,
            globally_deliverable=False,
            allow_quoted_local=True,
            allow_domain_literal=True,
        )
    except email_validator.EmailNotValidError as cause:
        reason = str(cause).replace("An email address", "an address").replace("The email address", "it")
        reason = (reason[:1].lower() + reason[1:]).rstrip(".")
        raise InvalidInput(f"{what} {shown(address)} is not an address: {reason}.") from cause
    return f"{valid.local_part}@{valid.ascii_domain}"
