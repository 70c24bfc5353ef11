"""What an EHR may report about a card, and what is refused with the field's name."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cds_hooks.feedback import LONGEST_COMMENT, MOST_REPORTS, read_feedback
from cds_hooks.request import BadRequest
from store.feedback import Feedback, Outcome, OverrideReason

CARD = "4e0a3a1e-3283-4575-ab82-028d55fe2719"
SUGGESTION = "e56e1945-20b3-4393-8503-a1a20fd73152"
ACCEPTED: dict[str, Any] = {
    "card": CARD,
    "outcome": "accepted",
    "acceptedSuggestions": [{"id": SUGGESTION}],
    "outcomeTimestamp": "2026-11-23T15:30:00Z",
}
OVERRIDDEN: dict[str, Any] = {
    "card": CARD,
    "outcome": "overridden",
    "overrideReason": {
        "reason": {"system": "https://ehr.example/reasons", "code": "d7ecf885", "display": "Plan"},
        "userComment": "Discussed at length.",
    },
    "outcomeTimestamp": "2026-11-23T15:30:00Z",
}
HALF_PAST_THREE = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)


def read(*reports: object) -> tuple[Feedback, ...]:
    return read_feedback(json.dumps({"feedback": list(reports)}).encode())


def changed(report: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy with one value changed; ... removes it."""
    copied = copy.deepcopy(report)
    *holders, last = path.split(".")
    holder = copied
    for name in holders:
        holder = holder[name]
    holder[last] = value
    if value is ...:
        del holder[last]
    return copied


def refused(*reports: object) -> str:
    with pytest.raises(BadRequest) as error:
        read(*reports)
    return error.value.field


def test_an_accepted_suggestion_is_read() -> None:
    assert read(ACCEPTED) == (Feedback(CARD, Outcome.ACCEPTED, HALF_PAST_THREE, (SUGGESTION,)),)
    assert read(ACCEPTED)[0].notes == ()


def test_an_override_is_read_with_its_reason_and_comment() -> None:
    (report,) = read(OVERRIDDEN)
    assert report == Feedback(
        card=CARD,
        outcome=Outcome.OVERRIDDEN,
        outcome_timestamp=HALF_PAST_THREE,
        reason=OverrideReason("https://ehr.example/reasons", "d7ecf885", "Plan"),
        user_comment="Discussed at length.",
    )
    assert report.notes == ()


def test_an_override_needs_no_reason() -> None:
    """CDS Hooks 2.0, Overridden guidance: dismissed without saying why."""
    (report,) = read(changed(OVERRIDDEN, "overrideReason", ...))
    assert (report.reason, report.user_comment) == (None, None)


def test_several_reports_keep_their_order() -> None:
    assert [r.outcome for r in read(OVERRIDDEN, ACCEPTED, OVERRIDDEN)] == [
        Outcome.OVERRIDDEN,
        Outcome.ACCEPTED,
        Outcome.OVERRIDDEN,
    ]


def test_a_comment_does_not_show_in_the_report_s_repr() -> None:
    """A repr may end in a traceback or a debugger's log."""
    text = repr(read(OVERRIDDEN))
    assert "Discussed" not in text
    assert "Plan" not in text
    assert CARD in text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-23T15:30:00.123456789Z", HALF_PAST_THREE.replace(microsecond=123456)),
        ("2026-11-23t15:30:00z", HALF_PAST_THREE),
        ("2026-11-23T10:30:00-05:00", HALF_PAST_THREE),  # 10:30 + 5 h
        ("2026-11-24 01:30:00+10:00", HALF_PAST_THREE),  # 01:30 - 10 h is the day before
    ],
)
def test_an_instant_is_moved_to_utc(written: str, meant: datetime) -> None:
    (report,) = read(changed(ACCEPTED, "outcomeTimestamp", written))
    assert report.outcome_timestamp == meant
    assert report.outcome_timestamp.utcoffset() == HALF_PAST_THREE.utcoffset()


@pytest.mark.parametrize(
    "written",
    [
        ...,
        None,
        "",
        1_764_000_000,
        "2026-11-23",
        "2026-11-23T15:30Z",
        "2026-11-23T15:30:00",  # whose clock?
        "2026-11-23T15:30:00Z UTC",
        "2026-11-31T15:30:00Z",
        "2026-11-23T15:30:00+24:00",
        "0001-01-01T00:00:00+23:00",
        "9999-12-31T23:59:59-23:00",
        "1985-04-12T23:20:50.52Z",
    ],
)
def test_what_is_no_plausible_instant_is_refused(written: object) -> None:
    assert refused(changed(ACCEPTED, "outcomeTimestamp", written)) == (
        "feedback[0].outcomeTimestamp"
    )


