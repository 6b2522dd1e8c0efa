import math

import pytest

from section import percentile, table


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (1.0, 100.0)])
def test_percentile_is_a_measured_value(share: float, value: float) -> None:
    assert percentile([float(number) for number in range(1, 101)], share) == value


def test_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 0.99) == 7.0


def test_missing_values_reach_the_percentile_that_they_make_up() -> None:
    ordered = [10.0] * 98 + [math.inf] * 2
    assert percentile(ordered, 0.98) == 10.0
    assert percentile(ordered, 0.99) == math.inf


def test_table_is_markdown_with_aligned_columns() -> None:
    assert table(["a", "long"], [["row", "1"]]) == "| a   | long |\n|-----|------|\n| row | 1    |"
