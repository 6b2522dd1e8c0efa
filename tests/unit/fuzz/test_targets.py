"""Whatever parses or judges sealed things is reached by a fuzzer, from the inputs that it begins with."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from types import FrameType

import lanline

ROOT = Path(lanline.__file__).parent
PARTS = "wire/sealing", "crypto/groups", "chain"
PREFIXES = "decode_", "split_", "open_", "judge_", "check_", "full_entry_", "founding_", "scope_named"
TARGETS = "chain", "contents", "keyfiles", "sealedboxes", "sealednode", "sealedwords"


def parsers() -> set[tuple[str, str]]:
    """By file and name."""
    return {
        (str(path), each.name)
        for part in PARTS
        for path in (ROOT / part).glob("*.py")
        for each in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(each, ast.FunctionDef) and each.name.startswith(PREFIXES)
    }


def test_every_parser_of_sealed_things_is_reached_by_a_fuzzer() -> None:
    wanted, reached = parsers(), set[tuple[str, str]]()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            reached.add((frame.f_code.co_filename, frame.f_code.co_name))

    for name in TARGETS:
        target = importlib.import_module(f"targets.{name}")
        seeds = target.seeds()
        sys.setprofile(note)
        try:
            for each in seeds:
                target.fuzz_one(each)
        finally:
            sys.setprofile(None)
    assert len(wanted) > 20
    assert sorted(wanted - reached) == []
