"""What sealing costs, each figure beside its baseline in the same run: `python bench/sealing.py`.

CPU time of one thread, in microseconds; the library draws its randomness from the operating system. Each figure is the
median of several rounds, and a ratio that of the rounds in which both were measured one after the other.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from section import table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from grouphouse.people import InviteKeys, Person, founded
from lanline.crypto.groups import ids
from lanline.crypto.groups.epochs import commitment_of
from lanline.crypto.groups.keys import SealingKey, SigningKey, box_info, seal_box, verify
from lanline.crypto.groups.said import RunKeys, Where, open_words, seal_words, vouched
from lanline.proto.chain.epochs import RecipientKind, group_readers
from lanline.proto.chain.rules import follow
from lanline.proto.chain.scopes import pair_scope
from lanline.proto.chain.state import Chain
from lanline.wire.sealing.entries import LetIn
from lanline.wire.sealing.said import Header, Words
from lanline.wire.sealing.strict import ZEROS, encode_strictly

PEOPLE = (50, 1000, 2000)
TEXT = b"x" * 120
Work = Callable[[], object]


def cpu_us(work: Work, count: int) -> float:
    started = time.process_time()
    for _ in range(count):
        work()
    return (time.process_time() - started) / count * 1e6


def compared(work: Work, baseline: Work, rounds: int, counts: tuple[int, int]) -> tuple[float, float, float]:
    """The cost of both, and the ratio."""
    pairs = [(cpu_us(work, counts[0]), cpu_us(baseline, counts[1])) for _ in range(rounds)]
    costs, baselines = zip(*pairs, strict=True)
    ratio = statistics.median(cost / base for cost, base in pairs)
    return statistics.median(costs), statistics.median(baselines), ratio


def row(name: str, figures: tuple[float, float, float], bar: str, share: int = 1) -> list[str]:
    cost, baseline, ratio = figures
    return [name, f"{cost / share:.1f}", f"{baseline / share:.1f}", f"{ratio:.2f}", bar]


def of_words(rounds: int, count: int) -> list[list[str]]:
    signer = SigningKey(os.urandom(32))
    device_id, room_key = ids.device_id_of(signer.public_bytes), os.urandom(32)
    header = Header(os.urandom(16), device_id, os.urandom(16), b"")
    where = Where(os.urandom(32), os.urandom(32), os.urandom(16))
    keys = RunKeys(room_key, device_id, header.run)

    def said(n: int, prev: bytes) -> tuple[bytes, bytes]:
        words = Words(n, prev, 1_700_000_000_000, 100, ZEROS, bytes(8), n, ZEROS, (), TEXT)
        return seal_words(keys, signer, header, where, encode_strictly(words), os.urandom(32))

    content, _ = said(0, ZEROS)
    signature = signer.sign(TEXT)
    run, prev = [], ZEROS
    for n in range(200):
        sealed, prev = said(n, prev)
        run.append(sealed)

    def page() -> list[bool]:
        return vouched(lambda _device: signer.public_bytes, [open_words(keys, where, each) for each in run])

    def live() -> list[bool]:
        return vouched(lambda _device: signer.public_bytes, [open_words(keys, where, content)])

    assert all(page() + live())
    checks = compared(page, lambda: verify(signer.public_bytes, signature, TEXT), rounds, (max(1, count // 200), count))
    return [
        row(
            "seal and sign a text",
            compared(lambda: said(0, ZEROS), lambda: signer.sign(TEXT), rounds, (count, count)),
            "4",
        ),
        row(
            "open and check one live",
            compared(live, lambda: verify(signer.public_bytes, signature, TEXT), rounds, (count, count)),
            "2.5",
        ),
        row("200 of one run, in one page: each", (checks[0] / 200, checks[1], checks[2] / 200), ""),
    ]


def of_epoch(people: int, rounds: int) -> list[str]:
    """Boxes for everybody and the statement; the baseline seals to the same keys and does nothing else."""
    story, [ana] = founded("ana")
    publics = [SealingKey(os.urandom(32)).public_bytes for _ in range(people)]
    recipients = [(RecipientKind.ACCOUNT, os.urandom(32), 1) for _ in range(people)]
    chain, scope, secret = story.chain, story.chain.group_id, os.urandom(32)

    def begin() -> None:
        group_readers(chain, story.time_ms)
        commitment = commitment_of(secret, scope, chain.height, chain.head)
        for public, (kind, recipient, generation) in zip(publics, recipients, strict=True):
            seal_box(public, box_info(scope, commitment, kind, recipient, generation), secret)
        story.epoch(ana.device, scope, secret)

    def seals_alone() -> None:
        for public in publics:
            seal_box(public, b"", secret)

    return row(f"a new epoch for {people}: each", compared(begin, seals_alone, rounds, (1, 1)), "1.5", people)


def of_chain(people: int, rounds: int) -> list[str]:
    """Everybody invited, joined and with a second device; the baseline checks as many signatures."""
    story, [ana] = founded("ana")
    for number in range(people):
        person, invite = Person(f"person {number}"), InviteKeys(number)
        story.invite(ana, invite)
        story.join(person, invite)
        story.add_device(person, person.new_device())
    signer = SigningKey(os.urandom(32))
    signature = signer.sign(TEXT)

    def check() -> None:
        chain = Chain()
        for suite, content in story.log:
            chain, reason = follow(chain, suite, content)
            assert reason is None

    def checks_alone() -> None:
        for _ in range(5 * people + 1):
            verify(signer.public_bytes, signature, TEXT)

    figures = compared(check, checks_alone, rounds, (1, 1))
    size_kb = sum(len(content) for _, content in story.log) / 1000
    return row(f"a chain of {people} people ({size_kb:.0f} kB): a person", figures, "", people)


def of_pair(rounds: int, count: int) -> list[str]:
    """The first word to somebody: two boxes and a statement, before the word itself. The baseline: two seals alone."""
    story, [ana, ben] = founded("ana", "ben")
    chain, secret = story.chain, os.urandom(32)
    scope = pair_scope(chain, ana.id, ben.id)
    publics = [SealingKey(os.urandom(32)).public_bytes for _ in range(2)]

    def begin() -> None:
        commitment = commitment_of(secret, scope.id, chain.height, chain.head)
        for public, reader in zip(publics, scope.readers(0), strict=True):
            seal_box(public, box_info(scope.id, commitment, reader.kind, reader.id, reader.generation), secret)
        story.epoch(ana.device, scope.id, secret)

    def seals_alone() -> None:
        for public in publics:
            seal_box(public, b"", secret)

    return row("the epoch of a pair", compared(begin, seals_alone, rounds, (count, count)), "")


def of_room(people: int, rounds: int) -> list[str]:
    """Everybody let into a private room one by one, and replayed by who comes; the baseline: as many checks."""
    names = [f"person {number}" for number in range(people)]
    story, [owner, *others] = founded("owner", *names)
    room_id = story.found_room(owner, "board")
    for each in others:
        story.write_in_room(room_id, LetIn, owner, accounts=(each.id,))
    signer = SigningKey(os.urandom(32))
    signature = signer.sign(TEXT)

    def replay_alone() -> None:
        assert len(story.room(room_id).members) == people + 1

    def checks_alone() -> None:
        for _ in range(people + 1):
            verify(signer.public_bytes, signature, TEXT)

    figures = compared(replay_alone, checks_alone, rounds, (1, 1))
    return row(f"a private room of {people}, replayed: an entry", figures, "", people)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=1000, help="of what is quick, in each round")
    parser.add_argument("--people", type=int, nargs="*", default=PEOPLE)
    options = parser.parse_args()
    rows = of_words(options.rounds, options.count)
    rows += [of_epoch(people, options.rounds) for people in options.people]
    rows.append(of_pair(options.rounds, max(1, options.count // 10)))
    rows.append(of_room(min(options.people), min(options.rounds, 3)))
    rows.append(of_chain(max(options.people), min(options.rounds, 3)))
    print(table(("what", "us", "baseline us", "ratio", "at most"), rows))


if __name__ == "__main__":
    main()
