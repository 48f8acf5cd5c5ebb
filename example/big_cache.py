"""A client of bigcache in one file, for Python 3.7 and newer.

    cache = BigCache('http://127.0.0.1:36379')

    def dataset(request, number):
        key = request.get_full_path()
        page = cache.get(key)

        if page is None:
            page = report(number)
            cache.set(key, page, expires='28d')

        return HttpResponse(page)

One object does for all threads, and for processes that are forked later.  A
server that is away or fails is a cache in which there is nothing: get()
returns None, set() False, and from time to time a warning is logged.  After it
could not be reached, or did not answer in time, it is not asked for 10
seconds.  Arguments that are wrong raise something: a lifetime that is none, or
an address.  What a signal handler or gevent raises to end a call, Celery's
SoftTimeLimitExceeded for one, comes out of it, unless it is one of the errors
that files, json or pickle raise.

unpickle() runs what the stored bytes say.  Use it only with a server to which
nobody writes whom you would not let run code in your process; get() and set()
are JSON and safe.

Keys are text, with "version" some 8,000 bytes at most in a URL, where a letter
that is not ASCII takes six or nine.  "a", "/a" and "a/" are the same key.
Under keys with a NUL, half a surrogate pair, or more ".." between slashes than
there is in front of them, nothing is stored and nothing found, with a warning.
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

# what the server says of a value that it will not take, whoever sends it
REFUSED = {400, 413, 414, 422, 500, 507}

MAX_ANSWER = 1 << 30
PIECE = 1 << 18

# what json, pickle and the objects that they make or read raise where it cannot
# be done; no class that others raise to end a program, such as Exception
UNFIT = (ArithmeticError, AttributeError, EOFError, ImportError, LookupError,
         MemoryError, NotImplementedError, RecursionError, TypeError,
         ValueError, pickle.PickleError)


class BigCache:
    """The cache at an address such as 'http://127.0.0.1:36379', or
    'https://user:password@cache.example.com/base'.

    "wait" is how long to wait for the server, in seconds, with one more for
    each MB of a page; "pause" is how long it is not asked after that.
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
        """The value, or the default if there is none."""
        try:
            status, _, body = self._request('GET', '/cache/', key, version)
            return _value(body) if status == 200 else default
        except _Failure as error:
            return self._failed(error, default, key)

    def set(self, key, value, expires=None, timeout=None, version=None):
        """Stores what JSON can express; whether it was stored.

        "expires" is in unix seconds, a datetime, a timedelta from now, or a
        duration such as '90s', '10m', '5h' or '28d'; "timeout" is seconds from
        now, or a timedelta.  With neither of them the value stays for ever.

        If the value cannot be stored, an older one is removed.
        """
        life = _lifetime(expires, timeout)

        def body():
            return json.dumps({'value': value, **life},
                              allow_nan=False).encode()

        return self._store('/cache/', key, version, body, {
            'Content-Type': 'application/json', 'Prefer': 'return=minimal'})

    def unpickle(self, key, default=None, version=None):
        """The object, or the default if there is none.  See the note above."""
        try:
            status, headers, body = self._request('GET', '/pickle/', key,
                                                  version)
            if status == 404:
                return default

            return _object(headers.get('Content-Type'), body)

        except _Failure as error:
            return self._failed(error, default, key)

    def pickle(self, key, obj, expires=None, timeout=None, version=None):
        """Stores an object that can be pickled; the rest is as for set()."""
        headers = {'Content-Type': PICKLE}

        for name, value in _lifetime(expires, timeout).items():
            headers['X-Bigcache-' + name.capitalize()] = str(value)

        return self._store(
            '/pickle/', key, version,
            lambda: pickle.dumps(obj, pickle.HIGHEST_PROTOCOL), headers)

    def delete(self, key, version=None):
        """Whether there was something."""
        try:
            return self._request('DELETE', '/cache/', key, version)[0] == 200
        except _Failure as error:
            return self._failed(error, False, key)

    def clear(self):
        """Removes everything, also what others have stored."""
        try:
            self._request('POST', '/clear')
            return True
        except _Failure as error:
            return self._failed(error, False)

    def close(self):
        """Closes the connection of this thread; the next call opens one."""
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
                # the old value must not stay where there is a new one
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
        """The status, the headers and the body; or a _Failure."""
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
            # no view is to wait for each of its keys; http.client has no other
            # name for what comes without an end
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

                # the server has closed it since; http.client opens another one
                connection.close()
                answer = connection.exchange(method, path, body, headers)

        except BaseException:
            connection.close()
            raise

        # only one whose answer was read to its end is used again
        self._local.connection = connection

        return answer

    def _take(self):
        """That of this thread, which has none meanwhile, or a new one; and
        whether it is open already."""
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
    """One with a deadline for all of an exchange, where http.client has one
    for each byte; "context" is that of TLS, or None."""

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
        # a second for each MB
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
            # the server may have said why it does not want to read more
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
    """What http.client needs of a socket, and no more waiting than the
    connection allows."""

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
    # what was taken over from the original server has no type
    if content_type not in (PICKLE, 'application/octet-stream'):
        raise _Unfit('it is no pickle')

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
    """The address, the context of TLS or None, the path in front, and the
    headers with the user."""
    if (not isinstance(location, str)
            or not re.fullmatch(r'https?://[!-~]+', location, re.IGNORECASE)
            or '?' in location or '#' in location):
        raise ValueError('the location is no http:// address, with no more '
                         'than a path behind it, percent-encoded')

    try:
        url = urlsplit(location)
        tls = url.scheme == 'https'
        port = (443 if tls else 80) if url.port is None else url.port
        host = url.hostname.encode('idna') and url.hostname
    except (ValueError, AttributeError):
        port = None

    # without a word of what it was, which may have a password
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
            raise ValueError("expires is no duration such as '28d'")

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
        raise TypeError('a lifetime that is no number')

    value = float(value)

    if not math.isfinite(value):
        raise ValueError('a lifetime that is no number')

    return value
