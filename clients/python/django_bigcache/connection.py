"""Connections on which no exchange takes for ever.

A whole exchange has a deadline, from the lookup of the name to the last byte
of the answer.
"""

import select
import socket
import ssl
import time
from typing import Iterable, List, Optional, Sequence, Tuple, Union

from . import wire

# a deadline gets a second more for so many bytes that were sent or received
BYTES_PER_SECOND = 1 << 20

# bytes that are sent at once
PIECE = 1 << 18

# bytes that a socket always takes when nothing is on its way
SMALL = 1 << 14


class Deadline:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        left = self._end - time.monotonic()

        if left <= 0:
            raise socket.timeout('it takes too long')

        return min(left, self.seconds)

    def restart(self) -> None:
        self._end = time.monotonic() + self.seconds

    def moved(self, size: int) -> None:
        self._end += size / BYTES_PER_SECOND


class ConnectError(Exception):
    """No connection could be made."""


# What an exchange itself may raise.  A signal handler or gevent may raise
# other exceptions to end the program: these must not be mistaken for an
# answer.
ERRORS = (OSError, ValueError, wire.ProtocolError, ConnectError)


def is_away(error: BaseException) -> bool:
    """Whether the next exchange is likely to fail like this one."""
    return isinstance(error, (ConnectError, socket.timeout,
                              wire.EndlessError))


class Connection:
    """"address" is a host and a port, "tls" a context or None.  One thread at
    a time may use a connection."""

    def __init__(self, address: Tuple[str, int],
                 tls: Optional[ssl.SSLContext]) -> None:
        self._address = address
        self._tls = tls
        self._sock: Optional[socket.socket] = None
        self._armed = 0.0
        self.since = 0.0            # it is idle

    def connect(self, deadline: Deadline) -> None:
        try:
            self._use(self._connected(deadline))
        except (OSError, ValueError) as error:
            raise ConnectError(str(error) or type(error).__name__) from error

    def _connected(self, deadline: Deadline) -> socket.socket:
        failed = OSError('the name has no address')
        host, port = self._address

        for family, kind, protocol, _, address in socket.getaddrinfo(
                host, port, 0, socket.SOCK_STREAM):
            sock = socket.socket(family, kind, protocol)

            try:
                sock.settimeout(deadline.left())
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

                if self._tls is not None:
                    sock = self._tls.wrap_socket(
                        sock, server_hostname=host,
                        do_handshake_on_connect=False)
                    sock.settimeout(deadline.left())
                    sock.do_handshake()

                return sock

            except OSError as error:
                sock.close()
                failed = error

            except BaseException:
                sock.close()
                raise

        try:
            raise failed
        finally:
            del failed      # its traceback has this frame

    def _use(self, sock: socket.socket) -> None:
        self._sock = sock

        if hasattr(select, 'poll'):
            self._poll = select.poll()
            self._poll.register(sock, select.POLLIN)

    def is_readable(self) -> bool:
        """Whether the server has closed it, or has sent data without a
        request.  Only for a connection that is idle."""
        if hasattr(select, 'poll'):
            return bool(self._poll.poll(0))

        return bool(select.select([self._sock], [], [], 0)[0])

    def exchange(self, method: str, request: Sequence[bytes],
                 deadline: Deadline) -> wire.Answer:
        """"request" is a head, or a head and the parts of a body."""
        assert self._sock is not None
        broken = quick = False
        data = b''

        try:
            quick = self._send(request, deadline)
        except ConnectionError:
            # the server may have said why it stopped reading
            broken = True

        if quick and method != 'HEAD':
            data = self._sock.recv(wire.PIECE)
            whole = wire.whole(data)

            if whole is not None:
                return whole

            if not data:
                raise ConnectionResetError('the server has closed the '
                                           'connection')

            deadline.moved(len(data))

        answer = self._answer(wire.read(method, data), deadline)

        return answer._replace(keep=False) if broken else answer

    def send_all(self, requests: Sequence[Sequence[bytes]],
                 deadline: Deadline) -> None:
        self._send([part for parts in requests for part in parts], deadline)

    def receive_all(self, methods: Iterable[str], deadline: Deadline,
                    answers: List[wire.Answer]) -> bool:
        """Reads the answers to all requests that were sent, and appends them
        to a list.  The deadline begins anew with each.  Returns whether the
        connection can be used again."""
        behind = [b'']

        for method in methods:
            answer = self._answer(wire.read(method, behind[0], behind),
                                  deadline)
            answers.append(answer)
            deadline.restart()

            if not answer.keep:
                return False

        return not behind[0]

    def _answer(self, reading: wire.Reading,
                deadline: Deadline) -> wire.Answer:
        try:
            wanted = next(reading)

            while True:
                wanted = reading.send(self._receive(wanted, deadline))

        except StopIteration as done:
            answer: wire.Answer = done.value
            return answer

    def _receive(self, wanted: wire.Wanted,
                 deadline: Deadline) -> Union[bytes, int]:
        assert self._sock is not None
        self._arm(deadline)

        if isinstance(wanted, int):
            data = self._sock.recv(wanted)
            deadline.moved(len(data))
            return data

        size = self._sock.recv_into(wanted)
        deadline.moved(size)

        return size

    def _send(self, request: Sequence[bytes], deadline: Deadline) -> bool:
        """Returns whether the socket has taken it at once, so that no time has
        passed."""
        assert self._sock is not None

        # one segment, if it is not large
        if sum(map(len, request)) <= PIECE:
            request = (b''.join(request),)
            self._arm(deadline)
            size = self._sock.send(request[0])
            deadline.moved(size)

            if size == len(request[0]):
                return size <= SMALL

            request = (request[0][size:],)

        for part in request:
            rest = memoryview(part)

            while rest:
                self._arm(deadline)
                size = self._sock.send(rest[:PIECE])
                deadline.moved(size)
                rest = rest[size:]

        return False

    def _arm(self, deadline: Deadline) -> None:
        """Lets the socket wait as long as the deadline allows, or a tenth
        longer: to tell the socket takes longer than to look at a clock."""
        assert self._sock is not None
        left = deadline.left()

        if left > 0.9 * deadline.seconds:
            left = deadline.seconds

        if left != self._armed:
            self._sock.settimeout(left)
            self._armed = left

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None
