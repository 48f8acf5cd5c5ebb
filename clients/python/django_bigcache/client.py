"""The HTTP API of bigcache, over connections that are kept open."""

import atexit
import base64
import collections
import functools
import json
import os
import select
import socket
import ssl
import time
import weakref

from . import location as settings
from .connection import ERRORS, Connection, Deadline, is_away
from .keys import path as key_path

# nginx closes a connection that was idle for 75 seconds
IDLE_SECONDS = 60
IDLE_CONNECTIONS = 32

# by default nginx refuses request lines over 8 KB and bodies over 1 MB
MAX_PATH = 7000
MAX_BATCH_BYTES = 900000
MAX_BATCH_ITEM = 256 * 1024
MAX_BATCH = 1000

# if fewer values than this fit into the answer of a batch, they are so large
# that asking for them one by one is as good
WORTH_A_BATCH = 16

LONGEST = 100 * 365 * 86400


class BigCacheError(Exception):
    """The server cannot be reached, or did not do what it was asked to do.

    The attribute status is the status of the answer, None if there was none.
    """

    def __init__(self, message, status=None):
        super().__init__(message)
        self.status = status


class UnreadableError(BigCacheError):
    """A value cannot be made of what is stored.

    The attribute etag is the ETag of what is stored, or None if it is not
    known.
    """

    def __init__(self, message, etag=None):
        super().__init__(message)
        self.etag = etag


# To be stored: "data" is bytes of the content type "type".  If "type" is None,
# "data" is the text of a JSON value.

Item = collections.namedtuple('Item', 'data type')

# What was found: "raw" is bytes; if it is None, "value" is a JSON value.
# "expire" may be UNKNOWN, and "etag" may be None.

Entry = collections.namedtuple('Entry', 'value raw type expire etag',
                               defaults=(None,))

UNKNOWN = object()

# statuses of a whole batch that one of its operations may have caused

BLAMES_ONE = {400, 413, 422}

# all other errors mean that JSON is nested too deeply for Python, or has a
# number that is too long for it

_NOT_JSON = (json.JSONDecodeError, UnicodeDecodeError)

# lifetimes, as members of the body of a request

FOREVER = {'expire': None}


def lifetime(seconds):
    # as a duration, the clock of the server counts
    if seconds is None or seconds > LONGEST:
        return FOREVER

    if seconds == int(seconds):
        return {'duration': '%ds' % seconds}

    return {'expire': time.time() + seconds}


def until(expire):
    return {'expire': expire}


@functools.lru_cache(maxsize=None)
def shared_client(location, timeout, pause, headers):
    """One client for all threads: Django makes a backend for each thread."""
    return Client(location, timeout, pause, dict(headers))


