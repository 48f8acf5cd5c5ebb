"""The class for CACHES."""

import logging
import math
import time

from asgiref.sync import sync_to_async

from django.core.cache.backends.base import (
    DEFAULT_TIMEOUT, BaseCache, InvalidCacheBackendError, InvalidCacheKey,
)
from django.utils.module_loading import import_string

from .client import (
    BigCacheError, Item, UnreadableError, lifetime, shared_client, until,
)
from .keys import MAX_LENGTH, encode
from .location import is_header_value
from .serializers import UNREADABLE, JSONSerializer, PickleSerializer

logger = logging.getLogger('django_bigcache')

WARNING_SECONDS = 30
REFUSED = {400, 413, 414, 422, 500, 507}
BYTES = 'application/octet-stream'
SERIALIZERS = {'pickle': PickleSerializer, 'json': JSONSerializer}
OPTIONS = {
    'SERIALIZER', 'SOCKET_TIMEOUT', 'PAUSE', 'HEADERS', 'RAISE', 'CLEAR',
    'MAX_ENTRIES', 'CULL_FREQUENCY',
}


class BigCacheBackend(BaseCache):
    """A cache backend of Django that keeps its values in bigcache.

    LOCATION is the address of the server, followed by its bigcache_base, if
    it has one.  None of the OPTIONS is needed:

    SERIALIZER      'pickle', 'json', or the path of a class (serializers.py)
    SOCKET_TIMEOUT  seconds to wait for the server, 3
    PAUSE           seconds without requests after it has not answered, 10
    HEADERS         a dict of headers to send with each request
    RAISE           True: errors of the server are raised, as BigCacheError
    CLEAR           'prefix': clear() removes only keys with this KEY_PREFIX

    By default a server that fails is a cache in which nothing is found: get()
    returns its default, set() does nothing, incr() raises ValueError as for a
    key that does not exist.  From time to time a warning is logged.  The
    server decides how much the cache may hold: MAX_ENTRIES and CULL_FREQUENCY
    do nothing.
    """

    def __init__(self, location, params):
        options = params.get('OPTIONS') or {}

        if not isinstance(options, dict):
            raise InvalidCacheBackendError('bigcache: OPTIONS is not a dict')

        super().__init__(params)

        if isinstance(location, (list, tuple)) and len(location) == 1:
            location = location[0]

        try:
            self._configure(location, options)
        except (TypeError, ValueError) as error:
            raise InvalidCacheBackendError('bigcache: %s' % error) from error

        self._clear_prefix = self._prefix(params, options.get('CLEAR', 'all'))

    def _configure(self, location, options):
        unknown = sorted(str(name) for name in options if name not in OPTIONS)

        if unknown:
            raise ValueError('unknown OPTIONS: %s' % ', '.join(unknown))

        if not isinstance(location, str):
            raise ValueError('LOCATION is not a string')

        headers = options.get('HEADERS') or {}

        if not isinstance(headers, dict):
            raise ValueError('HEADERS is not a dict')

        self._raise = options.get('RAISE', False)

        if not isinstance(self._raise, bool):
            raise ValueError('RAISE is True or False')

        self._serializer = _serializer(options.get('SERIALIZER', 'pickle'))
        self._type = _wire_type(self._serializer)
        self._unreadable = _unreadable(self._serializer)
        self._client = shared_client(
            location, options.get('SOCKET_TIMEOUT', 3),
            options.get('PAUSE', 10), tuple(headers.items()))

    def _prefix(self, params, what):
        if what not in ('all', 'prefix'):
            raise InvalidCacheBackendError("CLEAR is 'all' or 'prefix'")

        if what == 'all':
            return None

        # the keys of a KEY_FUNCTION must begin with the prefix, in any way

        if not params.get('KEY_FUNCTION'):
            return encode(self.key_prefix + ':')

        if not self.key_prefix:
            raise InvalidCacheBackendError("CLEAR 'prefix' needs a KEY_PREFIX")

        # the colon keeps a slash at the end of the prefix from being escaped,
        # as one at the end of a key is
        return encode(self.key_prefix + ':')[:-1]

    # -- keys, values, lifetimes

    def validate_key(self, key):
        size = len(encode(key).encode())

        if size > MAX_LENGTH:
            raise InvalidCacheKey('a key of %d bytes, bigcache takes %d'
                                  % (size, MAX_LENGTH))

    def make_and_validate_key(self, key, version=None):
        key = self.make_key(key, version=version)
        self.validate_key(key)

        return key

    def _key(self, key, version):
        return encode(self.make_and_validate_key(key, version=version))

    def _item(self, value):
        # an int and no subclass of it, such as bool
        if type(value) is int and -2 ** 63 <= value < 2 ** 63:
            return Item(b'%d' % value, None)

        data = self._serializer.dumps(value)

        if isinstance(data, str):
            return Item(data.encode(), None)

        return Item(bytes(data), self._type)

    def _value(self, entry, default, key):
        if entry is None:
            return default

        try:
            return self._loads(entry, key)
        except UnreadableError as error:
            self._failed(error)
            return default

    def _loads(self, entry, key):
        if entry.raw is None:
            return entry.value

        # another program may have stored these bytes

        try:
            if entry.type not in (self._type, _content_type(self._serializer)):
                raise ValueError('it is of type %r' % entry.type)

            return self._serializer.loads(entry.raw)

        except self._unreadable as error:
            raise UnreadableError('the value at %r cannot be read: %s'
                                  % (key[:200], error), entry.etag) from error

    def get_backend_timeout(self, timeout=DEFAULT_TIMEOUT):
        """Seconds from now; None: for ever; 0 or less: expired."""
        if timeout is DEFAULT_TIMEOUT:
            timeout = self.default_timeout

        if timeout is None or isinstance(timeout, int):
            return timeout

        timeout = float(timeout)

        if math.isnan(timeout):
            raise ValueError('the timeout is not a number')

        return timeout

    # -- errors

    def _failed(self, error):
        if self._raise:
            raise error

        # all threads share one client; a warning about one value must not hide
        # the one that the server cannot be reached

        warned, now = self._client.warned, time.monotonic()
        about = type(error), error.status

        if now - warned.get(about, -math.inf) > WARNING_SECONDS:
            warned[about] = now
            logger.warning('bigcache fails and counts as empty: %s', error)

    def _try(self, default, call, *args):
        try:
            return call(*args)
        except BigCacheError as error:
            self._failed(error)
            return default

    # -- one key

    def get(self, key, default=None, version=None):
        key = self._key(key, version)

        return self._value(self._try(None, self._client.get, key), default,
                           key)

    def has_key(self, key, version=None):
        return self._try(False, self._client.exists, self._key(key, version))

    def add(self, key, value, timeout=DEFAULT_TIMEOUT, version=None):
        key = self._key(key, version)
        item = self._item(value)
        seconds = self.get_backend_timeout(timeout)

        if seconds is not None and seconds <= 0:
            return self._try(False, lambda: not self._client.exists(key))

        return self._try(False, self._add, key, item, lifetime(seconds))

    def _add(self, key, item, life):
        if self._client.put(key, item, life, only_new=True):
            return True

        # an unreadable value is a miss; it must not stay one until it expires

        try:
            entry = self._client.get(key)

            if entry is not None:
                self._loads(entry, key)

        except UnreadableError as error:
            return (error.etag is not None
                    and self._client.put(key, item, life, etag=error.etag))

        return False

    def set(self, key, value, timeout=DEFAULT_TIMEOUT, version=None):
        key = self._key(key, version)
        item = self._item(value)
        seconds = self.get_backend_timeout(timeout)

        if seconds is not None and seconds <= 0:
            self._try(None, self._client.delete, key)
        else:
            self._try(None, self._put, key, item, lifetime(seconds))

    def _put(self, key, item, life):
        try:
            self._client.put(key, item, life)
        except BigCacheError as error:
            self._drop_old({key: error})
            raise

    def _drop_old(self, failed):
        # if the server refuses a new value, for example a value that is too
        # large, the old one must not stay
        refused = [key for key, error in failed.items()
                   if error.status in REFUSED]

        if refused:
            try:
                self._client.delete_many(refused)
            except BigCacheError:
                pass

    def touch(self, key, timeout=DEFAULT_TIMEOUT, version=None):
        key = self._key(key, version)
        seconds = self.get_backend_timeout(timeout)

        if seconds is not None and seconds <= 0:
            return self._try(False, self._client.delete, key)

        return self._try(False, self._client.touch, key, lifetime(seconds))

    def delete(self, key, version=None):
        return self._try(False, self._client.delete, self._key(key, version))

    # Django raises ValueError for a key that does not exist.  So do these
    # methods if the server fails: any answer would be one to rely on.

    def incr(self, key, delta=1, version=None):
        value = self._try(None, self._incr, self._key(key, version), delta)

        if value is None:
            raise ValueError("Key '%s' not found" % key)

        return value

    def _incr(self, key, delta):
        if type(delta) is int and -2 ** 63 <= delta < 2 ** 63:
            try:
                return self._client.incr(key, delta)
            except ValueError:
                pass

        # a float, or another type that can be added to; this is not atomic

        entry = self._client.get_with_expire(key)
        value = self._value(entry, self._missing_key, key)

        if value is self._missing_key:
            return None

        value = value + delta
        self._put(key, self._item(value), until(entry.expire))

        return value

    def incr_version(self, key, delta=1, version=None):
        if version is None:
            version = self.version

        if not self._try(False, self._move, self._key(key, version),
                         self._key(key, version + delta)):
            raise ValueError("Key '%s' not found" % key)

        return version + delta

    def _move(self, old, new):
        """Moves a value with its lifetime; returns whether there was one."""
        entry = self._client.get_with_expire(old)

        if entry is None:
            return False

        self._put(new, self._again(entry, old), until(entry.expire))
        self._client.delete(old)

        return True

    def _again(self, entry, key):
        if entry.raw is not None:
            return Item(entry.raw, entry.type or BYTES)

        try:
            return Item(JSONSerializer().dumps(entry.value).encode(), None)
        except (ValueError, RecursionError) as error:
            raise UnreadableError('the JSON at %r cannot be written: %s'
                                  % (key[:200], error)) from error

    # -- many keys, a thousand in one request

    def get_many(self, keys, version=None):
        names = {self._key(key, version): key for key in keys}
        found, error = self._try(({}, None), self._client.get_many, names)

        if error is not None:
            self._failed(error)

        values = {names[key]: self._value(entry, self._missing_key, key)
                  for key, entry in found.items()}

        return {key: value for key, value in values.items()
                if value is not self._missing_key}

    def set_many(self, data, timeout=DEFAULT_TIMEOUT, version=None):
        names = {self._key(key, version): key for key in data}
        items = {key: self._item(data[name]) for key, name in names.items()}
        seconds = self.get_backend_timeout(timeout)

        if seconds is not None and seconds <= 0:
            self._try(None, self._client.delete_many, items)
            return []

        failed = self._client.put_many(items, lifetime(seconds))
        self._drop_old(failed)

        if failed:
            self._failed(next(iter(failed.values())))

        return [names[key] for key in failed]

    def delete_many(self, keys, version=None):
        self._try(None, self._client.delete_many,
                  [self._key(key, version) for key in keys])

    def clear(self):
        """Removes everything, or the keys of KEY_PREFIX; see CLEAR."""
        if self._clear_prefix is None:
            self._try(None, self._client.clear)
        else:
            self._try(None, self._client.delete_prefix, self._clear_prefix)

    # Django calls close() after each request: it does nothing here, since
    # connections are kept for the next one

    # -- async: methods for which Django would send a request for each key, or
    # which would be less atomic; all others are Django's

    async def aget_many(self, keys, version=None):
        return await _in_thread(self.get_many, keys, version)

    async def aset_many(self, data, timeout=DEFAULT_TIMEOUT, version=None):
        return await _in_thread(self.set_many, data, timeout, version)

    async def adelete_many(self, keys, version=None):
        return await _in_thread(self.delete_many, keys, version)

    async def ahas_key(self, key, version=None):
        return await _in_thread(self.has_key, key, version)

    async def aincr(self, key, delta=1, version=None):
        return await _in_thread(self.incr, key, delta, version)

    async def aincr_version(self, key, delta=1, version=None):
        return await _in_thread(self.incr_version, key, delta, version)


