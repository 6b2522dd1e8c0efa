"""The import contracts of pyproject.toml catch what they are for: each is broken on purpose, in a copy."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "lanline"
CONTRACTS = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}
SANS_IO_LAYERS = ("proto", "chain", "crypto", "wire", "model", "errors", "ids", "clock")

ALLOWED = {
    "cli.planted": "lanline.faces.tui",
    "faces.tui": "lanline.client.rooms",
    "faces.web": "lanline.model.content",
    "server.planted": "lanline.gateways.irc",
    "gateways.irc": "lanline.core.core",
    "client.planted": "lanline.transport.udp",
    "storage.engine": "lanline.storage.api",
    "storage.files": "lanline.wholefile",
}
"""What the rules allow; these files are also the targets of what they forbid."""

UPWARDS = {
    "cli.upwards": "lanline.testing.clock",
    "faces.upwards": "lanline.cli.planted",
    "faces.sideways": "lanline.server.app",
    "server.upwards": "lanline.cli.planted",
    "server.sideways": "lanline.faces.web",
    "config": "lanline.server.app",
    "gateways.upwards": "lanline.config",
    "gateways.sideways": "lanline.client.rooms",
    "client.upwards": "lanline.config",
    "client.sideways": "lanline.gateways.irc",
    "core.rooms": "lanline.gateways.irc",
    "media.upwards": "lanline.core.core",
    "media.sideways": "lanline.transport.udp",
    "storage.upwards": "lanline.core.core",
    "storage.sideways": "lanline.media.api",
    "transport.upwards": "lanline.client.planted",
    "transport.sideways": "lanline.storage.engine",
    "sqlsteps": "lanline.wholefile",
    "ticket": "lanline.transport.udp",
    "wholefile": "lanline.storage.api",
    "proto.upwards": "lanline.transport.udp",
    "chain.upwards": "lanline.proto.framing",
    "crypto.upwards": "lanline.chain.state",
    "wire.upwards": "lanline.crypto.sealing",
    "model.upwards": "lanline.wire.planted",
    "errors": "lanline.model.content",
    "ids": "lanline.errors",
    "clock": "lanline.ids",
}
PLANTED = {
    "lanline.storage.**": "engine",
    "lanline.wire.**": "planted",
    "lanline.proto.**": "framing",
    "lanline.crypto.**": "sealing",
    "lanline.transport.**": "udp",
    "lanline.media.**": "api",
}
OTHERS = {
    "faces": {
        "faces.with_transport": "lanline.transport.udp",
        "faces.with_crypto": "lanline.crypto.identity",
        "faces.with_storage": "lanline.storage.api",
        "faces.with_config": "lanline.config",
    },
    "client": {
        "client.with_storage": "lanline.storage.api",
        "client.with_core": "lanline.core.core",
        "client.with_gateway": "lanline.gateways.irc",
    },
    "client-sans-io": {f"client.view.with_{name}": name for name in CONTRACTS["client-sans-io"]["forbidden_modules"]},
    "core-parts": {"core.presence": "lanline.core.accounts", "core.limits": "lanline.core.changes"},
    "core-pure": {
        f"core.with_{name.strip('.*').replace('.', '_')}": name.replace("**", PLANTED.get(name, ""))
        for name in CONTRACTS["core-pure"]["forbidden_modules"]
    },
    "gateways-apart": {"gateways.talkative": "lanline.gateways.irc"},
    "engines": {
        "server.with_engine": "lanline.storage.sqlite.engine",
        "gateways.with_engine": "lanline.storage.sqlite.engine",
        "cli.with_sql": "sqlite3",
    },
    "sans-io": {f"proto.with_{name}": name for name in CONTRACTS["sans-io"]["forbidden_modules"]}
    | {f"{layer}.with_clock": "time" for layer in ("chain", "crypto", "wire", "model")},
}
EMPTY = ("client.rooms", "wire.planted")


def plant(package: Path, module: str, imported: str | None) -> None:
    path = package.joinpath(*module.split(".")).with_suffix(".py")
    path.parent.mkdir(exist_ok=True)
    (path.parent / "__init__.py").touch()
    path.write_text("" if imported is None else f"import {imported}\n")


def lint(copy: Path) -> tuple[int, dict[str, str]]:
    """The exit status, and for each broken contract what is said about it, by its name."""
    script = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", script, "--no-cache"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "src"), "COLUMNS": "300", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    _, _, report = done.stdout.partition("Broken contracts")
    names = {contract["name"]: name for name, contract in CONTRACTS.items()}
    said: dict[str, str] = {}
    current = ""
    for line in report.splitlines():
        current = names.get(line.strip(), current)
        said[current] = said.get(current, "") + line + "\n"
    said.pop("", None)
    if not said and done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return done.returncode, said


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources with what the rules allow planted in."""
    folder = tmp_path_factory.mktemp("copy")
    package = folder / "src" / "lanline"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for module in EMPTY:
        plant(package, module, None)
    for module, imported in ALLOWED.items():
        plant(package, module, imported)
    return folder


