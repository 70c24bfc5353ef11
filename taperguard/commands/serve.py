"""`taperguard serve`: the web service, one process."""

from __future__ import annotations

import uvicorn

from taperguard import wiring
from taperguard.app import create_app
from taperguard.commands import starting
from taperguard.http_server import BoundedHttp


def run() -> int:
    """Serve until a signal asks to end."""
    settings = starting.settings_of_this_process()
    starting.refuse_taken_port(settings.host, settings.port, "TAPERGUARD_PORT")
    starting.bring_store_up_to_date(settings)
    with starting.said_plainly():
        house = wiring.build(settings)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(house),
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
    try:
        server.run()
    except KeyboardInterrupt:
        return 0
    finally:
        house.close()
    return 0 if server.started else 1
