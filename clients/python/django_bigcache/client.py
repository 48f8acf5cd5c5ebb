"""The HTTP API of bigcache, over connections that are kept open."""

import base64
import collections
import functools
import http.client
import json
import os
import select
import socket
import ssl
import time
from urllib.parse import urlsplit

from .keys import path as key_path

# nginx closes a connection that was idle for 75 seconds
IDLE_SECONDS = 60
IDLE_CONNECTIONS = 32

# by default nginx refuses request lines over 8 KB and bodies over 1 MB
MAX_PATH = 7000
MAX_BATCH_BYTES = 900000
MAX_BATCH_ITEM = 256 * 1024
MAX_BATCH = 1000


class BigCacheError(Exception):
    """The server is not there, or did not do what it was asked for.

    The attribute status is that of the answer, None if there was none.
    """

    def __init__(self, message, status=None):
        super().__init__(message)
        self.status = status


# What is stored: "data" is bytes of the content type "type", or, if "type" is
# None, the text of a JSON value.

Item = collections.namedtuple('Item', 'data type')

# What was found: "raw" is bytes, or None where "value" is a JSON value;
# "expire" is known to get_many() only.

Entry = collections.namedtuple('Entry', 'value raw type expire')


# lifetimes, as the bodies of requests have them

FOREVER = {'expire': None}


def lifetime(seconds):
    # whole seconds are counted by the clock of the server
    if seconds is None or seconds > 100 * 365 * 86400:
        return FOREVER

    if seconds == int(seconds):
        return {'duration': '%ds' % seconds}

    return {'expire': time.time() + seconds}


def until(expire):
    return {'expire': expire}


@functools.lru_cache(maxsize=None)
def shared_client(location, timeout, pause, headers):
    """One for all threads: Django makes a backend for each of them."""
    return Client(location, timeout, pause, dict(headers))


