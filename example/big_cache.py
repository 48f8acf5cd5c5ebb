"""A client of bigcache in one file, for Python 3.7 and newer.

    cache = BigCache('http://127.0.0.1:36379')

    def dataset(request, number):
        key = request.get_full_path()
        page = cache.get(key)

        if page is None:
            page = report(number)
            cache.set(key, page, expires='28d')

        return HttpResponse(page)

One object is enough for all threads, and for processes that are forked later.
If the server cannot be reached or fails, nothing is found and nothing is
raised: get() returns None, set() returns False, and from time to time a
warning is logged.  After the server could not be reached, or did not answer in
time, no request is sent for 10 seconds.  Wrong arguments raise an exception:
an address or a lifetime that is none.  If a signal handler or gevent raises
something to end a call, for example Celery's SoftTimeLimitExceeded, the call
raises it too, unless it is one of the errors that files, json or pickle raise.

Several servers keep a part of the keys each:

    cache = BigCache(['http://cache1:36379', 'http://cache2:36379 weight=2'])

The server of a key is the one that nginx chooses by "hash $key consistent" in
an upstream with "server cache1:36379; server cache2:36379 weight=2;".  Both must
be written alike, or "server=NAME:PORT" behind an address says what nginx has.
The keys of a server that is away are not found, and all others are.

unpickle() runs code that the stored bytes contain.  Use it only if everybody
who can write to the server may run code in your process.  get() and set() use
JSON and are safe.

Keys are text.  In a URL a key with its "version" may have some 8,000 bytes; a
letter that is not ASCII takes six or nine.  "a", "/a" and "a/" are the same
key.  Nothing is stored or found, with a warning, under a key that has a NUL,
half a surrogate pair, or a ".." between slashes that leads above its start.
"""

import base64
import datetime
import json
import logging
import math
import os
import pickle
import re
import select
import socket
import ssl
import threading
import time
import zlib
from bisect import bisect_left
from urllib.parse import quote, unquote_to_bytes, urlsplit

logger = logging.getLogger(__name__)

PICKLE = 'application/x-python-pickle'

# statuses by which the server refuses a value, from any client
REFUSED = {400, 413, 414, 422, 500, 507}

MAX_ANSWER = 1 << 30
MAX_HEAD = 1 << 16
MAX_INTERIM = 100
PIECE = 1 << 18
MB = 1 << 20

# of each unit of a weight
POINTS = 160
MAX_WEIGHT = 1000

NEXT = re.compile(' *, *(?=https?://)', re.IGNORECASE)
ADDRESS = re.compile('([^ ]+)((?: +(?:weight|server)=[^ ]+)*)')

# http.client would read this with the parser of e-mails, which takes longer
# than bigcache takes to answer
HEAD = re.compile(r'HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n\0]*)?'
                  r'(?:\r\n[^\s:\0]+:[^\r\n\0]*)*')
HEADERS = re.compile(r'\n(cache-status|connection|content-length|content-type|'
                     r'transfer-encoding):[ \t]*([^\r]*)')
CHUNK = re.compile(rb'([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?', re.DOTALL)

# raised by json, pickle and the objects that they make or read; none of these
# is a class that others raise to end a program, such as Exception
UNFIT = (ArithmeticError, AttributeError, EOFError, ImportError, LookupError,
         MemoryError, NotImplementedError, RecursionError, TypeError,
         ValueError, pickle.PickleError)


