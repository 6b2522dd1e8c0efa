"""Owns the settings of a way to a server, the file of named accounts, and where a password comes from.

It never comes from that file, and it is never kept.
"""

from __future__ import annotations

import contextlib
import netrc
import os
import shlex
import stat
import tomllib
from pathlib import Path

import msgspec

from lanline.client.passwords import password_from_command, password_from_terminal
from lanline.errors import InvalidInput
from lanline.model.mail import server as checks
from lanline.model.mail.refusal import one_line
from lanline.model.mail.server import Credentials, Security, Server, SignIn
from lanline.model.mail.text import explained, shown

USERNAME_VARIABLE = "SMTP_USER"
PASSWORD_VARIABLE = "SMTP_PASS"  # noqa: S105  the name of a variable, not a password
_MAX_FILE_BYTES = 1_000_000
_SECRETS = {"password", "pass", "smtp_pass", "token", "secret"}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As an account of the file has them, and as options of the same names are typed in their place."""

    smtp_host: str | None = None
    smtp_port: int | None = None
    tls: Security = Security.STARTTLS
    ca_file: str | None = None
    tls_fingerprint: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    ehlo_name: str | None = None
    source_address: str | None = None
    proxy: str | None = None
    username: str | None = None
    from_addr: str | None = None
    auth: SignIn = SignIn.AUTO
    password_env: str | None = None
    password_command: str | list[str] | None = None
    password_keyring: str | None = None
    netrc: bool = False

    def server(self) -> Server:
        if self.smtp_host is None:
            raise InvalidInput("There is no mail server; name one with --smtp-host, or an account with --config.")
        if self.tls_key is not None and self.tls_cert is None:
            raise InvalidInput("--tls-key is the key of a certificate; give that with --tls-cert.")
        return Server(
            checks.checked_host(self.smtp_host),
            checks.DEFAULT_PORTS[self.tls] if self.smtp_port is None else checks.checked_port(self.smtp_port),
            self.tls,
            ca_file=self.ca_file,
            fingerprint=None if self.tls_fingerprint is None else checks.checked_fingerprint(self.tls_fingerprint),
            client_cert=self.tls_cert,
            client_key=self.tls_key,
            ehlo_name=None if self.ehlo_name is None else checks.checked_host(self.ehlo_name),
            source_address=None if self.source_address is None else checks.checked_address(self.source_address),
            proxy=None if self.proxy is None else checks.checked_proxy(self.proxy),
        )

    @property
    def sender(self) -> str | None:
        """Where no option says it: the account's, or the user name if it is an address."""
        named = self.username if self.username is not None and "@" in self.username else None
        return named if self.from_addr is None else self.from_addr

    def without_password(self) -> Settings:
        """For what is typed in its place."""
        nowhere = dict.fromkeys(("password_env", "password_command", "password_keyring"))
        return msgspec.structs.replace(self, **nowhere, netrc=False)


class _AccountsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    accounts: dict[str, Settings]
    default: str | None = None


def xdg_folder(variable: str, usual: str) -> Path | None:
    """By the XDG base directory rules; None where there is no home."""
    folder = Path(os.environ.get(variable, ""))
    with contextlib.suppress(RuntimeError):
        return (folder if folder.is_absolute() else Path.home() / usual) / "lanline"
    return None


def read_account(path: Path, name: str | None) -> Settings:
    """The account of that name; without a name the default one, or the only one."""
    content = _read(path)
    chosen = name or content.default or (next(iter(content.accounts)) if len(content.accounts) == 1 else None)
    known = ", ".join(shown(known) for known in sorted(content.accounts)) or "none"
    if chosen is None:
        raise InvalidInput(f"{path} has several accounts and no default; choose one with --account: {known}.")
    account = content.accounts.get(chosen)
    if account is None:
        raise InvalidInput(f"There is no account {shown(chosen)} in {path}; it has {known}.")
    sources = (account.password_env, account.password_command, account.password_keyring, account.netrc)
    if sum(bool(source) for source in sources) > 1:
        raise InvalidInput(f"The account {shown(chosen)} in {path} names more than one place for its password.")
    try:
        account.server()
        near = {
            field: str(path.parent / Path(value).expanduser())
            for field in ("ca_file", "tls_cert", "tls_key")
            if (value := getattr(account, field)) is not None
        }
    except (InvalidInput, RuntimeError) as cause:  # the latter where ~ is nobody's
        raise InvalidInput(f"The account {shown(chosen)} in {path} cannot be used: {cause}") from cause
    return msgspec.structs.replace(account, **near)


