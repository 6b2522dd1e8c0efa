"""Where a password comes from: a command, the environment, the system's keyring, the terminal. It is never kept."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from lanline.client.passwords import password_from_command, password_from_terminal
from lanline.client.smtp.account import Account
from lanline.errors import InvalidInput
from lanline.model.mail.server import Credentials, checked_credentials
from lanline.model.mail.text import shown

USERNAME_VARIABLE = "SMTP_USER"
PASSWORD_VARIABLE = "SMTP_PASS"  # noqa: S105  the name of a variable, not a password


class PasswordSource(msgspec.Struct, frozen=True):
    """The first that is set is asked, and no other."""

    literal: str | None = None
    command: tuple[str, ...] = ()
    variable: str | None = None
    keyring_service: str | None = None

    def __repr__(self) -> str:
        return "PasswordSource(***)"

    @property
    def is_empty(self) -> bool:
        return self.literal is None and not self.command and self.variable is None and self.keyring_service is None


def account_source(account: Account) -> PasswordSource:
    return PasswordSource(None, account.command_words(), account.password_env, account.password_keyring)


def credentials_for(username: str, source: PasswordSource, environment: Mapping[str, str]) -> Credentials:
    """Asks at the terminal where no source is named and SMTP_PASS is not set."""
    return checked_credentials(username, _password(username, source, environment))


def _password(username: str, source: PasswordSource, environment: Mapping[str, str]) -> str:
    if source.literal is not None:
        return source.literal
    if source.command:
        return password_from_command(source.command)
    if source.variable is not None:
        if source.variable not in environment:
            raise InvalidInput(f"The variable {source.variable} that should hold the password is not set.")
        return environment[source.variable]
    if source.keyring_service is not None:
        return _from_keyring(source.keyring_service, username)
    if PASSWORD_VARIABLE in environment and environment.get(USERNAME_VARIABLE, username) in {username, ""}:
        return environment[PASSWORD_VARIABLE]  # of this user, or of nobody in particular
    return _from_terminal(username)


def _from_keyring(service: str, username: str) -> str:
    try:
        import keyring  # noqa: PLC0415  an extra, and slow to load
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError as cause:
        raise InvalidInput("The system keyring needs an extra: pip install 'lanline[keyring]'.") from cause
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


def _from_terminal(username: str) -> str:
    return password_from_terminal(
        f"Password for {shown(username)}: ",
        f"There is no password for {shown(username)}: set {PASSWORD_VARIABLE}, give --password-command, or run this"
        " at a terminal.",
    )
