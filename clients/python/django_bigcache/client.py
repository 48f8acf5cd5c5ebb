"""A client of bigcache for threads.  All threads of a process share it."""

import atexit
import functools
import weakref
from itertools import zip_longest
from typing import Any, List, Optional, Tuple

from .aio import AsyncClient
from .calls import BigCacheError, Call, Replied, Request
from .connection import ERRORS, Connection, Deadline, is_away
from .core import Core
from .pool import Pool
from .wire import Answer


@functools.lru_cache(maxsize=None)
def shared_client(location: str, timeout: Any, pause: Any,
                  headers: Tuple[Tuple[str, str], ...]) -> 'Client':
    """One client for all threads: Django makes a backend for each thread."""
    return Client(location, timeout, pause, dict(headers))


class Client(Core):
    def __init__(self, location: object, timeout: object, pause: object,
                 headers: object) -> None:
        super().__init__(location, timeout, pause, headers)
        self._pool = Pool(lambda: Connection(self.address, self.tls))
        self.aio = AsyncClient(self)
        _clients.add(self)

    def run(self, call: Call) -> Any:
        """Runs a call of calls.py, and returns what it returns."""
        take: Any = call.send
        given: Any = None

        try:
            while True:
                try:
                    asked = take(given)
                except StopIteration as done:
                    return done.value

                try:
                    given = (self._ask_all(asked) if type(asked) is list
                             else self._ask(asked))
                    take = call.send
                except BigCacheError as error:
                    given, take = error, call.throw

        finally:
            # the traceback of an error has this frame, which must not keep
            # the error, and with it the value that was to be stored
            given = take = None

    def _ask(self, request: Request) -> Answer:
        self.begin()
        deadline = Deadline(self.timeout + request.wait)
        head = self.head(request)

        while True:
            connection: Optional[Connection] = None
            reused = False

            try:
                connection, reused = self._pool.take()

                if not reused:
                    connection.connect(deadline)

                answer = connection.exchange(
                    request.method, (head, *request.body), deadline)

                break

            except ERRORS as error:
                if connection is not None:
                    connection.close()

                if (reused and request.again
                        and isinstance(error, ConnectionError)):
                    continue

                raise self.failed(error) from error

            except BaseException:
                if connection is not None:
                    connection.close()
                raise

        # A connection may be used again only if its answer was read to its
        # end, and only here, behind the handlers that close it: from now on
        # another thread may use it.

        if answer.keep:
            self._pool.give_back(connection)
        else:
            connection.close()

        self.check(request, answer)

        return answer

    def _ask_all(self, requests: List[Request]) -> List[Replied]:
        """Sends all requests at once.  They are asked one by one if the server
        closes the connection."""
        deadline = Deadline(self.timeout)
        answers: List[Answer] = []
        connection: Optional[Connection] = None
        reused = False

        try:
            self.begin()
            connection, reused = self._pool.take()

            if not reused:
                connection.connect(deadline)

            usable = connection.exchange_all(
                [(request.method, (self.head(request), *request.body))
                 for request in requests], deadline, answers)

        except BigCacheError as error:
            return [error] * len(requests)

        except ERRORS as error:
            if connection is not None:
                connection.close()

            # it would be away for each of them
            if is_away(error):
                return [self.failed(error)] * len(requests)

        except BaseException:
            if connection is not None:
                connection.close()
            raise

        else:
            if usable:
                self._pool.give_back(connection)
            else:
                connection.close()

        return [self._checked(request, answer)
                for request, answer in zip_longest(requests, answers)]

    def _checked(self, request: Request, answer: Optional[Answer]) -> Replied:
        try:
            if answer is None:
                return self._ask(request)

            self.check(request, answer)
            return answer

        except BigCacheError as error:
            return error

    def close(self) -> None:
        """Closes the idle connections."""
        self._pool.close()
        self.aio.close()


_clients: 'weakref.WeakSet[Client]' = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for client in list(_clients):
        client.close()
