import json
from pathlib import Path

import pytest

import run
import sealing
from report import replaced
from section import Options, Section

OTHER = "# Benchmarks\n\nWritten by hand.\n\n<!-- bench smtp: somebody else's -->\nkept\n<!-- bench smtp: end -->\n"


def test_new_section_is_added_at_the_end() -> None:
    document = replaced(OTHER, "bulk", "## Bulk")
    assert document.startswith(OTHER.rstrip())
    assert document.endswith("## Bulk\n<!-- bench bulk: end -->\n")


def test_section_is_replaced_where_it_stands_and_others_are_kept() -> None:
    first = replaced(OTHER, "bulk", "old") + "\nMore by hand.\n"
    second = replaced(first, "bulk", "new")
    assert second == first.replace("old", "new")


def test_document_without_an_end_marker_is_not_touched() -> None:
    with pytest.raises(ValueError, match="no end marker"):
        replaced("<!-- bench bulk: written by bench/run.py -->\n", "bulk", "new")


def test_rows_of_several_runs_stand_with_the_commands_of_all_that_have_rows_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def measured(_: Options) -> Section:
        return Section(sealing.NAME, "Sealing", "", (), {})

    def commands(*words: str) -> list[str]:
        run.main(["--only", "sealing", "--out", str(tmp_path), *words])
        document = (tmp_path / "benchmarks.md").read_text()
        told = [line.partition("--out ")[2] for line in document.splitlines() if line.startswith("- command")]
        return [line.removeprefix(f"{tmp_path} ").rstrip("`") for line in told]

    monkeypatch.setitem(run.PARTS, sealing.NAME, measured)
    assert commands("--rows", "words;epochs") == ["--rows words;epochs"]
    assert commands("--add", "--rows", "chain") == ["--rows words;epochs", "--add --rows chain"]
    assert commands("--add", "--rows", "words") == ["--add --rows words", "--rows words;epochs", "--add --rows chain"]
    assert commands("--add", "--rows", "epochs;words") == ["--add --rows epochs;words", "--add --rows chain"]
    assert commands("--rows", "memory") == ["--rows memory"]
    noted = json.loads((tmp_path / "benchmarks.json").read_text())[sealing.NAME]["commands"]
    assert list(noted) == ["memory"]