class Client:
    def __init__(self, location, timeout, pause, headers):
        url = urlsplit(location)

        if url.scheme not in ('http', 'https') or not url.hostname:
            raise ValueError('%r is no http:// address' % location)

        self._address = (url.hostname, url.port)
        self._tls = (ssl.create_default_context() if url.scheme == 'https'
                     else None)
        self._base = url.path.rstrip('/')
        self._location = location
        self._timeout = timeout
        self._pause = pause
        self._paused_until = 0
        self._headers = headers
        self._idle = collections.deque()
        self._pid = os.getpid()
        self.warned = None     # when the backend did so

    # -- one key

    def get(self, key):
        """An Entry or None."""
        if _is_long(key):
            return self.get_many([key]).get(key)

        status, headers, body = self._request(
            'GET', '/pickle/' + key_path(key), expected=(200, 404))

        if status == 404:
            return None

        content_type = headers.get('Content-Type', '')

        if content_type == 'application/json':
            try:
                return Entry(json.loads(body)['value'], None, None, None)
            except (ValueError, LookupError, TypeError, RecursionError):
                pass    # bytes that somebody stored with that type

        return Entry(None, body, content_type, None)

    def exists(self, key):
        if _is_long(key):
            return key in self.get_many([key])

        return self._request('HEAD', '/pickle/' + key_path(key),
                             expected=(200, 404))[0] == 200

    def put(self, key, item, life, only_new=False):
        """False if only_new is set and there is something."""
        if _is_long(key):
            status = self._batch([_set_text(key, item, life, only_new)])[0]
            return _status(status, (200, 412)) == 200

        headers = {'Prefer': 'return=minimal'}

        if only_new:
            headers['If-None-Match'] = '*'

        if item.type is None:
            endpoint = '/cache/'
            headers['Content-Type'] = 'application/json'
            body = '{"value":%s,%s}' % (item.data, json.dumps(life)[1:-1])
            body = body.encode()

        else:
            endpoint = '/pickle/'
            headers['Content-Type'] = item.type
            body = item.data

            for name, value in life.items():
                if value is not None:
                    headers['X-Bigcache-' + name.capitalize()] = str(value)

        return self._request('POST', endpoint + key_path(key), body, headers,
                             expected=(200, 412))[0] == 200

    def delete(self, key):
        """Whether there was something."""
        if _is_long(key):
            result = self._batch([_op_text('delete', key)])[0]
            return _status(result, (200, 404)) == 200

        return self._request('DELETE', '/cache/' + key_path(key),
                             expected=(200, 404))[0] == 200

    def touch(self, key, life):
        """Whether there was something."""
        if _is_long(key):
            result = self._batch([_op_text('touch', key, life)])[0]
            return _status(result, (200, 404)) == 200

        return self._request('PATCH', '/cache/' + key_path(key),
                             json.dumps(life).encode(),
                             expected=(200, 404))[0] == 200

    def incr(self, key, delta):
        """The new number, None if there is nothing; a ValueError if what is
        there is no integer of 64 bits, or would not be one."""
        status, _, body = self._request(
            'POST', '/incr/' + key_path(key), b'{"delta":%d}' % delta,
            expected=(200, 404, 409), again=False)

        if status == 409:
            raise ValueError(_detail(body))

        if status == 404:
            return None

        value = _parse(body).get('value')

        if type(value) is not int:
            raise BigCacheError('POST /incr/: not an answer of bigcache')

        return value

    # -- many keys

    def get_many(self, keys):
        """A dict of the entries that there are."""
        keys = list(keys)
        results = []
        found = {}

        for ops in _chunks(_op_text('get', key) for key in keys):
            results += self._batch(ops)

        for key, result in zip(keys, results):
            status = _status(result, (200, 404, 413))

            if status == 413 and not _is_long(key):
                # it is too large to be one of many
                entry = self.get(key)
                if entry is not None:
                    found[key] = entry

            elif status == 200:
                found[key] = _entry(result)

        return found

    def put_many(self, items, life):
        """Stores a dict of items; what was not stored comes back as a dict of
        the errors."""
        failed = {}
        small = {}

        for key, item in items.items():
            if len(item.data) <= MAX_BATCH_ITEM:
                small[key] = item
                continue

            try:
                self.put(key, item, life)
            except BigCacheError as error:
                failed[key] = error

        keys = iter(small)

        for ops in _chunks(_set_text(key, item, life)
                           for key, item in small.items()):
            try:
                results = self._batch(ops)
            except BigCacheError as error:
                failed.update((next(keys), error) for _ in ops)
                continue

            for result in results:
                key = next(keys)
                try:
                    _status(result, (200,))
                except BigCacheError as error:
                    failed[key] = error

        return failed

    def delete_many(self, keys):
        for ops in _chunks(_op_text('delete', key) for key in keys):
            for result in self._batch(ops):
                _status(result, (200, 404))

    def clear(self):
        self._request('POST', '/clear')

    def delete_prefix(self, prefix):
        # in effect when it is answered, not when all is counted
        self._request('DELETE', '/prefix/' + key_path(prefix),
                      headers={'Prefer': 'respond-async'}, expected=(200, 202))

    def _batch(self, ops):
        body = '{"operations":[%s]}' % ','.join(ops)
        body = self._request('POST', '/batch', body.encode())[2]
        results = _parse(body).get('results')

        if not isinstance(results, list) or len(results) != len(ops):
            raise BigCacheError('POST /batch: not an answer of bigcache')

        return results

    # -- HTTP

    def _request(self, method, path, body=None, headers=None, expected=(200,),
                 again=True):
        """The status, the headers and the body; "again": whether to repeat it
        if the server closes a connection that was open before."""
        if time.monotonic() < self._paused_until:
            raise BigCacheError('%s did not answer a moment ago'
                                % self._location)

        while True:
            connection, reused = self._take()

            try:
                status, headers_in, answer = self._exchange(
                    connection, method, path, body, headers)
                break

            except (OSError, http.client.HTTPException) as error:
                connection.close()

                # no view is to wait for each of its keys
                if isinstance(error, socket.timeout):
                    self._paused_until = time.monotonic() + self._pause

                elif reused and again and isinstance(error, ConnectionError):
                    continue

                raise BigCacheError('%s: %s' % (
                    self._location, str(error) or type(error).__name__)
                ) from error

            except BaseException:
                connection.close()
                raise

        if status not in expected:
            raise BigCacheError('%s %s: %d %s' % (
                method, path[:200], status, _detail(answer)), status)

        return status, headers_in, answer

    def _exchange(self, connection, method, path, body, headers):
        connection.request(method, self._base + path, body,
                           {**self._headers, **(headers or {})})
        response = connection.getresponse()
        answer = response.read()

        if connection.sock is not None:
            self._give_back(connection)

        return response.status, response.headers, answer

    # Connections wait in a deque, which needs no lock; one that a parent
    # process has opened is never used.

    def _take(self):
        """A connection, and whether it was used before."""
        if self._pid != os.getpid():
            others = self._idle
            self._idle, self._pid = collections.deque(), os.getpid()

            for connection, _ in others:
                connection.close()

        while True:
            try:
                connection, since = self._idle.pop()
            except IndexError:
                return self._connection(), False

            if (time.monotonic() - since < IDLE_SECONDS
                    and not _is_readable(connection.sock)):
                return connection, True

            connection.close()

    def _give_back(self, connection):
        self._idle.append((connection, time.monotonic()))

        if len(self._idle) > IDLE_CONNECTIONS:
            try:
                self._idle.popleft()[0].close()
            except IndexError:
                pass

    def _connection(self):
        host, port = self._address

        if self._tls is not None:
            return http.client.HTTPSConnection(
                host, port, timeout=self._timeout, context=self._tls)

        return http.client.HTTPConnection(host, port, timeout=self._timeout)


