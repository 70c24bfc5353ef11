"""`taperguard report run`: the population report, from a folder of files or from an EHR."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from clinical.policy import default_policy
from ehr.decode import encode
from ehr.seal import Sealer
from taperguard import wiring
from taperguard.commands import starting
from taperguard.refusal import Refusal
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
    starting.make_data_folder(settings)
    if ndjson is None:
        raise Refusal("--bulk is not available in this version")
    with starting.said_plainly():
        sealer = wiring.sealer(settings)
    try:
        refuse_taken(out)
        work = RunFolder(settings.data / "reports" / f"cli-{_key(sealer, on, ndjson)}")
        _remove_old(work)
        with _progress(stderr) as told:
            done = make_report(
                Making(
                    source=ndjson,
                    run=work,
                    ehr_id=FROM_FILES,
                    on=on,
                    policy=default_policy(),
                    made_at=wiring.utc_now(),
                    fingerprint=lambda patient: sealer.fingerprint("patient", FROM_FILES, patient),
                    about_source={"kind": "ndjson", "group": None, "transaction_time": None},
                    progress=told,
                )
            )
        write_outputs(out, done.report, done.worklist)
    except (NothingToRead, OutputTaken) as error:
        raise Refusal(str(error)) from None
    except AlreadyMaking:
        raise Refusal("another run makes this report at this moment") from None
    except OSError as error:
        raise Refusal(f"a file cannot be read or written ({error.strerror})") from None
    shutil.rmtree(work.path, ignore_errors=True)
    _say_problems(done, stderr)
    stdout.write(encode(_summary(done)).decode() + "\n")
    return 0


def _key(sealer: Sealer, on: date, source: Path) -> str:
    """The same for the same day and the same files, so that a half made report is found again."""
    files = []
    for shard in shards_of(source):
        about = shard.file.stat()
        files.append(f"{shard.file}|{about.st_size}|{about.st_mtime_ns}")
    rules = default_policy().rules_version
    return sealer.fingerprint("report", rules, on.isoformat(), *files)[:32]


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


def _say_problems(done: Finished, stderr: TextIO) -> None:
    for problem in done.report["completeness"]["problems"]:
        stderr.write(f"{problem}\n")


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
