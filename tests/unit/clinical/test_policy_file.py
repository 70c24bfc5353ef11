"""`policy.toml`: what differs from what is shipped; a bad value is refused with line and reason."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from clinical.choices import Link
from clinical.findings import CheckId
from clinical.policy import CheckChoice, default_policy
from clinical.policy_file import MalformedPolicy, parse_policy
from clinical.policy_text import policy_text

SITE = """\
# What our clinic does otherwise.
[checks.high-dose]
high_dose_mg_per_day = 1.5

[checks.rbd-option]
on = false

[checks.older-adult-fall-risk]
shadow = true
older_adult_from_years = 60

[cards]
card_per_check = true
settled_days = 60
site_line = "Questions? Call the pharmacy, (555) 010-0199."

[paces]
offered_pace = "none"

[links]
pdmp_url = "https://pdmp.example.org/search?state=IL"
links = [{ label = "Sleep clinic", url = "https://sleep.example.org/" }]

[configuration]
clients_may = []

[ehr.north.checks.high-dose]
high_dose_mg_per_day = 1.25

[ehr.north.checks.older-adult-fall-risk]
shadow = false
"""


def test_what_is_said_differs_and_the_rest_stays_as_shipped() -> None:
    shipped = default_policy()
    checks = {
        **shipped.checks,
        CheckId.RBD_OPTION: CheckChoice(on=False, own_card=False),
        CheckId.OLDER_ADULT: CheckChoice(shadow=True),
    }
    assert parse_policy(SITE, ["north", "south"]).site == replace(
        shipped,
        high_dose_mg_per_day=Fraction(3, 2),
        older_adult_from_years=60,
        card_per_check=True,
        settled_days=60,
        site_line="Questions? Call the pharmacy, (555) 010-0199.",
        offered_pace=None,
        pdmp_url="https://pdmp.example.org/search?state=IL",
        links=(Link("Sleep clinic", "https://sleep.example.org/"),),
        clients_may=frozenset(),
        checks=checks,
    )


def test_an_ehr_differs_from_its_site_and_other_ehrs_do_not() -> None:
    policies = parse_policy(SITE, ["north", "south"])
    north = policies.of("north")
    assert north.high_dose_mg_per_day == Fraction(5, 4)
    assert north.checks[CheckId.OLDER_ADULT] == CheckChoice()
    # What the EHR does not say is as the site has it.
    assert north.older_adult_from_years == 60
    assert policies.of("south") is policies.site
    assert policies.of(None) is policies.site


def test_an_empty_file_changes_nothing() -> None:
    assert parse_policy("").site == default_policy()


@pytest.mark.parametrize("ehr_id", [None, "north"])
def test_a_policy_that_is_written_out_is_read_back_as_it_was(ehr_id: str | None) -> None:
    for policy in (default_policy(), parse_policy(SITE, ["north"]).of(ehr_id)):
        assert parse_policy(policy_text(policy)).site == policy


def test_what_is_written_out_tells_meaning_unit_range_and_sources() -> None:
    text = policy_text(default_policy())
    assert (
        "# A total from here on is a high dose (at or above). From 1 to 4 mg/day. "
        "ASAM, table 2: moderate\n# is 0.5 to 1.5 mg/day, high is more than 1.5. "
        "A site may choose 1.5: then 1.5 itself is high too.\n"
        "# Sources: SEED, ASAM.\n"
        "high_dose_mg_per_day = 2\n"
    ) in text


def refused(text: str) -> tuple[int | None, str]:
    with pytest.raises(MalformedPolicy) as caught:
        parse_policy(text, ["north", "south"])
    return caught.value.line, caught.value.reason


HIGH = "[checks.high-dose]\n"
DOSE = HIGH + "high_dose_mg_per_day = "
CARDS, PACES, LINKS = "[cards]\n", "[paces]\n", "[links]\n"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        # --- names ---
        (
            HIGH + "high_dose_mg_day = 1.5",
            2,
            "'high_dose_mg_day' is no setting here (did you mean high_dose_mg_per_day?)",
        ),
        (
            "high_dose_mg_per_day = 1.5",
            1,
            "high_dose_mg_per_day stands under [checks.high-dose]",
        ),
        (CARDS + "shadow = true", 2, "'shadow' is no setting here"),
        (
            "[checks.high_dose]",
            1,
            "there is no check 'high_dose' (did you mean high-dose?)",
        ),
        ("[check.high-dose]", 1, "'check' is no setting here (did you mean checks?)"),
        (
            "\n\n[ehr.nort.cards]\n",
            3,
            "no registered EHR has the id 'nort' (did you mean north?)",
        ),
        (
            LINKS + "high_dose_mg_per_da = 1.5",
            2,
            "'high_dose_mg_per_da' is no setting here (did you mean high_dose_mg_per_day under "
            "[checks.high-dose]?)",
        ),
        ("[ehr.north.ehr.south]", 1, "'ehr' is no setting here"),
        # What a report defines is no site's choice.
        ("[checks.long-term-use]\nlong_term_days = 90", 2, "'long_term_days' is no setting here"),
        # --- types ---
        ("checks = 3", 1, "checks has to be a table like [checks.high-dose]"),
        ("ehr = []", 1, "ehr has to be a table like [ehr.ID]"),
        (HIGH + 'on = "yes"', 2, "on has to be true or false"),
        (HIGH + "shadow = 1", 2, "shadow has to be true or false"),
        (
            DOSE + '"1.5"',
            2,
            "high_dose_mg_per_day has to be a number (mg/day), without quotation marks",
        ),
        (
            DOSE + "true",
            2,
            "high_dose_mg_per_day has to be a number (mg/day), without quotation marks",
        ),
        (
            CARDS + "settled_days = 30.5",
            2,
            "settled_days is 30.5; it has to be a whole number of days",
        ),
        # --- ranges ---
        (
            DOSE + "20",
            2,
            "high_dose_mg_per_day is 20; 1 to 4 mg/day can be chosen",
        ),
        (
            DOSE + "0.999",
            2,
            "high_dose_mg_per_day is 0.999; 1 to 4 mg/day can be chosen",
        ),
        (
            DOSE + "nan",
            2,
            "high_dose_mg_per_day cannot be used: the value is not a finite number",
        ),
        (
            DOSE + "-1.5",
            2,
            "high_dose_mg_per_day cannot be used: the value is negative",
        ),
        (
            DOSE + "1e999999",
            2,
            "high_dose_mg_per_day cannot be used: the value is beyond any amount that can be "
            "ordered",
        ),
        # --- contradictions ---
        (
            DOSE + "3\npanic_maximum_mg_per_day = 2.5",
            3,
            "high_dose_mg_per_day (3) may not be above panic_maximum_mg_per_day (2.5)",
        ),
        (
            # An EHR's value against the site's.
            HIGH + "panic_maximum_mg_per_day = 2.5\n[ehr.north.checks.high-dose]\n"
            "high_dose_mg_per_day = 3",
            4,
            "high_dose_mg_per_day (3) may not be above panic_maximum_mg_per_day (2.5)",
        ),
        (
            CARDS + "settled_days = 14",
            2,
            "monitor_days (28) may not be above settled_days (14)",
        ),
        (
            PACES + 'recommended_pace = "asam-2025-slow"\nrecommended_slow_pace = "asam-2025"',
            3,
            "recommended_slow_pace (asam-2025) is faster than recommended_pace (asam-2025-slow)",
        ),
        (
            PACES + 'offered_pace = "asam-2025"',
            2,
            'offered_pace (asam-2025) is recommended already; "none" offers no second pace',
        ),
        (
            PACES + 'planner_paces = ["asam-2025", "asam-2025-slow"]',
            2,
            "planner_paces lacks nardi-2010, which is recommended or offered",
        ),
        # --- paces ---
        (
            PACES + 'recommended_pace = "fast"',
            2,
            "recommended_pace is not the id of a pace; the paces are asam-2025, asam-2025-slow, "
            "nardi-2010, nardi-2010-extended, bzra-25",
        ),
        (
            PACES + 'recommended_pace = "nardi-2010"',
            2,
            "recommended_pace cannot be nardi-2010: it cuts by fixed amounts, ever larger shares "
            "of the dose, and may be offered but not recommended",
        ),
        (
            PACES + 'planner_paces = ["bzra-25", "bzra-25"]',
            2,
            "planner_paces names a pace twice",
        ),
        (
            PACES + 'planner_paces = "bzra-25"',
            2,
            "planner_paces has to be a list in square brackets",
        ),
        # --- texts and addresses ---
        (
            CARDS + f'site_line = "{"a" * 161}"',
            2,
            "site_line has 161 characters; at most 160 are shown",
        ),
        (
            CARDS + 'site_line = "Call <b>now</b>"',
            2,
            "site_line has to be one line that begins with a letter or digit and holds only "
            "letters, digits, spaces and . , ; : ( ) / + ' & @ % ? ! -",
        ),
        (
            CARDS + 'site_line = "See https://pharmacy.example.org"',
            2,
            'site_line may not hold an address; addresses stand under "links"',
        ),
        (
            LINKS + 'pdmp_url = "pdmp.example.org"',
            2,
            "pdmp_url has to be an absolute https address",
        ),
        (
            LINKS + 'pdmp_url = "javascript:alert(1)"',
            2,
            "pdmp_url has to be an absolute https address",
        ),
        (
            LINKS + 'pdmp_url = "http://pdmp.example.org"',
            2,
            "pdmp_url has to be an absolute https address",
        ),
        (
            LINKS + 'pdmp_url = "https://me:secret@pdmp.example.org"',
            2,
            "pdmp_url may not carry a user or a password",
        ),
        (LINKS + "pdmp_url = 3", 2, "pdmp_url has to be a text in quotation marks"),
        (
            LINKS + 'links = [\n  # ours\n  { label = "Sleep clinic" },\n]',
            2,
            'links has to be a list of { label = "...", url = "..." }',
        ),
        (
            LINKS + "links = [1, 2, 3, 4]",
            2,
            "links has 4 links; at most 3 fit on a card",
        ),
        # --- what an EHR may configure ---
        (
            '[configuration]\nclients_may = ["card-per-check", "max-cards"]',
            2,
            "clients_may holds 'max-cards'; the codes are card-per-check, "
            + ", ".join(check.value for check in CheckId),
        ),
        # --- TOML ---
        (DOSE + "1.5\nhigh_dose_mg_per_day = 2", 3, "this is said twice, here and further up"),
        (HIGH + HIGH, 2, "this is said twice, here and further up"),
        (HIGH + "on = yes", 2, "not TOML: invalid value"),
        (HIGH + "on true", 2, "not TOML: expected '=' after a key in a key/value pair"),
    ],
)
def test_a_bad_value_is_refused_with_its_line_and_a_sentence(
    text: str, line: int, reason: str
) -> None:
    assert refused(text) == (line, reason)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("checks.high-dose.high_dose_mg_per_day = 20", 1),
        ("[cards]\nsettled_days = 60\n[checks]\nhigh-dose = { high_dose_mg_per_day = 20 }", 4),
        ('[checks."high-dose"]\non = true\n\n"high_dose_mg_per_day" = 20', 4),
        # The same key is right at the site and wrong at the EHR.
        (DOSE + "1.5\n[ehr.north.checks.high-dose]\n# as agreed\nhigh_dose_mg_per_day = 20", 5),
        # A table that looks like one stands in a text.
        ('[links]\npdmp_url = """\n[checks.high-dose]"""', 2),
    ],
)
def test_the_line_is_found_however_it_is_written(text: str, line: int) -> None:
    assert refused(text)[0] == line


def test_a_number_without_end_is_refused_and_not_computed() -> None:
    line, reason = refused(DOSE + "9" * 5000)
    assert line == 2
    assert reason
