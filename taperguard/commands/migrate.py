"""`taperguard migrate`: bring the tables up to date and end. Running it again changes nothing."""

from __future__ import annotations

from taperguard.commands import starting


def run() -> int:
    """Run the migrations that are missing. Raises Refusal when the database cannot be reached."""
    starting.bring_store_up_to_date(starting.settings_of_this_process())
    return 0
