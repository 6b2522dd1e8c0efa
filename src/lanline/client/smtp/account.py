"""The file of named accounts. It says where a password comes from, and never holds one."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path

import msgspec

from lanline.errors import InvalidInput
from lanline.model.mail.refusal import one_line
from lanline.model.mail.server import DEFAULT_PORTS, Security, Server, SignIn, checked_host, checked_port
from lanline.model.mail.text import shown

_MAX_FILE_BYTES = 1_000_000


class Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`password_env`, `password_command`, `password_keyring`: three places to take it from; at most one is named."""

    smtp_host: str
    smtp_port: int | None = None
    tls: Security = Security.STARTTLS
    ca_file: str | None = None
    username: str | None = None
    from_addr: str | None = None
    auth: SignIn = SignIn.AUTO
    password_env: str | None = None
    password_command: str | list[str] | None = None
    password_keyring: str | None = None

    def server(self) -> Server:
        port = checked_port(self.smtp_port) if self.smtp_port is not None else DEFAULT_PORTS[self.tls]
        return Server(checked_host(self.smtp_host), port, self.tls, self.ca_file)

    def command_words(self) -> tuple[str, ...]:
        if isinstance(self.password_command, str):
            return split_command(self.password_command, "password_command")
        return tuple(self.password_command or ())


class _AccountsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    accounts: dict[str, Account]
    default: str | None = None


def split_command(text: str, what: str) -> tuple[str, ...]:
    """Into words as a shell would, but no shell runs it."""
    try:
        words = tuple(shlex.split(text))
    except ValueError as cause:
        raise InvalidInput(f"{what} has a quotation mark that is not closed.") from cause
    if not words:
        raise InvalidInput(f"{what} is empty.")
    return words


def read_account(path: Path, name: str | None) -> Account:
    """The account of that name; without a name the default one, or the only one."""
    content = _read(path)
    chosen = name or content.default or (next(iter(content.accounts)) if len(content.accounts) == 1 else None)
    known = ", ".join(shown(known) for known in sorted(content.accounts)) or "none"
    if chosen is None:
        raise InvalidInput(f"{path} has several accounts and no default; choose one with --account: {known}.")
    account = content.accounts.get(chosen)
    if account is None:
        raise InvalidInput(f"There is no account {shown(chosen)} in {path}; it has {known}.")
    if (
        sum(source is not None for source in (account.password_env, account.password_command, account.password_keyring))
        > 1
    ):
        raise InvalidInput(f"The account {shown(chosen)} in {path} names more than one place for its password.")
    if account.ca_file is None:
        return account
    return msgspec.structs.replace(account, ca_file=str(path.parent / Path(account.ca_file).expanduser()))


def _read(path: Path) -> _AccountsFile:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_FILE_BYTES + 1)
    except OSError as cause:
        raise InvalidInput(f"The accounts file {path} cannot be read: {cause.strerror}.") from cause
    if len(raw) > _MAX_FILE_BYTES:
        raise InvalidInput(f"{path} is too large for an accounts file.")
    try:
        table = tomllib.loads(raw.decode())
        _refuse_secrets(path, table)
        return msgspec.convert(table, _AccountsFile)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise InvalidInput(f"{path} is not TOML: {one_line(str(cause))}.") from cause
    except msgspec.ValidationError as cause:
        raise InvalidInput(f"{path} is not an accounts file: {one_line(str(cause))}.") from cause


def _refuse_secrets(path: Path, table: dict[str, object]) -> None:
    accounts = table.get("accounts")
    for account in accounts.values() if isinstance(accounts, dict) else ():
        if isinstance(account, dict) and {"password", "pass", "smtp_pass", "token", "secret"} & set(account):
            raise InvalidInput(
                f"{path} has a password in it; take it out and name its source instead: password_env, password_command"
                " or password_keyring."
            )
