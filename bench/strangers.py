"""What strangers cost a chat server and its members, under every attack of tests/attacks.

The server is a process of its own, and so are the members who are measured (`strangersmembers.py`) and the attacker: as
a script this file is the attacker, `strangers.py '{…}'`. Attacks are functions (address, stop_after_s, bits_per_s) that
return counts; ATTACKS names them. Where a name of a row is missing in tests/attacks the table says so.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import process
from chatservers import Place, Serving
from chatservers.lanline import prepared, serving_prepared
from child import Child, ChildFailed, Line, child
from parent import say
from process import cpu_s_of, cpu_s_of_machine, pin_to
from section import Options, Section, percentile, table

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

NAME = "strangers"
BITS_PER_S = 10e6
SECONDS = 60.0
QUICK_SECONDS = 5.0
WARM_UP_S = 1.0
QUIET_S = 10.0
SAMPLE_S = 0.25
GIVEN_BACK_WITHIN_S = 40.0
SHARES_SERVER_BELOW_S = 30.0
LIMIT_S = 60.0
MEMBERS = 4
SERVER_CORE = 0

MOST_MESSAGE_MS = 20.0
MOST_SIGN_IN_S = 2.0
TIMES_OF_QUIET = 3.0
MOST_CPU = 0.5
MOST_GROWN_BYTES = 64e6
MOST_KEPT_BYTES = 16e6
"""More than this, and it was not given back."""
MOST_ANSWERED = 1.0

ATTACKS = {
    "HELLO flood": "preamble_floods:initial_flood",
    "version tricks": "preamble_floods:version_trick",
    "forged tokens": "preamble_floods:forged_tokens",
    "stolen token": "preamble_floods:stolen_cookie",
    "replayed token": "preamble_floods:replayed_cookie",
    "guessed resets": "preamble_floods:reset_guessing",
    "noise": "preamble_floods:noise",
    "whole handshakes": "handshake_attacks:handshake_flood",
    "slow handshakes": "handshake_attacks:slow_handshakes",
    "holes in handshake messages": "handshake_attacks:fragment_holes",
    "oversized ClientHello (DTLS)": "handshake_attacks:oversized_client_hello",
    "renegotiation (DTLS)": "handshake_attacks:renegotiation",
    "optimistic ACKs": "sealed_attacks:optimistic_acks",
    "ACK ranges": "sealed_attacks:ack_ranges",
    "lies about limits": "sealed_attacks:limit_lies",
    "holes in a stream": "sealed_attacks:stream_holes",
    "unfinished messages": "sealed_attacks:unfinished_messages",
    "gaps in packet numbers": "sealed_attacks:number_gaps",
    "replayed packets": "sealed_attacks:replayed_packets",
    "packets after the end": "sealed_attacks:after_the_end",
    "forged packets of a link": "sealed_attacks:forged_packets",
    "sign-ins of unknown devices": "sealed_attacks:sign_in_flood",
    "guessed passwords": "sealed_attacks:password_guessing",
    "slow TLS": "websocket_attacks:slow_tls",
    "slow headers": "websocket_attacks:slow_headers",
    "many headers": "websocket_attacks:many_headers",
    "whole TLS handshakes": "websocket_attacks:tls_handshakes",
    "TLS 1.2 for renegotiation": "websocket_attacks:tls_renegotiation",
    "oversized ClientHello (TLS)": "websocket_attacks:oversized_client_hello",
    "WebSocket pings": "websocket_attacks:pings",
    "WebSocket pongs": "websocket_attacks:pongs",
    "tiny WebSocket units": "websocket_attacks:tiny_units",
    "giant WebSocket frames": "websocket_attacks:giant_frames",
    "WebSocket compression": "websocket_attacks:compression",
    "challenges": "challenges:attack",
    "pings": "pings:attack",
    "handshakes of one elsewhere": "handshakes:attack",
    "chains of certificates": "certificates:attack",
    "a crowd that does not sign in": "crowds:attack",
    "connections that say little": "callers:attack",
}


@dataclass(frozen=True, slots=True)
class Members:
    """What members noticed in one run; `inf` is what never came."""

    committed_p50_ms: float
    committed_p99_ms: float
    delivered_p99_ms: float
    udp_sign_in_s: float
    websocket_sign_in_s: float
    """The slowest of the run: there are too few for a percentile."""

    @classmethod
    def of(cls, ran: Line) -> Members:
        return cls(
            _share(ran["committed_ms"], 0.50),
            _share(ran["committed_ms"], 0.99),
            _share(ran["delivered_ms"], 0.99),
            max(_numbers(ran["udp_s"]), default=math.inf),
            max(_numbers(ran["websocket_s"]), default=math.inf),
        )


def _numbers(values: list[float | None]) -> list[float]:
    return [math.inf if value is None else value for value in values]


def _share(values: list[float | None], share: float) -> float:
    ordered = sorted(_numbers(values))
    return percentile(ordered, share) if ordered else math.inf


@dataclass(frozen=True, slots=True)
class Effect:
    attack: str
    quiet: Members
    under: Members
    mbit_per_s: float
    """Of payload, as the attacker counted what it sent."""
    cpu: float
    grown_bytes: float
    kept_bytes: float
    answered: float | None
    """Bytes out / bytes in, of addresses that were not proven; None: the attack has none."""
    counts: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    others_cpu: float = 0.0
    """Of a core, what programs took that have nothing to do with it."""

    @classmethod
    def of(cls, figure: Mapping[str, Any]) -> Effect:
        """As it was written to benchmarks.json."""
        values = {each.name: figure[each.name] for each in fields(cls) if each.name in figure}
        return cls(**{**values, "quiet": Members(**figure["quiet"]), "under": Members(**figure["under"])})

    @property
    def failures(self) -> list[str]:
        quiet, under = self.quiet, self.under
        message_ms = max(under.committed_p99_ms, under.delivered_p99_ms)
        quiet_ms = max(quiet.committed_p99_ms, quiet.delivered_p99_ms)
        found = {
            "messages": message_ms > max(TIMES_OF_QUIET * quiet_ms, MOST_MESSAGE_MS),
            "sign-in, UDP": under.udp_sign_in_s > max(TIMES_OF_QUIET * quiet.udp_sign_in_s, MOST_SIGN_IN_S),
            "sign-in, WebSocket": under.websocket_sign_in_s
            > max(TIMES_OF_QUIET * quiet.websocket_sign_in_s, MOST_SIGN_IN_S),
            "CPU": self.cpu > MOST_CPU,
            "memory": self.grown_bytes > MOST_GROWN_BYTES,
            "given back": self.kept_bytes > MOST_KEPT_BYTES,
            "answers": self.answered is not None and self.answered > MOST_ANSWERED,
        }
        return [name for name, failed in found.items() if failed]

    @property
    def row(self) -> list[str]:
        quiet, under = self.quiet, self.under
        return [
            self.attack,
            f"{self.mbit_per_s:.1f}",
            f"{quiet.committed_p99_ms:.1f} / {quiet.delivered_p99_ms:.1f}",
            f"{under.committed_p50_ms:.1f} / {under.committed_p99_ms:.1f} / {under.delivered_p99_ms:.1f}",
            f"{under.udp_sign_in_s:.2f} / {under.websocket_sign_in_s:.2f}",
            f"{100 * self.cpu:.0f}",
            f"{100 * self.others_cpu:.0f}",
            f"{self.grown_bytes / 1e6:.0f} / {self.kept_bytes / 1e6:.0f}",
            "" if self.answered is None else f"{self.answered:.2f}",
            "yes" if not self.failures else f"no: {', '.join(self.failures)}",
        ]


HEADER = [
    "attack",
    "Mbit/s sent",
    "quiet p99 ms: committed / delivered",
    "ms: p50 committed / p99 / p99 delivered",
    "slowest sign-in s: UDP / WebSocket",
    "CPU %",
    "others' CPU %",
    "MB grown / kept",
    "out / in",
    "holds",
]


async def measure(options: Options) -> Section:
    seconds = options.attack_seconds or (QUICK_SECONDS if options.quick else SECONDS)
    wanted = [name for name in options.attacks or ATTACKS if name in ATTACKS]
    effects: list[Effect | str] = []
    with tempfile.TemporaryDirectory() as folder:
        data = prepared(Path(folder), MEMBERS)
        for names in [wanted] if seconds < SHARES_SERVER_BELOW_S else [[name] for name in wanted]:
            effects += await _effects(names, data, Path(folder), seconds)
    effects = _in_order([*_earlier(options.earlier, seconds, wanted), *effects])
    rows = [effect.row if isinstance(effect, Effect) else _no_row(effect) for effect in effects]
    return Section(
        name=NAME,
        title="Attacks by strangers on a chat server",
        setting=_setting(seconds),
        tables=(table(HEADER, rows),),
        figures=[
            {**asdict(effect), "failures": effect.failures} if isinstance(effect, Effect) else {"failure": effect}
            for effect in effects
        ],
    )


def _earlier(figures: Path | None, seconds: float, but: Sequence[str]) -> list[Effect]:
    """Rows that were measured before, for as long each, and not again now."""
    if figures is None or not figures.exists():
        return []
    known = json.loads(figures.read_text(encoding="utf-8")).get(NAME, {"figures": []})["figures"]
    effects = [Effect.of(figure) for figure in known if "attack" in figure]
    return [each for each in effects if each.seconds == seconds and each.attack in ATTACKS and each.attack not in but]


def _in_order(effects: Sequence[Effect | str]) -> list[Effect | str]:
    names = list(ATTACKS)
    return sorted(effects, key=lambda each: names.index(each.attack) if isinstance(each, Effect) else len(names))


def _no_row(failure: str) -> list[str]:
    return [failure, *[""] * (len(HEADER) - 2), "not measured"]


def _setting(seconds: float) -> str:
    return (
        f"One attacker on loopback sends {BITS_PER_S / 1e6:g} Mbit/s, headers of IP and UDP or TCP included, for "
        f"{seconds:g} s at `lanline serve`, which has a core of its own; the members and the attacker share the other, "
        "the attacker at the lowest priority, so it may send less than it wants (the second column is its payload). "
        f"Each attack has a server process of its own; attacks of less than {SHARES_SERVER_BELOW_S:g} s share one. "
        "Rows may be of several runs (`--add`), each with the quiet moments before its own attack. "
        "One member says 20 messages a second in a room (the server's "
        "limit on messages is lifted), another hears them; once a second a device that the server knows calls anew, "
        "over UDP and over WebSocket, again and again until it is signed in. CPU is that of the server's process with "
        "all its threads, as a share of one core, the members' messages included. Others' CPU is what "
        "programs that are no part of this used "
        "meanwhile, of two cores: where it is much, times mean little. Memory is resident memory above "
        f"what it was before the attack: the most during it, and what was left {GIVEN_BACK_WITHIN_S:g} s later at the "
        "latest. Bytes out / in are payloads at the attacker's sockets whose addresses were never proven; where there "
        "is no figure the attack proves its address first. The attacker calls from other addresses of "
        "127.0.0.0/8 than the members; limits by network of TCP do not count such ones. "
        "Every row has to hold: the 99th percentile of "
        f"messages at most {MOST_MESSAGE_MS:g} ms or {TIMES_OF_QUIET:g} times the quiet one, a sign-in at most "
        f"{MOST_SIGN_IN_S:g} s or {TIMES_OF_QUIET:g} times the quiet one, {100 * MOST_CPU:g} % of a core, "
        f"{MOST_GROWN_BYTES / 1e6:g} MB of which no more than {MOST_KEPT_BYTES / 1e6:g} MB are kept, and no more bytes "
        "out than in."
    )


async def _effects(names: list[str], data: Path, folder: Path, seconds: float) -> list[Effect | str]:
    """Of these attacks, one after the other, on one server."""
    found: list[Effect | str] = []
    pin = ("taskset", "-c", str(SERVER_CORE)) if shutil.which("taskset") else ()
    place = Place(prefix=pin)
    with serving_prepared(data, place) as serving:
        spec = {"host": place.host, "port": place.port, "folder": str(folder)}
        async with child("strangersmembers.py", [json.dumps(spec)]) as members:
            await members.expect("ready", LIMIT_S)
            await _run(members, WARM_UP_S)
            for name in names:
                try:
                    quiet = Members.of(await _run(members, QUIET_S))
                    found.append(effect := await _attacked(name, serving, members, quiet, seconds))
                    print(" | ".join(effect.row), file=sys.stderr, flush=True)
                except ChildFailed as failure:
                    found.append(f"{name}: {failure}")
                    print(found[-1], file=sys.stderr, flush=True)
    return found


async def _run(members: Child, seconds: float) -> Line:
    members.tell(f"run {seconds}")
    return await members.expect("ran", seconds + LIMIT_S)


async def _attacked(name: str, serving: Serving, members: Child, quiet: Members, seconds: float) -> Effect:
    spec = {"attack": ATTACKS[name], "host": serving.place.host, "port": serving.place.port, "seconds": seconds}
    resident, cpu_s = serving.resident_bytes(), serving.cpu_s()
    begun_at = time.monotonic()
    machine_s, ours_s = cpu_s_of_machine(), process.cpu_s() + cpu_s_of(members.pid)
    async with child("strangers.py", [json.dumps(spec)]) as attacker:
        await attacker.expect("attacking", LIMIT_S)
        attacked = asyncio.ensure_future(attacker.expect("result", seconds + LIMIT_S))
        ran = asyncio.ensure_future(_run(members, seconds))
        most = resident
        while not attacked.done():
            await asyncio.wait([attacked], timeout=SAMPLE_S)
            most = max(most, serving.resident_bytes())
        counts = (await attacked)["counts"]
        used_s = serving.cpu_s() - cpu_s
        ours_s = process.cpu_s() + cpu_s_of(members.pid) + cpu_s_of(attacker.pid) - ours_s
        machine_took_s = time.monotonic() - begun_at
        others_s = cpu_s_of_machine() - machine_s - used_s - ours_s
        took_s = (await attacked)["took_s"]
        under = Members.of(await ran)
    kept = await _kept(serving, resident)
    unproven_in = counts.get("unproven_sent_bytes", 0)
    return Effect(
        attack=name,
        quiet=quiet,
        under=under,
        mbit_per_s=counts.get("sent_bytes", 0) * 8 / took_s / 1e6,
        cpu=used_s / took_s,
        grown_bytes=most - resident,
        kept_bytes=kept,
        answered=counts.get("unproven_received_bytes", 0) / unproven_in if unproven_in else None,
        counts=counts,
        seconds=seconds,
        others_cpu=max(0.0, others_s) / machine_took_s,
    )


async def _kept(serving: Serving, before: int) -> float:
    loop = asyncio.get_running_loop()
    limit = loop.time() + GIVEN_BACK_WITHIN_S
    while (kept := serving.resident_bytes() - before) > MOST_KEPT_BYTES and loop.time() < limit:  # noqa: ASYNC110 -- of another process
        await asyncio.sleep(SAMPLE_S)
    return max(0.0, kept)


def _attack(path: str) -> Callable[[tuple[str, int], float, float], Mapping[str, int]]:
    module, _, function = path.partition(":")
    found: Callable[[tuple[str, int], float, float], Mapping[str, int]] = getattr(
        importlib.import_module(f"attacks.{module}"), function
    )
    return found


def main() -> None:
    wanted = json.loads(sys.argv[1])
    attack = _attack(wanted["attack"])
    pin_to(SERVER_CORE + 1)
    os.nice(19)
    loop = asyncio.new_event_loop()
    say(event="attacking")
    started = loop.time()
    counts = attack((wanted["host"], wanted["port"]), wanted["seconds"], BITS_PER_S)
    told = counts if isinstance(counts, Mapping) else asdict(counts)
    say(event="result", counts=dict(told), took_s=loop.time() - started)
    loop.close()


if __name__ == "__main__":
    main()