@pytest.mark.parametrize(
    ("report", "path", "value", "field"),
    [
        (ACCEPTED, "card", ..., "card"),
        (ACCEPTED, "card", "card-1", "card"),
        (ACCEPTED, "card", 7, "card"),
        (ACCEPTED, "card", CARD + "0", "card"),
        (ACCEPTED, "outcome", ..., "outcome"),
        (ACCEPTED, "outcome", "ignored", "outcome"),
        (ACCEPTED, "outcome", ["accepted"], "outcome"),
        (ACCEPTED, "acceptedSuggestions", ..., "acceptedSuggestions"),
        (ACCEPTED, "acceptedSuggestions", [], "acceptedSuggestions"),
        (ACCEPTED, "acceptedSuggestions", [{}], "acceptedSuggestions[0].id"),
        (ACCEPTED, "acceptedSuggestions", [{"id": "Jane"}], "acceptedSuggestions[0].id"),
        (ACCEPTED, "acceptedSuggestions", [{"id": SUGGESTION}, 7], "acceptedSuggestions[1]"),
        (ACCEPTED, "acceptedSuggestions", [{"id": SUGGESTION}] * 51, "acceptedSuggestions"),
        (OVERRIDDEN, "overrideReason", "because", "overrideReason"),
        (OVERRIDDEN, "overrideReason.reason", "because", "overrideReason.reason"),
        (OVERRIDDEN, "overrideReason.reason.code", ["x"], "overrideReason.reason.code"),
        (OVERRIDDEN, "overrideReason.reason.code", "x" * 129, "overrideReason.reason.code"),
        (OVERRIDDEN, "overrideReason.reason.code", "a\0b", "overrideReason.reason.code"),
        (OVERRIDDEN, "overrideReason.reason.system", "a b", "overrideReason.reason.system"),
        (OVERRIDDEN, "overrideReason.reason.system", "u\0", "overrideReason.reason.system"),
        (OVERRIDDEN, "overrideReason.reason.system", "u" * 257, "overrideReason.reason.system"),
        (OVERRIDDEN, "overrideReason.reason.display", 7, "overrideReason.reason.display"),
        (OVERRIDDEN, "overrideReason.userComment", 7, "overrideReason.userComment"),
        (OVERRIDDEN, "overrideReason.userComment", "x" * 4001, "overrideReason.userComment"),
    ],
)
def test_an_unusable_report_is_refused_with_its_field(
    report: dict[str, Any], path: str, value: object, field: str
) -> None:
    assert refused(changed(report, path, value)) == f"feedback[0].{field}"
    assert refused(ACCEPTED, changed(report, path, value)) == f"feedback[1].{field}"


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"", "body"),
        (b"\xff", "body"),
        (b"[]", "body"),
        (b"[" * 100_000, "body"),
        (b"{}", "feedback"),
        (b'{"feedback": null}', "feedback"),
        (b'{"feedback": []}', "feedback"),
        (b'{"feedback": "x"}', "feedback"),
        (b'{"feedback": [7]}', "feedback[0]"),
        (b'{"feedback": [null]}', "feedback[0]"),
    ],
)
def test_what_holds_no_report_is_refused(raw: bytes, field: str) -> None:
    with pytest.raises(BadRequest) as error:
        read_feedback(raw)
    assert error.value.field == field


def test_two_hundred_reports_are_read_and_not_one_more() -> None:
    assert MOST_REPORTS == 200
    assert len(read(*[ACCEPTED] * 200)) == 200
    assert refused(*[ACCEPTED] * 201) == "feedback"


def test_four_thousand_characters_of_comment_are_read() -> None:
    """Characters, not bytes: an umlaut counts once."""
    assert LONGEST_COMMENT == 4_000
    (report,) = read(changed(OVERRIDDEN, "overrideReason.userComment", "ü" * 4_000))
    assert report.user_comment == "ü" * 4_000


def test_a_refusal_does_not_quote_what_was_written() -> None:
    with pytest.raises(BadRequest) as error:
        read(changed(OVERRIDDEN, "overrideReason.reason.code", ["Synthetic-Alder"]))
    assert "Alder" not in str(error.value)


@pytest.mark.parametrize(
    ("report", "path", "value"),
    [
        (ACCEPTED, "card", f"urn:uuid:{CARD}"),
        (ACCEPTED, "card", CARD.upper()),
        (ACCEPTED, "acceptedSuggestions", [SUGGESTION]),
        (ACCEPTED, "acceptedSuggestions", [{"uuid": SUGGESTION}]),
        (ACCEPTED, "acceptedSuggestions", {"id": SUGGESTION}),
        (OVERRIDDEN, "acceptedSuggestions", []),
        (
            OVERRIDDEN,
            "overrideReason",
            {**OVERRIDDEN["overrideReason"]["reason"], "userComment": "Discussed at length."},
        ),
    ],
)
def test_what_older_drafts_wrote_is_read_the_same_with_a_note(
    report: dict[str, Any], path: str, value: object
) -> None:
    (found,) = read(changed(report, path, value) if path in report else {**report, path: value})
    assert found == read(report)[0]
    assert len(found.notes) == 1


@pytest.mark.parametrize("body", [ACCEPTED, {"feedback": ACCEPTED}])
def test_one_report_without_its_list_is_read_with_a_note(body: dict[str, Any]) -> None:
    (found,) = read_feedback(json.dumps(body).encode())
    assert found == read(ACCEPTED)[0]
    assert len(found.notes) == 1


def test_a_reason_that_says_nothing_is_no_reason_and_is_noted() -> None:
    for empty in ({}, {"reason": {}}, {"reason": None, "userComment": "  "}):
        (found,) = read({**OVERRIDDEN, "overrideReason": empty})
        assert (found.reason, found.user_comment) == (None, None)
        assert "overrideReason held neither a reason nor a comment" in found.notes


def test_suggestions_of_an_overridden_card_are_read_as_written_and_noted() -> None:
    (found,) = read({**OVERRIDDEN, "acceptedSuggestions": [{"id": SUGGESTION}]})
    assert found.outcome is Outcome.OVERRIDDEN
    assert found.accepted_suggestions == (SUGGESTION,)
    assert found.notes == ("an overridden card had accepted suggestions",)
