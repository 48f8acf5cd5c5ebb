"""Connections that are idle."""

import collections
import os
import time
from typing import Callable, Deque, Generic, Tuple, TypeVar

from .connection import Connection

# nginx closes a connection that was idle for 75 seconds
IDLE_SECONDS = 60
IDLE_CONNECTIONS = 32

Kind = TypeVar('Kind', bound=Connection)


class Pool(Generic[Kind]):
    """They are in a deque, which needs no lock.  A connection that a parent
    process has opened is never used."""

    def __init__(self, make: Callable[[], Kind]) -> None:
        self._make = make
        self._idle: Deque[Kind] = collections.deque()
        self._pid = os.getpid()

    def take(self) -> Tuple[Kind, bool]:
        """Returns a connection, and whether it was used before."""
        if self._pid != os.getpid():
            others = self._idle
            self._idle, self._pid = collections.deque(), os.getpid()

            for connection in others:
                connection.close()

        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._make(), False

            if (time.monotonic() - connection.since < IDLE_SECONDS
                    and not connection.is_readable()):
                return connection, True

            connection.close()

    def give_back(self, connection: Kind) -> None:
        connection.since = time.monotonic()
        self._idle.append(connection)

        if len(self._idle) > IDLE_CONNECTIONS:
            try:
                self._idle.popleft().close()
            except IndexError:
                pass

    def close(self) -> None:
        while True:
            try:
                self._idle.pop().close()
            except IndexError:
                return
