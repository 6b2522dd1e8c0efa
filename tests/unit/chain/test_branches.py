"""A restored server takes the line of the chain that most accounts are on, and decides nothing by chance."""

from __future__ import annotations

from grouphouse.people import Person, Story, founded
from lanline.chain.branches import longest_shared
from lanline.chain.state import Chain


def lines() -> tuple[Chain, list[Person], Chain, Chain]:
    """What the server has, its members, and two lines on from there: the second by who is removed in the first."""
    story, people = founded("ana", "bo", "cy", "di", "eve")
    ana, bo = people[:2]
    story.role(ana, bo, 1)  # type: ignore[arg-type]
    own = story.chain
    other = Story(own)
    story.remove(ana, bo)
    other.remove(bo, ana)
    return own, people, story.chain, other.chain


def test_the_line_that_most_are_on_is_taken_at_its_longest() -> None:
    own, [ana, bo, cy, di, _], true, other = lines()
    longer = Story(true)
    longer.policy(ana)
    assert longest_shared(own, {ana.id: true, bo.id: other, cy.id: longer.chain, di.id: own}) == longer.chain


def test_a_tie_waits() -> None:
    own, [ana, bo, cy, *_], true, other = lines()
    assert longest_shared(own, {ana.id: true, bo.id: other, cy.id: own}) is None


def test_too_few_accounts_decide_nothing_and_strangers_do_not_count() -> None:
    own, [ana, _, cy, *_], true, _ = lines()
    assert longest_shared(own, {ana.id: true, cy.id: true}) is None
    assert longest_shared(own, {ana.id: true, cy.id: true, Person("stranger").id: true}) is None


def test_where_nobody_has_more_the_server_goes_on_with_its_own() -> None:
    own, [ana, bo, cy, *_], _, _ = lines()
    fork, _ = founded("ana", "zoe", "x", "y", "z", "w", "v", "u")
    assert longest_shared(own, {ana.id: own, bo.id: Chain(), cy.id: fork.chain}) == own
