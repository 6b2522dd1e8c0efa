import pytest

from report import replaced

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
