"""The order that is answered before the service is ready."""

from clinical.drug import tables
from taperguard import warm


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
