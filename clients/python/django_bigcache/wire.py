"""HTTP/1.1 as bytes: what is sent, and what comes back.  Nothing here waits.

http.client would read an answer with the parser of e-mails, which takes longer
than bigcache takes to answer.  docs/django.md has the figures.
"""

import re
from typing import Any, Generator, List, NamedTuple, Optional, Tuple, Union

MAX_ANSWER = 1 << 30
MAX_HEAD = 1 << 16
MAX_INTERIM = 100
MAX_TRAILERS = 100
PIECE = 1 << 16

# a body up to this size is received into memory of its size
MAX_BUFFER = 1 << 26

_STATUS = re.compile(r'HTTP/1\.([01]) ([1-9][0-9]{2})[ \r]')
_LINES = re.compile(r"[^\r\n]*(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:"
                    r"[^\r\n\0]*)*\r\n")
_COMMON = {'HTTP/1.1 200 ': 200, 'HTTP/1.1 404 ': 404}
_CHUNK = re.compile(rb'([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?', re.DOTALL)
_LENGTH = re.compile(r'[0-9]{1,30}')


class ProtocolError(Exception):
    """What came is not an answer of HTTP, or not all of one."""


class TooLargeError(ProtocolError):
    """The answer is too large to be read to its end."""


class EndlessError(ProtocolError):
    """The head of the answer has no end."""


class Headers:
    """The headers of an answer.  Only those that are asked for are looked
    for: to make a dict of them all takes three times as long."""

    __slots__ = '_text', '_names'

    def __init__(self, text: str) -> None:
        self._text = text
        self._names = text.lower()

    def get(self, name: str, default: str = '') -> str:
        """The value of a header, whose name is in lower case.  Values of
        headers of one name are joined, with a comma between them."""
        line = '\r\n' + name + ':'
        at = self._names.find(line)

        if at == -1:
            return default

        end = self._text.find('\r\n', at + 2)
        value = self._text[at + len(line):end].strip(' \t')
        at = self._names.find(line, end)

        while at != -1:
            end = self._text.find('\r\n', at + 2)
            value += ', ' + self._text[at + len(line):end].strip(' \t')
            at = self._names.find(line, end)

        return value


class Answer(NamedTuple):
    """"keep": the connection can be used again."""

    status: int
    headers: Headers
    body: Union[bytes, bytearray]
    keep: bool


# What a generator yields is what to receive: so many bytes at most, which it
# takes; or memory to be filled, whose number of new bytes it takes.

Wanted = Union[int, memoryview]
Reading = Generator[Wanted, Any, Answer]


def whole(data: bytes) -> Optional[Answer]:
    """Returns the answer to a GET or a POST, if all of it is there, with
    nothing behind it, and the server keeps the connection open; or None if
    read() must find out.  Most answers of bigcache come like this."""
    end = data.find(b'\r\n\r\n')
    text = data[:end + 2].decode('latin-1')
    status = _COMMON.get(text[:13])

    if status is None or end == -1 or not _is_clean(text):
        return None

    headers = Headers(text)
    length = headers.get('content-length')

    if (not _LENGTH.fullmatch(length) or len(data) - end - 4 != int(length)
            or headers.get('transfer-encoding', 'none') != 'none'
            or headers.get('connection') not in ('', 'keep-alive')):
        return None

    return Answer(status, headers, data[end + 4:], True)


def read(method: str, data: bytes = b'',
         behind: Optional[List[bytes]] = None) -> Reading:
    """Reads one answer, of which "data" has come already.  A generator: it
    takes what was received, which is empty at the end of the connection.
    "behind" is where to put what has come behind the answer, if there may be
    more answers.

    Raises ProtocolError, and ConnectionResetError if nothing has come at all.
    """
    status, headers, keep, data = yield from _final(data)

    if method == 'HEAD' or status in (101, 204, 304):
        keep = keep and status != 101
        return Answer(status, headers, b'', _behind(keep, data, behind))

    coding = headers.get('transfer-encoding', 'none')
    length = headers.get('content-length', 'none')
    body: Union[bytes, bytearray]

    if coding != 'none':
        if coding.lower() != 'chunked':
            raise ProtocolError('a Transfer-Encoding that is not chunked')

        body, data = yield from _chunked(data)
        keep = keep and length == 'none'

    elif length != 'none':
        size = _length(length)

        if len(data) + PIECE < size <= MAX_BUFFER:
            body, data = (yield from _filled(data, size)), b''
        else:
            body, data = yield from _bytes(data, size)

    else:
        body, data, keep = (yield from _all(data)), b'', False

    return Answer(status, headers, body, _behind(keep, data, behind))


def _behind(keep: bool, data: bytes, behind: Optional[List[bytes]]) -> bool:
    if behind is None:
        return keep and not data

    behind[:] = [data]

    return keep


