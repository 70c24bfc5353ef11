"""The report of a night, step by step. Nothing here waits: beat looks, tasks do one step each.

A run's state is in the store; what a step has done lies in the run's folder. Whoever is killed
leaves both behind, and the next look goes on from there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from clinical.policy import Policy
from ehr import log
from ehr.registry import Registry, TrustedEhr
from store import report_runs, reports
from store.database import reading, writing
from store.report_runs import Run, RunState
from store.sealing import Sealer
from workers import app as jobs
from workers.report.columns import Preparing, prepare
from workers.report.count import Counting, count_bucket
from workers.report.files import RunFolder, only_one
from workers.report.finish import Finishing, finish
from workers.report.shards import NothingToRead

LOOK_AGAIN = timedelta(0)
"""While an export is under way: a look costs one row, and the last file asks for one at once."""
BUCKETS_AT_ONCE = 50
"""Buckets that are posted together; the next look posts the next ones."""
GIVE_UP_AFTER = timedelta(hours=20)
"""A run that has not ended by then has failed: the next night is near."""
NIGHTS_IN_THE_TREND = 30


@dataclass(frozen=True, slots=True)
class Exported:
    """How an export stands. `files` is its folder once all is there; `why` when it failed."""

    complete: bool
    failed: bool
    why: str | None
    files: Path
    transaction_time: str | None
    problems: tuple[str, ...]


class Exports(Protocol):
    """Bulk Data exports, begun here and carried on elsewhere."""

    def begin(self, export_id: str, ehr: TrustedEhr, group_id: str | None, now: datetime) -> None:
        """Ask for an export of a group (None: of all). One of this id that is there stays."""
        ...

    def look(self, export_id: str) -> Exported | None:
        """How it stands; None when nobody knows of it."""
        ...

    def release(self, export_id: str) -> None:
        """All of it is kept: give up the job at the EHR and the files. A second time is fine."""
        ...


class Tools(Protocol):
    """What the gate gives to the steps."""

    @property
    def engine(self) -> Engine:
        """The store."""
        ...

    @property
    def sealer(self) -> Sealer:
        """Seals the worklist and hashes patients."""
        ...

    @property
    def registry(self) -> Registry:
        """The EHRs we trust."""
        ...

    def policy_of(self, ehr_id: str) -> Policy:
        """The site's choices where this EHR is used."""
        ...

    @property
    def reports_folder(self) -> Path:
        """Where runs keep their work; shared by all workers."""
        ...

    @property
    def lease(self) -> timedelta:
        """A step that was posted is posted again after so long. Who is at it holds a lock."""
        ...

    @property
    def report_at(self) -> time:
        """From which time of day on, at the EHR, its night's report is made."""
        ...

    @property
    def exports(self) -> Exports:
        """Bulk Data exports."""
        ...

    def now(self) -> datetime:
        """The instant, in UTC."""
        ...


Post = Callable[..., None]
"""Post a task by name with its arguments: identifiers only."""


def look(tools: Tools, post: Post) -> None:
    """One tick: begin the nights that are due, bring every run one step on, clear up."""
    begin_due_nights(tools)
    with reading(tools.engine) as connection:
        runs = report_runs.due(connection, tools.now())
    for run in runs:
        with writing(tools.engine) as connection:
            mine = report_runs.claim(connection, run, until=tools.now() + _patience(tools, run))
        if mine:
            _look_at(tools, run, post)
    clear_up(tools)


def begin_due_nights(tools: Tools) -> None:
    """Ask for tonight's report of every EHR whose group is known, once.

    A night is named by the date at the EHR. When beat was down at the time of day, the report
    is asked for as soon as it looks again, as long as the date is the same.
    """
    for ehr in tools.registry:
        there = tools.now().astimezone(ehr.time_zone)
        if ehr.bulk_group_id is None or there.time() < tools.report_at:
            continue
        # Of two who look at the same time the database lets one begin.
        with contextlib.suppress(IntegrityError), writing(tools.engine) as connection:
            if report_runs.of_night(connection, ehr.id, there.date()) is None:
                report_runs.begin(
                    connection,
                    ehr_id=ehr.id,
                    night=there.date(),
                    group_id=ehr.bulk_group_id,
                    now=tools.now(),
                )


