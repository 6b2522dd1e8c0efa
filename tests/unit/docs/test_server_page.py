"""What docs/server.md says of settings and commands is what there is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import typer

from lanline.cli.admin.group import app
from lanline.config import read_config, settings

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "server.md").read_text(encoding="utf-8")
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
