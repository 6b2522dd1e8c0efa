"""The options that the commands of `lanline smtp` share.

What is typed wins over the account of the accounts file, and the account over the environment.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.smtp.screen import complain
from lanline.errors import InvalidInput
from lanline.model.mail.server import DEFAULT_PORTS, Security, Server, SignIn, checked_host, checked_port

if TYPE_CHECKING:
    from lanline.client.smtp.account import Account
    from lanline.client.smtp.courier import Passage
    from lanline.client.smtp.credentials import PasswordSource
    from lanline.client.smtp.outbox import Outbox, Route
    from lanline.transport.smtp.session import Patience

Host = Annotated[
    str | None,
    typer.Option("--smtp-host", metavar="HOST", help="The mail server's name or address.", show_default=False),
]
Port = Annotated[
    int | None,
    typer.Option("--smtp-port", metavar="PORT", help="587 for STARTTLS, 465 with --smtps, 25 with --no-tls."),
]
Smtps = Annotated[bool, typer.Option("--smtps", help="TLS from the first byte, in place of STARTTLS.")]
NoTls = Annotated[bool, typer.Option("--no-tls", help="In clear, for a relay on the own wire. Never with a password.")]
CaFile = Annotated[
    str | None,
    typer.Option("--ca-file", metavar="FILE", help="Trust the certificates in this PEM file, and no others."),
]
Username = Annotated[
    str | None, typer.Option("--username", metavar="NAME", help="Sign in as this user. Default: SMTP_USER.")
]
Password = Annotated[
    str | None, typer.Option("--password", metavar="TEXT", help="Works, but others can see it: better SMTP_PASS.")
]
PasswordCommand = Annotated[
    str | None,
    typer.Option("--password-command", metavar="COMMAND", help="A command whose first line of output is the password."),
]
Auth = Annotated[
    SignIn, typer.Option("--auth", metavar="WAY", help="auto, plain, login, cram-md5, or xoauth2 with an access token.")
]
Config = Annotated[
    str | None, typer.Option("--config", metavar="FILE", help="A file of named accounts (docs/smtp.md).")
]
AccountName = Annotated[str | None, typer.Option("--account", metavar="NAME", help="The account of --config to use.")]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", help="Seconds to wait for each reply. Default: 60, at the end 600."),
]
OutboxFolder = Annotated[
    str | None, typer.Option("--outbox", metavar="FOLDER", help="The folder of waiting mail.", envvar="LANLINE_OUTBOX")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show the dialogue, secrets masked.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    host: str | None
    port: int | None
    smtps: bool
    no_tls: bool
    ca_file: str | None
    username: str | None
    password: str | None
    password_command: str | None
    auth: SignIn
    config: str | None
    account: str | None

    def __repr__(self) -> str:
        return f"ServerOptions({self.host!r}, ***)"


@dataclass(frozen=True, slots=True)
class Way:
    """`route` is what may be written down; `source` is where the password comes from."""

    route: Route
    source: PasswordSource
    from_addr: str | None


def way(options: ServerOptions) -> Way:
    from lanline.client.smtp.credentials import USERNAME_VARIABLE
    from lanline.client.smtp.outbox import Route

    account = _account(options)
    if options.username is not None:
        username: str | None = options.username
    elif account is not None:
        username = account.username
    else:
        username = os.environ.get(USERNAME_VARIABLE) or None
    if username == "":
        raise InvalidInput("The user name is empty; leave it out to send without signing in.")
    auth = options.auth
    if auth is SignIn.AUTO and account is not None:
        auth = account.auth
    config = _absolute(options.config) if options.config else None
    route = Route(_server(options, account), username, auth, config, options.account)
    return Way(route, _source(options, account), account.from_addr if account is not None else None)


def _account(options: ServerOptions) -> Account | None:
    from lanline.client.smtp.account import read_account

    if options.config is None:
        if options.account is not None:
            raise InvalidInput("--account names an account of a file; give the file with --config.")
        return None
    if not options.config or "\0" in options.config:
        raise InvalidInput("The path of --config is empty.")
    return read_account(Path(options.config), options.account)


def _server(options: ServerOptions, account: Account | None) -> Server:
    if options.smtps and options.no_tls:
        raise InvalidInput("--smtps and --no-tls contradict each other; leave one out.")
    typed = Security.SMTPS if options.smtps else Security.NONE if options.no_tls else None
    if account is not None and options.host is None:
        server = account.server()
        security = typed or server.security
        port = options.port or (server.port if security is server.security else DEFAULT_PORTS[security])
        return Server(server.host, checked_port(port), security, _ca_file(options) or server.ca_file)
    if options.host is None:
        raise InvalidInput(
            "There is no mail server to send to; name one with --smtp-host, or an account with --config."
        )
    security = typed or Security.STARTTLS
    port = checked_port(DEFAULT_PORTS[security] if options.port is None else options.port)
    return Server(checked_host(options.host), port, security, _ca_file(options))


def _ca_file(options: ServerOptions) -> str | None:
    if options.ca_file is None:
        return None
    if not options.ca_file or "\0" in options.ca_file:
        raise InvalidInput("The path of --ca-file is empty.")
    return _absolute(options.ca_file)


def _absolute(path: str) -> str:
    """For the outbox, which is flushed from another folder."""
    try:
        return str(Path(path).absolute())
    except OSError as cause:
        raise InvalidInput(f"The folder that this runs in is gone, so {path} cannot be found.") from cause


def _source(options: ServerOptions, account: Account | None) -> PasswordSource:
    from lanline.client.smtp.account import split_command
    from lanline.client.smtp.credentials import PasswordSource, account_source

    if options.password is not None:
        complain(
            "warning: others on this machine can see --password in the process list, and the shell keeps it;"
            " SMTP_PASS and --password-command are safe from both."
        )
        return PasswordSource(literal=options.password)
    if options.password_command is not None:
        return PasswordSource(command=split_command(options.password_command, "--password-command"))
    return account_source(account) if account is not None else PasswordSource()


def passage(chosen: Way, timeout_s: float | None) -> Passage:
    """Asks for the password now, before anything is connected."""
    from lanline.client.smtp.courier import Passage
    from lanline.client.smtp.credentials import credentials_for

    route = chosen.route
    if route.username is None:
        return Passage(route.server, None, route.auth, patience(timeout_s))
    if route.server.security is Security.NONE:
        raise InvalidInput("A password is never sent in clear: leave out --no-tls, or the user name (SMTP_USER).")
    credentials = credentials_for(route.username, chosen.source, os.environ)
    return Passage(route.server, credentials, route.auth, patience(timeout_s))


def patience(timeout_s: float | None) -> Patience:
    from lanline.transport.smtp.session import Patience

    if timeout_s is None:
        return Patience()
    if not 0 < timeout_s <= 86_400:
        raise InvalidInput("--timeout is a number of seconds above 0, and at most a day.")
    return Patience(timeout_s, timeout_s)


def outbox(folder: str | None) -> Outbox:
    """By the XDG base directory rules, state that is neither configuration nor cache."""
    from lanline.client.smtp.outbox import Outbox

    if folder is not None:
        if not folder or "\0" in folder:
            raise InvalidInput("The path of --outbox is empty.")
        return Outbox(Path(folder))
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    return Outbox((state if state.is_absolute() else _home() / ".local" / "state") / "lanline" / "outbox")


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as cause:
        raise InvalidInput("There is no home folder to keep the outbox in; name a folder with --outbox.") from cause
