"""Owns the options of the commands of `lanline smtp`, each said once, and the way to a server that comes of them.

What is typed wins over the account of the accounts file, and the account over the environment.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import msgspec

from lanline.cli.smtp.screen import complain
from lanline.errors import InvalidInput
from lanline.model.mail.server import Security, SignIn

if TYPE_CHECKING:
    from lanline.client.smtp.accounts import Settings
    from lanline.client.smtp.outbox import Outbox, Route
    from lanline.client.smtp.sending import Passage

_Options = TypeVar("_Options")


def option(flags: str, help_text: str, metavar: str | None = None, default: Any = None, type_: Any = str) -> Any:  # noqa: ANN401
    """A field of an options class, and how it is typed. Without `metavar` it is a switch; with a tuple, repeatable."""
    told: dict[str, Any] = {"help": help_text.replace("%", "%%")}
    told |= {"action": "store_true"} if metavar is None else {"metavar": metavar, "type": type_, "default": default}
    if default == ():
        told |= {"action": "append", "default": []}
    return field(default=default if metavar is not None else False, metadata={"flags": flags.split(), "told": told})


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InvalidInput(f"{message}; see {self.prog} --help.")


def parsed(kind: type[_Options], command: str, help_text: str, words: list[str]) -> _Options:
    """The fields of `kind`, as typed. By argparse: what typer loads for it takes longer than to send a short mail."""
    parser = _Parser(
        prog=f"lanline smtp {command}",
        description=help_text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    parser.add_argument("-h", "--help", action="help", help="Show this.")
    for one in fields(kind):  # type: ignore[arg-type]
        parser.add_argument(*one.metadata["flags"], dest=one.name, **one.metadata["told"])
    valued = {flag for one in fields(kind) for flag in one.metadata["flags"] if "metavar" in one.metadata["told"]}  # type: ignore[arg-type]
    rest, joined = iter(words), list[str]()
    for word in rest:  # a value that begins with a dash is no option: "-- " begins many a text
        value = next(rest, None) if word in valued else None
        joined.append(word if value is None else f"{word}={value}")
    values = vars(parser.parse_args(joined))
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


@dataclass(frozen=True, kw_only=True)
class WayOptions:
    smtp_host: str | None = option("--smtp-host", "The mail server's name or address.", "HOST")
    smtp_port: int | None = option(
        "--smtp-port", "587 for STARTTLS, 465 with --smtps, 25 with --no-tls.", "PORT", type_=int
    )
    smtps: bool = option("--smtps", "TLS from the first byte, in place of STARTTLS.")
    no_tls: bool = option("--no-tls", "In clear, for a relay on the own wire. Never with a password.")
    ca_file: str | None = option("--ca-file", "Trust the certificates in this PEM file, and no others.", "FILE")
    tls_fingerprint: str | None = option(
        "--tls-fingerprint", "Trust the certificate with this SHA-256 fingerprint, and no other.", "HEX"
    )
    tls_cert: str | None = option("--tls-cert", "Show this certificate (PEM) to the server.", "FILE")
    tls_key: str | None = option("--tls-key", "The key of --tls-cert, where it is a file of its own.", "FILE")
    ehlo_name: str | None = option("--ehlo-name", "Greet with this name. Default: the own address.", "NAME")
    source_address: str | None = option("--source-address", "Connect from this address of this machine.", "ADDRESS")
    proxy: str | None = option("--proxy", "Go through this SOCKS5 proxy.", "socks5://HOST:PORT")
    username: str | None = option("--username", "Sign in as this user. Default: SMTP_USER.", "NAME")
    password: str | None = option("--password", "Works, but others can see it: better SMTP_PASS.", "TEXT")
    password_command: str | None = option(
        "--password-command", "A command whose first line of output is the password.", "COMMAND"
    )
    netrc: bool = option("--netrc", "User name and password from ~/.netrc, or the file in NETRC.")
    auth: str | None = option(
        "--auth", "auto, plain, login, cram-md5, scram-sha-256, external, or xoauth2, oauthbearer with a token.", "WAY"
    )
    config: str | None = option("--config", "The file of named accounts. Default: ~/.config/lanline/smtp.toml.", "FILE")
    account: str | None = option("--account", "The account of that file to use.", "NAME")
    timeout: float | None = option(
        "--timeout", "Seconds without progress to wait for. Default: 60, at the end 600.", "SECONDS", type_=float
    )
    verbose: bool = option("--verbose -v", "Show the dialogue, secrets masked.")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"


@dataclass(frozen=True, slots=True, repr=False)
class Way:
    """`route` is what may be written down; `settings` say where the password comes from, unless it was `typed`."""

    route: Route
    settings: Settings
    typed: str | None = None


def way(options: WayOptions) -> Way:
    from lanline.client.smtp.outbox import Route

    settings, file = settings_of(options)
    server, username = settings.server(), settings.username
    if settings.auth is SignIn.EXTERNAL and username is None:
        username = ""
    if options.password is not None:
        complain(
            "warning: others on this machine can see --password in the process list, and the shell keeps it;"
            " SMTP_PASS and --password-command are safe from both."
        )
    route = Route(server, username, settings.auth, None if file is None else str(file), options.account, options.netrc)
    return Way(route, settings, options.password)


def settings_of(options: WayOptions) -> tuple[Settings, Path | None]:
    """And the file that they are from. The file in its default place counts where no server is typed."""
    from lanline.client.smtp.accounts import USERNAME_VARIABLE, Settings, default_path, netrc_entry, read_account

    file = None if options.config is None else _path(options.config, "--config")
    if file is None and (options.smtp_host is None or options.account is not None):
        file = default_path(os.environ)
    if file is None and options.account is not None:
        raise InvalidInput("--account names an account of a file; give the file with --config.")
    if file is None:
        settings = Settings(username=os.environ.get(USERNAME_VARIABLE) or None)
    else:
        settings = read_account(file, options.account)
    if options.password_command is not None or options.netrc:
        settings = settings.without_password()
    settings = msgspec.structs.replace(settings, **_typed(options, settings))
    if settings.netrc and settings.username is None:
        username, _ = netrc_entry(os.environ, settings.server().host, None)
        settings = msgspec.structs.replace(settings, username=username)
    return settings, file


def _typed(options: WayOptions, settings: Settings) -> dict[str, Any]:
    """Another kind of protection has another port."""
    if options.smtps and options.no_tls:
        raise InvalidInput("--smtps and --no-tls contradict each other; leave one out.")
    if options.username == "":
        raise InvalidInput("The user name is empty; leave it out to send without signing in.")
    tls = Security.SMTPS if options.smtps else Security.NONE if options.no_tls else settings.tls
    said: dict[str, Any] = {"tls": tls} | ({"smtp_port": None} if tls is not settings.tls else {})
    for name in settings.__struct_fields__:
        value = getattr(options, name, None)
        if value is not None and value is not False:
            said[name] = str(_path(value, f"--{name}")) if name in {"ca_file", "tls_cert", "tls_key"} else value
    return said if options.auth is None else said | {"auth": _sign_in(options.auth)}


def _sign_in(text: str) -> SignIn:
    try:
        return SignIn(text.lower())
    except ValueError as cause:
        raise InvalidInput(f"--auth takes one of {', '.join(way.value for way in SignIn)}.") from cause


def _path(path: str, name: str) -> Path:
    """Absolute, for the outbox, which is flushed from another folder."""
    if not path or "\0" in path:
        raise InvalidInput(f"The path of {name.replace('_', '-')} is empty.")
    try:
        return Path(path).absolute()
    except OSError as cause:
        raise InvalidInput(f"The folder that this runs in is gone, so {path} cannot be found.") from cause


def passage(chosen: Way, timeout_s: float | None) -> Passage:
    """Asks for the password now, before anything is connected."""
    from lanline.client.smtp.accounts import credentials_for
    from lanline.client.smtp.sending import Passage
    from lanline.proto.smtp.events import Patience

    if timeout_s is not None and not 0 < timeout_s <= 86_400:
        raise InvalidInput("--timeout is a number of seconds above 0, and at most a day.")
    patience = Patience() if timeout_s is None else Patience(timeout_s, timeout_s)
    route = chosen.route
    if route.username is None:
        return Passage(route.server, None, route.auth, patience)
    if route.server.security is Security.NONE:
        raise InvalidInput("A password is never sent in clear: leave out --no-tls, or the user name (SMTP_USER).")
    credentials = credentials_for(route.username, chosen.settings, chosen.typed, os.environ)
    return Passage(route.server, credentials, route.auth, patience)


def outbox(folder: str | None) -> Outbox:
    """By the XDG base directory rules, state that is neither configuration nor cache."""
    from lanline.client.smtp.outbox import Outbox

    named = folder if folder is not None else os.environ.get("LANLINE_OUTBOX")
    if named is not None:
        if not named or "\0" in named:
            raise InvalidInput("The path of --outbox is empty.")
        typed = "" if folder is None else f" --outbox {folder}"
        return Outbox(Path(named), f"lanline smtp flush{typed}")
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    try:
        state = state if state.is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError as cause:
        raise InvalidInput("There is no home folder to keep the outbox in; name a folder with --outbox.") from cause
    return Outbox(state / "lanline" / "outbox")