async def _in_thread(call, *args):
    return await sync_to_async(call, thread_sensitive=True)(*args)


def _serializer(which):
    if isinstance(which, str):
        try:
            which = SERIALIZERS.get(which) or import_string(which)
        except ImportError as error:
            raise ValueError('SERIALIZER %r: %s' % (which, error)) from error

    made = which() if isinstance(which, type) else which

    for name in ('dumps', 'loads'):
        if not callable(getattr(made, name, None)):
            raise ValueError('SERIALIZER %r has no method %s' % (which, name))

    return made


def _unreadable(serializer):
    """The errors by which a serializer says that it cannot read bytes."""
    errors = getattr(serializer, 'errors', ())

    if not isinstance(errors, tuple) or not all(
            isinstance(error, type) and issubclass(error, Exception)
            for error in errors):
        raise ValueError('the errors %r of SERIALIZER are not a tuple of '
                         'exceptions' % (errors,))

    return UNREADABLE + errors


def _content_type(serializer):
    return getattr(serializer, 'content_type', BYTES)


def _wire_type(serializer):
    """The content type that the bytes of the serializer are stored with."""
    content_type = _content_type(serializer)

    if not content_type or not is_header_value(content_type):
        raise ValueError('the content_type %r of SERIALIZER'
                         % (content_type,))

    # with this type bigcache sends documents of its own, around JSON that was
    # not stored as bytes
    if content_type == 'application/json':
        return 'application/json; charset=utf-8'

    return content_type
