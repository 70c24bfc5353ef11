"""An action names a draft by the id that it has, or there is no action."""

import json
from datetime import date
from pathlib import Path

import cds
import pytest

from cds_hooks.request import read_request
from cds_hooks.services.order_safety import HOOKS, Bench, answer
from clinical.policy import default_policy
from ehr.decode import encode

EXAMPLE = Path(__file__).parents[3] / "examples" / "order-sign.json"


@pytest.mark.parametrize("around", ["", "\n", " ", "\u2028"])
def test_a_blank_around_the_id_of_a_draft_leaves_it_without_actions(around):
    body = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    draft = body["context"]["draftOrders"]["entry"][0]["resource"]
    draft["id"] += around
    body["context"].pop("selections", None)
    bench = Bench(default_policy(), iter(map(str, range(1000))).__next__, "https://t.example")
    request = read_request(json.dumps(body).encode(), HOOKS)
    answered = json.loads(encode(answer(request, date(2026, 11, 23), bench).body))
    assert cds.faults(answered, body) == []
    order_card, *_ = answered["cards"]
    assert bool(order_card.get("suggestions")) == (around == "")
