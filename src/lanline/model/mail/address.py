"""A mailbox: the name that people read and the address that servers read.

The address is checked by email-validator. A domain is always carried in its ASCII form (RFC 5890), so only a local part
outside ASCII asks the server for SMTPUTF8.
"""

from __future__ import annotations

from functools import lru_cache

import email_validator
import msgspec

from lanline.errors import InvalidInput
from lanline.model.mail.text import checked_line, shown

# The library's own switch for this: `.local`, `.test` and `localhost` are proper names on a wire of one's own.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


class Mailbox(msgspec.Struct, frozen=True):
    display_name: str
    address: str

    @property
    def needs_smtputf8(self) -> bool:
        return not self.address.isascii()

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


@lru_cache(maxsize=4096)
def parse_mailbox(text: str, what: str) -> Mailbox:
    """From `ann@example.org` or `Ann Example <ann@example.org>`; `what` names the option to the person."""
    checked_line(text, what)
    stripped = text.strip()
    if not stripped:
        raise InvalidInput(f"{what} is empty; it takes an address such as ann@example.org.")
    display_name, address = _split(stripped)
    return Mailbox(display_name, _checked_address(address, what))


def parse_mailboxes(text: str, what: str) -> tuple[Mailbox, ...]:
    """A list with commas, as it stands in a header field. A comma inside quotes belongs to the name."""
    return tuple(parse_mailbox(part, what) for part in _comma_parts(checked_line(text, what)))


def _split(text: str) -> tuple[str, str]:
    if not text.endswith(">"):
        return "", text
    name, _, address = text[:-1].rpartition("<")
    name = name.strip()
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        name = _unquoted(name[1:-1])
    return name, address


def _unquoted(text: str) -> str:
    result, escaped = "", False
    for character in text:
        escaped = character == "\\" and not escaped
        result += "" if escaped else character
    return result


def _comma_parts(text: str) -> list[str]:
    parts, quoted, escaped = [""], False, False
    for character in text:
        if character == "," and not quoted:
            parts.append("")
            continue
        if character == '"' and not escaped:
            quoted = not quoted
        escaped = character == "\\" and not escaped
        parts[-1] += character
    return parts


def _checked_address(address: str, what: str) -> str:
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
