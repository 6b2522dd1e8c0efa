"""Under which conditions the figures were measured: machine, kernel, versions, command, day. No names of hosts."""

from __future__ import annotations

import datetime as dt
import os
import platform
import ssl
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = ("lanline", "cryptography", "pyOpenSSL", "uvloop", "aioquic", "pyenet")


def conditions(arguments: Sequence[str]) -> dict[str, str]:
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {_memory()}",
        "system": f"{platform.system()} {platform.release()}, TCP congestion control {_tcp_congestion_control()}",
        "Python": f"{platform.python_version()}, {ssl.OPENSSL_VERSION}",
        "libraries": ", ".join(_versions()),
        "command": " ".join(("python bench/run.py", *arguments)),
        "day": dt.datetime.now(dt.UTC).date().isoformat(),
    }


def _processor() -> str:
    described = _field(Path("/proc/cpuinfo"), "model name")
    return described or platform.processor() or platform.machine()


def _memory() -> str:
    total = _field(Path("/proc/meminfo"), "MemTotal")
    return f"{int(total.split()[0]) / 2**20:.0f} GiB" if total else "memory unknown"


def _field(path: Path, name: str) -> str:
    if not path.exists():
        return ""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _tcp_congestion_control() -> str:
    setting = Path("/proc/sys/net/ipv4/tcp_congestion_control")
    return setting.read_text(encoding="utf-8").strip() if setting.exists() else f"default of {sys.platform}"


def _versions() -> list[str]:
    found: list[str] = []
    for library in LIBRARIES:
        try:
            found.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            found.append(f"{library} absent")
    return found
