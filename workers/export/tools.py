"""What the steps of an export work with. The gate gives it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import httpx2
from sqlalchemy.engine import Engine

from ehr.bulk.client import BulkClient, Tokens
from ehr.registry import Registry, TrustedEhr
from store.sealing import Sealer
from workers.export.shelf import Shelf


class ExportTools(Protocol):
    """The store, the registry, tokens, connections, and the folder of all exports."""

    @property
    def engine(self) -> Engine:
        """The store."""
        ...

    @property
    def sealer(self) -> Sealer:
        """Seals addresses."""
        ...

    @property
    def registry(self) -> Registry:
        """The EHRs we trust."""
        ...

    @property
    def tokens(self) -> Tokens:
        """Access tokens for work without a user."""
        ...

    @property
    def exports_folder(self) -> Path:
        """Below it each export has its folder."""
        ...

    @property
    def lease(self) -> timedelta:
        """After so long without a sign of life a step is somebody else's."""
        ...

    def http(self) -> httpx2.Client:
        """A client for one piece of work; it follows no redirects."""
        ...

    def now(self) -> datetime:
        """The instant, in UTC."""
        ...


def client_of(tools: ExportTools, ehr: TrustedEhr) -> BulkClient:
    """A client of one EHR."""
    return BulkClient(ehr, tools.tokens, tools.http, tools.now)


def shelf_of(tools: ExportTools) -> Shelf:
    """The folders of all exports."""
    return Shelf(tools.exports_folder)
