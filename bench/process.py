"""The process that asks: what it uses, as the system counts it, and the core that it is bound to."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

STATM = Path("/proc/self/statm")
STAT = Path("/proc/stat")


def resident_bytes() -> int:
    """Where there is no /proc it is the most that it ever was."""
    if STATM.exists():
        return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def resident_bytes_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_s() -> float:
    """User and system time."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def cpu_s_of(pid: int) -> float:
    """Of another process, all its threads; the ticks of the clock are 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_s_of_children(named: str) -> float:
    """Of those that run now and have this in their command."""
    listed = " ".join(each.read_text(encoding="ascii") for each in Path("/proc/self/task").glob("*/children"))
    pids = [int(each) for each in listed.split()]
    return sum(cpu_s_of(pid) for pid in pids if named in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8"))


def cpu_s_of_machine() -> float:
    """Of all programs together, and what other machines took from this one. Without what the kernel does for none."""
    of_all = STAT.read_text(encoding="ascii").split("\n")[0].split()[1:]
    user, nice, system, _idle, _waiting, _irq, _softirq, steal, *_ = map(int, of_all)
    return (user + nice + system + steal) / os.sysconf("SC_CLK_TCK")


def pin_to(core: int) -> None:
    """Where the system knows how, and has so many cores; elsewhere the scheduler decides."""
    if hasattr(os, "sched_setaffinity") and core in os.sched_getaffinity(0):
        os.sched_setaffinity(0, {core})
