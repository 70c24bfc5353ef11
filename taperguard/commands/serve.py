"""`taperguard serve`: the web service, one process."""

from __future__ import annotations

import gc

import uvicorn
from starlette.types import ASGIApp

from taperguard import wiring
from taperguard.app import create_app
from taperguard.commands import starting
from taperguard.http_server import BoundedHttp
from taperguard.settings import Settings
from taperguard.warm import warm_up

_NEW_OBJECTS_BEFORE_A_SEARCH = 10_000
"""More than one request makes, and few beside what stays: Python's own number is 700."""


def run() -> int:
    """Serve until a signal asks to end."""
    settings = starting.settings_of_this_process()
    starting.refuse_taken_port(settings.host, settings.port, "TAPERGUARD_PORT")
    starting.bring_store_up_to_date(settings)
    with starting.said_plainly():
        house = wiring.build(settings)
    server = server_of(create_app(house), settings)
    spare_what_stays()
    try:
        server.run()
    except KeyboardInterrupt:
        return 0
    finally:
        house.close()
    return 0 if server.started else 1


def spare_what_stays() -> None:
    """Keep modules and tables out of every later search for garbage: they live as long as we do.

    A request of 40 KB decodes to thousands of objects, which are gone with its answer: that many
    are no reason to search.
    """
    warm_up()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS_BEFORE_A_SEARCH)


def server_of(app: ASGIApp, settings: Settings) -> uvicorn.Server:
    """The server of this application, as it is run in earnest."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http=BoundedHttp,
            lifespan="on",
            access_log=False,
            server_header=False,
            forwarded_allow_ips=settings.trusted_proxies,
            log_config=None,
            timeout_graceful_shutdown=5,
        )
    )
