"""The web service as `taperguard serve` runs it, with two routes more to measure it by.

`POST /bench/decode` only decodes its body; `GET /bench/cpu` tells the CPU seconds of the process.
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from store import migrate
from taperguard import settings as settings_module
from taperguard import wiring
from taperguard.app import create_app
from taperguard.commands.serve import server_of, spare_what_stays

EHRS, BROKER = "ehrs.toml", "broker.sock"
"""What is read in the folder: the registry, and where a broker listens if there is one."""


async def _decode(request: Request) -> Response:
    msgspec.json.decode(await request.body())
    return Response(b'{"cards":[]}', media_type="application/json")


async def _cpu(_: Request) -> Response:
    return PlainTextResponse(repr(time.process_time()))


def main(folder: Path, port: int) -> None:
    """Serve until killed."""
    logging.disable()
    settings = settings_module.load(
        data=folder,
        port=port,
        ehrs_file=folder / EHRS,
        broker_url=f"redis+socket://{folder / BROKER}",
    )
    house = wiring.build(settings)
    migrate.upgrade(house.engine)
    app = create_app(house)
    beside = Starlette(
        routes=[
            Route("/bench/decode", _decode, methods=["POST"]),
            Route("/bench/cpu", _cpu),
            Mount("/", app),
        ],
    )
    house.relay.start()  # the application's lifespan would, but not of one that is mounted
    spare_what_stays()
    server_of(beside, settings).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
