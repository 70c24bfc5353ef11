"""One file of an export: from the EHR to disk, once in effect whenever a worker dies.

Written under another name, counted and hashed while it comes, synced; the hash is recorded; then
the file gets its name, and only then it is done. After a crash the hash tells whether what lies
there is whole: then it is not fetched again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ehr import log
from ehr.backend import NoBackend
from ehr.bulk.client import Damaged, ExportFailed, LinkGone, NotYet
from ehr.bulk.manifest import ExportedFile
from ehr.bulk.problems import problems_of
from ehr.seal import CannotOpen
from store import export_files, exports
from store.database import reading, writing
from store.export_files import ExportFile
from store.exports import Export, ExportState
from store.sealed_cache import CacheDown
from workers.export.holding import held
from workers.export.tools import ExportTools, client_of, shelf_of

AT_ONCE = 50
"""Files of one export that are posted or at work at the same time."""

MOST_MANIFESTS = 5
_POSTED_LEASES = 10
_MOST_ATTEMPTS = 30
_MOST_DAMAGED = 3
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=10)


def files_to_fetch(export_id: str, tools: ExportTools, now: datetime) -> list[int]:
    """Positions of files for which a task is to be posted now; they count as posted."""
    with writing(tools.engine) as connection:
        export = exports.get(connection, export_id)
        if export is None or export.state is not ExportState.DOWNLOADING:
            return []
        # Much longer than a lease: the broker keeps a message while all workers are busy, and
        # only one that was lost with its worker has to be posted again.
        until = now + _POSTED_LEASES * tools.lease
        return export_files.take_for_posting(
            connection, export_id, now=now, until=until, most=AT_ONCE
        )


def fetch_file(export_id: str, position: int, tools: ExportTools, now: datetime) -> bool:
    """Fetch one file, if it is missing, due and nobody else's; whether it is here by our doing."""
    with writing(tools.engine) as connection:
        export = exports.get(connection, export_id)
        if export is None or export.state is not ExportState.DOWNLOADING:
            return False
        claimed = export_files.claim(
            connection, export_id, position, now=now, until=now + tools.lease
        )
    if claimed is None:
        return False
    file, lease = claimed

    def renew() -> bool:
        with writing(tools.engine) as connection:
            return export_files.renew(connection, file, lease, until=tools.now() + tools.lease)

    with held(renew, tools.lease):
        try:
            return _fetch(export, file, lease, tools)
        except (NotYet, CacheDown, OSError) as wait:
            _put_back(file, lease, tools, wait)
        except LinkGone:
            _ask_for_the_manifest_again(file, lease, tools)
        except (ExportFailed, NoBackend) as failed:
            _give_up(file, tools, str(failed))
        except CannotOpen:
            _give_up(file, tools, "its addresses were sealed with a key that is gone")
    return False


def _fetch(export: Export, file: ExportFile, lease: str, tools: ExportTools) -> bool:
    """Raises NotYet, LinkGone, ExportFailed, NoBackend, CacheDown or OSError."""
    shelf = shelf_of(tools)
    if file.sha256 is not None and shelf.holds(file.export_id, file.name, file.sha256):
        return _done(file, lease, tools)
    ehr = tools.registry.get(export.ehr_id)
    if ehr is None:
        raise ExportFailed("the EHR of this export is not registered any more")
    part = shelf.part(file.export_id, file.name, lease)
    try:
        fetched = client_of(tools, ehr).fetch_file(
            ExportedFile(file.type, file.number, file.open_url(tools.sealer), file.count),
            needs_token=export.needs_token,
            into=part,
        )
        if file.is_error:
            return _done(file, lease, tools, problems_of(part))
        with writing(tools.engine) as connection:
            ours = export_files.record(
                connection,
                file,
                lease,
                lines=fetched.lines,
                sha256=fetched.sha256,
                size=fetched.size,
            )
        if not ours:
            return False
        shelf.put(part, file.name)
    finally:
        part.unlink(missing_ok=True)
    return _done(file, lease, tools)


def _done(file: ExportFile, lease: str, tools: ExportTools, problems: tuple[str, ...] = ()) -> bool:
    with writing(tools.engine) as connection:
        done = export_files.mark_done(connection, file, lease, now=tools.now(), problems=problems)
    complete_when_all_is_here(file.export_id, tools)
    return done


def complete_when_all_is_here(export_id: str, tools: ExportTools) -> bool:
    """Complete the export when no file is missing; whether it was now completed."""
    with writing(tools.engine) as connection:
        complete = exports.complete_when_all_is_here(connection, export_id)
        if complete:
            known = export_files.of_export(connection, export_id)
            # Nothing but the files that were announced: no part of a worker that was too late.
            shelf_of(tools).keep_only(export_id, [file.name for file in known])
    if complete:
        log.get(__name__).info("export advanced", export=export_id, state="complete")
    return complete


def _put_back(file: ExportFile, lease: str, tools: ExportTools, why: Exception) -> None:
    """Another attempt later, unless there were too many."""
    if isinstance(why, Damaged) and file.attempts + 1 >= _MOST_DAMAGED:
        _give_up(file, tools, str(why))
        return
    if file.attempts + 1 >= _MOST_ATTEMPTS:
        # What the machine says of its disk may hold a path; what the EHR did is said by NotYet.
        words = str(why) if isinstance(why, NotYet) else "it cannot be kept on this machine"
        _give_up(file, tools, f"a file of the export could not be fetched: {words}")
        return
    if isinstance(why, OSError):
        log.get(__name__).warning("export file not kept", export=file.export_id, exc_info=why)
    said = why.after if isinstance(why, NotYet) else None
    pause = said or min(_FIRST_PAUSE * (1 << min(file.attempts, 10)), _LONGEST_PAUSE)
    with writing(tools.engine) as connection:
        export_files.put_back(connection, file, lease, at=tools.now() + pause)


def _ask_for_the_manifest_again(file: ExportFile, lease: str, tools: ExportTools) -> None:
    now = tools.now()
    with writing(tools.engine) as connection:
        export_files.put_back(connection, file, lease, at=now)
    with writing(tools.engine) as connection:
        again = exports.take_manifest_again(
            connection, file.export_id, now=now, most=MOST_MANIFESTS
        )
        export = exports.get(connection, file.export_id)
    if not again and export is not None and export.manifests >= MOST_MANIFESTS:
        _give_up(file, tools, "the addresses of the export's files do not hold")


def _give_up(file: ExportFile, tools: ExportTools, why: str) -> None:
    log.get(__name__).warning("export failed", export=file.export_id, position=file.position)
    with writing(tools.engine) as connection:
        exports.fail(connection, file.export_id, why)


def progress(export_id: str, tools: ExportTools) -> tuple[int, int]:
    """How many files of the export are here, and how many there are."""
    with reading(tools.engine) as connection:
        known = export_files.of_export(connection, export_id)
    return sum(file.done_at is not None for file in known), len(known)
