"""`lanline smtp send --batch` against Postfix's own load generator, one session each, into the same private Postfix.

Both are timed as whole commands, start of the program included, in turns within one run. Needs Postfix and root:

    .venv/bin/python bench/smtp.py --messages 1000 --rounds 5
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from mailhouse.certificates import Authority
from mailhouse.postfix import PASSWORD, USER, Postfix, why_not

SENDER, RECIPIENT = "ann@example.test", "bob@elsewhere.test"
_PATH = os.environ.get("PATH", "") + ":/usr/sbin"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--body-bytes", type=int, default=1000)
    chosen = options.parse_args()
    if why_not() is not None:
        sys.exit(f"bench/smtp.py: {why_not()}")
    with tempfile.TemporaryDirectory() as folder:
        rates = _measure(Path(folder), chosen.messages, chosen.rounds, chosen.body_bytes)
    reference = statistics.median(rates["smtp-source -s 1 -d"])
    print("| sender | messages/s, median | lowest - highest | of smtp-source -d |")
    print("|---|---|---|---|")
    for name, found in rates.items():
        middle = statistics.median(found)
        print(f"| `{name}` | {middle:.0f} | {min(found):.0f} - {max(found):.0f} | {middle / reference:.2f} |")


def _measure(folder: Path, messages: int, rounds: int, body_bytes: int) -> dict[str, list[float]]:
    authority = Authority(folder)
    batch = folder / "batch.jsonl"
    body = ("x" * 71 + "\n") * (body_bytes // 72)
    line = json.dumps({"to": RECIPIENT, "subject": "bench", "body": body})
    batch.write_text(f"{line}\n" * messages)
    with Postfix(authority.good) as postfix:
        commands = _commands(postfix, authority, batch, messages, body_bytes)
        rates: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                rates[name].append(messages / _timed(command))
    return rates


def _commands(
    postfix: Postfix, authority: Authority, batch: Path, messages: int, body_bytes: int
) -> dict[str, list[str]]:
    source = ["smtp-source", "-s", "1", "-m", str(messages), "-l", str(body_bytes), "-f", SENDER, "-t", RECIPIENT]
    target = f"127.0.0.1:{postfix.open_port}"
    ours = [sys.executable, "-m", "lanline", "smtp", "send", "--from-addr", SENDER, "--batch", str(batch)]
    plain = [*ours, "--smtp-host", "127.0.0.1", "--no-tls", "--smtp-port", str(postfix.open_port)]
    secure = [*ours, "--smtp-host", "localhost", "--ca-file", str(authority.ca_file)]
    secure += ["--smtp-port", str(postfix.starttls_port), "--username", USER]
    return {
        "smtp-source -s 1 -d": [*source, "-d", target],
        "smtp-source -s 1": [*source, target],
        "lanline smtp send --batch --no-tls": plain,
        "lanline smtp send --batch": secure,
    }


def _timed(command: list[str]) -> float:
    environment = os.environ | {"PATH": _PATH, "SMTP_PASS": PASSWORD}
    start = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


main()
