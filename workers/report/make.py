"""One report from a folder of files, in this process, step after step; for the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from clinical.policy import Policy
from workers.report.columns import PATIENTS_IN_A_BUCKET, Preparing, Progress, no_progress, prepare
from workers.report.count import Counting, count_bucket
from workers.report.files import RunFolder, only_one
from workers.report.finish import Finished, Finishing, finish


class AlreadyMaking(RuntimeError):
    """Another process makes this report."""


@dataclass(frozen=True, slots=True)
class Making:
    """What a report is made of. `fingerprint` is a patient's keyed hash."""

    source: Path
    run: RunFolder
    ehr_id: str
    on: date
    policy: Policy
    made_at: datetime
    fingerprint: Callable[[str], str]
    about_source: Mapping[str, Any]
    problems: Sequence[str] = ()
    patients_in_a_bucket: int = PATIENTS_IN_A_BUCKET
    progress: Progress = no_progress


def make_report(making: Making) -> Finished:
    """Make the report, or go on with one that was left half made in the same folder.

    Raises NothingToRead, or AlreadyMaking.
    """
    run = making.run
    run.make()
    with only_one(run.lock) as mine:
        if not mine:
            raise AlreadyMaking("another process makes this report")
        ledger = prepare(
            Preparing(
                source=making.source,
                run=run,
                fingerprint=making.fingerprint,
                patients_in_a_bucket=making.patients_in_a_bucket,
                progress=making.progress,
            )
        )
        buckets = int(ledger["buckets"])
        counting = Counting(run=run, on=making.on, policy=making.policy)
        for number in run.uncounted():
            count_bucket(counting, number)
            making.progress("counting", number + 1, buckets)
        return finish(
            Finishing(
                run=run,
                ehr_id=making.ehr_id,
                night=making.on,
                on=making.on,
                policy=making.policy,
                made_at=making.made_at,
                source=making.about_source,
                problems=making.problems,
            )
        )
