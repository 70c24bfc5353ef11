"""What the SMART door is given by the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import httpx2
from sqlalchemy.engine import Engine

from ehr.history import Histories
from ehr.keys import IssuerKeys, OurKeys
from ehr.registry import Registry
from store.sealing import Sealer


@dataclass(frozen=True, slots=True)
class Collaborators:
    """`http` makes a client that follows no redirects; whoever asks for one closes it.

    `base_url` is our address as browsers see it. `our_keys` is None where there are none.
    `histories` are those that workers read in the background.
    """

    registry: Registry
    engine: Engine
    sealer: Sealer
    now: Callable[[], datetime]
    base_url: str
    http: Callable[[], httpx2.AsyncClient]
    our_keys: OurKeys | None = field(repr=False)
    issuer_keys: IssuerKeys = field(repr=False)
    new_event_id: Callable[[], str]
    development: bool
    histories: Histories | None = None