def _read(path: Path) -> _AccountsFile:
    with explained(f"The accounts file {path} cannot be read"), path.open("rb") as stream:
        status, raw = os.fstat(stream.fileno()), stream.read(_MAX_FILE_BYTES + 1)
    # Who can write to it can name a command that runs as you, and a server that gets your password.
    others = stat.S_ISREG(status.st_mode) and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if others or status.st_uid not in {0, os.getuid()}:
        raise InvalidInput(f"Others may write to {path}, and so choose what runs and where passwords go: chmod 600 it.")
    if len(raw) > _MAX_FILE_BYTES:
        raise InvalidInput(f"{path} is too large for an accounts file.")
    try:
        return msgspec.convert(tomllib.loads(raw.decode()), _AccountsFile)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise InvalidInput(f"{path} is not TOML: {one_line(str(cause))}.") from cause
    except msgspec.ValidationError as cause:
        if any(f"unknown field `{name}`" in str(cause) for name in _SECRETS):
            text = "take it out and name its source instead: password_env, password_command, password_keyring or netrc."
            raise InvalidInput(f"{path} has a password in it; {text}") from cause
        raise InvalidInput(f"{path} is not an accounts file: {one_line(str(cause))}.") from cause


def credentials_for(username: str, settings: Settings, typed: str | None) -> Credentials:
    """With the `typed` password, or the one from where the settings say; else from SMTP_PASS or the terminal."""
    if settings.auth is SignIn.EXTERNAL:  # the certificate says it all
        return Credentials(username, "")
    return checks.checked_credentials(username, _password(username, settings) if typed is None else typed)


def _password(username: str, settings: Settings) -> str:
    if settings.password_command is not None:
        command = settings.password_command
        with explained("The password command cannot be taken apart"):  # as a shell would, but no shell runs it
            words = shlex.split(command) if isinstance(command, str) else command
        if not words:
            raise InvalidInput("The password command is empty.")
        return password_from_command(words)
    if settings.password_keyring is not None:
        return _from_keyring(settings.password_keyring, username)
    if settings.netrc:
        return netrc_entry(settings.smtp_host or "", username)[1]
    if settings.password_env is not None:
        if settings.password_env not in os.environ:
            raise InvalidInput(f"The variable {settings.password_env} that should hold the password is not set.")
        return os.environ[settings.password_env]
    is_theirs = os.environ.get(USERNAME_VARIABLE, username) in {username, ""}  # or of nobody in particular
    if is_theirs and PASSWORD_VARIABLE in os.environ:
        return os.environ[PASSWORD_VARIABLE]
    return password_from_terminal(
        f"Password for {shown(username)}: ",
        f"There is no password for {shown(username)}: set {PASSWORD_VARIABLE}, give --password-command, or run this"
        " at a terminal.",
    )


def netrc_entry(host: str, username: str | None) -> tuple[str, str]:
    """User name and password of the host, as curl and msmtp find them."""
    path = Path(os.environ.get("NETRC") or os.path.expanduser("~/.netrc"))  # noqa: PTH111  which needs no home
    with explained(f"The file {path} of --netrc cannot be used"):
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise InvalidInput(f"Others may read {path} and the passwords in it: chmod 600 it.")
        try:
            found = netrc.netrc(str(path)).authenticators(host)
        except netrc.NetrcParseError as cause:
            raise ValueError(one_line(str(cause.msg))) from cause
    if found is None or not found[0] or not found[2] or username not in {None, found[0]}:
        whose = f" of {shown(username)}" if username else ""
        raise InvalidInput(f"{path} has no password{whose} for {host}.")
    return found[0], found[2]


def _from_keyring(service: str, username: str) -> str:
    try:
        import keyring  # noqa: PLC0415  an extra, and slow to load
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError as cause:
        text = "The system keyring needs a library that is not installed: pipx inject lanline keyring"
        raise InvalidInput(f"{text}; what make run starts has it.") from cause
    try:
        password = keyring.get_password(service, username)
    except (KeyringError, OSError, RuntimeError) as cause:
        raise InvalidInput(f"The system keyring cannot be asked: {type(cause).__name__}.") from cause
    if password is None:
        raise InvalidInput(
            f"The system keyring has no password of {shown(username)} for {shown(service)};"
            " store it with `keyring set SERVICE USER`."
        )
    return password