def _is_readable(sock):
    # the server closes it, or says what nobody asked for
    if not hasattr(select, 'poll'):
        return bool(select.select([sock], [], [], 0)[0])

    poll = select.poll()
    poll.register(sock, select.POLLIN)

    return bool(poll.poll(0))


def _is_long(key):
    return len(key_path(key)) > MAX_PATH


def _op_text(op, key, more=None):
    return json.dumps({'op': op, 'key': key, **(more or {})},
                      separators=(',', ':'))


def _set_text(key, item, life, only_new=False):
    more = dict(life)

    if only_new:
        more['if_none_match'] = '*'

    if item.type is not None:
        more['base64'] = base64.b64encode(item.data).decode()
        more['type'] = item.type
        return _op_text('set', key, more)

    # the value is JSON already
    return '%s,"value":%s}' % (_op_text('set', key, more)[:-1], item.data)


def _chunks(ops):
    chunk, size = [], 0

    for op in ops:
        if chunk and (len(chunk) == MAX_BATCH
                      or size + len(op) > MAX_BATCH_BYTES):
            yield chunk
            chunk, size = [], 0

        chunk.append(op)
        size += len(op) + 1

    if chunk:
        yield chunk


def _status(result, expected):
    """The status of a result of a batch."""
    status = result.get('status') if isinstance(result, dict) else None

    if status not in expected:
        raise BigCacheError('POST /batch: %s' % result, status)

    return status


def _entry(result):
    """What a get of a batch found."""
    try:
        if 'base64' in result:
            return Entry(None, base64.b64decode(result['base64']),
                         result['type'], result['expire'])

        return Entry(result['value'], None, None, result['expire'])

    except (LookupError, TypeError, ValueError) as error:
        raise BigCacheError('POST /batch: not an answer of bigcache') from error


def _parse(body):
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None

    if not isinstance(answer, dict):
        raise BigCacheError('not an answer of bigcache')

    return answer


def _detail(body):
    try:
        return str(json.loads(body)['detail'])
    except (ValueError, LookupError, TypeError):
        return ''