class BigCache:
    """The cache at an address such as 'http://127.0.0.1:36379', or
    'https://user:password@cache.example.com/base'; or at several, in a list,
    or with commas between them.

    "wait" is how many seconds to wait for the server, plus one for each MB of
    a page.  "pause" is how many seconds no request is sent after that.  If
    "pack" is true, the server may pack values, which takes less disk and more
    time.
    """

    WARNING_SECONDS = 60

    def __init__(self, location, wait=3, pause=10, pack=False):
        self._servers = _servers(location)
        self._points, self._owners = _ring(self._servers)

        if not 0 < wait < 86400 or not 0 <= pause < 86400:
            raise ValueError('wait and pause are seconds')

        self._wait = float(wait)
        self._pause = float(pause)
        self._as_it_is = '' if pack else 'Cache-Control: no-transform\r\n'
        self._warned = {}

    def get(self, key, default=None, version=None):
        """Returns the value, or the default if there is none."""
        return self._found('/cache/', key, default, version, _value)

    def set(self, key, value, expires=None, timeout=None, version=None):
        """Stores a value that JSON can express; returns whether it is stored.

        "expires" is in unix seconds, a datetime, a timedelta from now, or a
        duration such as '90s', '10m', '5h' or '28d'.  "timeout" is seconds
        from now, or a timedelta.  Without both the value never expires.

        If the value cannot be stored, an older one is removed.
        """
        life = _lifetime(expires, timeout)

        def body():
            return json.dumps({'value': value, **life},
                              allow_nan=False).encode()

        return self._store('/cache/', key, version, body,
                           'Content-Type: application/json\r\n'
                           'Prefer: return=minimal\r\n')

    def unpickle(self, key, default=None, version=None):
        """Returns the object, or the default if there is none.  It runs code,
        see the beginning of this file."""
        return self._found('/pickle/', key, default, version, _object)

    def pickle(self, key, obj, expires=None, timeout=None, version=None):
        """Stores an object that can be pickled.  The rest is as for set()."""
        headers = 'Content-Type: %s\r\n' % PICKLE

        for name, value in _lifetime(expires, timeout).items():
            headers += 'X-Bigcache-%s: %s\r\n' % (name.capitalize(), value)

        return self._store(
            '/pickle/', key, version,
            lambda: pickle.dumps(obj, pickle.HIGHEST_PROTOCOL), headers)

    def delete(self, key, version=None):
        """Removes a key.  Returns whether it existed."""
        try:
            return self._request('DELETE', '/cache/', key, version)[0] == 200
        except _Failure as error:
            return self._failed(error, False, key)

    def clear(self):
        """Removes everything, including what others have stored.  Returns
        whether all servers have done it."""
        done = True

        for server in self._servers:
            try:
                self._ask(server, 'POST', '/clear')
            except _Failure as error:
                done = self._failed(error, False)

        return done

    def close(self):
        """Closes the connections of this thread.  The next call opens one."""
        for server in self._servers:
            connection = getattr(server.local, 'connection', None)

            if connection is not None:
                connection.close()
                server.local.connection = None

    def _found(self, endpoint, key, default, version, read):
        try:
            status, *answer = self._request('GET', endpoint, key, version)
            return default if status == 404 else _fit(read, *answer)
        except _Failure as error:
            return self._failed(error, default, key)

    def _store(self, endpoint, key, version, body, headers):
        try:
            try:
                self._request('POST', endpoint, key, version, _fit(body),
                              headers + self._as_it_is)
                return True

            except _Failure as error:
                # the old value must not stay when there is a new one
                if isinstance(error, _Unfit) or error.status in REFUSED:
                    self._request('DELETE', '/cache/', key, version)
                raise

        except _Failure as error:
            return self._failed(error, False, key)

    def _failed(self, error, result, key=None):
        now = time.monotonic()
        kind = type(error), error.status, error.server

        if now - self._warned.get(kind, -math.inf) > self.WARNING_SECONDS:
            self._warned[kind] = now
            logger.warning('bigcache: %.100r: %s: %s', key,
                           type(error).__name__, error)

        return result

    # -- HTTP

    def _request(self, method, endpoint, key, version, body=b'', headers=''):
        """Asks the server of a key."""
        try:
            text = (str(key) if version is None
                    else '%s:%s' % (version, key)).encode()
        except ValueError as error:
            raise _Failure(_said(error)) from error

        return self._ask(self._server_of(text), method, endpoint + quote(text),
                         body, headers)

    def _server_of(self, text):
        if len(self._servers) == 1:
            return self._servers[0]

        # this is the key that is stored
        point = zlib.crc32(text.strip(b'/'))

        return self._owners[bisect_left(self._points, point)]

    def _ask(self, server, method, path, body=b'', headers=''):
        """Returns the status, the headers and the body; raises _Failure."""
        if time.monotonic() < server.paused_until:
            raise _Failure('%s did not answer a moment ago' % server.name,
                           None, server.name)

        path = server.base + path

        try:
            if method == 'POST':
                headers += 'Content-Length: %d\r\n' % len(body)

            status, headers, answer = self._exchange(
                server, ('%s %s HTTP/1.1\r\n%s%s\r\n' % (
                    method, path, server.headers, headers)).encode(), body)

        except (OSError, ValueError, _Away) as error:
            # a view must not wait again for each of its keys
            if isinstance(error, (_Away, socket.timeout)):
                server.paused_until = time.monotonic() + self._pause

            raise _Failure('%s: %s' % (server.name, _said(error)),
                           None, server.name) from error

        if status != 200 and (status != 404 or method == 'POST'):
            raise _Failure('%s: %s %s: %d %r' % (
                server.name, method, path[:200], status, answer[:200]),
                status, server.name)

        if 'bigcache' not in headers.get('cache-status', ''):
            raise _Failure('%s: %s %s: %d, but not by bigcache' % (
                server.name, method, path[:200], status), None, server.name)

        return status, headers, answer

    def _exchange(self, server, head, body):
        local = server.local
        connection = getattr(local, 'connection', None)

        # meanwhile the thread has none
        local.connection = None

        if connection is None:
            connection = _Connection(server.address, server.tls)

        try:
            reused = connection.begin(self._wait)

            try:
                answer = connection.exchange(head, body)

            except ConnectionError:
                if not reused:
                    raise

                # the server has closed it
                connection.connect()
                answer = connection.exchange(head, body)

        except BaseException:
            connection.close()
            raise

        # only here an answer was read to its end
        local.connection = connection

        return answer


