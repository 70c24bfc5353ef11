"""`taperguard report run`: the population report, from a folder of files or from an EHR."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from clinical.policy import Policy
from clinical.policy_text import policy_text
from ehr.decode import encode
from ehr.registry import TrustedEhr
from ehr.seal import Sealer
from store.exports import Export
from taperguard import wiring
from taperguard.commands import starting
from taperguard.refusal import Refusal
from taperguard.rxnorm.folder import adopt, adopted
from taperguard.settings import Settings
from workers.export import steps
from workers.report import night
from workers.report.columns import Progress as Told
from workers.report.files import RunFolder, only_one
from workers.report.finish import Finished
from workers.report.make import AlreadyMaking, Making, make_report
from workers.report.outputs import OutputTaken, refuse_taken, write_outputs
from workers.report.shards import NothingToRead, shards_of

FROM_FILES = "files"
"""What stands for the EHR in a report that was made from a folder of files."""

_LEFT_FOR_SECONDS = 7 * 24 * 3600
"""Half made reports are kept so long, to be gone on with."""


def run(
    *,
    on: date | None,
    out: Path,
    ndjson: Path | None,
    bulk: str | None,
    group: str | None,
    stdout: TextIO,
    stderr: TextIO,
) -> int:
    """Make a report and write it to `out`; a summary as JSON on `stdout`. Raises Refusal.

    A run that was killed goes on where it was when it is started again with the same input.
    """
    if on is None:
        raise Refusal("--on is needed: the day that the report is about, like 2026-11-23")
    if (ndjson is None) == (bulk is None):
        raise Refusal("give either --ndjson with a folder or --bulk with the address of an EHR")
    if group is not None and bulk is None:
        raise Refusal("--group goes with --bulk")
    settings = starting.settings_of_this_process()
    adopt(settings.knowledge)
    starting.make_data_folder(settings)
    try:
        refuse_taken(out)
        if ndjson is not None:
            with starting.said_plainly():
                sealer = wiring.sealer(settings)
                policy = wiring.policies(settings, wiring.registry(settings)).site
            order = _Order(on, out, settings.data / "reports", sealer, policy, stderr)
            done = _from_files(order, ndjson)
        else:
            assert bulk is not None  # noqa: S101  # nosec B101  one of the two was given
            done = _from_ehr(on, out, settings, bulk, group, stderr)
    except (NothingToRead, OutputTaken) as error:
        raise Refusal(str(error)) from None
    except AlreadyMaking:
        raise Refusal("another run makes this report at this moment") from None
    except OSError as error:
        raise Refusal(f"a file cannot be read or written ({error.strerror})") from None
    for problem in done.report["completeness"]["problems"]:
        stderr.write(f"{problem}\n")
    stdout.write(encode(_summary(done)).decode() + "\n")
    return 0


@dataclass(frozen=True)
class _Order:
    """What is to be made, and where the work of it lies."""

    on: date
    out: Path
    works: Path
    sealer: Sealer
    policy: Policy
    stderr: TextIO

    def work(self, *about: str) -> RunFolder:
        """The folder of a run about this: the same for the same, so that it is found again."""
        tables = adopted()
        rules = self.policy.rules_version + (f" RxNorm {tables.version}" if tables else "")
        chosen = policy_text(self.policy)
        key = self.sealer.fingerprint("report", rules, chosen, self.on.isoformat(), *about)
        return RunFolder(self.works / f"cli-{key[:32]}")


def _from_files(order: _Order, folder: Path) -> Finished:
    """From a folder of files. Raises NothingToRead, AlreadyMaking, OutputTaken or OSError."""
    about = []
    for shard in shards_of(folder):
        stat = shard.file.stat()
        about.append(f"{shard.file}|{stat.st_size}|{stat.st_mtime_ns}")
    source = {"kind": "ndjson", "group": None, "transaction_time": None}
    return _make(order, order.work(*about), folder, FROM_FILES, source)


def _make(
    order: _Order,
    work: RunFolder,
    files: Path,
    ehr_id: str,
    source: Mapping[str, Any],
    problems: Sequence[str] = (),
) -> Finished:
    """Make it, write it, and remove the work."""
    _remove_old(work)
    try:
        with _progress(order.stderr) as told:
            done = make_report(
                Making(
                    source=files,
                    run=work,
                    ehr_id=ehr_id,
                    on=order.on,
                    policy=order.policy,
                    made_at=wiring.utc_now(),
                    fingerprint=lambda key: order.sealer.fingerprint("patient", ehr_id, key),
                    about_source=source,
                    problems=problems,
                    progress=told,
                )
            )
    except NothingToRead:
        shutil.rmtree(work.path, ignore_errors=True)
        raise
    write_outputs(order.out, done.report, done.worklist)
    shutil.rmtree(work.path, ignore_errors=True)
    return done


def _from_ehr(
    on: date, out: Path, settings: Settings, base: str, group: str | None, stderr: TextIO
) -> Finished:
    """From an export of a registered EHR. Raises Refusal and what `_make` raises."""
    starting.bring_store_up_to_date(settings)
    with starting.said_plainly():
        house = wiring.build(settings)
    try:
        ehr = house.registry.by_fhir_base(base)
        if ehr is None:
            raise Refusal("no registered EHR has this FHIR base: see TAPERGUARD_EHRS_FILE")
        if ehr.backend_client_id is None:
            raise Refusal(f"the EHR {ehr.id} has no backend_client_id: nothing can be exported")
        if not house.broker_answers():
            raise Refusal("TAPERGUARD_BROKER_URL: nothing answers; access tokens are kept there")
        group = group or ehr.bulk_group_id
        policy = house.policies.of(ehr.id)
        order = _Order(on, out, house.reports_folder, house.sealer, policy, stderr)
        work = order.work(ehr.id, group or "")
        export_id = _begin(house, ehr, group, work.path.name)
        export = steps.run_here(export_id, house, pause=time.sleep, say=_said_once(stderr))
        found = house.exports.look(export_id)
        if found is None or not found.complete:
            raise Refusal(f"the export failed: {export.why or 'no reason was given'}")
        source = night.from_bulk(group, found)
        done = _make(order, work, found.files, ehr.id, source, found.problems)
        house.exports.release(export_id)
    finally:
        house.close()
    return done


def _begin(house: wiring.House, ehr: TrustedEhr, group: str | None, name: str) -> str:
    """The id of an export for this report: one that is under way or here, else a new one."""
    for number in count():
        export_id = f"{name}-{number}"
        found = house.exports.look(export_id)
        if found is None:
            house.exports.begin(export_id, ehr, group, house.now())
            return export_id
        if not found.failed:
            return export_id
    raise AssertionError("numbers do not end")


def _said_once(stderr: TextIO) -> Callable[[Export], None]:
    last: list[str] = []

    def say(export: Export) -> None:
        if last[-1:] != [export.state.value]:
            last.append(export.state.value)
            stderr.write(f"export: {export.state.value}\n")

    return say


def _remove_old(ours: RunFolder) -> None:
    """Half made reports that nobody went on with: they hold patients' records."""
    for folder in ours.path.parent.glob("cli-*"):
        other = RunFolder(folder)
        if folder == ours.path or time.time() - folder.stat().st_mtime < _LEFT_FOR_SECONDS:
            continue
        with only_one(other.lock) as free:
            if free:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _progress(stderr: TextIO) -> Iterator[Told]:
    """A bar for each step on standard error."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(file=stderr)) as bars:
        steps = {}

        def told(step: str, done: int, of: int) -> None:
            if step not in steps:
                steps[step] = bars.add_task(step, total=of)
            bars.update(steps[step], completed=done)

        yield told


def _summary(done: Finished) -> dict[str, object]:
    report = done.report
    return {
        "night": report["night"],
        "ehr": report["ehr"],
        "population": report["population"],
        "measures": {
            measure["id"]: [measure["numerator"], measure["denominator"]]
            for measure in report["measures"]
        },
        "lines": sum(file["lines"] for file in report["completeness"]["files"]),
        "quarantined": sum(file["quarantined"] for file in report["completeness"]["files"]),
    }