class Client:
    """The constructor raises ValueError if an argument is wrong.  The methods
    raise only BigCacheError, and what their docstrings say."""

    def __init__(self, location, timeout, pause, headers):
        where = settings.parse(location)

        self._address = (where.host, where.port)
        self._tls = ssl.create_default_context() if where.tls else None
        self._base = where.base
        self._location = where.shown
        self._timeout = settings.check_seconds('SOCKET_TIMEOUT', timeout)
        self._pause = settings.check_seconds('PAUSE', pause, zero=True)
        self._paused_until = 0
        self._headers = settings.check_headers(headers, where.authorization)
        self._idle = collections.deque()
        self._pid = os.getpid()
        self.warned = {}       # when the backend last warned, by kind of error
        _clients.add(self)

    # -- one key

    def get(self, key):
        """Returns an Entry, or None."""
        if _is_long(key):
            return self.get_with_expire(key)

        status, headers, body = self._request(
            'GET', '/pickle/' + key_path(key), expected=(200, 404))

        if status == 404:
            return None

        etag = headers.get('ETag')

        try:
            return _raw_entry(body, headers.get('Content-Type', ''), UNKNOWN,
                              key)._replace(etag=etag)
        except UnreadableError as error:
            error.etag = etag
            raise

    def get_with_expire(self, key):
        """Returns an Entry whose "expire" is known, or None."""
        try:
            result = self._batch([_op_text('get', key)])[0]

            if _status(result, (200, 404, 413), key) == 200:
                return _entry(result, key)

            if result['status'] == 404:
                return None

        except UnreadableError:
            pass    # the page alone may be readable

        if _is_long(key):
            raise BigCacheError('%r is too large for a batch, and its key for '
                                'a path' % key[:100], 413)

        entry = self.get(key)

        if entry is not None and entry.expire is UNKNOWN:
            entry = entry._replace(expire=self._expire(key))

        return entry

    def _expire(self, key):
        body = self._request('GET', '/keys/%s?limit=1' % key_path(key),
                             marked=False)[2]
        keys = _parse(body).get('keys')
        first = keys[0] if isinstance(keys, list) and keys else None

        if not isinstance(first, dict) or first.get('key') != key:
            raise BigCacheError('the lifetime of %r is not known' % key[:200])

        return _checked_expire(first.get('expire'))

    def exists(self, key):
        if _is_long(key):
            result = self._batch([_op_text('get', key)])[0]
            return _status(result, (200, 404, 413), key) != 404

        return self._request('HEAD', '/pickle/' + key_path(key),
                             expected=(200, 404))[0] == 200

    def put(self, key, item, life, only_new=False, etag=None):
        """Returns False if only_new is set and the key exists, or if etag is
        not the ETag of what is stored.  Keys that are too long for a path have
        no etag."""
        if _is_long(key) or not (item.type is None
                                 or settings.is_header_value(item.type)):
            result = self._batch([_set_text(key, item, life, only_new)],
                                 again=not only_new)[0]
            return _status(result, (200, 412), key) == 200

        headers = {'Prefer': 'return=minimal'}

        if only_new:
            headers['If-None-Match'] = '*'

        if etag is not None:
            headers['If-Match'] = etag

        if item.type is None:
            endpoint = '/cache/'
            headers['Content-Type'] = 'application/json'
            body = b'{"value":%s,%s}' % (item.data,
                                         json.dumps(life)[1:-1].encode())

        else:
            endpoint = '/pickle/'
            headers['Content-Type'] = item.type
            body = item.data

            for name, value in life.items():
                if value is not None:
                    headers['X-Bigcache-' + name.capitalize()] = str(value)

        # sent again, it would find what the first one has stored
        condition = only_new or etag is not None

        return self._request('POST', endpoint + key_path(key), body, headers,
                             expected=(200, 412) if condition else (200,),
                             again=not condition)[0] == 200

    def delete(self, key):
        """Whether there was something."""
        if _is_long(key):
            result = self._batch([_op_text('delete', key)])[0]
            return _status(result, (200, 404), key) == 200

        return self._request('DELETE', '/cache/' + key_path(key),
                             expected=(200, 404))[0] == 200

    def touch(self, key, life):
        """Whether there was something."""
        if _is_long(key):
            result = self._batch([_op_text('touch', key, life)])[0]
            return _status(result, (200, 404), key) == 200

        return self._request('PATCH', '/cache/' + key_path(key),
                             json.dumps(life).encode(),
                             expected=(200, 404))[0] == 200

    def incr(self, key, delta):
        """Returns the new number, or None if the key does not exist.  Raises
        ValueError if the value is not an integer of 64 bits, or would become
        none."""
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
        """Returns a dict of the entries that were found, and the first error
        because of which others are missing, or None."""
        found, errors = {}, []
        keys = list(keys)

        while keys:
            keys, large = self._get_round(keys, found, errors)

            for key in large:
                try:
                    entry = self.get(key)
                    if entry is not None:
                        found[key] = entry
                except UnreadableError as error:
                    errors.append(error)

        return found, errors[0] if errors else None

    def _get_round(self, keys, found, errors):
        """Asks for all keys once.  Returns the keys to ask for in another
        round, and those to ask for one by one."""
        fitted, unfit, large = 0, [], []
        waiting = collections.deque(_chunks(
            ((key, _op_text('get', key)) for key in keys)))

        while waiting:
            chunk = waiting.popleft()

            try:
                results = self._batch([op for _, op in chunk])

            except UnreadableError as error:
                # one of the values caused it
                if len(chunk) > 1:
                    waiting.extendleft(_halves(chunk))
                elif _is_long(chunk[0][0]):
                    errors.append(error)
                else:
                    large.append(chunk[0][0])
                continue

            for (key, _), result in zip(chunk, results):
                try:
                    status = _status(result, (200, 404, 413), key)

                    if status == 413:
                        unfit.append(key)
                    else:
                        fitted += 1
                        if status == 200:
                            found[key] = _entry(result, key)

                except UnreadableError as error:
                    errors.append(error)

        if fitted >= WORTH_A_BATCH:
            return unfit, large

        for key in unfit:
            if _is_long(key):
                errors.append(BigCacheError(
                    '%r is too large for a batch, and its key for a path'
                    % key[:100], 413))
            else:
                large.append(key)

        return [], large

    def put_many(self, items, life):
        """Stores a dict of items.  Returns a dict of the errors of those that
        were not stored."""
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

        waiting = collections.deque(_chunks(
            (key, _set_text(key, item, life)) for key, item in small.items()))

        while waiting:
            chunk = waiting.popleft()

            try:
                results = self._batch([op for _, op in chunk])
            except BigCacheError as error:
                if error.status in BLAMES_ONE and len(chunk) > 1:
                    waiting.extendleft(_halves(chunk))
                else:
                    failed.update((key, error) for key, _ in chunk)
                continue

            for (key, _), result in zip(chunk, results):
                try:
                    _status(result, (200,), key)
                except BigCacheError as error:
                    failed[key] = error

        return failed

    def delete_many(self, keys):
        for chunk in _chunks((key, _op_text('delete', key)) for key in keys):
            for (key, _), result in zip(
                    chunk, self._batch([op for _, op in chunk])):
                _status(result, (200, 404), key)

    def clear(self):
        self._request('POST', '/clear')

    def delete_prefix(self, prefix):
        # the answer comes when the purge is in effect, before keys are counted
        self._request('DELETE', '/prefix/' + key_path(prefix),
                      headers={'Prefer': 'respond-async'}, expected=(200, 202))

    def _batch(self, ops, again=True):
        body = b'{"operations":[%s]}' % b','.join(ops)
        body = self._request('POST', '/batch', body, again=again,
                             marked=False)[2]
        results = _parse(body).get('results')

        if not isinstance(results, list) or len(results) != len(ops):
            raise BigCacheError('POST /batch: not an answer of bigcache')

        return results

    # -- HTTP

    def _request(self, method, path, body=None, headers=None, expected=(200,),
                 again=True, marked=True):
        """Returns the status, the headers and the body.

        "again": repeat the request if the server closes a connection that was
        open before.  "marked": the headers of the answer must say that it is
        from bigcache.
        """
        self._pass()
        deadline = Deadline(self._timeout)

        while True:
            connection, reused = None, False

            try:
                connection, reused = self._take()
                connection.deadline = deadline

                if not reused:
                    connection.connect()

                status, headers_in, answer, usable = connection.exchange(
                    method, self._base + path, body,
                    {**self._headers, **(headers or {})})

                break

            except ERRORS as error:
                if connection is not None:
                    connection.close()

                if reused and again and isinstance(error, ConnectionError):
                    continue

                # a view must not wait again for each of its keys
                if is_away(error):
                    self._paused_until = time.monotonic() + self._pause
                else:
                    self._paused_until = 0

                raise BigCacheError('%s: %s' % (
                    self._location, str(error) or type(error).__name__)
                ) from error

            except BaseException:
                if connection is not None:
                    connection.close()
                raise

        # A connection may be used again only if its answer was read to its
        # end, and only here, behind the handlers that close it: from now on
        # another thread may use it.

        if usable:
            self._give_back(connection)
        else:
            connection.close()

        self._paused_until = 0

        if status not in expected:
            raise BigCacheError('%s %s: %d %s' % (
                method, path[:200], status, _detail(answer)), status)

        if marked and 'bigcache' not in headers_in.get('Cache-Status', ''):
            raise BigCacheError('%s %s: %d, but not by bigcache'
                                % (method, path[:200], status))

        return status, headers_in, answer

    def _pass(self):
        """Raises BigCacheError during a pause.  When the pause ends, one
        thread goes on and finds out whether the server is back."""
        if self._paused_until:
            now = time.monotonic()

            if now < self._paused_until:
                raise BigCacheError('%s did not answer a moment ago'
                                    % self._location)

            if self._pause:
                self._paused_until = now + self._timeout

    # Idle connections are in a deque, which needs no lock.  A connection that
    # a parent process has opened is never used.

    def _take(self):
        """Returns a connection, and whether it was used before."""
        if self._pid != os.getpid():
            others = self._idle
            self._idle, self._pid = collections.deque(), os.getpid()

            for connection, _ in others:
                connection.close()

        while True:
            try:
                connection, since = self._idle.pop()
            except IndexError:
                return Connection(*self._address, self._tls), False

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

    def close(self):
        """Closes the idle connections."""
        while True:
            try:
                self._idle.pop()[0].close()
            except IndexError:
                return


