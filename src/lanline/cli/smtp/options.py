"""Owns the options of the commands of `lanline smtp`, each said once, and the way to a server that comes of them.

What is typed wins over the account of the accounts file, and the account over the environment.
"""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

import msgspec

from lanline.cli.smtp.screen import complain
from lanline.client.smtp import accounts
from lanline.client.smtp.accounts import Settings
from lanline.client.smtp.outbox import Outbox, Route
from lanline.errors import InvalidInput
from lanline.model.mail.server import Security, SignIn
from lanline.model.mail.text import explained
from lanline.proto.smtp.events import Timeouts
from lanline.transport.smtp.session import Passage

_HELP_CHARS = 78
"""What asks the terminal for its width loads compression, in the time of a tenth of a start."""


class _Option(NamedTuple):
    default: Any
    told: dict[str, Any]


def option(metavar: str, help_text: str, default: Any = None, type_: Any = str) -> Any:  # noqa: ANN401
    """An attribute of an `Options`. With a tuple it is repeatable, without `metavar` a switch."""
    if not metavar:
        return _Option(False, {"help": help_text, "action": "store_true"})
    told: dict[str, Any] = {"help": help_text, "metavar": metavar, "type": type_, "default": default}
    return _Option(default, told if default != () else told | {"action": "append", "default": []})


class Options:
    """What was typed, under the names of the options."""

    def __init__(self, **typed: Any) -> None:  # noqa: ANN401
        vars(self).update({name: one.default for name, one in self.known().items()} | typed)

    @classmethod
    def known(cls) -> dict[str, _Option]:
        said = [named for kind in reversed(cls.__mro__) for named in vars(kind).items()]
        return {name: one for name, one in said if isinstance(one, _Option)}


_Kind = TypeVar("_Kind", bound=Options)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InvalidInput(f"{message}; see {self.prog} --help.")


def parsed(kind: type[_Kind], command: str, help_text: str, words: list[str]) -> _Kind:
    """By argparse: what typer loads for it takes longer than to send a short mail."""
    layout = partial(argparse.RawDescriptionHelpFormatter, width=_HELP_CHARS)
    parser = _Parser(f"lanline smtp {command}", description=help_text, formatter_class=layout, allow_abbrev=False)
    valued = set[str]()
    for name, one in kind.known().items():
        flag = f"--{name.strip('_').replace('_', '-')}"
        parser.add_argument(flag, *["-v"] * (flag == "--verbose"), dest=name, **one.told)
        valued |= {flag} if "metavar" in one.told else set()
    rest, joined = iter(words), list[str]()
    for word in rest:  # a value that begins with a dash is no option: "-- " begins many a text
        value = next(rest, None) if word in valued else None
        joined.append(word if value is None else f"{word}={value}")
    values = vars(parser.parse_args(joined))
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


class DialogueOptions(Options):
    smtp_host: str | None = option("HOST", "The mail server's name or address.")
    password_command: str | None = option("COMMAND", "A command whose first line of output is the password.")
    timeout: float | None = option(
        "SECONDS", "Wait so long without progress. Default: 60, at the end 600.", None, float
    )
    verbose: bool = option("", "Show the dialogue, secrets masked.")


class KeepingOptions(Options):
    outbox: str | None = option("FOLDER", "The folder of waiting mail. Default: LANLINE_OUTBOX.")
    json: bool = option("", "One JSON object a recipient on stdout.")
    log_file: str | None = option("FILE", "Add a line for each recipient to this file.")


class CertificateOptions(Options):
    ca_file: str | None = option("FILE", "Trust the certificates in this PEM file, and no others.")
    tls_fingerprint: str | None = option("HEX", "Trust the certificate with this SHA-256, and no other.")
    tls_cert: str | None = option("FILE", "Show this certificate (PEM) to the server.")
    tls_key: str | None = option("FILE", "The key of --tls-cert, where it is a file of its own.")

    def certificates(self) -> dict[str, Any]:
        """What is typed of them, with absolute paths: the outbox is flushed from another folder."""
        typed = {name: getattr(self, name) for name in CertificateOptions.known()}
        said = {name: value for name, value in typed.items() if value is not None}
        return {name: value if name == "tls_fingerprint" else str(_path(value, name)) for name, value in said.items()}


