"""A backup that is older than what happened to the group is put back: its people mend that, and nobody comes back."""

from __future__ import annotations

import json
import time
from pathlib import Path

import msgspec

from e2e.house import PASSWORD, command
from e2e.nodes import end_nodes
from e2e.town import LIMIT_S, Town, parsed
from lanline.client.pin import joined_pin, write_pin
from serverhouse.ports import free_port


def done(town: Town, name: str, *words: str) -> str:
    result = town.run(name, *words)
    assert result.returncode == 0, result.stderr
    return result.stdout


def back_up(town: Town, data: str = "data") -> Path:
    file = town.folder / f"{data}.tar"
    result = command("admin", "backup", str(file), "--data", str(town.folder / data))
    assert result.returncode == 0, result.stderr
    return file


def put_back(town: Town, file: Path, data: str) -> None:
    town.close()
    result = command("admin", "restore", str(file), "--data", str(town.folder / data))
    assert result.returncode == 0, result.stderr


def chain(town: Town, data: str, *words: str) -> dict[str, object]:
    result = command("admin", "chain", "--json", *words, "--data", str(town.folder / data))
    assert result.returncode == 0, result.stderr
    return parsed(result.stdout.splitlines()[-1]) if result.stdout.count("\n") == 1 else json.loads(result.stdout)


def busy_day(town: Town) -> str:
    """After the backup: cai comes by a link of ann, ben is sent away, and ann makes another link, which is returned."""
    link = done(town, "ann", "invite").splitlines()[0]
    assert town.run("cai", "join", link, "--name", "cai", LANLINE_PASSWORD=PASSWORD).returncode == 0
    done(town, "cai", "send", "#lobby", "here I am")
    banned = town.run("ann", "admin", "ban", "ben")
    assert banned.returncode == 0, banned.stderr
    done(town, "ann", "send", "#lobby", "without ben")
    return done(town, "ann", "invite").splitlines()[0]


def test_a_restore_in_the_middle_of_a_busy_day_is_mended_by_those_who_were_there(town: Town) -> None:
    known = done(town, "ann", "invite").splitlines()[0]
    file = back_up(town)
    link = busy_day(town)
    put_back(town, file, "restored")
    town.open("restored")
    # The link is newer than the backup: nobody is let in by it, and it says so.
    refused = town.run("dan", "join", link, "--name", "dan", LANLINE_PASSWORD=PASSWORD)
    assert refused.returncode == 1
    assert "waits for its members" in refused.stderr or "invite" in refused.stderr
    # Who was invited before the backup as well: in one sentence, and not after the 30 s for which a server is called.
    refused = town.run("dan", "join", known, "--name", "dan", "--timeout", "59", LANLINE_PASSWORD=PASSWORD)
    assert refused.returncode == 1
    told = "The server was restored, and waits for its members: it takes nobody new for some minutes."
    assert refused.stderr == f"lanline: {told}\n"
    waits = town.run("cai", "send", "#lobby", "from cai, who came after the backup", "--timeout", "5")
    assert waits.returncode == 75, waits.stderr
    assert "older than this device" in waits.stderr
    assert town.run("cai", "join", f"127.0.0.1:{town.port}").stderr == f"lanline: {told}\n"
    waits = town.run("ann", "send", "#lobby", "not for ben", "--timeout", "5")
    assert waits.returncode == 75, waits.stderr
    assert "by which ben can read again" in waits.stderr
    found = chain(town, "restored")
    assert found["gathering"] is True
    [branch] = found["branches"]  # type: ignore[misc]
    assert (branch["told_by"], branch["comes"], branch["goes"]) == (["ann"], ["cai"], ["ben"])  # type: ignore[call-overload]
    assert chain(town, "restored", "--take", branch["head"][:8])["gathering"] is False  # type: ignore[call-overload]
    assert "banned" in town.run("ben", "rooms", "--timeout", "5").stderr
    # What waited has gone out; cai's account was lost with the rest, and is there again with her device.
    assert town.texts("ann", "#lobby")[-1] == "not for ben"
    assert "#lobby" in done(town, "cai", "rooms")
    limit = time.monotonic() + LIMIT_S
    while "from cai, who came after the backup" not in town.texts("ann", "#lobby"):
        assert time.monotonic() < limit
        time.sleep(0.2)
    assert done(town, "ann", "invite").startswith("lanline://")
    assert "nothing is to be decided" in done(town, "ann", "chain")


def test_two_restores_in_a_row_and_a_move_to_another_port_at_once(town: Town) -> None:
    file = back_up(town)
    busy_day(town)
    put_back(town, file, "first")
    town.open("first")
    town.run("ann", "rooms", "--timeout", "5")
    put_back(town, file, "second")
    end_nodes(town.folder)
    town.port = free_port()
    for name in ("ann", "ben", "cai"):
        write_pin(town.folder / name, msgspec.structs.replace(joined_pin(town.folder / name), port=town.port))
    town.open("second")
    limit = time.monotonic() + LIMIT_S
    while chain(town, "second")["gathering"]:  # until every device of the backup has told: then nothing more can come
        assert time.monotonic() < limit
        time.sleep(0.2)
        for name in ("ann", "ben"):
            town.run(name, "rooms")
    done(town, "ann", "send", "#lobby", "all is as it was")
    assert town.texts("ann", "#lobby")[-1] == "all is as it was"
    assert "#lobby" in done(town, "cai", "rooms")
    assert "banned" in town.run("ben", "rooms", "--timeout", "5").stderr
