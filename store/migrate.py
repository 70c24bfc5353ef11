"""Migrations, run by the program itself: no alembic.ini, no shell, any folder."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Engine

from store.database import reading, writing

_FOLDER = Path(__file__).parent / "migrations"
# Any fixed number: two processes that start at once migrate one after the other.
_POSTGRESQL_LOCK = 7_306_145_011


def _config() -> Config:
    config = Config()
    # ConfigParser reads % as the start of a name; a folder may have one in its path.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config


def upgrade(engine: Engine) -> bool:
    """Bring the database to the newest revision; whether there was anything to do.

    All revisions run in one transaction: a failure leaves the database as it was.
    """
    if at_head(engine):
        return False
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_POSTGRESQL_LOCK)))
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True


def at_head(engine: Engine) -> bool:
    """Whether the database has exactly the revision that this code was written for."""
    heads = set(ScriptDirectory.from_config(_config()).get_heads())
    with reading(engine) as connection:
        return set(MigrationContext.configure(connection).get_current_heads()) == heads
