from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

import lanline
from lanline.config import read_config, settings
from lanline.errors import InvalidInput
from lanline.model.settings import ServerSettings


def written(folder: Path, text: str) -> Path:
    path = folder / "lanline.toml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(path: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        read_config(path, {})
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(path), "FILE")


def test_without_anything_the_defaults_hold() -> None:
    assert read_config(None, {}).chat_settings("box") == ServerSettings(server_name="box")


def test_what_is_typed_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    path = written(
        tmp_path, 'port = 1\nhost = "127.0.0.1"\nopen = true\n[limits]\nmost_links = 7\nmessages_burst = 5\n'
    )
    variables = {"LANLINE_PORT": "2", "LANLINE_OPEN": "false", "LANLINE_LIMITS_MOST_LINKS": "8", "LANLINE_HOME": "/x"}
    config = read_config(path, variables, {"port": 3, "server_name": None, "log.level": "debug"})
    assert (config.port, config.host, config.open, config.server_name) == (3, "127.0.0.1", False, None)
    assert config.log.level == "debug"
    assert (config.limits.most_links, config.limits.messages_burst) == (8, 5)


def test_every_setting_of_the_core_can_be_set() -> None:
    known = {setting.path[-1] for setting in settings()}
    assert {field.name for field in msgspec.structs.fields(ServerSettings)} - {"is_open"} <= known


def test_a_limit_that_is_set_reaches_the_core(tmp_path: Path) -> None:
    path = written(tmp_path, 'open = true\nlobby = "#deck"\n[limits]\nmessages_per_s = 2.5\n')
    kept = read_config(path, {}).chat_settings("box")
    assert (kept.is_open, kept.lobby, kept.messages_per_s) == (True, "#deck", 2.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 3", "FILE, line 1: there is no setting 'prot'. Did you mean 'port'? There are: host, port,"),
        ("\n\nport = 'a'", "FILE, line 3: 'port' has to be a port: a whole number from 0 to 65535."),
        ("port = 65536", "FILE, line 1: 'port' has to be a port: a whole number from 0 to 65535."),
        ("port = true", "FILE, line 1: 'port' has to be"),
        ("[limits]\n\nmost_links = 0", "FILE, line 3: 'limits.most_links' has to be a whole number, 1 or more."),
        ("limits.messages_per_s = nan", "FILE, line 1: 'limits.messages_per_s' has to be a number above 0."),
        ("limits = { most = 1 }", "FILE: there is no setting 'most' in [limits]."),
        ("limits = 3", "FILE, line 1: 'limits' is a section: write [limits] on a line of its own."),
        ("[log]\nlevel = 'loud'", "FILE, line 2: 'log.level' has to be debug, info, warning or error."),
        ("open = 'yes'", "FILE, line 1: 'open' has to be true or false."),
        ("[nothing]\nx = 1", "FILE, line 1: there is no setting 'nothing'."),
        ("port", "FILE is not TOML: "),
        ("lobby = 'lab'", "The name of a room begins with '#', as in '#lab'."),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line_and_what_is_allowed(tmp_path: Path, text: str, said: str) -> None:
    assert complaint(written(tmp_path, text)).startswith(said)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert complaint(
        tmp_path / "none.toml"
    ) == f"The settings in {tmp_path}/none.toml cannot be read: No such file or directory.".replace(
        f"{tmp_path}/none.toml", "FILE"
    )
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    assert complaint(binary) == "FILE is not TOML: it is no UTF-8 text."


@pytest.mark.parametrize(
    ("name", "value", "needed"),
    [
        ("LANLINE_PORT", "x", "a port: a whole number from 0 to 65535"),
        ("LANLINE_OPEN", "maybe", "true or false"),
        ("LANLINE_LIMITS_MESSAGES_PER_S", "-1", "a number above 0"),
        ("LANLINE_LIMITS_MESSAGES_PER_S", "nan", "a number above 0"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(name: str, value: str, needed: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_config(None, {name: value})
    assert str(caught.value) == f"{name} is {value!r}; it has to be {needed}."


def test_an_empty_variable_is_none() -> None:
    assert read_config(None, {"LANLINE_PORT": ""}).port == 5265


def test_what_was_typed_is_checked_too() -> None:
    with pytest.raises(InvalidInput, match=r"'log.level' has to be debug, info, warning or error, not 'loud'\."):
        read_config(None, {}, {"log.level": "loud"})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("LANLINE_PORTT", "The variable LANLINE_PORTT is no setting. Did you mean LANLINE_PORT?"),
        ("LANLINE_PROT", "The variable LANLINE_PROT is no setting. Did you mean LANLINE_PORT?"),
        (
            "LANLINE_LIMITS_LINKS",
            "The variable LANLINE_LIMITS_LINKS is no setting. Did you mean LANLINE_LIMITS_MOST_LI",
        ),
        ("LANLINE_MOST_LINKS", "The variable LANLINE_MOST_LINKS is no setting. Did you mean LANLINE_LIMITS_MOST_LINKS"),
        ("LANLINE_LOG_Q", "The variable LANLINE_LOG_Q is no setting. There are: HOST, PORT, SERVER_NAME,"),
    ],
)
def test_a_mistyped_variable_stops_the_start(name: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_config(None, {"LANLINE_PORT": "1", name: "1"})
    assert str(caught.value).startswith(said)


def test_variables_of_the_commands_and_of_others_are_left_alone() -> None:
    sources = Path(lanline.__file__).parent.rglob("*.py")
    known = {setting.variable for setting in settings()} | {"LANLINE_PORTT"}
    named = {name for source in sources for name in re.findall(r'"(LANLINE_[A-Z_]+)"', source.read_text("utf-8"))}
    ours = named - known
    assert {"LANLINE_HOME", "LANLINE_DATA", "LANLINE_PASSWORD"} <= ours
    others = {"LANLINE_SERVICE_HOST", "LANLINE_SERVICE_PORT", "LANLINE_PORT_5265_UDP", "LANLINE_COLOUR", "PORTT"}
    assert read_config(None, dict.fromkeys(ours | others, "x")) == read_config(None, {})
    assert read_config(None, {"LANLINE_PORTT": ""}) == read_config(None, {})
