"""Ports for servers that tests start.

In: how many. Out: ports that nobody has now and that no connection leaves by: a port from where the system takes those
of connections may be gone by the time a server asks for it, and is taken by a client's own while a server is away.
"""

import socket
from contextlib import ExitStack, suppress
from random import Random

PORTS = range(15_000, 30_000)
"""Linux lets connections leave by 32768 to 60999, the others by 49152 and more."""


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """All different, and drawn, so that two processes hardly ever get the same."""
    found: list[int] = []
    with ExitStack() as held:
        for port in Random().sample(PORTS, len(PORTS)):
            with suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
            if len(found) == count:
                break
    return found
