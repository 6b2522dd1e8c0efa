"""Nothing that was written arrives as something else: 600 texts and 38 files, sent for real, read by other programs."""

from __future__ import annotations

import email.policy
import json
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from mailhouse import postfix as postfix_module
from mailhouse.certificates import Authority
from mailhouse.office import Office
from mailhouse.person import Person
from mailhouse.postfix import Postfix, wait_until
from mailhouse.stage import Stage

TEXTS = 600
_PIECES = [
    ".", "..", "\n", "\n.\n", "\r\n", "\r", "\n\n", "From ", "\nFrom me", " ", "  \n", "\t", "=", "=3D",
    "=?utf-8?q?x?=", "ä", "漢字", "🎈", "e\u0301", "\u200b", "\u2028", "\u00a0", "\ufeff", "\0", "\x7f", "\x0b",
    "\x1b[31m", "<", "&amp;", "--", "-- \n", "a" * 70, "b" * 998, "ü" * 400, "word ", "two words ", "\\", '"', "'",
    "%", "#", ":", "; ", ",",
]  # fmt: skip
_LINE_PIECES = [piece for piece in _PIECES if not re.search("[\x00-\x08\x0a-\x1f\x7f\u2028]", piece)]
_NAMES = [
    "a", "plain.txt", "two words.pdf", "many   spaces", "ünï.png", "漢字.zip", "🎈.bin", "e\u0301.txt", 'quo"te.dat',
    "back\\slash", "semi;colon.txt", "per%cent%20.txt", "apo'strophe.gz", "no-ending.", ".hidden", "UPPER.TXT", "a=b.c",
    "=?utf-8?q?x?=.bin", "x" * 200 + ".log", "ü" * 100 + ".csv", "comma,.tar", "plus+.html", "at@.json",
    "(brackets).xml", "<angle>.svg", "[square].jpg", "tilde~.mp3", "dollar$.sh", "star*.py", "amp&.css", "caret^.js",
    "pipe|.mp4", "question?.doc", "exclaim!.odt", "hash#.md", "tab\tno", "utf-8''x.bin", "name*0*=x.bin",
]  # fmt: skip


def mixed(chance: random.Random, pieces: list[str], most: int) -> str:
    return "".join(chance.choice(pieces) for _ in range(chance.randint(0, most)))


def texts(seed: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    return [
        {
            "to": f'"{number} {mixed(chance, ["ä", "x", "B", ",", ".", "漢"], 9)}" <bob@example.test>',
            "subject": mixed(chance, _LINE_PIECES, 12),
            "body": mixed(chance, _PIECES, 40),
            "headers": {"X-Number": str(number), "X-Text": mixed(chance, _LINE_PIECES, 6)},
        }
        for number in range(TEXTS)
    ]


Receiver = tuple[int, Callable[[int], list[bytes]]]


@pytest.fixture(params=["aiosmtpd", "postfix"])
def receiver(request: pytest.FixtureRequest, stage: Stage, authority: Authority) -> Iterator[Receiver]:
    """A port without TLS, and how to have so many messages that came by it."""
    if request.param == "aiosmtpd":
        office = Office()

        def kept(count: int) -> list[bytes]:
            wait_until(lambda: len(office.received) >= count)
            return [content for _, _, content in office.received]

        yield stage.serve(lambda: office.protocol(None, starttls=False)), kept
        return
    if (reason := postfix_module.why_not()) is not None:
        pytest.skip(reason)
    with Postfix(authority.good) as running:
        folder = running.root / "mail" / "bob" / "new"

        def delivered(count: int) -> list[bytes]:
            wait_until(lambda: folder.exists() and len(list(folder.iterdir())) >= count, running.log)
            return [path.read_bytes().replace(b"\n", b"\r\n") for path in folder.iterdir()]

        yield running.open_port, delivered


def sent(person: Person, port: int, *words: str, text: str | None = None) -> None:
    way = ["--smtp-host", "127.0.0.1", "--smtp-port", str(port), "--no-tls", "--from-addr", "ann@example.test"]
    run = person.run("send", *way, *words, input=text or "")
    assert run.returncode == 0, run.stderr


def read(content: bytes) -> EmailMessage:
    return BytesParser(policy=email.policy.default).parsebytes(content)


def lines(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n")


def test_600_texts_arrive_as_they_were_written(person: Person, receiver: Receiver) -> None:
    port, arrived = receiver
    written = texts(600)
    sent(person, port, "--batch", "-", text="".join(f"{json.dumps(one)}\n" for one in written))
    parsed = {int(one["X-Number"]): one for one in map(read, arrived(TEXTS))}
    assert sorted(parsed) == list(range(TEXTS))
    for number, one in enumerate(written):
        found = parsed[number]
        body = lines(one["body"].encode())
        assert lines(found.get_payload(decode=True)) == (body + b"\n" * (body[-1:] not in b"\n")), one
        assert found["Subject"] == one["subject"], one
        assert found["X-Text"] == one["headers"]["X-Text"].strip(), one
        (name,) = found["To"].addresses
        assert f'"{name.display_name}" <{name.addr_spec}>' == one["to"], one
        assert not found.defects


def files(folder: Path) -> dict[str, bytes]:
    """38 of them: each has another name, and each size at which base64 or a chunk of it ends."""
    chance = random.Random(38)
    sizes = [0, 1, 2, 3, 56, 57, 58, 113, 114, 115, 1023, 1024, 58_367, 58_368, 58_369, 200_000]
    found = {}
    for place, name in enumerate(_NAMES):
        data = chance.randbytes(sizes[place % len(sizes)])
        if place % 3 == 2:
            data = b"From here\n.\n..\r\n\r\rbare\n" * 50 + data.hex().encode()
        found[name] = data
        (folder / name).write_bytes(data)
    assert len(found) == 38
    return found


def test_38_files_arrive_byte_for_byte_under_their_names(person: Person, receiver: Receiver, tmp_path: Path) -> None:
    port, arrived = receiver
    folder = tmp_path / "files"
    folder.mkdir()
    written = files(folder)
    words = [word for name in written for word in ("--attach", str(folder / name))]
    sent(person, port, "--to-addr", "bob@example.test", "--body", "Grüße", *words)
    (content,) = arrived(1)
    parsed = read(content)
    found = [(part.get_filename(), part.get_payload(decode=True)) for part in parsed.iter_attachments()]
    expected = [(name.replace("\t", "_"), data) for name, data in written.items()]
    assert found == expected
    if shutil.which("munpack"):
        unpacked = tmp_path / "unpacked"
        unpacked.mkdir()
        subprocess.run(["munpack", "-q", "-t"], input=content, cwd=unpacked, check=True, capture_output=True)
        found_by_it = sorted(path.read_bytes().replace(b"\r", b"") for path in unpacked.iterdir())  # texts as texts
        assert found_by_it == sorted(data.replace(b"\r", b"") for data in (*written.values(), "Grüße\n".encode()))