_clients = weakref.WeakSet()


@atexit.register
def _close_all():
    for client in list(_clients):
        client.close()


def _is_readable(sock):
    # the server has closed it, or has sent data without a request
    if not hasattr(select, 'poll'):
        return bool(select.select([sock], [], [], 0)[0])

    poll = select.poll()
    poll.register(sock, select.POLLIN)

    return bool(poll.poll(0))


def _is_long(key):
    return len(key_path(key)) > MAX_PATH


def _op_text(op, key, more=None):
    return json.dumps({'op': op, 'key': key, **(more or {})},
                      separators=(',', ':')).encode()


def _set_text(key, item, life, only_new=False):
    more = dict(life)

    if only_new:
        more['if_none_match'] = '*'

    if item.type is not None:
        more['base64'] = base64.b64encode(item.data).decode()
        more['type'] = item.type
        return _op_text('set', key, more)

    # the value is the text of JSON already
    return b'%s,"value":%s}' % (_op_text('set', key, more)[:-1], item.data)


def _chunks(pairs):
    """Yields lists of pairs of a key and the bytes of an operation; each list
    fits into one batch."""
    chunk, size = [], 0

    for key, op in pairs:
        if chunk and (len(chunk) == MAX_BATCH
                      or size + len(op) > MAX_BATCH_BYTES):
            yield chunk
            chunk, size = [], 0

        chunk.append((key, op))
        size += len(op) + 1

    if chunk:
        yield chunk


