"""`taperguard report again`: have the workers make tonight's report once more.

For a night that failed, or whose records were mended since. Tonight's only: an EHR exports what it
holds now. The new report replaces the night's; until it is there the earlier one stays.
"""

from __future__ import annotations

from typing import TextIO

from store import report_runs
from store.database import writing
from taperguard import wiring
from taperguard.commands import starting
from taperguard.refusal import Refusal


def run(*, ehr_id: str, stderr: TextIO) -> int:
    """Ask for it. Raises Refusal; then nothing was changed."""
    settings = starting.settings_of_this_process()
    starting.bring_store_up_to_date(settings)
    with starting.said_plainly():
        house = wiring.build(settings)
    try:
        stderr.write(f"{ask(house, ehr_id)}\n")
    finally:
        house.close()
    return 0


def ask(house: wiring.House, ehr_id: str) -> str:
    """Ask for tonight's report of an EHR; a sentence about it. Raises Refusal."""
    ehr = house.registry.get(ehr_id)
    if ehr is None:
        known = ", ".join(each.id for each in house.registry)
        raise Refusal(f"no EHR of this id is registered (registered: {known})")
    if ehr.bulk_group_id is None:
        raise Refusal(f"{ehr.id} has no bulk_group_id, so no report is made of it")
    night = house.today(ehr)
    with writing(house.engine) as connection:
        before = report_runs.of_night(connection, ehr.id, night)
        # A run that is forgotten before it is cleared up would leave its export behind.
        if before is not None and before.released_at is None:
            raise Refusal(
                f"the report of {night.isoformat()} is being made, or cleared up after; wait for it"
            )
        report_runs.begin(
            connection,
            ehr_id=ehr.id,
            night=night,
            group_id=ehr.bulk_group_id,
            now=house.now(),
        )
    return f"The report of {night.isoformat()} is asked for; a worker makes it."
