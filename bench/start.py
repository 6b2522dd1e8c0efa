"""What a person waits for first, and what a server takes that nobody uses: start, memory at rest, one password."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from lanline.server.hasher import Argon2Hasher
from secondstart import COLUMNS, ROWS, starter
from section import Options, Section, table

NAME = "start"
ROUNDS = 9
QUICK_ROUNDS = 3
QUIET_S = 2.0
"""What the start leaves to be done afterwards is done by then, and what it borrowed is given back."""
LIMIT_S = 60.0
READY = b"is ready."
PROMISED_S = {"help": 0.25, "ready, new folder": 1.0, "ready, existing folder": 1.0, "second start": 1.5}
_COMMAND = [sys.executable, "-m", "lanline"]


async def measure(options: Options) -> Section:
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    load_before = os.getloadavg()[0]
    found: dict[str, list[float]] = {name: [] for name in ("python", *PROMISED_S)}
    resident_mb: list[float] = []
    with starter() as person:
        _help_s()  # so that no round pays for what stays in the system's memory from then on
        person.start_s(_environment())  # which makes the server's folder and the account
        for _ in range(rounds):
            found["python"].append(_ended_s("-c", "pass"))
            found["help"].append(_help_s())
            with tempfile.TemporaryDirectory() as folder:
                found["ready, new folder"].append((await _serve(Path(folder) / "data"))[0])
                ready_s, resident_bytes = await _serve(Path(folder) / "data")
            found["ready, existing folder"].append(ready_s)
            resident_mb.append(resident_bytes / 1e6)
            found["second start"].append(person.start_s(_environment()))
    found["password"] = await _passwords_s(rounds)
    loads = (load_before, os.getloadavg()[0])
    return Section(
        name=NAME,
        title="Start times, and a server at rest",
        setting=_setting(rounds, loads),
        tables=[_table(found, resident_mb)],
        figures={"seconds": found, "resident_mb": resident_mb, "load": loads},
    )


def _setting(rounds: int, loads: tuple[float, float]) -> str:
    return (
        f"Median of {rounds} rounds, each with every row once, after one start that is not counted. A start is timed "
        "from before the process is made: to its end for `--help`, and for `lanline serve` to the line that says it is "
        f"ready, which comes when the port answers. `lanline start` is run by somebody whose account and server lie "
        "there, and of whom no process runs; it is timed to the prompt of the chat, the start of the server included, "
        f"at a terminal of {COLUMNS} columns and {ROWS} rows. A bare Python tells how fast the machine was. Memory is "
        f"the resident memory of a server {QUIET_S:g} s after its second start, "
        "when nobody has called. A password is hashed by the server's own hasher with its own parameters (Argon2id, "
        "46 MiB, one pass), its thread included. Load average of the machine, with everything that runs on it, "
        f"before and after: {loads[0]:.1f} and {loads[1]:.1f} on {os.cpu_count()} cores; above 0.5 before, other "
        "work ran beside it and times are too long."
    )


def _help_s() -> float:
    return _ended_s("-m", "lanline", "--help")


def _ended_s(*words: str) -> float:
    start = time.perf_counter()
    command = [sys.executable, *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=_environment(), timeout=LIMIT_S)
    return time.perf_counter() - start


async def _serve(data: Path) -> tuple[float, int]:
    """How long until it was ready, and what it holds at rest."""
    start = time.perf_counter()
    async with _server(data) as server:
        assert server.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            while READY not in (line := await server.stdout.readline()):
                if not line:
                    raise RuntimeError("the server ended before it was ready")
        ready_s = time.perf_counter() - start
        await asyncio.sleep(QUIET_S)
        return ready_s, _resident_bytes(server.pid)


@asynccontextmanager
async def _server(data: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    words = ["serve", "--data", str(data), "--host", "127.0.0.1", "--port", "0"]
    server = await asyncio.create_subprocess_exec(
        *_COMMAND,
        *words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
    )
    try:
        yield server
    finally:
        if server.returncode is None:
            server.terminate()
        await server.communicate()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("LANLINE_")}


def _resident_bytes(pid: int) -> int:
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], check=True, capture_output=True, text=True)
    return int(told.stdout) * 1024


async def _passwords_s(rounds: int) -> list[float]:
    hasher = Argon2Hasher()
    try:
        await _password_s(hasher)  # which also waits until it is prepared
        return [await _password_s(hasher) for _ in range(rounds)]
    finally:
        hasher.close()


async def _password_s(hasher: Argon2Hasher) -> float:
    done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    start = time.perf_counter()
    hasher.hash("correct horse battery staple", done.set_result)
    if await done is None:
        raise RuntimeError("the password was not hashed")
    return time.perf_counter() - start


def _table(found: dict[str, list[float]], resident_mb: Sequence[float]) -> str:
    names = {
        "python": "`python -c pass`, s",
        "help": "`lanline --help`, s",
        "ready, new folder": "`lanline serve` is ready, new folder, s",
        "ready, existing folder": "`lanline serve` is ready, existing folder, s",
        "second start": "`lanline start` a second time, s",
    }
    rows = [[name, *_spread(found[key], 2), _promise(key)] for key, name in names.items()]
    rows.append(["resident memory of the server at rest, MB", *_spread(resident_mb, 0), ""])
    rows.append(["one password, ms", *_spread([1000 * each for each in found["password"]], 0), ""])
    return table(["", "median", "lowest - highest", "promised, at most"], rows)


def _promise(name: str) -> str:
    return f"{PROMISED_S[name]:.2f}" if name in PROMISED_S else ""


def _spread(values: Sequence[float], digits: int) -> list[str]:
    return [f"{statistics.median(values):.{digits}f}", f"{min(values):.{digits}f} - {max(values):.{digits}f}"]
