"""`lanline smtp send` against Postfix's own load generator and curl, into the same private Postfix or its sink.

All are timed as whole commands, start of the program included, in turns within one run, and with the compiled modules
that an installation has. Needs Postfix and root:

    .venv/bin/python bench/smtp.py --messages 1000 --rounds 5
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from mailhouse.certificates import Authority
from mailhouse.postfix import PASSWORD, USER, Postfix, wait_until, why_not
from serverhouse.ports import free_port

SENDER, RECIPIENT = "ann@example.test", "bob@elsewhere.test"
_PATH = os.environ.get("PATH", "") + ":/usr/sbin"
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
    "PATH": _PATH
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--body-bytes", type=int, default=1000)
    chosen = options.parse_args()
    if why_not() is not None:
        sys.exit(f"bench/smtp.py: {why_not()}")
    with tempfile.TemporaryDirectory() as folder:
        _print_singles(Path(folder), chosen.rounds)
        rates = _measure(Path(folder), chosen.messages, chosen.rounds, chosen.body_bytes)
    reference = statistics.median(rates["smtp-source -s 1 -d"])
    print("| sender | messages/s, median | lowest - highest | of smtp-source -d |")
    print("|---|---|---|---|")
    for name, found in rates.items():
        middle = statistics.median(found)
        print(f"| `{name}` | {middle:.0f} | {min(found):.0f} - {max(found):.0f} | {middle / reference:.2f} |")


def _print_singles(folder: Path, rounds: int) -> None:
    """One short mail, one of 20 MB, and what a text of 31 MB takes in memory; all in clear, into smtp-sink."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    with subprocess.Popen(["smtp-sink", "-u", "postfix", address, "100"], env={"PATH": _PATH}) as sink:
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        print("| one message | seconds, median | lowest - highest | peak of memory |")
        print("|---|---|---|---|")
        for name, command in _single_commands(folder, port, address).items():
            runs = [_watched(command) for _ in range(rounds)]
            times, peaks = [time for time, _ in runs], [peak for _, peak in runs]
            spread = f"{min(times):.2f} - {max(times):.2f}"
            print(f"| {name} | {statistics.median(times):.2f} | {spread} | {max(peaks) / 1000:.0f} MB |")
        print()
        sink.terminate()


def _single_commands(folder: Path, port: int, address: str) -> dict[str, list[str]]:
    large, text, mail = folder / "large.bin", folder / "text", folder / "mail.eml"
    large.write_bytes(os.urandom(20_000_000))
    text.write_text("Grüße, " * 3_400_000)
    ours = [sys.executable, "-m", "lanline", "smtp", "send", "--from-addr", SENDER, "--to-addr", RECIPIENT]
    way = ["--smtp-host", "127.0.0.1", "--smtp-port", str(port), "--no-tls"]
    with_file = [*ours, "--body", "hi", "--attach", str(large)]
    with mail.open("wb") as written:
        subprocess.run([*with_file, "--dry-run"], check=True, stdout=written, stderr=subprocess.DEVNULL)
    curl = ["curl", "-s", f"smtp://{address}", "--mail-from", SENDER, "--mail-rcpt", RECIPIENT, "-T"]
    (folder / "short.eml").write_bytes(b"Subject: hi\r\n\r\nhi\r\n")
    return {
        "short, lanline": [*ours, *way, "--body", "hi"],
        "short, curl": [*curl, str(folder / "short.eml")],
        "20 MB attached, lanline": [*with_file, *way],
        "20 MB attached, curl": [*curl[:-1], "-F", "=hi", "-F", f"file=@{large};encoder=base64"],
        "the same 27 MB ready made, lanline --raw": ["sh", "-c", f"exec {' '.join([*ours, *way])} --raw < {mail}"],
        "the same 27 MB ready made, curl": [*curl, str(mail)],
        "31 MB of text, lanline": [*ours, *way, "--body-file", str(text)],
    }


def _watched(command: list[str]) -> tuple[float, int]:
    """Seconds, and the most kilobytes of memory at any moment."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=_ENVIRONMENT)
    status, peak = Path(f"/proc/{process.pid}/status"), 0
    while process.poll() is None:
        words = status.read_text().split()
        peak = max(peak, int(words[words.index("VmHWM:") + 1]) if "VmHWM:" in words else 0)
        time.sleep(0.002)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - start, peak


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
    environment = _ENVIRONMENT | {"SMTP_PASS": PASSWORD}
    start = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


main()
