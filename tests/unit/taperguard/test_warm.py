"""The order that is answered before the service is ready."""

import gc

import pytest

from clinical.drug import tables
from ehr.decode import decode
from taperguard import warm
from taperguard.commands.serve import spare_what_stays


def test_the_made_up_order_has_read_the_tables_and_made_a_card(monkeypatch):
    """A dose, a taper and its words: whatever the first real order would have waited for."""
    answered = []
    answer = warm.answer

    def listen(*arguments):
        answered.append(answer(*arguments))
        return answered[-1]

    monkeypatch.setattr(warm, "answer", listen)
    warm.warm_up()
    (card,) = answered[0].body["cards"]
    assert card["suggestions"]
    assert tables.products.cache_info().currsize


@pytest.fixture
def searches():
    """The searches for garbage since the test began; afterwards they are as they were."""
    thresholds, begun = gc.get_threshold(), []

    def listen(phase, _):
        begun.append(phase)

    gc.callbacks.append(listen)
    yield begun
    gc.callbacks.remove(listen)
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_a_large_chart_sets_off_no_search_for_garbage(searches):
    """2,000 records of four objects each: more than 40 KB of prefetch hold."""
    spare_what_stays()
    searches.clear()
    chart = decode(b'[{"code":{"coding":[{}]}}' + b',{"code":{"coding":[{}]}}' * 1_999 + b"]")
    assert len(chart) == 2_000
    assert searches == []
