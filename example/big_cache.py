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
import http.client
import io
import json
import logging
import math
import os
import pickle
import re
import socket
import ssl
import threading
import time
from urllib.parse import quote, unquote_to_bytes, urlsplit

logger = logging.getLogger(__name__)

PICKLE = 'application/x-python-pickle'

# statuses by which the server refuses a value, from any client
REFUSED = {400, 413, 414, 422, 500, 507}

MAX_ANSWER = 1 << 30
PIECE = 1 << 18

# raised by json, pickle and the objects that they make or read; none of these
# is a class that others raise to end a program, such as Exception
UNFIT = (ArithmeticError, AttributeError, EOFError, ImportError, LookupError,
         MemoryError, NotImplementedError, RecursionError, TypeError,
         ValueError, pickle.PickleError)


class BigCache:
    """The cache at an address such as 'http://127.0.0.1:36379', or
    'https://user:password@cache.example.com/base'.

    "wait" is how many seconds to wait for the server, plus one for each MB of
    a page.  "pause" is how many seconds no request is sent after that.
    """

    WARNING_SECONDS = 60

    def __init__(self, location, wait=3, pause=10):
        self._address, self._tls, self._base, self._headers = _parse(location)

        if not 0 < wait < 86400 or not 0 <= pause < 86400:
            raise ValueError('wait and pause are seconds')

        self._wait = float(wait)
        self._pause = float(pause)
        self._paused_until = 0
        self._local = threading.local()
        self._warned = {}

    def get(self, key, default=None, version=None):
        """Returns the value, or the default if there is none."""
        try:
            status, _, body = self._request('GET', '/cache/', key, version)
            return _value(body) if status == 200 else default
        except _Failure as error:
            return self._failed(error, default, key)

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

        return self._store('/cache/', key, version, body, {
            'Content-Type': 'application/json', 'Prefer': 'return=minimal'})

    def unpickle(self, key, default=None, version=None):
        """Returns the object, or the default if there is none.  It runs code,
        see the beginning of this file."""
        try:
            status, headers, body = self._request('GET', '/pickle/', key,
                                                  version)
            if status == 404:
                return default

            return _object(headers.get('Content-Type'), body)

        except _Failure as error:
            return self._failed(error, default, key)

    def pickle(self, key, obj, expires=None, timeout=None, version=None):
        """Stores an object that can be pickled.  The rest is as for set()."""
        headers = {'Content-Type': PICKLE}

        for name, value in _lifetime(expires, timeout).items():
            headers['X-Bigcache-' + name.capitalize()] = str(value)

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
        """Removes everything, including what others have stored."""
        try:
            self._request('POST', '/clear')
            return True
        except _Failure as error:
            return self._failed(error, False)

    def close(self):
        """Closes the connection of this thread.  The next call opens one."""
        connection = getattr(self._local, 'connection', None)

        if connection is not None:
            connection.close()
            self._local.connection = None

    def _store(self, endpoint, key, version, body, headers):
        try:
            try:
                self._request('POST', endpoint, key, version, _written(body),
                              headers)
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
        kind = type(error), getattr(error, 'status', None)

        if now - self._warned.get(kind, -math.inf) > self.WARNING_SECONDS:
            self._warned[kind] = now
            logger.warning('bigcache: %.100r: %s: %s', key,
                           type(error).__name__, error)

        return result

    # -- HTTP

    def _request(self, method, endpoint, key=None, version=None, body=None,
                 headers=None):
        """Returns the status, the headers and the body; raises _Failure."""
        if time.monotonic() < self._paused_until:
            raise _Failure('the server did not answer a moment ago')

        path = self._base + endpoint

        try:
            if key is not None:
                path += quote(str(key) if version is None
                              else '%s:%s' % (version, key))

            status, headers_in, answer = self._exchange(
                method, path, body, {**self._headers, **(headers or {})})

        except (OSError, ValueError, http.client.HTTPException,
                _NoConnection) as error:
            # a view must not wait again for each of its keys; http.client
            # raises its base class for headers without an end
            if (isinstance(error, (_NoConnection, socket.timeout))
                    or type(error) is http.client.HTTPException):
                self._paused_until = time.monotonic() + self._pause

            raise _Failure(_said(error)) from error

        if status != 200 and (status != 404 or method == 'POST'):
            raise _Failure('%s %s: %d %r' % (method, path[:200], status,
                                             answer[:200]), status)

        if 'bigcache' not in headers_in.get('Cache-Status', ''):
            raise _Failure('%s %s: %d, but not by bigcache'
                           % (method, path[:200], status))

        return status, headers_in, answer

    def _exchange(self, method, path, body, headers):
        connection, reused = self._take()
        connection.begin(self._wait)

        try:
            try:
                answer = connection.exchange(method, path, body, headers)

            except ConnectionError:
                if not reused:
                    raise

                # the server has closed it; http.client opens another one
                connection.close()
                answer = connection.exchange(method, path, body, headers)

        except BaseException:
            connection.close()
            raise

        # a connection is used again only if its answer was read to its end
        self._local.connection = connection

        return answer

    def _take(self):
        """Returns the connection of this thread, or a new one, and whether it
        is open already.  Meanwhile the thread has none."""
        local = self._local
        connection = getattr(local, 'connection', None)
        local.connection = None

        if connection is not None and local.pid != os.getpid():
            # it is the parent's
            connection.close()
            connection = None

        if connection is None:
            connection = _Connection(*self._address, self._tls)
            local.pid = os.getpid()

        return connection, connection.sock is not None