def _patience(tools: Tools, run: Run) -> timedelta:
    return LOOK_AGAIN if run.state in (RunState.ASKED, RunState.EXPORTING) else tools.lease


def _look_at(tools: Tools, run: Run, post: Post) -> None:
    if tools.now() - run.asked_at > GIVE_UP_AFTER:
        _fail(tools, run, f"it did not get beyond {run.state.value} within a day")
        return
    match run.state:
        case RunState.ASKED:
            _ask(tools, run, post)
        case RunState.EXPORTING:
            _look_at_export(tools, run, post)
        case RunState.PREPARING:
            post(jobs.PREPARE_REPORT, run.id)
        case RunState.COUNTING:
            _post_buckets(tools, run.id, post)
        case RunState.FINISHING:
            post(jobs.FINISH_REPORT, run.id)
        case _:
            pass


def _ask(tools: Tools, run: Run, post: Post) -> None:
    ehr = tools.registry.get(run.ehr_id)
    if ehr is None:
        _fail(tools, run, "the EHR is no longer registered")
        return
    # The run's own id: who is killed between the two finds the export that was begun.
    tools.exports.begin(run.id, ehr, run.group_id, tools.now())
    if _go(tools, run.id, RunState.ASKED, RunState.EXPORTING, export_id=run.id):
        post(jobs.LOOK_AT_EXPORTS)


def _look_at_export(tools: Tools, run: Run, post: Post) -> None:
    export = None if run.export_id is None else tools.exports.look(run.export_id)
    if export is None:
        _fail(tools, run, "its export is not known any more")
    elif export.failed:
        _fail(tools, run, export.why or "the export failed")
    elif export.complete and _go(tools, run.id, RunState.EXPORTING, RunState.PREPARING):
        post(jobs.PREPARE_REPORT, run.id)


def _go(
    tools: Tools, run_id: str, expected: RunState, to: RunState, *, export_id: str | None = None
) -> bool:
    """From one state to the next; whether it was us. Then the next step is ours to post."""
    now = tools.now()
    wait = LOOK_AGAIN if to is RunState.EXPORTING else tools.lease
    with writing(tools.engine) as connection:
        went = report_runs.advance(
            connection,
            run_id,
            expected=expected,
            to=to,
            now=now,
            next_look_at=now + wait,
            export_id=export_id,
        )
    if went:
        log.get(__name__).info("report advanced", run=run_id, state=to.value)
    return went


def _fail(tools: Tools, run: Run, why: str) -> None:
    with writing(tools.engine) as connection:
        report_runs.advance(
            connection,
            run.id,
            expected=run.state,
            to=RunState.FAILED,
            now=tools.now(),
            why=why,
        )
    log.get(__name__).warning("report failed", run=run.id, state=run.state.value)


def folder_of(tools: Tools, run_id: str) -> RunFolder:
    """Where a run keeps its work."""
    return RunFolder(tools.reports_folder / run_id)


def prepare_report(tools: Tools, run_id: str, post: Post) -> None:
    """The task after the export: files to buckets. Whoever comes second leaves it to the first."""
    run = _in_state(tools, run_id, RunState.PREPARING)
    if run is None or run.export_id is None:
        return
    export = tools.exports.look(run.export_id)
    if export is None or not export.complete:
        _fail(tools, run, "the files of its export are gone")
        return
    folder = folder_of(tools, run_id)
    folder.make()
    with only_one(folder.lock) as mine:
        if not mine:
            return
        try:
            prepare(
                Preparing(
                    source=export.files,
                    run=folder,
                    fingerprint=lambda patient: tools.sealer.fingerprint(
                        "patient", run.ehr_id, patient
                    ),
                )
            )
        except NothingToRead as error:
            _fail(tools, run, f"the export cannot be read: {error}")
            return
    if _go(tools, run_id, RunState.PREPARING, RunState.COUNTING):
        _post_buckets(tools, run_id, post)


def _post_buckets(tools: Tools, run_id: str, post: Post) -> None:
    """A task for every bucket that is not counted; the next step when none is left."""
    left = folder_of(tools, run_id).uncounted()
    for number in left[:BUCKETS_AT_ONCE]:
        post(jobs.COUNT_BUCKET, run_id, number)
    if not left and _go(tools, run_id, RunState.COUNTING, RunState.FINISHING):
        post(jobs.FINISH_REPORT, run_id)