class _Failure(Exception):
    def __init__(self, message, status=None, server=None):
        super().__init__(message)
        self.status = status
        self.server = server


class _Unfit(_Failure):
    """A value that cannot be written, or bytes that cannot be read."""


class _Away(Exception):
    """The next request is likely to fail like this one."""


class _Server:
    """Where a server is, when it is left alone, and the connection that each
    thread has to it.  "name" is what nginx has behind "server"."""

    def __init__(self, url, name, weight):
        self.address, self.tls, self.base, self.headers = _parse(url)
        self.name = name or url.split('/')[2].rpartition('@')[2]
        self.weight = weight
        self.paused_until = 0
        self.local = threading.local()


class _Connection:
    """A connection with a deadline for a whole exchange.  "tls" is the TLS
    context, or None."""

    def __init__(self, address, tls):
        self._address = address
        self._tls = tls
        self._sock = None

    def begin(self, wait):
        """Returns whether the connection was open before."""
        self._wait = wait
        self._end = time.monotonic() + wait
        self._received = 0

        # one of the parent is not used, nor one that was closed, or on which
        # something came that nobody asked for
        reused = (self._sock is not None and self._pid == os.getpid()
                  and self._idle())

        if not reused:
            self.connect()

        return reused

    def connect(self):
        self.close()

        try:
            self._sock = socket.create_connection(self._address, self._left())
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            if self._tls is not None:
                self._arm()
                self._sock = self._tls.wrap_socket(
                    self._sock, server_hostname=self._address[0])

        except (OSError, ValueError) as error:
            raise _Away(_said(error)) from error

        self._pid = os.getpid()

        if hasattr(select, 'poll'):
            poll = select.poll()
            poll.register(self._sock, select.POLLIN)
            self._idle = lambda: not poll.poll(0)
        else:
            read = [self._sock]
            self._idle = lambda: not select.select(read, [], [], 0)[0]

    def close(self):
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def exchange(self, head, body):
        """Returns the status, a dict of the headers that matter, and the
        body.  The connection is closed if it cannot be used again."""
        broken, data = False, b''

        try:
            self._send(head, body)
        except ConnectionError:
            # the server may have said why it stopped reading
            broken = True

        for _ in range(MAX_INTERIM + 1):
            head, data = self._until(b'\r\n\r\n', data)
            version, status, headers = _head(head.decode('latin-1'))

            if status >= 200 or status == 101:
                break
        else:
            raise _Away('interim answers without an end')

        coding = headers.get('transfer-encoding')
        length = headers.get('content-length')
        keep = (version == '1' and not (coding and length)
                and 'close' not in headers.get('connection', ''))

        if status in (101, 204, 304):
            body, keep = b'', False

        elif coding is not None:
            if coding != 'chunked':
                raise ValueError('a Transfer-Encoding that is not chunked')
            body, data = self._chunked(data)

        elif length is not None:
            if not length.isdigit():
                raise ValueError('a Content-Length that is no number')
            body, data = self._exactly(int(length), data)

        else:
            body = b''.join([data, *iter(self._receive, b'')])
            keep = False

        if data or broken or not keep:
            self.close()

        return status, headers, body

    def _left(self):
        """Returns how long the socket may wait, a tenth more at most: to tell
        the socket takes longer than to look at a clock."""
        left = self._end - time.monotonic()

        if left <= 0:
            raise socket.timeout('it takes too long')

        return self._wait if left > 0.9 * self._wait else left

    def _arm(self):
        left = self._left()

        if left != self._sock.gettimeout():
            self._sock.settimeout(left)

    def _send(self, head, body):
        # one segment, if it is not large
        for data in (head + body,) if len(body) < PIECE else (head, body):
            data = memoryview(data)

            while data:
                self._arm()
                sent = self._sock.send(data[:PIECE])
                self._end += sent / MB
                data = data[sent:]

    def _receive(self):
        """Returns what has come, b'' at the end of the connection."""
        self._arm()
        data = self._sock.recv(PIECE)
        self._end += len(data) / MB
        self._received += len(data)

        if self._received > MAX_ANSWER + MB:
            raise ValueError('the answer is too large')

        return data

    def _more(self):
        data = self._receive()

        if not data:
            raise ConnectionResetError('the answer is cut off')

        return data

    # each takes what has come already, and returns what it has read and what
    # is behind it

    def _until(self, mark, data):
        end = data.find(mark)

        while end == -1:
            if len(data) > MAX_HEAD:
                raise _Away('a head without an end')

            data += self._more()
            end = data.find(mark)

        return data[:end], data[end + len(mark):]

    def _exactly(self, size, data):
        if size > MAX_ANSWER:
            raise ValueError('the answer is too large')

        # in pieces: a large size alone must not allocate memory
        pieces, left = [data], size - len(data)

        while left > 0:
            pieces.append(self._more())
            left -= len(pieces[-1])

        data = b''.join(pieces)

        return data[:size], data[size:]

    def _chunked(self, data):
        pieces, size = [], 1

        while size:
            line, data = self._until(b'\r\n', data)
            match = CHUNK.fullmatch(line)

            if match is None:
                raise ValueError('a chunk without a size')

            size = int(match[1], 16)

            if size:
                piece, data = self._exactly(size + 2, data)
                pieces.append(piece[:-2])

                if piece[-2:] != b'\r\n':
                    raise ValueError('a chunk that is longer than its size')

        # trailers, if there are any
        _, data = self._until(b'\r\n\r\n', b'\r\n' + data)

        return b''.join(pieces), data


