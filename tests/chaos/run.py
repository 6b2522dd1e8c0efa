"""The kill harness: a real server and real clients, killed and frozen at random for some time: `make chaos MINUTES=30`.

Ends by itself, leaves nothing behind unless a promise was broken, and is judged by the checker of the simulation. What
is killed is drawn from the seed; when things happen is the machine's, so that a run cannot be repeated exactly.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chaos.evidence import add_histories, add_server_log, problems_of_printed
from chaos.people import ROOM, Chatter, Follower, Person, Sender
from chaos.programs import LANLINE, Program, Stable
from e2e.nodes import end_nodes
from serverhouse.ports import free_port
from sim.system.ledger import Ledger, PromiseBroken, problems_of

_START_LIMIT_S = 120.0
_DRAIN_S = 60.0
_DRAIN_LIMIT_S = 180.0
_KINDS: tuple[type[Person], ...] = (Sender, Chatter, Follower, Chatter)
_NAMES = ("ann", "bob", "cat", "dan")


class Chaos:
    def __init__(
        self, seed: int, minutes: float, command: Sequence[str] = LANLINE, *, drain_s: float = _DRAIN_S
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lanline-chaos-"))
        self.seed = seed
        self.ends_at = time.monotonic() + 60 * minutes
        self.rng = random.Random(seed)
        self._drain_s = drain_s
        self.data = self.folder / "data"
        self.port = free_port()
        self.ledger = Ledger()
        self.strikes: Counter[str] = Counter()
        outputs = self.folder / "output"
        outputs.mkdir()
        self.stable = Stable(outputs, command)
        self.server = self._serve()
        self.homes = homes = self.folder / "homes"
        self.people = [
            kind(name, self.stable, self.ledger, homes, seed) for kind, name in zip(_KINDS, _NAMES, strict=True)
        ]

    # ---- the server and who joins ----

    def _serve(self) -> Program:
        where = ("--host", "127.0.0.1", "--port", str(self.port))
        return self.stable.start("serve", *where, "--data", str(self.data))

    def _invite(self) -> str:
        until = time.monotonic() + _START_LIMIT_S
        while time.monotonic() < until:
            program = self.stable.start("invite", "--uses", "100", "--data", str(self.data))
            if program.wait(_START_LIMIT_S) == 0:
                return program.printed()[0]
            if not self.server.is_running:
                break
        raise PromiseBroken(f"no invite from the server: {self.server.complaints()}")

    def join(self) -> None:
        invite = self._invite()
        for person in self.people:
            program = person.program("join", invite, "--name", person.name)
            if program.wait(_START_LIMIT_S) != 0:
                raise PromiseBroken(f"{person.name} could not join: {program.complaints()}")

    # ---- the chaos ----

    def run(self) -> None:
        self.join()
        for person in self.people:
            person.start()
        while time.monotonic() < self.ends_at:
            time.sleep(min(self.rng.uniform(0.1, 2.0), max(0.0, self.ends_at - time.monotonic())))
            self._strike()
        self._kill_server()  # once at least, while everybody talks, however short the run and whatever was drawn
        for person in self.people:
            person.end()
        for person in self.people:
            person.join()
        self._drain()

    def _strike(self) -> None:
        what = self.rng.random()
        if what < 0.4:
            self._strike_server()
            return
        if what < 0.6:
            self._kill_node()
            return
        clients = [program for program in self.stable.running() if program is not self.server]
        if clients:
            self._hurt(self.rng.choice(clients), "client")

    def _strike_server(self) -> None:
        self._hurt(self.server, "server")
        self._restart_server()

    def _kill_node(self) -> None:
        """The process that owns a home, behind the back of its programs."""
        places = sorted(self.homes.glob("*/node.json"))
        if places:
            with suppress(OSError, ValueError):  # it is just ending
                os.kill(json.loads(self.rng.choice(places).read_bytes())["pid"], signal.SIGKILL)
                self.strikes["node killed"] += 1

    def _kill_server(self) -> None:
        self.strikes["server killed"] += self.server.kill()
        self._restart_server()

    def _restart_server(self) -> None:
        if self.server.is_running:
            return
        if not self.server.was_killed:
            raise PromiseBroken(f"the server ended by itself: {self.server.complaints()}")
        time.sleep(self.rng.choice([0.0, 0.0, self.rng.uniform(0.0, 3.0)]))
        self.server = self._serve()

    def _hurt(self, victim: Program, what: str) -> None:
        if self.rng.random() < 0.75:
            self.strikes[f"{what} killed"] += victim.kill()
        elif victim.stop():
            self.strikes[f"{what} frozen"] += 1
            time.sleep(self.rng.choice([0.1, 0.5, self.rng.uniform(0.0, 4.0)]))
            victim.go_on()

    # ---- afterwards ----

    def _drain(self) -> None:
        """In peace: what is still queued in a home goes out before anything that is said there later."""
        last = [(person, person.next_text()) for person in self.people]
        sends = [person.program("send", "--timeout", f"{self._drain_s:g}", ROOM, text) for person, text in last]
        for (person, text), program in zip(last, sends, strict=True):
            self.ledger.typed[text].was_sent = program.wait(_DRAIN_LIMIT_S) == 0
            if not self.ledger.typed[text].was_sent:
                person.problems.append(f"{person.name} cannot get rid of what is queued: {program.complaints()}")

    def verdict(self) -> list[str]:
        problems = [problem for person in self.people for problem in person.problems]
        add_histories(self.ledger, self.people)
        self.server.ask_to_end()
        if self.server.wait(_START_LIMIT_S) != 0:
            problems.append(f"the server did not end well: {self.server.complaints()}")
        try:
            add_server_log(self.ledger, self.data)
        except PromiseBroken as broken:
            problems.append(str(broken))
        for person in self.people:
            problems += problems_of_printed(self.ledger, person)
        return problems + list(problems_of(self.ledger))

    def close(self, *, keep: bool) -> None:
        for person in self.people:
            person.end()
        self.stable.clear()
        end_nodes(self.homes)
        if keep:
            print(f"all files are in {self.folder}")
        else:
            # A database takes its own files away when its last program has ended, which may be just now.
            shutil.rmtree(self.folder, onerror=_unless_gone)


def _unless_gone(_: object, __: str, problem: tuple[type[BaseException], BaseException, object]) -> None:
    if not isinstance(problem[1], FileNotFoundError):
        raise problem[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--problems", type=int, default=20, help="how many broken promises to tell")
    parser.add_argument("--drain", type=float, default=_DRAIN_S, help="seconds for what is queued at the end to go out")
    parser.add_argument("--program", type=Path, help="a Python file to run in place of lanline")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"seed {seed}, {options.minutes} minutes", flush=True)
    # To be asked to end is no reason to leave servers behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    command = (sys.executable, str(options.program)) if options.program else LANLINE
    chaos = Chaos(seed, options.minutes, command, drain_s=options.drain)
    problems = ["it did not come to a verdict"]
    try:
        chaos.run()
        problems = chaos.verdict()
    except PromiseBroken as broken:
        problems = [str(broken)]
    finally:
        chaos.close(keep=bool(problems))
    _report(chaos, problems, most=options.problems)
    return 1 if problems else 0


def _report(chaos: Chaos, problems: list[str], *, most: int) -> None:
    typed = chaos.ledger.typed.values()
    acknowledged = sum(each.was_sent for each in typed)
    standing = sum(len(entries) for entries in chaos.ledger.logs.values())
    print(", ".join(f"{count} times {what}" for what, count in sorted(chaos.strikes.items())) or "nothing was struck")
    shown = sum(len(run) for person in chaos.people for run in person.runs)
    print(f"{len(typed)} messages typed, {acknowledged} acknowledged, {standing} in the log, {shown} shown")
    print(f"{len(problems)} promises broken" if problems else "nothing acknowledged was lost, doubled or reordered")
    for problem in problems[:most]:
        print(f"  {problem}")


if __name__ == "__main__":
    sys.exit(main())
