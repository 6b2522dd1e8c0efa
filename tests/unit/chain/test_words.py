"""Verified words stand only under an epoch of their conversation, and said by who read at the height that they name."""

from __future__ import annotations

import msgspec
import pytest

from grouphouse.people import chance, founded
from lanline.chain.epochs import Epoch, judge_epoch
from lanline.chain.reasons import Reason
from lanline.chain.scopes import Scope
from lanline.chain.words import judge_words
from lanline.wire.sealing.said import Words
from lanline.wire.sealing.strict import ZEROS

WORDS = Words(0, ZEROS, 0, 2, ZEROS, bytes(8), 0, ZEROS, (), b"hi")


@pytest.mark.parametrize("has_statements", [True, False])
def test_words_are_judged_at_the_height_that_they_name(has_statements: bool) -> None:
    story, [ana, bo] = founded("ana", "bo")
    group = story.chain.group_id
    scope = Scope(group, story.chain.is_member, has_statements)
    epoch = judge_epoch(story.chain, group, story.chain.is_member, (), story.epoch(ana.device, group, chance(1)))
    assert isinstance(epoch, Epoch)
    story.remove(ana, bo)
    chain, by_bo = story.chain, (bo.id, bo.device.id)
    assert judge_words(chain, scope, (epoch, 3), by_bo, WORDS, 4) is None
    gone = msgspec.structs.replace(WORDS, height=3)
    assert judge_words(chain, scope, (epoch, 3), by_bo, gone, 4) is Reason.DEVICE
    ahead = msgspec.structs.replace(WORDS, height=4)
    assert judge_words(chain, scope, (epoch, 3), by_bo, ahead, 4) is Reason.NOT_YET_THERE
    below = msgspec.structs.replace(WORDS, height=1)
    assert judge_words(chain, scope, (epoch, 3), by_bo, below, 4) is Reason.PLACE
    assert judge_words(chain, scope, (epoch, 3), (ana.id, bo.device.id), WORDS, 4) is Reason.DEVICE
    other = Scope(chance("another"), story.chain.is_member, has_statements)
    assert judge_words(chain, other, (epoch, 3), by_bo, WORDS, 4) is Reason.SCOPE
    nobody = Scope(group, lambda _account, _height: False, has_statements)
    assert judge_words(chain, nobody, (epoch, 3), by_bo, WORDS, 4) is Reason.RIGHTS
    later = judge_words(chain, scope, (epoch, 5), by_bo, WORDS, 4)
    assert later is (Reason.SCOPE if has_statements else None)
