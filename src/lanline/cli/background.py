"""Runs the node of a home in the background, for a face that needs it: `lanline agent --background`, which no person
types.

Loaded without the options of commands, which would double the time that it takes.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from lanline.cli.running import run
from lanline.client.node.process import HomeNode, NodeRuns, linger_s
from lanline.client.view.view import Problem, problem_of
from lanline.errors import HistoryProblem, LanlineError


def run_in_background(words: list[str]) -> None:
    """`words`: a descriptor to which it tells how its start went, and the home; before them --after and a descriptor
    that ends when there is a server to call.
    """
    *after, descriptor, home = words
    if after:
        os.read(int(after[1]), 1)
    node = HomeNode(Path(home), linger_s=linger_s())
    is_told = False

    def tell(problem: LanlineError | None = None) -> None:
        nonlocal is_told
        if not is_told:
            is_told = True
            _tell(int(descriptor), None if problem is None else problem_of(problem))

    with contextlib.suppress(OSError):
        os.setsid()
    try:
        run(node.run(tell))
    except NodeRuns:
        tell()
    except LanlineError as problem:
        tell(problem)
    except OSError as cause:
        where, why = cause.filename or home, cause.strerror or cause
        tell(HistoryProblem(f"{where} cannot be written: {why}. Lanline writes to its home; --home names another."))
        raise
    except KeyboardInterrupt:
        pass


def _tell(descriptor: int, problem: Problem | None) -> None:
    with contextlib.suppress(OSError):
        os.write(descriptor, msgspec.json.encode(problem))
        os.close(descriptor)
