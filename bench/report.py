"""Where the figures go: docs/benchmarks.md between markers, and docs/benchmarks.json.

Only the sections that were measured are written anew; everything else in the document is somebody else's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from section import Section

TITLE = "# Benchmarks\n"


def section_text(section: Section, conditions: Mapping[str, str], commands: Mapping[str, str] = {}) -> str:
    """`commands`: of each row, where they are of several runs."""
    told = [(name, value) for name, value in conditions.items() if name != "command" or not commands]
    told += [("command", value) for value in dict.fromkeys(commands.values())]
    facts = "\n".join(f"- {name}: {_code(name, value)}" for name, value in told)
    images = (f"![{section.title}]({image})" for image in section.images)
    return "\n\n".join((f"## {section.title}", section.setting, *section.tables, *images, facts))


def _code(name: str, value: str) -> str:
    return f"`{value}`" if name == "command" else value


def commands_before(figures: Path, name: str, rows: Sequence[str]) -> dict[str, str]:
    """By which command each of these rows was measured that stand in the section; as far as it was noted."""
    if not figures.exists() or (section := json.loads(figures.read_text(encoding="utf-8")).get(name)) is None:
        return {}
    noted: dict[str, str] = section.get("commands") or dict.fromkeys(rows, section["conditions"]["command"])
    return noted


def write_document(
    path: Path, section: Section, conditions: Mapping[str, str], commands: Mapping[str, str] = {}
) -> None:
    document = path.read_text(encoding="utf-8") if path.exists() else TITLE
    text = section_text(section, conditions, commands)
    path.write_text(replaced(document, section.name, text), encoding="utf-8")


def replaced(document: str, name: str, text: str) -> str:
    """The document with this section's text in place of what stood between its markers, or added at the end."""
    begin, end = f"<!-- bench {name}: written by bench/run.py -->", f"<!-- bench {name}: end -->"
    block = f"{begin}\n{text}\n{end}"
    before, found, rest = document.partition(begin)
    if not found:
        return f"{document.rstrip()}\n\n{block}\n"
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"the section {name!r} has no end marker")
    return f"{before}{block}{after}"


def write_figures(
    path: Path, section: Section, conditions: Mapping[str, str], commands: Mapping[str, str] = {}
) -> None:
    figures = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    noted = {"commands": dict(commands)} if commands else {}
    figures[section.name] = {"conditions": dict(conditions), **noted, "figures": section.figures}
    path.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
