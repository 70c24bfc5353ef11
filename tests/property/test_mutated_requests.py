"""Whatever an EHR sends: an answer that the judge accepts, or a refusal that names the field."""

import copy
import json
import random
from datetime import date
from pathlib import Path

import cds
import pytest

from cds_hooks.request import BadRequest, read_request
from cds_hooks.services.order_safety import HOOKS, Bench, NothingDecided, answer
from clinical.policy import default_policy
from ehr.decode import encode

STORY = json.loads(
    (Path(__file__).parents[2] / "examples" / "order-sign.json").read_text(encoding="utf-8")
)
JUNK = [
    None,
    True,
    0,
    -1,
    7,
    1e308,
    10**30,
    "",
    " ",
    "x",
    "NaN",
    "2026-02-30",
    "9999-12-31",
    "0001-01-01",
    "<script>",
    "💊" * 50,
    "\u0000",
    "Patient/../../x",
    "a" * 5000,
    [],
    {},
    [None],
    [[[]]],
    {"a": 1},
    [{}],
    {"value": "1,5"},
    {"resourceType": "Bundle"},
    {"reference": "#"},
]


def paths(value, path=()):
    """Every place in the document."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from paths(inner, (*path, number))


PATHS = [path for path in paths(STORY) if path]


def mutated(dice: random.Random):
    """The story with one to four places dropped, doubled, swapped or filled with junk."""
    body = copy.deepcopy(STORY)
    for _ in range(dice.randint(1, 4)):
        *way, last = dice.choice(PATHS)
        holder = body
        try:
            for step in way:
                holder = holder[step]
            match dice.randrange(4):
                case 0:
                    del holder[last]
                case 1:
                    holder[last] = copy.deepcopy(dice.choice(JUNK))
                case 2:
                    holder[last] = [holder[last], holder[last]]
                case 3:
                    *_, other = dice.choice(PATHS)
                    holder[last] = holder[other]
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # an earlier mutation took that place away
    return body


def judge(body) -> str:
    """What became of the request."""
    bench = Bench(default_policy(), iter(map(str, range(10**6))).__next__, "https://t.example")
    try:
        request = read_request(json.dumps(body).encode(), HOOKS)
        found = answer(request, date(2026, 11, 23), bench)
    except BadRequest as refused:
        return "refused" if refused.field else "refused without a field"
    except NothingDecided:
        return "undecided"
    answered = json.loads(encode(found.body))
    asked = {
        "context": {"draftOrders": {"entry": [{"resource": d.resource} for d in request.drafts]}}
    }
    assert cds.faults(answered, asked) == []
    assert len(cds.results_of(answered)) == 4
    return "answered"


def run(count: int, seed: int) -> set[str]:
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    seen = set()
    for number in range(count):
        body = mutated(dice)
        try:
            seen.add(judge(body))
        except Exception as error:
            raise AssertionError(f"mutation {number} of seed {seed}: {json.dumps(body)}") from error
    return seen


def test_a_sample_of_mutated_requests_is_answered_or_refused():
    assert run(400, seed=20261123) >= {"answered", "refused"}


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_twenty_thousand_mutated_requests_are_answered_or_refused(seed):
    assert run(5_000, seed=seed) == {"answered", "refused", "undecided"}