def _halves(chunk):
    """Returns the second half first, as extendleft() reverses them."""
    half = len(chunk) // 2

    return chunk[half:], chunk[:half]


def _status(result, expected, key):
    """Returns the status of a result of a batch."""
    status = result.get('status') if isinstance(result, dict) else None

    if type(status) is not int:
        raise BigCacheError('POST /batch: not an answer of bigcache')

    if status not in expected:
        raise BigCacheError('POST /batch, %r: %d %s' % (
            key[:200], status, result.get('detail', '')), status)

    return status


def _entry(result, key):
    """Returns the Entry that a get of a batch has found."""
    try:
        expire = _checked_expire(result['expire'])

        if 'base64' not in result:
            return Entry(result['value'], None, None, expire)

        raw = base64.b64decode(result['base64'])
        type_ = result['type']

    except (LookupError, TypeError, ValueError):
        raise BigCacheError('POST /batch: not an answer of bigcache') from None

    if not isinstance(type_, (str, type(None))):
        raise BigCacheError('POST /batch: not an answer of bigcache')

    return _raw_entry(raw, type_ or '', expire, key)


def _raw_entry(raw, type_, expire, key):
    """Returns the Entry of an answer of /pickle/.

    JSON comes as a document of three members.  Bytes of the same type that
    look like such a document cannot be told from it, so they are always read
    as JSON.  The backend itself stores no such bytes.
    """
    if type_ == 'application/json':
        try:
            document = json.loads(raw)

            if (isinstance(document, dict)
                    and set(document) == {'value', 'expire', 'duration'}):
                return Entry(document['value'], None, None,
                             _checked_expire(document['expire'])
                             if expire is UNKNOWN else expire)

        except (*_NOT_JSON, BigCacheError):
            pass
        except (ValueError, RecursionError) as error:
            raise UnreadableError('the JSON at %r cannot be read: %s'
                                  % (key[:200], error)) from None

    return Entry(None, raw, type_, expire)


def _checked_expire(expire):
    if expire is not None and (type(expire) not in (int, float)
                               or not abs(expire) <= 1e18):
        raise BigCacheError('a lifetime that is not one of bigcache')

    return expire


def _parse(body):
    try:
        answer = json.loads(body)
    except _NOT_JSON:
        answer = None
    except (ValueError, RecursionError) as error:
        raise UnreadableError('an answer cannot be read: %s'
                              % error) from None

    if not isinstance(answer, dict):
        raise BigCacheError('not an answer of bigcache')

    return answer


def _detail(body):
    try:
        return str(json.loads(body)['detail'])[:500]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ''
