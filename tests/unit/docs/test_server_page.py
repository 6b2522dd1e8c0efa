"""What docs/server.md says of settings and commands is what there is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import typer

from lanline.cli.admin.group import app
from lanline.config import read_config, settings

_DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (_DOCS / "server.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| `([a-z_.]+)` \| ([^|]+) \| ", re.MULTILINE)


def test_the_table_has_every_setting_with_its_default() -> None:
    stated = dict(_ROW.findall(PAGE.partition("\n## Settings\n")[2].partition("\n## ")[0]))
    for setting in settings():
        text = stated.pop(".".join(setting.path))
        if setting.default is not None:
            assert tomllib.loads(f"it = {text.strip('`')}")["it"] == setting.default, setting.path
        else:
            assert not text.startswith("`")
    assert not stated


def test_the_settings_of_the_page_can_be_used(tmp_path: Path) -> None:
    example = PAGE.partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "lanline.toml").write_text(example)
    config = read_config(tmp_path / "lanline.toml", {})
    assert (config.server_name, config.limits.messages_per_s) == ("The ship", 20.0)


def test_every_command_of_an_admin_is_on_the_page() -> None:
    group = typer.main.get_command(app)
    for name in group.commands:  # type: ignore[attr-defined]
        assert re.search(rf"`lanline admin [^`]*\b{name}\b|`{name}`|lanline admin {name}", PAGE), name


def test_what_a_server_needs_is_said_with_the_command_that_measured_it() -> None:
    section = PAGE.partition("\n## What it needs\n")[2].partition("\n## ")[0]
    assert "benchmarks.md#start-times-and-a-server-at-rest" in section
    assert "bench/run.py --only start" in section
    assert "\n## Start times, and a server at rest\n" in (_DOCS / "benchmarks.md").read_text(encoding="utf-8")


def test_the_unit_starts_what_the_page_installs_as_the_user_and_on_the_folder_that_it_makes() -> None:
    service = PAGE.partition("\n## As a service\n")[2].partition("\n## ")[0]
    unit = dict(re.findall(r"^(\w+)=(.+)$", service.partition("```ini\n")[2].partition("```")[0], re.MULTILINE))
    [folder] = re.findall(r"PIPX_BIN_DIR=(\S+)", service)
    [(home, user)] = re.findall(r"useradd .*--home-dir (\S+) .* (\w+)$", service, re.MULTILINE)
    assert unit["ExecStart"] == f"{folder}/lanline serve --data {home}"
    assert unit["User"] == user
    assert f"/var/lib/{unit['StateDirectory']}" == home
