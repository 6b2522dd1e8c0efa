"""Files of settings, passwords and waiting mail that are damaged, or written by somebody with a plan: a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mailhouse.person import ENVELOPE, Person, is_a_sentence

_HOST = b'[accounts.a]\nsmtp_host="127.0.0.1"\nsmtp_port=1\n'


@pytest.mark.parametrize(
    "content",
    [
        b"\xff", b"accounts=1", b"[accounts.a]\nsmtp_host=1", b"a={" * 3000, _HOST + b'ca_file="\\u0000"',
        _HOST + b'ca_file="~nobodyatall/x"', _HOST + b'username="a"\npassword_command=[]', _HOST + b'auth="nope"',
        _HOST + b'username="a\\u0000"\npassword_env="HOME"', _HOST + b"unknown=1", b'[accounts.a]\nsmtp_host="a..b"',
    ],
)  # fmt: skip
def test_a_bad_accounts_file_is_a_sentence(person: Person, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "accounts.toml"
    path.write_bytes(content)
    path.chmod(0o600)
    assert is_a_sentence(person.run("send", "--config", str(path), *ENVELOPE, "--body", "hi"), 64)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"machine 127.0.0.1 login", b'machine 127.0.0.1 login "a password b', b"macdef x\n"]
)
def test_a_bad_netrc_is_a_sentence(person: Person, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "netrc"
    path.write_bytes(content)
    path.chmod(0o600)
    person.environment["NETRC"] = str(path)
    assert is_a_sentence(person.run("send", "--smtp-host", "127.0.0.1", "--netrc", *ENVELOPE, "--body", "hi"), 64)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["route", "server", "host"], "a..b"), (["route", "server", "host"], "\0"),
        (["route", "server", "port"], 99999),
        (["route", "server", "ca_file"], "\0"), (["route", "server", "proxy"], ["\0", 1]), (["route", "config"], "\0"),
        (["route", "server", "source_address"], "nonsense"), (["size_bytes"], -5), (["written_at"], "x"), ([], None),
    ],
)  # fmt: skip
def test_a_bad_record_in_the_outbox_is_a_sentence(person: Person, place: list[str], value: Any) -> None:
    person.run("send", "--smtp-host", "127.0.0.1", "--smtp-port", "1", *ENVELOPE, "--body", "hi", "--queue")
    (record,) = person.records()
    within: Any = record
    for name in place[:-1]:
        within = within[name]
    if place:
        within[place[-1]] = value
    next(person.outbox.glob("*.json")).write_text(json.dumps(record if place else value))
    run = person.run("flush", "--timeout", "1")
    assert run.returncode in {1, 64, 75}
    assert is_a_sentence(run, run.returncode)
