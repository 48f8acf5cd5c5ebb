"""HTTP connections on which no exchange takes for ever.

http.client limits how long it waits for the next byte, but not for how many
bytes it waits.  Here a whole exchange has a deadline, from the lookup of the
name to the last byte of the answer, and the size of an answer has a limit.
"""

import http.client
import io
import socket
import time

# a deadline gets a second more for so many bytes that were sent or received
BYTES_PER_SECOND = 1 << 20

MAX_ANSWER = 1 << 30
MAX_HEAD = 1 << 20
PIECE = 1 << 18


class Deadline:
    def __init__(self, seconds):
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._received = 0

    def left(self):
        left = self._end - time.monotonic()

        if left <= 0:
            raise socket.timeout('it takes too long')

        return min(left, self._seconds)

    def moved(self, size):
        self._end += size / BYTES_PER_SECOND

    def received(self, size):
        self._received += size

        if self._received > MAX_ANSWER + MAX_HEAD:
            raise TooLargeError('the answer is too large')


class ConnectError(Exception):
    """No connection could be made."""


class TooLargeError(http.client.HTTPException):
    """The answer is too large to be read to its end."""


# What an exchange itself may raise.  A signal handler or gevent may raise
# other exceptions to end the program: these must not be mistaken for an
# answer.
ERRORS = (OSError, ValueError, http.client.HTTPException, ConnectError)


def is_away(error):
    """Whether the next exchange is likely to fail like this one."""
    # http.client raises its base class for headers without an end
    return (isinstance(error, (ConnectError, socket.timeout))
            or type(error) is http.client.HTTPException)


class Connection(http.client.HTTPConnection):
    """A connection with a deadline.

    The attribute deadline is that of the current exchange.  "context" is the
    TLS context, or None.
    """

    def __init__(self, host, port, context):
        super().__init__(host, port)
        self._context = context
        self.default_port = 443 if context is not None else 80
        self.deadline = None

    def connect(self):
        try:
            self.sock = _Socket(self._connected(), self)
        except (OSError, ValueError) as error:
            raise ConnectError(str(error) or type(error).__name__) from error

    def _connected(self):
        failed = OSError('the name has no address')

        for family, kind, protocol, _, address in socket.getaddrinfo(
                self.host, self.port, 0, socket.SOCK_STREAM):
            sock = socket.socket(family, kind, protocol)

            try:
                sock.settimeout(self.deadline.left())
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

                if self._context is not None:
                    sock = self._context.wrap_socket(
                        sock, server_hostname=self.host,
                        do_handshake_on_connect=False)
                    sock.settimeout(self.deadline.left())
                    sock.do_handshake()

                return sock

            except OSError as error:
                sock.close()
                failed = error

            except BaseException:
                sock.close()
                raise

        raise failed

    def exchange(self, method, path, body, headers):
        """Returns the status, the headers, the body, and whether the
        connection can be used again."""
        broken = False

        try:
            self.request(method, path, body, headers)
        except ConnectionError:
            # the server may have said why it stopped reading
            broken = True

        response = self.getresponse()

        try:
            answer = self._read(response)
        finally:
            response.close()

        return (response.status, response.headers, answer,
                self.sock is not None and response.status >= 200
                and not broken)

    def _read(self, response):
        # in pieces: a large Content-Length alone must not allocate memory
        length = response.length
        pieces, size = [], 0

        if length is not None and length > MAX_ANSWER:
            raise TooLargeError('the answer is too large')

        while True:
            piece = response.read(PIECE)

            if not piece:
                break

            self.deadline.moved(len(piece))
            pieces.append(piece)
            size += len(piece)

        if length is not None and size != length:
            raise http.client.IncompleteRead(b'', length - size)

        return b''.join(pieces)


class _Socket:
    """The methods of a socket that http.client needs, each with the deadline
    of the connection."""

    def __init__(self, sock, connection):
        self._sock = sock
        self._connection = connection

    def sendall(self, data):
        deadline = self._connection.deadline
        data = memoryview(data)

        while data:
            self._sock.settimeout(deadline.left())
            sent = self._sock.send(data[:PIECE])
            deadline.moved(sent)
            data = data[sent:]

    def makefile(self, mode):
        raw = self._sock.makefile(mode, buffering=0)

        return io.BufferedReader(_Stream(self._sock, raw, self._connection),
                                 PIECE)

    def fileno(self):
        return self._sock.fileno()

    def close(self):
        self._sock.close()


class _Stream(io.RawIOBase):
    def __init__(self, sock, raw, connection):
        self._sock = sock
        self._raw = raw
        self._connection = connection

    def readable(self):
        return True

    def readinto(self, buffer):
        deadline = self._connection.deadline
        self._sock.settimeout(deadline.left())
        size = self._raw.readinto(buffer)
        deadline.received(size or 0)

        return size

    def close(self):
        if not self.closed:
            self._raw.close()

        super().close()