class WayOptions(CertificateOptions, DialogueOptions):
    smtp_port: int | None = option("PORT", "587 for STARTTLS, 465 with --smtps, 25 with --no-tls.", None, int)
    smtps: bool = option("", "TLS from the first byte, in place of STARTTLS.")
    no_tls: bool = option("", "In clear, for a relay on the own wire. Never with a password.")
    ehlo_name: str | None = option("NAME", "Greet with this name. Default: the own address.")
    source_address: str | None = option("ADDRESS", "Connect from this address of this machine.")
    proxy: str | None = option("socks5://HOST:PORT", "Go through this SOCKS5 proxy.")
    username: str | None = option("NAME", "Sign in as this user. Default: SMTP_USER.")
    password: str | None = option("TEXT", "Works, but others can see it: better SMTP_PASS.")
    netrc: bool = option("", "User name and password from ~/.netrc, or the file in NETRC.")
    auth: str | None = option("WAY", f"{', '.join(way.value for way in SignIn)}: the last two take a token.")
    config: str | None = option("FILE", "The file of named accounts. Default: ~/.config/lanline/smtp.toml.")
    account: str | None = option("NAME", "The account of that file to use.")


class Way(NamedTuple):
    """`route` is what may be written down; `settings` say where the password comes from, unless it was `typed`."""

    route: Route
    settings: Settings
    typed: str | None = None


def way(options: WayOptions) -> Way:
    settings, file = settings_of(options)
    username = "" if settings.auth is SignIn.EXTERNAL and settings.username is None else settings.username
    if options.password is not None:
        complain(
            "warning: others on this machine can see --password in the process list, and the shell keeps it;"
            " SMTP_PASS and --password-command are safe from both."
        )
    config = None if file is None else str(file)
    route = Route(settings.server(), username, settings.auth, config, options.account, options.netrc)
    return Way(route, settings, options.password)


def settings_of(options: WayOptions) -> tuple[Settings, Path | None]:
    """And the file that they are from. The file in its default place counts where no server is typed."""
    file = None if options.config is None else _path(options.config, "config")
    if file is None and (options.smtp_host is None or options.account is not None):
        folder = accounts.xdg_folder("XDG_CONFIG_HOME", ".config")
        file = folder / "smtp.toml" if folder is not None and (folder / "smtp.toml").is_file() else None
    if file is None and options.account is not None:
        raise InvalidInput("--account names an account of a file; give the file with --config.")
    if file is None:
        settings = Settings(username=os.environ.get(accounts.USERNAME_VARIABLE) or None)
    else:
        settings = accounts.read_account(file, options.account)
    if options.password_command is not None or options.netrc:
        settings = settings.without_password()
    settings = msgspec.structs.replace(settings, **_typed(options, settings))
    if settings.netrc and settings.username is None:
        username, _ = accounts.netrc_entry(settings.server().host, None)
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
            said[name] = value
    said |= options.certificates()
    try:
        return said if options.auth is None else said | {"auth": SignIn(options.auth.lower())}
    except ValueError as cause:
        raise InvalidInput(f"--auth takes one of {', '.join(way.value for way in SignIn)}.") from cause


def _path(path: str, name: str) -> Path:
    if not path or "\0" in path:
        raise InvalidInput(f"The path of --{name.replace('_', '-')} is empty.")
    with explained(f"The path {path} cannot be found from here"):
        return Path(path).absolute()


def passage(chosen: Way, timeout_s: float | None) -> Passage:
    """Asks for the password now, before anything is connected."""
    if timeout_s is not None and not 0 < timeout_s <= 86_400:
        raise InvalidInput("--timeout is a number of seconds above 0, and at most a day.")
    timeouts = Timeouts() if timeout_s is None else Timeouts(timeout_s, timeout_s)
    route, credentials = chosen.route, None
    if route.username is not None:
        if route.server.security is Security.NONE:
            raise InvalidInput("A password is never sent in clear: leave out --no-tls, or the user name (SMTP_USER).")
        credentials = accounts.credentials_for(route.username, chosen.settings, chosen.typed)
    return Passage(route.server, credentials, route.auth, timeouts)


def outbox(folder: str | None) -> Outbox:
    named = folder if folder is not None else os.environ.get("LANLINE_OUTBOX")
    if named is not None:
        if not named or "\0" in named:
            raise InvalidInput("The path of --outbox is empty.")
        return Outbox(Path(named), "lanline smtp flush" + ("" if folder is None else f" --outbox {folder}"))
    state = accounts.xdg_folder("XDG_STATE_HOME", ".local/state")
    if state is None:
        raise InvalidInput("There is no home folder to keep the outbox in; name a folder with --outbox.")
    return Outbox(state / "outbox")
