"""The steps of an export: each is one exchange with the EHR, kept before the next is due.

Nothing here sleeps. A step is taken under a lease; a worker that dies in the middle loses it, and
the next one takes the step again. Only between the EHR's answer to a kick-off and its keeping can
a step be lost: then the export is kicked off once more, and the first job at the EHR is an orphan
that it deletes by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from ehr import log
from ehr.backend import NoBackend
from ehr.bulk.client import BulkClient, ExportFailed, NotYet
from ehr.bulk.dialect import ExportOrder
from ehr.bulk.manifest import Manifest
from ehr.pace import SOONEST
from ehr.registry import TrustedEhr
from ehr.seal import CannotOpen
from store import audit, export_files, exports
from store.audit import EVERYBODY, Action, Deed, Stage
from store.database import reading, writing
from store.export_files import Announced
from store.exports import Export, ExportState
from store.sealed_cache import CacheDown
from workers.export.fetching import complete_when_all_is_here, fetch_file, files_to_fetch
from workers.export.holding import held
from workers.export.tools import ExportTools, client_of, shelf_of

GIVES_UP_AFTER = timedelta(days=45)
"""Some EHRs take weeks; after this nobody waits any more."""

_FIRST_PAUSE = timedelta(seconds=10)
_LONGEST_PAUSE = timedelta(minutes=10)


def due(tools: ExportTools, now: datetime, limit: int = 3) -> list[str]:
    """Ids of exports whose next step is due."""
    with reading(tools.engine) as connection:
        return [export.id for export in exports.due(connection, now, limit)]


def advance(export_id: str, tools: ExportTools, now: datetime) -> ExportState:
    """Take the next step of an export, if it is due and nobody else's; its state afterwards.

    Raises KeyError when there is no such export.
    """
    with writing(tools.engine) as connection:
        lease = exports.claim(connection, export_id, now=now, until=now + tools.lease)
        export = exports.get(connection, export_id)
    if export is None:
        raise KeyError(export_id)
    if lease is None:
        return export.state

    def renew() -> bool:
        with writing(tools.engine) as connection:
            return exports.renew(connection, export_id, lease, until=tools.now() + tools.lease)

    with held(renew, tools.lease):
        try:
            _step(export, lease, tools, now)
        except (NotYet, CacheDown) as wait:
            said = wait.after if isinstance(wait, NotYet) else None
            with writing(tools.engine) as connection:
                at = tools.now() + (said or _pause(export.looks))
                exports.look_again(connection, export_id, lease, at=at)
        except (ExportFailed, NoBackend) as failed:
            _give_up(export, lease, tools, str(failed))
        except CannotOpen:
            _give_up(export, lease, tools, "its addresses were sealed with a key that is gone")
    with reading(tools.engine) as connection:
        after = exports.get(connection, export_id)
    state = export.state if after is None else after.state
    if state != export.state:
        log.get(__name__).info("export advanced", export=export_id, state=state.value)
    return state


def release(export_id: str, tools: ExportTools, now: datetime) -> ExportState:
    """Everything of the export is durable elsewhere, or it is not wanted any more.

    Deletes the job at the EHR and the folder here, now or, where the EHR is not there, when the
    next ticks come. Raises KeyError when there is no such export.
    """
    with writing(tools.engine) as connection:
        exports.fail(connection, export_id, "it was given up")  # only if it is still under way
        exports.want_release(connection, export_id, now=now)
    return advance(export_id, tools, now)


def folder_of(export_id: str, tools: ExportTools) -> Path:
    """Where the files of an export lie: `<Type>.<number>.ndjson`, each of them whole."""
    return shelf_of(tools).folder(export_id)


def run_here(
    export_id: str,
    tools: ExportTools,
    *,
    pause: Callable[[float], None],
    say: Callable[[Export], None] = lambda _: None,
) -> Export:
    """Take all steps in this process until the export is complete or has failed.

    For a command line without workers. `pause` is called with seconds between two looks, `say`
    after each round. May run beside workers: they share the steps.
    """
    while True:
        advance(export_id, tools, tools.now())
        while positions := files_to_fetch(export_id, tools, tools.now()):
            for position in positions:
                fetch_file(export_id, position, tools, tools.now())
        with reading(tools.engine) as connection:
            export = exports.get(connection, export_id)
        if export is None:
            raise KeyError(export_id)
        say(export)
        if export.state not in exports.UNDER_WAY:
            return export
        wait = timedelta(0) if export.next_look_at is None else export.next_look_at - tools.now()
        pause(min(max(wait.total_seconds(), 0.2), 30.0))


def _step(export: Export, lease: str, tools: ExportTools, now: datetime) -> None:
    """One exchange. Raises NotYet, ExportFailed, NoBackend or CacheDown."""
    ehr = tools.registry.get(export.ehr_id)
    if ehr is None:
        if export.state in exports.UNDER_WAY:
            raise ExportFailed("the EHR of this export is not registered any more")
        _forget(export, lease, tools)
        return
    client = client_of(tools, ehr)
    if export.state in exports.UNDER_WAY and now - export.begun_at > GIVES_UP_AFTER:
        raise ExportFailed(f"it was not complete after {GIVES_UP_AFTER.days} days")
    if export.state is ExportState.ASKED:
        _kick_off(export, lease, tools, ehr, client)
    elif export.state is ExportState.WAITING:
        _look(export, lease, tools, client)
    elif export.state is ExportState.DOWNLOADING:
        _see_whether_all_is_here(export, lease, tools)
    else:
        url = export.open_status_url(tools.sealer)
        if url is not None:
            client.release(url)
        _forget(export, lease, tools)


def _kick_off(
    export: Export, lease: str, tools: ExportTools, ehr: TrustedEhr, client: BulkClient
) -> None:
    deed = Deed(
        ehr_id=ehr.id,
        launch_id=export.id,
        who=f"system/{ehr.backend_client_id}"[:128],
        whose=EVERYBODY,
        action=Action.READ,
        what=export.types,
        why="bulk-export",
    )
    # Written down first: what cannot be written down is not done.
    with writing(tools.engine) as connection:
        audit.write_down(connection, deed, Stage.ASKED, now=tools.now())
    url = client.kick_off(ExportOrder(export.group_id, export.types))
    with writing(tools.engine) as connection:
        exports.keep_status_url(
            connection,
            export.id,
            lease,
            url,
            sealer=tools.sealer,
            next_look_at=tools.now() + SOONEST,
        )


def _look(export: Export, lease: str, tools: ExportTools, client: BulkClient) -> None:
    url = export.open_status_url(tools.sealer)
    if url is None:
        raise ExportFailed("the address of its status is not known here")
    manifest = client.look(url, export.types)
    now = tools.now()
    with writing(tools.engine) as connection:
        ours = exports.begin_downloads(
            connection,
            export.id,
            lease,
            needs_token=manifest.needs_token,
            transaction_time=manifest.transaction_time,
            problems=_problems(manifest),
            now=now,
        )
        changed = ours and export_files.announce(
            connection, export.id, _announced(manifest), sealer=tools.sealer, now=now
        )
        if changed:
            # Before this is committed: until then nobody fetches the new files.
            shelf_of(tools).keep_only(export.id, ())


def _announced(manifest: Manifest) -> list[Announced]:
    return [
        Announced(file.type, file.number, file.url, file.count, is_error)
        for some, is_error in ((manifest.files, False), (manifest.errors, True))
        for file in some
    ]


def _problems(manifest: Manifest) -> list[str]:
    empty = [] if manifest.files else ["the EHR exported not a single record"]
    return [*manifest.problems, *empty]


def _see_whether_all_is_here(export: Export, lease: str, tools: ExportTools) -> None:
    if not complete_when_all_is_here(export.id, tools):
        with writing(tools.engine) as connection:
            at = tools.now() + _FIRST_PAUSE
            exports.look_again(connection, export.id, lease, at=at)


def _give_up(export: Export, lease: str, tools: ExportTools, why: str) -> None:
    """A step that the EHR refused. A refused release ends the export here all the same."""
    if export.state not in exports.UNDER_WAY:
        log.get(__name__).warning("export not deleted at the ehr", export=export.id)
        _forget(export, lease, tools)
        return
    log.get(__name__).warning("export failed", export=export.id, ehr=export.ehr_id)
    with writing(tools.engine) as connection:
        exports.fail(connection, export.id, why)


def _forget(export: Export, lease: str, tools: ExportTools) -> None:
    shelf_of(tools).remove(export.id)
    with writing(tools.engine) as connection:
        exports.mark_released(connection, export.id, lease)


def _pause(looks: int) -> timedelta:
    return min(_FIRST_PAUSE * (1 << min(looks, 10)), _LONGEST_PAUSE)
