"""Which services there are (CDS Hooks 2.0, Discovery), fetched and kept for a minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..records import json_text
from .http import TOTAL_SECONDS, Ask, Exchange, Sign, exchange

KEPT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the discovery document."""

    hook: str
    id: str
    title: str
    address: str
    prefetch: Mapping[str, str] = field(default_factory=dict)


class NoDiscovery(Exception):
    """The services could not be listed; the exchange holds the reason."""

    def __init__(self, attempt: Exchange, problem: str) -> None:
        super().__init__(problem)
        self.attempt = attempt
        self.problem = problem


class Discovery:
    """The services at one address. A failure is not kept: the next call asks again.

    `sign` makes the token of each call of them, discovery's own too.
    """

    def __init__(
        self,
        service_url: str,
        sign: Sign | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = f"{service_url}/cds-services"
        self.sign = sign
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: tuple[float, tuple[Service, ...]] | None = None

    def services(self, hook: str, *, seconds: float = TOTAL_SECONDS) -> list[Service]:
        """The services that want to be called on this hook, within so many seconds.

        Raises NoDiscovery.
        """
        if not self._lock.acquire(timeout=seconds):
            # Somebody else waits for the same answer and has more time.
            problem = f"it did not answer within {seconds:g} seconds"
            attempt = Exchange(self._address, "", None, round(seconds * 1000), "", problem)
            raise NoDiscovery(attempt, problem)
        try:
            if self._kept is None or self._clock() >= self._kept[0]:
                self._kept = None
                (answer,) = exchange([Ask(self._address)], sign=self.sign, total_seconds=seconds)
                found = self._read(answer)
                self._kept = (self._clock() + KEPT_SECONDS, found)
            return [service for service in self._kept[1] if service.hook == hook]
        finally:
            self._lock.release()

    def _read(self, answer: Exchange) -> tuple[Service, ...]:
        if answer.problem:
            raise NoDiscovery(answer, answer.problem)
        try:
            said = json_text.read(answer.response)
        except (ValueError, RecursionError):
            raise NoDiscovery(answer, "its list of services is no JSON") from None
        listed = said.get("services") if isinstance(said, dict) else None
        if not isinstance(listed, list):
            raise NoDiscovery(answer, "its list of services cannot be read")
        return tuple(service for item in listed if (service := self._service(item)) is not None)

    def _service(self, said: Any) -> Service | None:
        if not isinstance(said, dict):
            return None
        hook, key, title = said.get("hook"), said.get("id"), said.get("title")
        if not (isinstance(hook, str) and isinstance(key, str) and key):
            return None
        templates = said.get("prefetch")
        return Service(
            hook=hook,
            id=key,
            title=title if isinstance(title, str) and title else key,
            address=f"{self._address}/{key}",
            prefetch={
                name: template
                for name, template in (templates if isinstance(templates, dict) else {}).items()
                if isinstance(template, str)
            },
        )
