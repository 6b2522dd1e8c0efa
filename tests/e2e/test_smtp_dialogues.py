"""Whole processes against servers that say anything at any step: a documented status, a sentence, an end.

`LANLINE_MAIL_DIALOGUES=300 pytest tests/e2e/test_smtp_dialogues.py` tries as many as that.
"""

from __future__ import annotations

import os
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mailhouse.certificates import Authority
from mailhouse.moody import CUT, DEFAULTS, EHLO, SILENCE, Moody
from mailhouse.person import ENVELOPE, Person
from mailhouse.stage import Stage

DIALOGUES = int(os.environ.get("LANLINE_MAIL_DIALOGUES", "24"))
_AT_ONCE = 8
_STEPS = [step for step in DEFAULTS if step != "HELO"]
_OFFERS = [
    EHLO,
    EHLO.replace(b"250-SIZE", b"250-PIPELINING\r\n250-SIZE"),
    EHLO.replace(b"250-STARTTLS\r\n", b""),
    b"250-m\r\n250-STARTTLS\r\n250-SIZE 1\r\n250 AUTH=PLAIN SCRAM-SHA-256 XOAUTH2\r\n",
    b"250-m\r\n250-SIZE \xff\xff\r\n250-AUTH\r\n250-STARTTLS\r\n250 \r\n",
]
_TEXTS = [
    b"", b" ", b" ok", b" 2.0.0 ok", b" 4.7.1 try again in 1 seconds", b" 5.7.1 blocked using dnsbl", b"-more",
    b" 5.1.1 user unknown", b" 4.5.3 too many recipients", b" =?utf-8?q?=1b?= \x1b[31m \xff\xfe\x00",
    b" " + b"x" * 5000, b" one\r\n250 two", b" PDE3QG1vb2R5Pg==", b" 4.2.0 greylisted", b" 5.7.8 bad password",
]  # fmt: skip
_CODES = [*b"220 221 235 250 251 334 354 421 450 451 452 454 500 501 503 530 535 550 552 554 999 25 abc".split(), b""]
_NOISE = [
    CUT,
    SILENCE,
    b"",
    b"\r\n",
    b"\n",
    b"HTTP/1.1 400 no\r\n\r\n",
    b"250-" * 30_000,
    b"250-x\r\n" * 600,
    b"\x16\3\1",
]


class Witness(Moody):
    """Remembers whether it has taken the message upon itself."""

    has_said_yes = False

    async def _answer(self, step: str, writer: Any) -> bytes:
        said = await super()._answer(step, writer)
        self.has_said_yes |= step == "CONTENT" and said.startswith(b"250")
        return said


def answers(chance: random.Random) -> dict[str, Any]:
    """Most steps as they should be, so that the others are reached."""
    said: dict[str, Any] = {"EHLO": chance.choice(_OFFERS)}
    for step in chance.sample(_STEPS, chance.choice([1, 1, 2, 3])):
        drawn = [
            chance.choice(_NOISE) if chance.random() < 0.3 else chance.choice(_CODES) + chance.choice(_TEXTS) + b"\r\n"
            for _ in range(2)
        ]
        said[step] = drawn if chance.random() < 0.5 else [DEFAULTS[step], *drawn]
    return said


def words(chance: random.Random, port: int) -> list[str]:
    found = [
        "--smtp-host",
        "localhost",
        "--smtp-port",
        str(port),
        *ENVELOPE,
        "--to-addr",
        "eve@x.org",
        "--timeout",
        "1",
    ]
    found += chance.choice([[], ["--queue"], ["--json"], ["-v"], ["--auth", "xoauth2"], ["--dsn-notify", "never"]])
    return found


def test_any_dialogue_ends_with_a_status_that_is_true(person: Person, stage: Stage, authority: Authority) -> None:
    def told(number: int) -> str | None:
        chance = random.Random(number)
        server = Witness(answers(chance), authority.good.server_context())
        secure = ["--username", "ann", "--password-command", "echo hunter2-long", *person.ca]
        way = [*words(chance, stage.serve_streams(server)), *(["--no-tls"] if chance.random() < 0.5 else secure)]
        run = person.run("send", *way, "--body", "hi", "--outbox", str(person.outbox / str(number)))
        stage.call(a_turn())
        return what_is_wrong(run, server, way, person.outbox / str(number))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = {number: wrong for number, wrong in enumerate(pool.map(told, range(DIALOGUES))) if wrong}
    assert found == {}


async def a_turn() -> None:
    """What the servers are in the middle of is done after it."""


def what_is_wrong(run: subprocess.CompletedProcess[str], server: Witness, way: list[str], outbox: Path) -> str | None:
    status, kept = run.returncode, list(outbox.glob("*.json"))
    wrong = None
    if status not in {0, 1, 75}:
        wrong = "no such status"
    elif "Traceback" in run.stderr or (status and "\nlanline: " not in f"\n{run.stderr}"):
        wrong = "no sentence"
    elif status == 0 and not server.has_said_yes and not ("--queue" in way and kept):
        wrong = "sent, though nobody took it"
    elif status == 75 and server.has_said_yes:
        wrong = "to be sent again, though it was taken"
    elif "hunter2" in run.stderr + run.stdout:
        wrong = "the password is shown"
    return wrong and f"{wrong}: {status} {run.stderr[-300:]} {server.answers}"
