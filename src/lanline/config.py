"""What may be set for a server: a TOML file, then the environment, then what was typed; the later wins.

Every setting has its kind and its meaning beside it, from which the sentences about mistakes are made. What a setting
does stands in docs/server.md.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from lanline.errors import InvalidInput
from lanline.model.invites import DEFAULT_PORT
from lanline.model.names import checked_room_name
from lanline.model.settings import ServerSettings

FILE_NAME = "lanline.toml"
_MAX_FILE_BYTES = 1_000_000
_PREFIX = "LANLINE_"
_OTHERS_VARIABLES = (
    "LANLINE_DATA",
    "LANLINE_HOME",
    "LANLINE_OUTBOX",
    "LANLINE_PASSWORD",
    "LANLINE_SERVICE_HOST",
    "LANLINE_SERVICE_PORT",
)
"""Those of the commands; and those that Kubernetes makes for a service of this name."""
_LIKENESS = 0.7
_KEPT = ServerSettings()
ALL_ADDRESSES = "0.0.0.0"  # noqa: S104 -- a server is there to be called

Port = Annotated[int, Meta(ge=1, le=65535, description="a port: a whole number from 1 to 65535")]
PortOrAny = Annotated[int, Meta(ge=0, le=65535, description="a port: a whole number from 0 to 65535")]
Count = Annotated[int, Meta(ge=1, le=10**9, description="a whole number, 1 or more")]
Days = Annotated[int, Meta(ge=1, le=36500, description="a number of days: a whole number, 1 or more")]
DaysOrNone = Annotated[int, Meta(ge=0, le=36500, description="a number of days: a whole number, 0 or more")]
Rate = Annotated[float, Meta(gt=0, le=10**9, description="a number above 0")]
Bytes = Annotated[int, Meta(ge=0, le=2**53, description="a number of bytes: a whole number, 0 or more")]
Text = Annotated[str, Meta(min_length=1, max_length=253, description="a text of 1 to 253 characters")]
Switch = Annotated[bool, Meta(description="true or false")]
Level = Annotated[str, Meta(pattern="^(debug|info|warning|error)$", description="debug, info, warning or error")]
Addresses = Annotated[str, Meta(pattern="^(private|all|none)$", description='"private", "all" or "none"')]
Format = Annotated[str, Meta(pattern="^(text|json)$", description="text or json")]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """As `ServerSettings` has them. Who asks for more is told to slow down, and loses nothing."""

    messages_per_s: Rate = _KEPT.messages_per_s
    messages_burst: Count = _KEPT.messages_burst
    requests_per_s: Rate = _KEPT.requests_per_s
    requests_burst: Count = _KEPT.requests_burst
    message_quota_bytes: Bytes = _KEPT.message_quota_bytes
    least_free_bytes: Bytes = _KEPT.least_free_bytes
    warn_free_bytes: Bytes = _KEPT.warn_free_bytes
    blob_quota_bytes: Bytes = _KEPT.blob_quota_bytes
    most_plays_of_account: Count = _KEPT.most_plays_of_account
    most_rooms_created: Count = _KEPT.most_rooms_created
    most_accounts: Count = _KEPT.most_accounts
    open_accounts_per_address: Count = _KEPT.open_accounts_per_address
    most_devices: Count = _KEPT.most_devices
    most_links: Count = _KEPT.most_links
    most_links_of_account: Count = _KEPT.most_links_of_account
    most_strangers: Count = _KEPT.most_strangers
    most_strangers_of_network: Count = _KEPT.most_strangers_of_network
    passwords_per_account: Count = _KEPT.passwords_per_account
    passwords_per_address: Count = _KEPT.passwords_per_address
    password_wait_s: Rate = _KEPT.password_wait_s
    sign_in_timeout_s: Rate = _KEPT.sign_in_timeout_s
    presence_interval_s: Rate = _KEPT.presence_interval_s


class Logging(msgspec.Struct, frozen=True, kw_only=True):
    level: Level = "info"
    format: Format = "text"


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    host: Text = ALL_ADDRESSES
    port: PortOrAny = DEFAULT_PORT
    server_name: Text | None = None
    """None: the name of this machine."""
    public_host: Text | None = None
    """What stands in invites; None: this machine's address on its network."""
    public_port: Port | None = None
    metrics_port: PortOrAny | None = None
    """For health and figures, on the loopback address; None: closed."""
    open: Switch = _KEPT.is_open
    lobby: Text = _KEPT.lobby
    members_may_invite: Switch = _KEPT.members_may_invite
    members_may_upload: Switch = _KEPT.members_may_upload
    tells_addresses: Addresses = _KEPT.tells_addresses
    journal_days: Days = _KEPT.journal_days
    names_held_days: DaysOrNone = _KEPT.names_held_days
    silent_days: Days | None = _KEPT.silent_days
    limits: Limits = Limits()
    log: Logging = Logging()

    def chat_settings(self, name_of_machine: str) -> ServerSettings:
        return ServerSettings(
            server_name=self.server_name or name_of_machine,
            is_open=self.open,
            lobby=self.lobby,
            members_may_invite=self.members_may_invite,
            members_may_upload=self.members_may_upload,
            tells_addresses=self.tells_addresses,
            journal_days=self.journal_days,
            names_held_days=self.names_held_days,
            silent_days=self.silent_days,
            **msgspec.structs.asdict(self.limits),
        )


def read_config(
    file: Path | None, environment: Mapping[str, str], typed: Mapping[str, object] | None = None
) -> ServerConfig:
    """A file that is given has to be there. `typed` by names as `log.level`; None is not typed. Raises InvalidInput."""
    table = {} if file is None else _from_file(file)
    _merge(table, _from_environment(environment))
    _merge(table, _from_options(typed or {}))
    config = msgspec.convert(table, ServerConfig)
    return msgspec.structs.replace(config, lobby=checked_room_name(config.lobby))


