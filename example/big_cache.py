"""A client of bigcache in one file, for Python 3.7 and newer.

    cache = BigCache('http://127.0.0.1:36379')

    def dataset(request, id):
        key = request.get_full_path()
        page = cache.get(key)

        if page is None:
            page = render_slowly(request, id)
            cache.set(key, page, expires='28d')

        return HttpResponse(page)

One object does for all threads, and for processes that are forked later.  A
server that is away or fails is a cache in which there is nothing: get() returns
None, set() False, and from time to time a warning is logged.

unpickle() runs what the stored bytes say.  Use it only with a server to which
nobody writes whom you would not let run code in your process; get() and set()
are JSON and safe.

Keys may be any text; "a", "/a" and "a/" are the same key.
"""

import datetime
import http.client
import json
import logging
import os
import pickle
import threading
import time
from urllib.parse import quote, urlsplit

logger = logging.getLogger(__name__)


class BigCache:
    """The cache at an address such as 'http://127.0.0.1:36379'.

    "wait" is how long to wait for the server, in seconds.
    """

    WARNING_SECONDS = 60

    def __init__(self, location, wait=3):
        url = urlsplit(location)

        if url.scheme not in ('http', 'https') or not url.hostname:
            raise ValueError('%r is no http:// address' % (location,))

        self._url = url
        self._wait = wait
        self._local = threading.local()
        self._warned = None

    def get(self, key, default=None, version=None):
        """The value, or the default if there is none."""
        try:
            status, _, body = self._request('GET', '/cache/', key, version)
            return json.loads(body)['value'] if status == 200 else default
        except Exception as error:
            return self._failed(error, default)

    def set(self, key, value, expires=None, timeout=None, version=None):
        """Stores what JSON can express; whether it was stored.

        "expires" is in unix seconds, a datetime, or a duration from now such
        as '90s', '10m', '5h' or '28d'; "timeout" is seconds from now.  With
        neither of them the value stays for ever.
        """
        try:
            life = _lifetime(expires, timeout)
            body = json.dumps({'value': value, **life}, allow_nan=False)
            self._request('POST', '/cache/', key, version, body.encode(), {
                'Content-Type': 'application/json',
                'Prefer': 'return=minimal',
            })
            return True
        except Exception as error:
            return self._failed(error, False)

    def unpickle(self, key, default=None, version=None):
        """The object, or the default if there is none.  Mind the note above."""
        try:
            status, headers, body = self._request('GET', '/pickle/', key,
                                                  version)
            return pickle.loads(body) if status == 200 else default
        except Exception as error:
            return self._failed(error, default)

    def pickle(self, key, obj, expires=None, timeout=None, version=None):
        """Stores an object that can be pickled; the rest is as for set()."""
        try:
            headers = {'Content-Type': 'application/x-python-pickle'}

            for name, value in _lifetime(expires, timeout).items():
                headers['X-Bigcache-' + name.capitalize()] = str(value)

            body = pickle.dumps(obj, pickle.HIGHEST_PROTOCOL)
            self._request('POST', '/pickle/', key, version, body, headers)
            return True
        except Exception as error:
            return self._failed(error, False)

    def delete(self, key, version=None):
        """Whether there was something."""
        try:
            return self._request('DELETE', '/cache/', key, version)[0] == 200
        except Exception as error:
            return self._failed(error, False)

    def clear(self):
        """Removes everything, also what others have stored."""
        try:
            self._request('POST', '/clear')
            return True
        except Exception as error:
            return self._failed(error, False)

    def close(self):
        """Closes the connection of this thread; the next call opens one."""
        connection = getattr(self._local, 'connection', None)

        if connection is not None:
            connection.close()
            self._local.connection = None

    def _request(self, method, endpoint, key=None, version=None, body=None,
                 headers=None):
        path = self._url.path.rstrip('/') + endpoint

        if key is not None:
            path += quote(str(key) if version is None
                          else '%s:%s' % (version, key))

        connection, reused = self._connection()

        try:
            answer = self._exchange(connection, method, path, body, headers)
        except ConnectionError:
            if not reused:
                raise
            # the server has closed it since; http.client opens another one
            answer = self._exchange(connection, method, path, body, headers)

        if answer[0] != 200 and (answer[0] != 404 or method == 'POST'):
            raise RuntimeError('%s %s: %d %r' % (method, path[:200], answer[0],
                                                 answer[2][:200]))

        return answer

    def _exchange(self, connection, method, path, body, headers):
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        except BaseException:
            connection.close()
            raise

    def _connection(self):
        """That of this thread, and whether it is open already."""
        local = self._local
        connection = getattr(local, 'connection', None)

        if connection is not None and local.pid != os.getpid():
            # it is the parent's
            connection.close()
            connection = None

        if connection is None:
            kind = (http.client.HTTPSConnection if self._url.scheme == 'https'
                    else http.client.HTTPConnection)
            local.connection = kind(self._url.hostname, self._url.port,
                                    timeout=self._wait)
            local.pid = os.getpid()

        return local.connection, local.connection.sock is not None

    def _failed(self, error, result):
        now = time.monotonic()

        if self._warned is None or now - self._warned > self.WARNING_SECONDS:
            self._warned = now
            logger.warning('bigcache: %s: %s', type(error).__name__, error)

        return result


def _lifetime(expires, timeout):
    if isinstance(expires, str):
        return {'duration': expires}

    if isinstance(expires, datetime.datetime):
        return {'expire': expires.timestamp()}

    if expires is not None:
        return {'expire': float(expires)}

    if timeout is not None:
        return {'expire': time.time() + timeout}

    return {}