class _Failure(Exception):
    def __init__(self, message, status=None):
        super().__init__(message)
        self.status = status


class _Unfit(_Failure):
    """A value that cannot be written, or bytes that cannot be read."""


class _NoConnection(Exception):
    pass


class _TooLarge(http.client.HTTPException):
    pass


class _Connection(http.client.HTTPConnection):
    """A connection with a deadline for a whole exchange; http.client has one
    for each byte.  "context" is the TLS context, or None."""

    def __init__(self, host, port, context):
        super().__init__(host, port)
        self._context = context
        self.default_port = 443 if context else 80

    def begin(self, wait):
        self._wait = wait
        self._end = time.monotonic() + wait
        self._received = 0

    def left(self):
        left = self._end - time.monotonic()

        if left <= 0:
            raise socket.timeout('it takes too long')

        return min(left, self._wait)

    def moved(self, size):
        # a second more for each MB
        self._end += size / (1 << 20)

    def received(self, size):
        self._received += size

        if self._received > MAX_ANSWER + (1 << 20):
            raise _TooLarge('the answer is too large')

    def connect(self):
        sock = None

        try:
            sock = socket.create_connection((self.host, self.port),
                                            self.left())
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            if self._context is not None:
                sock.settimeout(self.left())
                sock = self._context.wrap_socket(
                    sock, server_hostname=self.host)

        except (OSError, ValueError) as error:
            if sock is not None:
                sock.close()
            raise _NoConnection(error) from error

        except BaseException:
            if sock is not None:
                sock.close()
            raise

        self.sock = _Socket(sock, self)

    def exchange(self, method, path, body, headers):
        broken = False

        try:
            self.request(method, path, body, headers)
        except ConnectionError:
            # the server may have said why it stopped reading
            broken = True

        response = self.getresponse()
        pieces, length = [], response.length

        if length is not None and length > MAX_ANSWER:
            raise _TooLarge('the answer is too large')

        try:
            for piece in iter(lambda: response.read(PIECE), b''):
                pieces.append(piece)
                self.moved(len(piece))
        finally:
            response.close()

        answer = b''.join(pieces)

        if length is not None and length != len(answer):
            raise http.client.IncompleteRead(b'', length - len(answer))

        if response.status < 200 or broken:
            self.close()

        return response.status, response.headers, answer


class _Socket:
    """The methods of a socket that http.client needs.  None waits longer than
    the connection allows."""

    def __init__(self, sock, connection):
        self._sock = sock
        self._connection = connection
        self.close = sock.close

    def sendall(self, data):
        data = memoryview(data)

        while data:
            self._sock.settimeout(self._connection.left())
            sent = self._sock.send(data[:PIECE])
            self._connection.moved(sent)
            data = data[sent:]

    def makefile(self, mode):
        raw = self._sock.makefile(mode, buffering=0)

        return io.BufferedReader(_Stream(self._sock, raw, self._connection),
                                 PIECE)


class _Stream(io.RawIOBase):
    def __init__(self, sock, raw, connection):
        self._sock = sock
        self._raw = raw
        self._connection = connection

    def readable(self):
        return True

    def readinto(self, buffer):
        self._sock.settimeout(self._connection.left())
        size = self._raw.readinto(buffer)
        self._connection.received(size or 0)

        return size

    def close(self):
        self._raw.close()
        super().close()


def _value(body):
    try:
        return json.loads(body)['value']
    except UNFIT as error:
        raise _Unfit(_said(error)) from error


def _object(content_type, body):
    # what was imported from the original server has no type
    if content_type not in (PICKLE, 'application/octet-stream'):
        raise _Unfit('it is not a pickle')

    try:
        return pickle.loads(body)
    except UNFIT as error:
        raise _Unfit(_said(error)) from error


def _written(body):
    try:
        return body()
    except UNFIT as error:
        raise _Unfit(_said(error)) from error


def _said(error):
    return '%s: %s' % (type(error).__name__, error)


def _parse(location):
    """Returns the address, the TLS context or None, the path in front, and
    the headers with the user."""
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
    if not port or not host:
        raise ValueError('the location has no host, or an impossible port')

    headers = {}

    if '@' in url.netloc:
        user, _, password = url.netloc.rpartition('@')[0].partition(':')
        both = unquote_to_bytes(user) + b':' + unquote_to_bytes(password)
        headers['Authorization'] = 'Basic ' + base64.b64encode(both).decode()

    return ((host, port), ssl.create_default_context() if tls
            else None, url.path.rstrip('/'), headers)


def _lifetime(expires, timeout):
    if isinstance(expires, str):
        if not re.match('[0-9]+[smhd]', expires):
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
