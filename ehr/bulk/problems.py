"""What the error files of an export say, in our sentences and with counts, without patient data."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ehr.bulk import ndjson
from ehr.errors import outcome_sentence
from ehr.read.json import as_list, as_object

_ERRORS = ("error", "fatal", None)


def problems_of(file: Path) -> tuple[str, ...]:
    """One sentence for each kind of problem, the most frequent first."""
    said: Counter[str] = Counter()
    broken = remarks = 0
    for line in ndjson.read(file, identified=False):
        if isinstance(line, ndjson.Quarantined):
            broken += 1
            continue
        issues = [as_object(issue) for issue in as_list(line.resource.get("issue"))]
        if line.resource.get("resourceType") != "OperationOutcome" or not issues:
            broken += 1
        elif any(issue.get("severity") in _ERRORS for issue in issues):
            said[outcome_sentence(line.resource) or "it gives no reason"] += 1
        else:
            remarks += 1
    sentences = [
        f"the EHR left something out of its export ({_times(count)}): {why}"
        for why, count in said.most_common()
    ]
    if remarks:
        sentences.append(f"the EHR made remarks that are no errors ({_times(remarks)})")
    if broken:
        sentences.append(f"lines of the EHR's error files cannot be read ({_times(broken)})")
    return tuple(sentences)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