@pytest.fixture(scope="module")
def said(copy: Path) -> dict[str, str]:
    """What is said of a copy in which every rule is broken."""
    status, nothing = lint(copy)
    assert (status, nothing) == (0, {}), "what is allowed is refused"
    package = copy / "src" / "lanline"
    for planted in (UPWARDS, *OTHERS.values(), {"stray.folder": None}):
        for module, imported in planted.items():
            plant(package, module, imported)
    status, said = lint(copy)
    assert status == 1
    return said


def test_every_contract_is_broken_by_something_planted(said: dict[str, str]) -> None:
    assert set(said) == set(CONTRACTS) == {"layers", *OTHERS}


@pytest.mark.parametrize(("module", "imported"), UPWARDS.items())
def test_a_layer_that_imports_upwards_or_sideways_is_caught(said: dict[str, str], module: str, imported: str) -> None:
    assert f"lanline.{module} -> {imported} " in said["layers"]


def test_each_layer_is_broken_once() -> None:
    """`testing` stands above all others, so that it can import nothing upwards."""
    layers = " | ".join(CONTRACTS["layers"]["layers"]).replace("(", "").replace(")", "").split(" | ")
    assert {module.partition(".")[0] for module in UPWARDS} == set(layers) - {"testing"}


def test_a_stray_folder_is_caught(said: dict[str, str]) -> None:
    assert "stray" in said["layers"]


@pytest.mark.parametrize(
    ("contract", "module", "imported"),
    [(contract, *planted) for contract, rows in OTHERS.items() for planted in rows.items()],
)
def test_what_a_contract_forbids_is_caught(said: dict[str, str], contract: str, module: str, imported: str) -> None:
    assert f"lanline.{module} -> {imported} " in said[contract]


def test_every_layer_that_must_do_no_io_is_under_that_contract() -> None:
    present = {layer for layer in SANS_IO_LAYERS if (PACKAGE / layer).is_dir() or (PACKAGE / f"{layer}.py").is_file()}
    assert set(CONTRACTS["sans-io"]["source_modules"]) == {f"lanline.{layer}" for layer in present}


def test_no_package_imports_anything_itself() -> None:
    """The contracts look at modules inside packages; and a package that hands names on hides where they are."""
    for path in PACKAGE.rglob("__init__.py"):
        nodes = ast.walk(ast.parse(path.read_text()))
        assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in nodes), path


@pytest.mark.parametrize("layer", ["server", "gateways", "core", "storage", "transport", "proto", "crypto", "wire"])
def test_what_others_send_is_matched_by_the_names_of_its_fields(layer: str) -> None:
    """CPython makes a new string for each look at a class pattern without names, and keeps it in its cache of types.

    Among what a flood needs for a moment such strings keep all of its memory from being given back.
    """
    for path in (PACKAGE / layer).rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text()))
        places = [node.lineno for node in nodes if isinstance(node, ast.MatchClass) and node.patterns]
        assert not places, path
