"""A port for a server that is started later, in a process of its own."""

from __future__ import annotations

import random
import socket

# Below what Linux hands out to outgoing connections (32768 and up): a port from there may be the
# near end of somebody's connection by the time its server begins. The tests beside this one, in
# other processes, draw too: hence at random, from many.
_PORTS = range(15_000, 32_000)


def free_port() -> int:
    """One that nobody on this machine listens on."""
    while True:
        port = random.SystemRandom().choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