def _head(text):
    """Returns the minor version of HTTP, the status, and a dict of the headers
    that matter, in lower case."""
    match = HEAD.fullmatch(text)

    if match is None:
        raise ValueError('the answer is not HTTP')

    headers = {}

    for name, value in HEADERS.findall(text.lower()):
        headers[name] = (headers[name] + ', ' if name in headers
                         else '') + value.rstrip(' \t')

    return match[1], int(match[2]), headers


def _value(headers, body):
    return json.loads(body)['value']


def _object(headers, body):
    # what was imported from the original server has no type
    if headers.get('content-type') not in (PICKLE, 'application/octet-stream'):
        raise ValueError('it is not a pickle')

    return pickle.loads(body)


def _fit(function, *args):
    try:
        return function(*args)
    except UNFIT as error:
        raise _Unfit(_said(error)) from error


def _said(error):
    return '%s: %s' % (type(error).__name__, error)


def _servers(location):
    if isinstance(location, str):
        location = NEXT.split(location)

    if not isinstance(location, (list, tuple)) or not location:
        raise ValueError('the location is neither an address nor a list')

    servers = [_server(text) for text in location]

    if len({_split_name(server.name) for server in servers}) < len(servers):
        raise ValueError('the location has a server twice')

    return servers


def _server(text):
    match = ADDRESS.fullmatch(text) if isinstance(text, str) else None

    if match is None:
        return _Server(text, None, 1)   # it says what is wrong

    pairs = [pair.split('=', 1) for pair in match[2].split()]
    given = dict(pairs)
    weight = given.get('weight', '1')

    if (len(given) < len(pairs) or not re.fullmatch('[0-9]{1,4}', weight)
            or not 1 <= int(weight) <= MAX_WEIGHT):
        raise ValueError('a weight is a number from 1 to %d, and is said once'
                         % MAX_WEIGHT)

    return _Server(match[1], given.get('server'), int(weight))