def _final(data: bytes) -> Generator[Wanted, Any,
                                     Tuple[int, Headers, bool, bytes]]:
    """Returns the status, the headers, whether the server keeps the connection
    open, and what is behind the head."""
    for interim in range(MAX_INTERIM + 1):
        end = data.find(b'\r\n\r\n')

        while end == -1:
            if len(data) > MAX_HEAD:
                raise EndlessError('a head without an end')

            more = yield PIECE

            if not more:
                if not data and not interim:
                    raise ConnectionResetError('the server has closed the '
                                               'connection')
                raise ProtocolError('the answer is cut off')

            seen = max(0, len(data) - 3)
            data += more
            end = data.find(b'\r\n\r\n', seen)

        status, headers, keep = _head(data[:end + 2])
        data = data[end + 4:]

        if status >= 200 or status == 101:
            return status, headers, keep, data

    raise EndlessError('interim answers without an end')


def _head(data: bytes) -> Tuple[int, Headers, bool]:
    """Returns the status, the headers, and whether the connection stays.
    "data" ends with the end of the last line."""
    text = data.decode('latin-1')
    match = _STATUS.match(text)

    if match is None:
        raise ProtocolError('the answer is not HTTP')

    if not _LINES.fullmatch(text):
        raise ProtocolError('the answer has a header that is not one')

    headers = Headers(text)

    return (int(match[2]), headers, match[1] == '1'
            and 'close' not in headers.get('connection', '').lower())


def _is_clean(text: str) -> bool:
    """Whether nothing in it may need a closer look: a line that is folded, or
    ends in another way, or a blank before a colon."""
    lines = text.count('\r\n')

    return (text.count('\n') == lines and text.count('\r') == lines
            and '\0' not in text and '\n ' not in text
            and '\n\t' not in text and ' :' not in text)


def _length(text: str) -> int:
    if not _LENGTH.fullmatch(text):
        raise ProtocolError('a Content-Length that is no number')

    length = int(text)

    if length > MAX_ANSWER:
        raise TooLargeError('the answer is too large')

    return length


# Each returns bytes, and the rest of what has come

Bytes = Tuple[bytes, bytes]


def _bytes(data: bytes, length: int) -> Generator[Wanted, Any, Bytes]:
    if length <= len(data):
        return data[:length], data[length:]

    # in pieces: a large Content-Length alone must not allocate memory
    pieces = [data]
    left = length - len(data)

    while left:
        data = yield PIECE

        if not data:
            raise ProtocolError('the answer is cut off')

        pieces.append(data[:left])
        data = data[left:]
        left -= len(pieces[-1])

    return b''.join(pieces), data


def _filled(data: bytes, length: int) -> Generator[Wanted, Any, bytearray]:
    """The same for a body that ends the answer, without a copy.  The system
    gives memory only to what is filled."""
    body = bytearray(length)
    body[:len(data)] = data
    view = memoryview(body)
    at = len(data)

    while at < length:
        size = yield view[at:]

        if not size:
            raise ProtocolError('the answer is cut off')

        at += size

    return body


def _all(data: bytes) -> Generator[Wanted, Any, bytes]:
    pieces, size = [data], len(data)

    while data or len(pieces) == 1:
        data = yield PIECE
        pieces.append(data)
        size += len(data)

        if size > MAX_ANSWER:
            raise TooLargeError('the answer is too large')

    return b''.join(pieces)


def _chunked(data: bytes) -> Generator[Wanted, Any, Bytes]:
    pieces, size, length = [], 0, 1

    while length:
        line, data = yield from _line(data)
        match = _CHUNK.fullmatch(line)

        if match is None:
            raise ProtocolError('a chunk without a size')

        length = int(match[1], 16)
        size += length + len(line)      # a line may be longer than its chunk

        if size > MAX_ANSWER:
            raise TooLargeError('the answer is too large')

        if length:
            chunk, data = yield from _bytes(data, length + 2)

            if not chunk.endswith(b'\r\n'):
                raise ProtocolError('a chunk that is longer than its size')

            pieces.append(chunk[:-2])

    for _ in range(MAX_TRAILERS + 1):
        line, data = yield from _line(data)

        if not line:
            return b''.join(pieces), data

    raise EndlessError('trailers without an end')


def _line(data: bytes) -> Generator[Wanted, Any, Bytes]:
    end = data.find(b'\r\n')

    while end == -1:
        if len(data) > MAX_HEAD:
            raise EndlessError('a line without an end')

        more = yield PIECE

        if not more:
            raise ProtocolError('the answer is cut off')

        data += more
        end = data.find(b'\r\n')

    return data[:end], data[end + 2:]
