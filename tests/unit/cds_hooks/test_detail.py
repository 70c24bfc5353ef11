"""The detail of a card: as Markdown, as plain text where nothing renders it, and short enough."""

from __future__ import annotations

from typing import Any

import cds

from clinical.findings import CheckId, Fired, NotEvaluable, Severity

ONE_MG = cds.CLONAZEPAM["1"]


def established(strength: str = "1", per_day: int = 2, **more: Any) -> dict[str, Any]:
    """Ordered again as it is taken."""
    product = cds.CLONAZEPAM[strength]
    return cds.request(
        [cds.order("new", product, per_day, status="draft")],
        medications=[cds.order("now", product, per_day)],
        **more,
    )


def detail(deal_with: Any, request: dict[str, Any], *fired: CheckId, **more: Any) -> str:
    found = {
        check: Fired(Severity.WARNING, "found", f"{check} was found", (), ("LABEL",), ("So.",))
        for check in fired or (CheckId.HIGH_DOSE,)
    }
    _, dealt = deal_with(request, found, only=True, **more)
    return str(dealt.cards[0]["detail"])


def rows(text: str) -> list[list[str]]:
    """The tables' rows as lists of rows, one list a table."""
    return [block.splitlines()[2:] for block in text.split("\n\n") if block.startswith("| From ")]


def test_a_long_taper_ends_after_a_dozen_rows_and_says_where_it_ends(deal_with: Any) -> None:
    """asam-2025 from 2 mg has 15 steps and reaches 0 after 343 days: 1 Nov 2027."""
    text = detail(deal_with, established())
    recommended, second = rows(text)
    assert len(recommended) == 12
    assert (
        "4 more rows; reaches 0 mg/day on 1 Nov 2027, after 343 days. The whole plan is in the "
        "planner." in text
    )
    assert second[-1].startswith("| 4 Jan 2027  |      0 |")


def test_each_row_has_its_day_dose_cut_and_tablets(deal_with: Any) -> None:
    """From 2 mg: 1.875 = 3 x 0.25 + 0.125 in the morning and 1 at night; 0.125 / 2 is 6.25 %."""
    first = rows(detail(deal_with, established()))[0][0]
    cells = [cell.strip() for cell in first.strip("|").split("|")]
    assert cells == [
        "23 Nov 2026",
        "1.875",
        "6.3 %",
        "morning 3 x 0.25 mg ODT + 1 x 0.125 mg ODT; night 1 x 1 mg",
    ]


def test_the_columns_stand_below_each_other_where_nothing_renders_a_table(deal_with: Any) -> None:
    head, _, *lines = [
        line for line in detail(deal_with, established()).splitlines() if line.startswith("|")
    ][:12]
    bars = [place for place, letter in enumerate(head) if letter == "|"][:4]
    for line in lines:
        assert [line[place] for place in bars] == ["|"] * 4


def test_many_large_cuts_are_counted(deal_with: Any) -> None:
    """The second pace from 2 mg: 1, 0.75, 0.5, 0.25 and 0 fall by more than 25 % in 14 days."""
    text = detail(deal_with, established())
    assert "More than 25 % within 14 days: 5 cuts, the first to 1 mg/day from 7 Dec 2026" in text


def test_dependence_is_said_once(deal_with: Any) -> None:
    assert "**Dependence**" in detail(deal_with, established())
    both = detail(deal_with, established(), CheckId.HIGH_DOSE, CheckId.ABRUPT_STOP)
    assert "**Dependence**" not in both


def test_what_accepting_does_names_the_horizon_and_every_order_to_end(deal_with: Any) -> None:
    text = detail(deal_with, established())
    assert (
        "**When accepting:** the new order becomes step one and takes the place of what is taken "
        "now. The drafts cover 28 days; later steps wait for the reassessment at each reduction. "
        "Discontinue when signing, or the doses add up:\n\n- clonazepam 1 mg tablet" in text
    )
    first = detail(deal_with, established(), first_step_only=True)
    assert "Only the first step is drafted; later steps wait" in first


def test_days_are_days_of_a_calendar_and_records_have_names(deal_with: Any) -> None:
    found = {
        CheckId.HIGH_DOSE: Fired(
            Severity.WARNING,
            "3 mg/day",
            "raised (ended on 2026-11-03); MedicationRequest/now: no dose in "
            "MedicationRequest/2026-11-03",
            (),
            ("LABEL",),
        ),
        CheckId.OLDER_ADULT: NotEvaluable("the drug of MedicationRequest/now, said on 2026-01-04"),
    }
    _, dealt = deal_with(established(), found, only=True)
    text = dealt.cards[0]["detail"]
    assert "Raised (ended on 3 Nov 2026); clonazepam 1 mg tablet: no dose in " in text
    # An id may look like a day.
    assert "MedicationRequest/2026-11-03." in text
    assert "The drug of clonazepam 1 mg tablet, said on 4 Jan 2026." in text


def test_sources_stand_with_their_names_and_not_with_our_keys(deal_with: Any) -> None:
    """ASAM 2025, and not the key of a table of ours."""
    text = detail(deal_with, established())
    assert "_(label)_" in text
    for key in ("LABEL", "CDC22", "BEERS23", "FDA2020", "SEED", "asam-2025", "nardi-2010"):
        assert key not in text