def count_report_bucket(tools: Tools, run_id: str, number: int, post: Post) -> None:
    """The task of one bucket; whoever counts the last one has the report finished."""
    run = _in_state(tools, run_id, RunState.COUNTING)
    if run is None:
        return
    folder = folder_of(tools, run_id)
    compared = _compared(tools, run.ehr_id, run.night)
    count_bucket(
        Counting(
            run=folder,
            on=run.night,
            policy=tools.policy_of(run.ehr_id),
            compared=None if compared is None else compared["patients"],
        ),
        number,
    )
    if not folder.uncounted() and _go(tools, run_id, RunState.COUNTING, RunState.FINISHING):
        post(jobs.FINISH_REPORT, run_id)


def _compared(tools: Tools, ehr_id: str, night: date) -> Mapping[str, Any] | None:
    """What the last night that has a report left for this one."""
    with reading(tools.engine) as connection:
        last = reports.before(connection, ehr_id, night, 1)
        if not last:
            return None
        return reports.compared(connection, ehr_id, last[0].night, sealer=tools.sealer)


def finish_report(tools: Tools, run_id: str) -> None:
    """The last task: the report is kept in place of that night's, then the work is removed."""
    run = _in_state(tools, run_id, RunState.FINISHING)
    if run is None:
        return
    export = None if run.export_id is None else tools.exports.look(run.export_id)
    with reading(tools.engine) as connection:
        earlier = reports.before(connection, run.ehr_id, run.night, NIGHTS_IN_THE_TREND)
    made_at = tools.now()
    done = finish(
        Finishing(
            run=folder_of(tools, run_id),
            ehr_id=run.ehr_id,
            night=run.night,
            on=run.night,
            policy=tools.policy_of(run.ehr_id),
            made_at=made_at,
            source=from_bulk(run.group_id, export),
            problems=() if export is None else export.problems,
            earlier=[kept.report for kept in earlier],
            compared=_compared(tools, run.ehr_id, run.night),
        )
    )
    with writing(tools.engine) as connection:
        if not report_runs.advance(
            connection,
            run_id,
            expected=RunState.FINISHING,
            to=RunState.DONE,
            now=tools.now(),
        ):
            return
        reports.keep(
            connection,
            ehr_id=run.ehr_id,
            night=run.night,
            made_at=made_at,
            report=done.report,
            worklist=done.worklist,
            compared=done.compared,
            sealer=tools.sealer,
        )
    log.get(__name__).info("report kept", run=run_id)
    clear_up(tools)


def from_bulk(group_id: str | None, export: Exported | None) -> dict[str, Any]:
    """Where the records of an export came from, as the report says it."""
    at = None if export is None else export.transaction_time
    return {"kind": "bulk", "group": group_id, "transaction_time": at}


def _in_state(tools: Tools, run_id: str, state: RunState) -> Run | None:
    """The run if it stands there; a task that was delivered twice finds it elsewhere."""
    with reading(tools.engine) as connection:
        run = report_runs.get(connection, run_id)
    return run if run is not None and run.state is state else None


def clear_up(tools: Tools) -> None:
    """Give up what ended runs have left behind: exports at the EHR, and folders with records."""
    with reading(tools.engine) as connection:
        ended = report_runs.unreleased(connection)
    for run in ended:
        if run.export_id is not None:
            tools.exports.release(run.export_id)
        shutil.rmtree(tools.reports_folder / run.id, ignore_errors=True)
        with writing(tools.engine) as connection:
            report_runs.mark_released(connection, run.id, tools.now())
    _remove_forgotten(tools)


def _remove_forgotten(tools: Tools) -> None:
    """Folders of runs that were replaced."""
    if not tools.reports_folder.is_dir():
        return
    with reading(tools.engine) as connection:
        known = report_runs.all_ids(connection)
    for entry in os.scandir(tools.reports_folder):
        if entry.is_dir() and len(entry.name) == 32 and entry.name not in known:
            shutil.rmtree(entry.path, ignore_errors=True)
