"""taperguard check: a CDS Hooks request in, the service's response out, without a server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TextIO

from cds_hooks.caller import Caller, ehr_of
from cds_hooks.request import BadRequest, read_request
from cds_hooks.services.order_safety import HOOKS, NothingDecided, answer
from ehr.decode import pretty
from ehr.outcome import operation_outcome
from taperguard import settings as settings_module
from taperguard import wiring
from taperguard.commands import starting
from taperguard.doors import bench_of, today_of
from taperguard.limits import MOST_BODY_BYTES
from taperguard.rxnorm import folder


def run(
    file: str,
    on: date | None,
    stdin: TextIO,
    stdout: TextIO,
    stderr: TextIO,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """Print what POST /cds-services/clonazepam-safety would answer. 0, or 2 with a sentence.

    Where the service would answer 412, its OperationOutcome is printed as well.
    """
    settings = settings_module.load()
    folder.adopt(settings.knowledge)
    with starting.said_plainly():
        registry = wiring.registry(settings)
        policies = wiring.policies(settings, registry)
    try:
        raw = stdin.read().encode() if file == "-" else Path(file).read_bytes()
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not text"
        stderr.write(f"The file cannot be read: {reason}.\n")
        return 2
    if len(raw) > MOST_BODY_BYTES:
        stderr.write(f"body: larger than the {MOST_BODY_BYTES} bytes that are read.\n")
        return 2
    try:
        request = read_request(raw, HOOKS)
        ehr = ehr_of(Caller(), request.fhir_server, registry)
        bench = bench_of(settings, policies)(ehr, request.fhir_server)
        found = answer(request, on or today_of(now)(ehr), bench)
    except BadRequest as error:
        stderr.write(f"{error}.\n")
        return 2
    except NothingDecided as error:
        stdout.write(pretty(operation_outcome("required", str(error), "prefetch")) + "\n")
        stderr.write(f"{error}\n")
        return 2
    stdout.write(pretty(found.body) + "\n")
    return 0
