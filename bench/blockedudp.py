"""`lanline send` of a home whose node does not run, where the network lets UDP through and where it swallows it."""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from lanline.client.pin import joined_pin, write_pin
from section import Options, Section, table

NAME = "blockedudp"
ROUNDS = 9
QUICK_ROUNDS = 3
LIMIT_S = 60.0
PROMISED_S = {"blocked, again": 0.6, "running": 0.15}
_COMMAND = [sys.executable, "-m", "lanline"]
_ROWS = {
    "open": "UDP gets through",
    "running": "UDP gets through, and the process of the home runs",
    "blocked, first": "UDP is swallowed, and worked the last time",
    "blocked, again": "UDP is swallowed, as the last time",
    "python": "`python -c pass`",
}


async def measure(options: Options) -> Section:
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    load_before = os.getloadavg()[0]
    found: dict[str, list[float]] = {name: [] for name in _ROWS}
    with tempfile.TemporaryDirectory() as name, _server(Path(name)) as (folder, port, invite):
        home = folder / "ann"
        _run("join", invite, "--name", "ann", "--home", str(home))
        with _tcp_only(port) as blocked_port:
            for _ in range(rounds):
                found["python"].append(_ended_s([sys.executable, "-c", "pass"]))
                _move(home, port)
                _send_s(home)  # what worked last is UDP
                found["open"].append(_send_s(home))
                _ended_s(_send(home))
                found["running"].append(_send_s(home))
                _move(home, blocked_port)
                found["blocked, first"].append(_send_s(home))
                found["blocked, again"].append(_send_s(home))
    loads = (load_before, os.getloadavg()[0])
    return Section(
        name=NAME,
        title="A message where UDP is blocked",
        setting=(
            f"Median of {rounds} rounds, each with every row once. `lanline send '#lobby' x` in a home of which no "
            "process runs: from before the process is made to its end, when the message is on the server's disk; the "
            "start of the process that owns the home is part of it, but in one row. UDP is swallowed by a port on "
            "loopback that takes datagrams and answers none, and hands TCP on to the server. A bare Python tells how "
            "fast the machine was. "
            f"Load average of the machine before and after: {loads[0]:.1f} and {loads[1]:.1f} on {os.cpu_count()} "
            "cores; above 0.5 before, other work ran beside it and times are too long."
        ),
        tables=[_table(found)],
        figures={"seconds": found, "load": loads},
    )


def _table(found: dict[str, list[float]]) -> str:
    quickest = statistics.median(found["open"])
    rows = [
        [
            title,
            f"{statistics.median(found[name]):.2f}",
            f"{min(found[name]):.2f} - {max(found[name]):.2f}",
            f"{statistics.median(found[name]) / quickest:.2f}",
            f"{PROMISED_S[name]}" if name in PROMISED_S else "",
        ]
        for name, title in _ROWS.items()
    ]
    return table(["", "median, s", "lowest - highest", "to the first row", "promised, at most"], rows)


def _run(*words: str) -> str:
    command = [*_COMMAND, *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=_environment(), timeout=LIMIT_S)
    return done.stdout


def _send_s(home: Path) -> float:
    taken_s = _ended_s(_send(home))
    while (home / "node.json").exists():  # its process ends half a second later
        time.sleep(0.01)
    return taken_s


def _send(home: Path) -> list[str]:
    return [*_COMMAND, "send", "#lobby", "x", "--home", str(home)]


def _ended_s(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=_environment(), timeout=LIMIT_S)
    return time.perf_counter() - start


def _move(home: Path, port: int) -> None:
    write_pin(home, msgspec.structs.replace(joined_pin(home), port=port))


def _environment() -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("LANLINE_")}
    return ours | {"LANLINE_NODE_LINGER_S": "0.5"}


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[tuple[Path, int, str]]:
    data = folder / "data"
    words = ["serve", "--data", str(data), "--host", "127.0.0.1", "--port", "0"]
    process = subprocess.Popen([*_COMMAND, *words], stdout=subprocess.PIPE, text=True, env=_environment())
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "lanline://" in line:
                break
        invite = next(word for word in line.split() if word.startswith("lanline://"))
        yield folder, int(msgspec.json.decode((data / "running.json").read_bytes())["port"]), invite
    finally:
        process.terminate()
        process.communicate()


@contextlib.contextmanager
def _tcp_only(port: int) -> Iterator[int]:
    """A port that hands TCP on, and takes datagrams that nobody reads."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket(type=socket.SOCK_DGRAM) as swallowing:
        swallowing.bind(listening.getsockname())
        threading.Thread(target=_hand_on_all, args=(listening, port), daemon=True).start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)


def _hand_on_all(listening: socket.socket, port: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            ends = listening.accept()[0], socket.create_connection(("127.0.0.1", port))
            for source, target in (ends, ends[::-1]):
                threading.Thread(target=_hand_on, args=(source, target), daemon=True).start()


def _hand_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