class Setting(NamedTuple):
    """One setting, whichever section it is in."""

    path: tuple[str, ...]
    kind: Any
    default: object

    @property
    def variable(self) -> str:
        return _PREFIX + "_".join(self.path).upper()

    def checked(self, value: object, *, is_text: bool = False) -> object:
        """Raises ValueError with what it has to be."""
        try:
            return msgspec.convert(value, self.kind, strict=not is_text)
        except msgspec.ValidationError as cause:
            raise ValueError(_description(self.kind)) from cause


def settings() -> list[Setting]:
    return [*_settings_of(ServerConfig, ())]


def _settings_of(struct: type[msgspec.Struct], above: tuple[str, ...]) -> list[Setting]:
    found: list[Setting] = []
    kinds = get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        path = (*above, field.name)
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            found += _settings_of(field.type, path)
        else:
            found.append(Setting(path, kinds[field.name], field.default))
    return found


def _description(kind: object) -> str:
    if get_origin(kind) is Annotated:
        return str(get_args(kind)[1].description)
    return next(_description(part) for part in get_args(kind) if part is not type(None))


# The file.


def _from_file(path: Path) -> dict[str, Any]:
    text = _read(path)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        raise InvalidInput(f"{path} is not TOML: {cause}.") from cause
    _check_table(path, text, table, ())
    return table


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_FILE_BYTES + 1)
    except OSError as cause:
        raise InvalidInput(f"The settings in {path} cannot be read: {cause.strerror}.") from cause
    if len(raw) > _MAX_FILE_BYTES:
        raise InvalidInput(f"{path} is too large for a file of settings.")
    try:
        return raw.decode()
    except UnicodeDecodeError as cause:
        raise InvalidInput(f"{path} is not TOML: it is no UTF-8 text.") from cause


def _check_table(path: Path, text: str, table: dict[str, Any], above: tuple[str, ...]) -> None:
    here = {setting.path[len(above)]: setting for setting in settings() if setting.path[: len(above)] == above}
    for name, value in table.items():
        place = f"{path}{_line_of(text, (*above, name))}"
        setting = here.get(name)
        if setting is None:
            raise InvalidInput(f"{place}: {_no_such_setting(name, above, list(here))}")
        if len(setting.path) > len(above) + 1:
            if not isinstance(value, dict):
                raise InvalidInput(f"{place}: '{name}' is a section: write [{name}] on a line of its own.")
            _check_table(path, text, value, (*above, name))
            continue
        try:
            table[name] = setting.checked(value)
        except ValueError as cause:
            raise InvalidInput(f"{place}: '{'.'.join(setting.path)}' has to be {cause}.") from cause


def _no_such_setting(name: str, above: tuple[str, ...], known: list[str]) -> str:
    where = f" in [{'.'.join(above)}]" if above else ""
    alike = difflib.get_close_matches(name, known, n=1)
    meant = f" Did you mean '{alike[0]}'?" if alike else ""
    return f"there is no setting {name!r}{where}.{meant} There are: {', '.join(known)}."


def _line_of(text: str, path: tuple[str, ...]) -> str:
    """TOML readers forget lines; a person looks for one. Nothing where it is written in an unusual way."""
    section: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line)
        if header:
            section = tuple(part.strip().strip("\"'") for part in header[1].split("."))
        key = re.match(r"\s*([^=#\[\]]+?)\s*=", line)
        named = tuple(part.strip().strip("\"'") for part in key[1].split(".")) if key else ()
        if (named and (*section, *named) == path) or (header and section == path):
            return f", line {number}"
    return ""


# The environment, and the options.


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Variables that are no settings are somebody else's, unless they look like one: then it was mistyped."""
    _check_variables(name for name, text in environment.items() if text)
    table: dict[str, Any] = {}
    for setting in settings():
        text = environment.get(setting.variable, "")
        if text:
            try:
                _put(table, setting.path, setting.checked(text, is_text=True))
            except ValueError as cause:
                raise InvalidInput(f"{setting.variable} is {text!r}; it has to be {cause}.") from cause
    return table


def _check_variables(names: Iterable[str]) -> None:
    known = [setting.variable.removeprefix(_PREFIX) for setting in settings()]
    sections = tuple(f"{_PREFIX}{setting.path[0].upper()}_" for setting in settings() if len(setting.path) > 1)
    strange = {name for name in names if name.startswith(_PREFIX)} - set(_OTHERS_VARIABLES)
    for name in sorted(strange - {_PREFIX + each for each in known}):
        alike = difflib.get_close_matches(name.removeprefix(_PREFIX), known, n=1, cutoff=_LIKENESS)
        if alike:
            raise InvalidInput(f"The variable {name} is no setting. Did you mean {_PREFIX}{alike[0]}?")
        if name.startswith(sections):
            raise InvalidInput(
                f"The variable {name} is no setting. There are: {', '.join(known)}, each with {_PREFIX}."
            )


def _from_options(typed: Mapping[str, object]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for setting in settings():
        name = ".".join(setting.path)
        value = typed.get(name)
        if value is not None:
            try:
                _put(table, setting.path, setting.checked(value))
            except ValueError as cause:
                raise InvalidInput(f"'{name}' has to be {cause}, not {value!r}.") from cause
    return table


def _put(table: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    for name in path[:-1]:
        table = table.setdefault(name, {})
    table[path[-1]] = value


def _merge(table: dict[str, Any], later: Mapping[str, Any]) -> None:
    for name, value in later.items():
        if isinstance(value, dict) and isinstance(table.get(name), dict):
            _merge(table[name], value)
        else:
            table[name] = value
