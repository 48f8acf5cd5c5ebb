"""A client of bigcache for event loops.  No thread waits for an answer.

It uses plain sockets, not the streams of asyncio: these belong to one event
loop, and Django makes a new one for each call of async_to_sync.  A connection
that is idle can be used in any loop.
"""

import asyncio
import socket
import ssl
import sys
from abc import ABC, abstractmethod
from itertools import zip_longest
from typing import Any, List, Optional, Sequence, Tuple, Union

from . import wire
from .calls import BigCacheError, Call, Replied, Request
from .connection import (
    ERRORS, ConnectError, Connection, Deadline, is_away,
)
from .core import Core
from .pool import Pool


class AsyncConnection(Connection):
    """One task at a time may use it."""

    def __init__(self, address: Tuple[str, int],
                 tls: Optional[ssl.SSLContext]) -> None:
        super().__init__(address, tls)
        self._object: Optional[ssl.SSLObject] = None
        self._late = False

    async def open(self, deadline: Deadline) -> None:
        # wait_for() of Python 3.8 to 3.11 may lose a cancellation

        try:
            left = deadline.left()
            opening = asyncio.ensure_future(self._open())

            try:
                await asyncio.wait((opening,), timeout=left)
            except asyncio.CancelledError:
                await _stop(opening)
                raise

            if not opening.done():
                await _stop(opening)

            if opening.cancelled():
                raise socket.timeout('it takes too long')

            opening.result()

        except (OSError, ValueError) as error:
            raise ConnectError(str(error) or type(error).__name__) from error

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        failed = OSError('the name has no address')
        host, port = self._address
        found: Sequence[Tuple[Any, ...]]

        try:
            found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0,
                                       socket.AI_NUMERICHOST)
        except socket.gaierror:
            # a name: this is the only thing that takes a thread
            found = await loop.getaddrinfo(host, port,
                                           type=socket.SOCK_STREAM)

        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)

            try:
                sock.setblocking(False)
                await loop.sock_connect(sock, address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._use(sock)

                if self._tls is not None:
                    await self._handshake(host)

                return

            except OSError as error:
                _close(sock)
                failed = error

            except BaseException:
                _close(sock)
                raise

        try:
            raise failed
        finally:
            del failed      # its traceback has this frame

    async def _handshake(self, host: str) -> None:
        assert self._tls is not None
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = self._tls.wrap_bio(self._in, self._out,
                                          server_hostname=host)

        while True:
            try:
                self._object.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._more()

        await self._flush()

    def close(self) -> None:
        if self._sock is not None:
            _close(self._sock)
            self._sock = None

    def is_readable(self) -> bool:
        # bytes behind an answer may have been received with it
        if self._object is not None and (self._in.pending
                                         or self._object.pending()):
            return True

        return super().is_readable()

    async def ask(self, requests: Sequence[Tuple[str, Sequence[bytes]]],
                  deadline: Deadline, answers: List[wire.Answer]) -> bool:
        """Sends all requests, then reads their answers, which it appends to a
        list.  The deadline begins anew with each.  Returns whether the
        connection can be used again."""
        self._deadline = deadline
        self._start_timer()

        try:
            return await self._ask(requests, answers)
        except ERRORS as error:
            if self._late:
                raise socket.timeout('it takes too long') from error
            raise
        finally:
            self._timer.cancel()

    def _start_timer(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(
            self._deadline.left() + 0.001, self._watch)

    def _watch(self) -> None:
        try:
            self._start_timer()
        except socket.timeout:
            self._end()

    def _end(self) -> None:
        # what waits for the socket finds it closed
        self._late = True

        if self._sock is not None:
            try:
                self._sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    async def _ask(self, requests: Sequence[Tuple[str, Sequence[bytes]]],
                   answers: List[wire.Answer]) -> bool:
        broken = False

        try:
            await self._send_all([part for _, parts in requests
                                  for part in parts])
        except ConnectionError:
            # the server may have said why it stopped reading
            broken = True

        behind = [b'']

        for method, _ in requests:
            answer = await self._answered(wire.read(method, behind[0], behind))
            answers.append(answer)
            self._deadline.restart()

            if not answer.keep:
                return False

        return not broken and not behind[0]

    async def _answered(self, reading: wire.Reading) -> wire.Answer:
        try:
            wanted = next(reading)

            while True:
                came = await self._receive_some(wanted)

                if self._late and not came:
                    # this end is not one of the server
                    raise socket.timeout('it takes too long')

                wanted = reading.send(came)

        except StopIteration as done:
            answer: wire.Answer = done.value
            return answer

    async def _send_all(self, request: Sequence[bytes]) -> None:
        loop = asyncio.get_running_loop()
        assert self._sock is not None

        if sum(map(len, request)) <= wire.PIECE:
            request = (b''.join(request),)

        for part in request:
            view = memoryview(part)

            for start in range(0, len(view), wire.PIECE):
                piece = view[start:start + wire.PIECE]

                if self._object is None:
                    await loop.sock_sendall(self._sock, piece)
                else:
                    self._object.write(piece)
                    await self._flush()

                self._deadline.moved(len(piece))

    async def _receive_some(self,
                            wanted: wire.Wanted) -> Union[bytes, int]:
        assert self._sock is not None
        loop = asyncio.get_running_loop()

        if isinstance(wanted, int):
            data = (await loop.sock_recv(self._sock, wanted)
                    if self._object is None else await self._read(wanted))
            self._deadline.moved(len(data))
            return data

        if self._object is None:
            size = await loop.sock_recv_into(self._sock, wanted)
        else:
            data = await self._read(len(wanted))
            size = len(data)
            wanted[:size] = data

        self._deadline.moved(size)

        return size

    async def _read(self, size: int) -> bytes:
        assert self._object is not None

        while True:
            try:
                return self._object.read(size)
            except ssl.SSLWantReadError:
                await self._more()
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                return b''

    async def _more(self) -> None:
        await self._flush()
        assert self._sock is not None
        data = await asyncio.get_running_loop().sock_recv(self._sock,
                                                          wire.PIECE)
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()

    async def _flush(self) -> None:
        data = self._out.read()

        if data:
            assert self._sock is not None
            await asyncio.get_running_loop().sock_sendall(self._sock, data)


def _close(sock: socket.socket) -> None:
    if sys.version_info < (3, 8) and sock.fileno() != -1:
        # there a cancelled task leaves its socket registered, by a number
        # that the next socket may have
        try:
            loop = asyncio.get_running_loop()
            loop.remove_reader(sock)
            loop.remove_writer(sock)
        except RuntimeError:
            pass    # no loop is running

    sock.close()


async def _stop(task: 'asyncio.Future[None]') -> None:
    """Ends a task.  It has closed its socket by then."""
    task.cancel()
    await asyncio.wait((task,))

    if not task.cancelled():
        task.exception()


class AsyncRunner(ABC):
    """Runs calls of calls.py in an event loop."""

    async def run(self, call: Call) -> Any:
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
                    given = (await self._ask_all(asked) if type(asked) is list
                             else await self._ask(asked))
                    take = call.send
                except BigCacheError as error:
                    given, take = error, call.throw

        finally:
            # the traceback of an error has this frame, which must not keep
            # the error, and with it the value that was to be stored
            given = take = None

    @abstractmethod
    async def _ask(self, asked: Any) -> Any:
        """Returns the answer to what is not a list; raises BigCacheError."""

    @abstractmethod
    async def _ask_all(self, requests: List[Request]) -> List[Replied]:
        """Returns what came of each request."""


class AsyncClient(AsyncRunner):
    """Shares with the clients for threads what is known of the server."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._pool = Pool(lambda: AsyncConnection(core.address, core.tls))

    async def _ask(self, request: Request) -> wire.Answer:
        self._core.begin()
        deadline = Deadline(self._core.timeout + request.wait)
        data = ((request.method, (self._core.head(request), *request.body)),)
        answers: List[wire.Answer] = []

        while True:
            connection, reused = self._pool.take()

            try:
                usable = await self._exchange(connection, reused, data,
                                              deadline, answers)
                break

            except ERRORS as error:
                if (reused and request.again
                        and isinstance(error, ConnectionError)):
                    continue

                raise self._core.failed(error) from error

        self._give_back(connection, usable)
        self._core.check(request, answers[0])

        return answers[0]

    async def _exchange(self, connection: AsyncConnection, reused: bool,
                        data: Sequence[Tuple[str, Sequence[bytes]]],
                        deadline: Deadline,
                        answers: List[wire.Answer]) -> bool:
        try:
            if not reused:
                await connection.open(deadline)

            return await connection.ask(data, deadline, answers)

        except BaseException:
            connection.close()
            raise

    def _give_back(self, connection: AsyncConnection, usable: bool) -> None:
        if usable:
            self._pool.give_back(connection)
        else:
            connection.close()

    async def _ask_all(self, requests: List[Request]) -> List[Replied]:
        """Sends all requests at once.  They are asked one by one if the server
        closes the connection."""
        answers: List[wire.Answer] = []

        try:
            self._core.begin()
            connection, reused = self._pool.take()
            usable = await self._exchange(
                connection, reused,
                [(request.method, (self._core.head(request), *request.body))
                 for request in requests], Deadline(self._core.timeout),
                answers)

        except BigCacheError as error:
            return [error] * len(requests)

        except ERRORS as error:
            # it would be away for each of them
            if is_away(error):
                return [self._core.failed(error)] * len(requests)

        else:
            self._give_back(connection, usable)

        return [await self._checked(request, answer)
                for request, answer in zip_longest(requests, answers)]

    async def _checked(self, request: Request,
                       answer: Optional[wire.Answer]) -> Replied:
        try:
            if answer is None:
                return await self._ask(request)

            self._core.check(request, answer)
            return answer

        except BigCacheError as error:
            return error

    def close(self) -> None:
        self._pool.close()