def _ring(servers):
    """Returns the points of nginx's ring, sorted, and the server of each.
    Behind the last one comes the first one again."""
    points = {}

    for server in servers:
        host, port = _split_name(server.name)
        begin = zlib.crc32(('%s\0%s' % (host, port)).encode())
        point = 0

        for _ in range(POINTS * server.weight):
            point = zlib.crc32(point.to_bytes(4, 'little'), begin)
            points.setdefault(point, server)

    order = sorted(points)

    return order, [points[point] for point in order + order[:1]]


def _split_name(name):
    if name[:5].lower() == 'unix:':
        return name[5:], ''

    match = re.fullmatch('(.*):([0-9]*)', name)

    return match.groups() if match else (name, '')


def _parse(location):
    """Returns the address, the TLS context or None, the path in front, and
    the headers with the host and the user."""
    if (not isinstance(location, str)
            or not re.fullmatch(r'https?://[!-~]+', location, re.IGNORECASE)
            or '?' in location or '#' in location):
        raise ValueError('the location is not an http:// address, with no more '
                         'than a path behind it, percent-encoded')

    try:
        url = urlsplit(location)
        tls = url.scheme == 'https'
        port = (443 if tls else 80) if url.port is None else url.port
        host = url.hostname.encode('idna') and url.hostname
    except (ValueError, AttributeError):
        port = None

    # the location may contain a password: not a word of it
    if not port or not host or ',' in host:
        raise ValueError('the location has no host, or an impossible port')

    # what is behind a percent is for this machine only
    name = '[%s]' % host.partition('%')[0] if ':' in host else host
    headers = 'Host: %s\r\n' % (name if port == (443 if tls else 80)
                                else '%s:%d' % (name, port))

    if '@' in url.netloc:
        user, _, password = url.netloc.rpartition('@')[0].partition(':')
        both = unquote_to_bytes(user) + b':' + unquote_to_bytes(password)
        headers += ('Authorization: Basic %s\r\n'
                    % base64.b64encode(both).decode())

    return ((host, port), ssl.create_default_context() if tls
            else None, url.path.rstrip('/'), headers)


def _lifetime(expires, timeout):
    if isinstance(expires, str):
        if not re.fullmatch('[0-9]+[smhd][ -~]*', expires):
            raise ValueError("expires is not a duration such as '28d'")

        return {'duration': expires}

    if isinstance(expires, datetime.datetime):
        return {'expire': expires.timestamp()}

    if isinstance(expires, datetime.timedelta):
        expires, timeout = None, expires

    if isinstance(timeout, datetime.timedelta):
        timeout = timeout.total_seconds()

    if expires is not None:
        return {'expire': _number(expires)}

    if timeout is not None:
        return {'expire': time.time() + _number(timeout)}

    return {}


def _number(value):
    if isinstance(value, str):
        raise TypeError('the lifetime is not a number')

    value = float(value)

    if not math.isfinite(value):
        raise ValueError('the lifetime is not a number')

    return value
