"""A client of bigcache for threads.  All threads of a process share it."""

import atexit
import functools
import weakref
from abc import ABC, abstractmethod
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


class Runner(ABC):
    """Runs calls of calls.py in a thread."""

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

    @abstractmethod
    def _ask(self, asked: Any) -> Any:
        """Returns the answer to what is not a list; raises BigCacheError."""

    @abstractmethod
    def _ask_all(self, requests: List[Request]) -> List[Replied]:
        """Returns what came of each request."""


class Sent:
    """Requests that were sent.  "connection" is None if none could be used,
    and "replies" is a list if it is known already what came of them."""

    def __init__(self, requests: List[Request], deadline: Deadline,
                 connection: Optional[Connection] = None,
                 replies: Optional[List[Replied]] = None) -> None:
        self.requests = requests
        self.deadline = deadline
        self.connection = connection
        self.replies = replies

    def waited(self) -> None:
        """The time in which nobody has read does not count, if an answer has
        come meanwhile."""
        if self.connection is not None and self.connection.is_readable():
            self.deadline.restart()

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()


class Client(Core, Runner):
    """One server."""

    ring = None

    def __init__(self, location: object, timeout: object, pause: object,
                 headers: object) -> None:
        super().__init__(location, timeout, pause, headers)
        self._pool = Pool(lambda: Connection(self.address, self.tls))
        self.aio = AsyncClient(self)
        _clients.add(self)

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
        return self.receive_all(self.send_all(requests))

    def send_all(self, requests: List[Request]) -> Sent:
        """Sends all requests at once.  They can all be sent again."""
        deadline = Deadline(self.timeout)
        connection: Optional[Connection] = None
        reused = False

        try:
            self.begin()
            connection, reused = self._pool.take()

            if not reused:
                connection.connect(deadline)

            connection.send_all([(self.head(request), *request.body)
                                 for request in requests], deadline)

            return Sent(requests, deadline, connection)

        except BigCacheError as error:
            return Sent(requests, deadline, None, [error] * len(requests))

        except ERRORS as error:
            if connection is not None:
                connection.close()

            return Sent(requests, deadline, None,
                        self._away(error, len(requests)))

        except BaseException:
            if connection is not None:
                connection.close()
            raise

    def receive_all(self, sent: Sent) -> List[Replied]:
        """Returns what came of each request.  They are asked one by one if the
        server has closed the connection."""
        connection, replies = sent.connection, sent.replies
        answers: List[Answer] = []

        if connection is not None:
            try:
                usable = connection.receive_all(
                    [request.method for request in sent.requests],
                    sent.deadline, answers)

            except ERRORS as error:
                connection.close()
                replies = self._away(error, len(sent.requests))

            except BaseException:
                connection.close()
                raise

            else:
                if usable:
                    self._pool.give_back(connection)
                else:
                    connection.close()

        if replies is not None:
            return replies

        return [self._checked(request, answer)
                for request, answer in zip_longest(sent.requests, answers)]

    def _away(self, error: BaseException,
              count: int) -> Optional[List[Replied]]:
        """What came of each request, or None if it is worth it to ask again:
        the server would be away for each of them."""
        return [self.failed(error)] * count if is_away(error) else None

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
