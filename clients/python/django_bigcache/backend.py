"""The class for CACHES."""

import inspect
import json
import logging
import math
import time
from typing import (
    Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple, Type,
    Union,
)

from django.core.cache.backends.base import (
    DEFAULT_TIMEOUT, BaseCache, InvalidCacheBackendError, InvalidCacheKey,
)
from django.utils.module_loading import import_string

from . import calls, location as settings, tags as tag_names
from .calls import (
    UNKNOWN, BigCacheError, Call, Entry, Item, Parts, UnreadableError,
    lifetime, until,
)
from .client import Client, shared_client
from .cluster import Cluster, shared_cluster
from .keys import MAX_LENGTH, encode
from .serializers import UNREADABLE, JSONSerializer, PickleSerializer

logger = logging.getLogger('django_bigcache')

WARNING_SECONDS = 30
REFUSED = {400, 413, 414, 422, 500, 507}
BYTES = 'application/octet-stream'
SERIALIZERS = {'pickle': PickleSerializer, 'json': JSONSerializer}
OPTIONS = {
    'SERIALIZER', 'SOCKET_TIMEOUT', 'PAUSE', 'HEADERS', 'RAISE', 'CLEAR',
    'PACK', 'LEASE', 'LEASE_WAIT', 'STALE', 'MAX_ENTRIES', 'CULL_FREQUENCY',
}


# what the server gives a lease by default, seconds
LEASE = 30


class Making(NamedTuple):
    """A value that is to be made, since a time.  "life" is None if it is not to
    be stored, "token" is that of a lease or None."""

    key: str
    since: float
    life: Optional[calls.Life] = None
    token: Optional[str] = None


class BigCacheBackend(BaseCache):
    """A cache backend of Django that keeps its values in bigcache.

    LOCATION is the address of the server, followed by its bigcache_base, if
    it has one; or a list of the addresses of several servers, of which each
    keeps a part of the keys.  None of the OPTIONS is needed:

    SERIALIZER      'pickle', 'json', or the path of a class (serializers.py)
    SOCKET_TIMEOUT  seconds to wait for the server, 3
    PAUSE           seconds without requests after it has not answered, 10
    HEADERS         a dict of headers to send with each request
    RAISE           True: errors of the server are raised, as BigCacheError
    CLEAR           'prefix': clear() removes only keys with this KEY_PREFIX
    PACK            True: the server may pack values, which takes less disk
                    and more time
    LEASE_WAIT      seconds that get_or_set() waits for another process that
                    makes the value, 40
    LEASE           seconds after which the next one makes it, by default what
                    the server says
    STALE           seconds after its end for which get_or_set() may return an
                    old value, while another process makes a new one, 0

    By default a server that fails is a cache in which nothing is found: get()
    returns its default, set() does nothing, incr() raises ValueError as for a
    key that does not exist.  From time to time a warning is logged.  The
    server decides how much the cache may hold: MAX_ENTRIES and CULL_FREQUENCY
    do nothing.
    """

    def __init__(self, location: Any, params: Dict[str, Any]) -> None:
        options = params.get('OPTIONS') or {}

        if not isinstance(options, dict):
            raise InvalidCacheBackendError('bigcache: OPTIONS is not a dict')

        super().__init__(params)

        try:
            self._configure(location, options)
        except (TypeError, ValueError) as error:
            raise InvalidCacheBackendError('bigcache: %s' % error) from error

        self._clear_prefix = self._prefix(params, options.get('CLEAR', 'all'))

    def _configure(self, location: Any, options: Dict[str, Any]) -> None:
        unknown = sorted(str(name) for name in options if name not in OPTIONS)

        if unknown:
            raise ValueError('unknown OPTIONS: %s' % ', '.join(unknown))

        servers = settings.parse_servers(location)
        headers = options.get('HEADERS') or {}

        if not isinstance(headers, dict):
            raise ValueError('HEADERS is not a dict')

        self._raise = options.get('RAISE', False)

        if not isinstance(self._raise, bool):
            raise ValueError('RAISE is True or False')

        self._pack = options.get('PACK', False)

        if not isinstance(self._pack, bool):
            raise ValueError('PACK is True or False')

        self._lease_wait = settings.check_seconds(
            'LEASE_WAIT', options.get('LEASE_WAIT', 40), zero=True)
        self._stale = settings.check_seconds(
            'STALE', options.get('STALE', 0), most=calls.LONGEST, zero=True)
        lease = options.get('LEASE')
        self._lease = (None if lease is None else math.ceil(
            settings.check_seconds('LEASE', lease, most=calls.MAX_LEASE)))

        self._serializer = _serializer(options.get('SERIALIZER', 'pickle'))
        self._type = _wire_type(self._serializer)
        self._unreadable = _unreadable(self._serializer)
        self._takes_any = type(self._serializer) is PickleSerializer
        self._types = self._type, _content_type(self._serializer)
        common = (options.get('SOCKET_TIMEOUT', 3), options.get('PAUSE', 10),
                  tuple(headers.items()))
        self._client: Union[Client, Cluster] = (
            shared_client(servers[0].url, *common) if len(servers) == 1
            else shared_cluster(servers, *common))
        self._ring = self._client.ring
        self._aio = self._client.aio

    def _prefix(self, params: Dict[str, Any], what: Any) -> Optional[str]:
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

    def validate_key(self, key: str) -> None:
        # an escape and UTF-8 make of a character eight bytes at most
        if len(key) * 8 <= MAX_LENGTH:
            return

        size = len(encode(key).encode())

        if size > MAX_LENGTH:
            raise InvalidCacheKey('a key of %d bytes, bigcache takes %d'
                                  % (size, MAX_LENGTH))

    def make_and_validate_key(self, key: Any,
                              version: Optional[int] = None) -> str:
        key = self.make_key(key, version=version)
        self.validate_key(key)

        return key

    def _key(self, key: Any, version: Optional[int]) -> str:
        return encode(self.make_and_validate_key(key, version=version))

    def _item(self, value: Any) -> Item:
        # an int and no subclass of it, such as bool
        if type(value) is int and -2 ** 63 <= value < 2 ** 63:
            return Item(b'%d' % value, None)

        data = self._serializer.dumps(value)

        if isinstance(data, str):
            return Item(data.encode(), None)

        return Item(bytes(data), self._type)

    def _value(self, entry: Optional[Entry], default: Any, key: str) -> Any:
        if entry is None:
            return default

        try:
            return self._loads(entry, key)
        except UnreadableError as error:
            self._failed(error)
            return default

    def _loads(self, entry: Entry, key: str) -> Any:
        if entry.raw is None:
            return entry.value

        # another program may have stored these bytes

        try:
            if entry.type not in self._types:
                raise ValueError('it is of type %r' % entry.type)

            return self._serializer.loads(
                entry.raw if self._takes_any else bytes(entry.raw))

        except self._unreadable as error:
            raise UnreadableError('the value at %r cannot be read: %s'
                                  % (key[:200], error),
                                  calls.etag_of(entry.answer)) from error

    def get_backend_timeout(self, timeout: Any = DEFAULT_TIMEOUT) -> Any:
        """Seconds from now; None: for ever; 0 or less: expired."""
        if timeout is DEFAULT_TIMEOUT:
            timeout = self.default_timeout

        if timeout is None or isinstance(timeout, int):
            return timeout

        timeout = float(timeout)

        if math.isnan(timeout):
            raise ValueError('the timeout is not a number')

        return timeout

    def _tags(self, tags: Any, most: Optional[int]) -> List[str]:
        return tag_names.encode(tags, self.key_prefix, most)

    def _life(self, seconds: Any, tags: Any, stale: Any) -> calls.Life:
        names = self._tags(tags, tag_names.MAX_TAGS)
        life = lifetime(seconds)

        if names:
            life = {**life, 'tags': names}

        if stale is not None:
            window = settings.check_seconds('stale', stale, zero=True,
                                            most=calls.LONGEST)
            if window:
                life = {**life, 'stale': '%ds' % math.ceil(window)}

        return life

    # -- errors

    def _failed(self, error: BigCacheError) -> None:
        if self._raise:
            raise error

        # a warning about one value must not hide the one that the server
        # cannot be reached, nor one about another server
        self._warn((type(error), error.status, error.server),
                   'bigcache fails and counts as empty: %s', error)

    def _warn(self, about: Any, text: str, *details: Any) -> None:
        # all threads share one client
        warned, now = self._client.warned, time.monotonic()

        if now - warned.get(about, -math.inf) > WARNING_SECONDS:
            warned[about] = now
            logger.warning(text, *details)

    def _try(self, default: Any, call: Call) -> Call:
        try:
            return (yield from call)
        except BigCacheError as error:
            self._failed(error)
            return default

    # -- several servers

    def _spread(self, keys: Iterable[str],
                call: Callable[[Iterable[str]], Call]) -> Call:
        """Returns a list of what the call returns for the keys of each server.
        If it raises something for those of one, this comes after the others
        have ended."""
        if self._ring is None:
            return [(yield from call(keys))]

        results = yield Parts([(number, call(part)) for number, part
                               in self._ring.split(keys).items()])

        for result in results:
            if isinstance(result, BigCacheError):
                try:
                    raise result
                finally:
                    del result, results     # its traceback has this frame

        return results

    def _everywhere(self, call: Callable[[], Call]) -> Call:
        """Runs a call on each server.  What only some of them have removed is
        not removed: the program must know that."""
        if self._ring is None:
            yield from self._try(None, call())
            return

        results = yield Parts([(number, call())
                               for number in range(self._ring.size)])
        errors = [result for result in results
                  if isinstance(result, BigCacheError)]

        if errors:
            raise BigCacheError('%d of %d servers have not done it: %s' % (
                len(errors), self._ring.size, '; '.join(map(str, errors))),
                errors[0].status, errors[0].server)

    # -- What the methods do, as calls: those below run them in this thread, or
    # in an event loop.

    def _get(self, key: Any, default: Any, version: Optional[int]) -> Call:
        key = self._key(key, version)

        try:
            entry = yield from calls.get(key)
        except BigCacheError as error:
            self._failed(error)
            return default

        return self._value(entry, default, key)

    # get_or_set(): the value is found, or made outside of these and kept, or
    # given up

    def _get_or_make(self, key: Any, timeout: Any, version: Optional[int],
                     tags: Any, stale: Any) -> Call:
        """Returns a value and None, or None and a Making."""
        key = self._key(key, version)
        seconds = self.get_backend_timeout(timeout)
        life = self._life(seconds, tags,
                          self._stale if stale is None else stale)

        if seconds is not None and seconds <= 0:
            value = yield from self._try(self._missing_key,
                                         self._get_value(key))
            making = Making(key, time.monotonic())
        else:
            value, token = yield from self._try(
                (self._missing_key, None), self._get_or_lease(key))
            making = Making(key, time.monotonic(), life, token)

        return (None, making) if value is self._missing_key else (value, None)

    def _get_value(self, key: str) -> Call:
        return self._value((yield from calls.get(key)), self._missing_key, key)

    def _get_or_lease(self, key: str) -> Call:
        """Returns a value and None, or the missing key and the token of a
        lease, or None if there is none."""
        for again in (True, False):
            entry = None

            try:
                entry, token = yield from calls.get_or_lease(
                    key, self._lease_wait, self._lease)

                return ((self._missing_key, token) if entry is None
                        else (self._loads(entry, key), None))

            except UnreadableError as error:
                self._failed(error)
                etag = error.etag

            # nobody gets a lease of what is there; what has expired goes by
            # itself

            if not again or etag is None or (entry is not None
                                             and calls.is_stale(entry.answer)):
                break

            yield from calls.delete(key, etag)

        return self._missing_key, None

    def _keep(self, making: Making, item: Item, made: Any) -> Call:
        """Returns what get() would."""
        key, since, life, token = making

        if life is None:
            return made

        try:
            if token is None:
                stored = yield from self._add_item(key, item, life)
            else:
                stored = yield from calls.put(key, item, life, self._pack,
                                              token=token)
        except BigCacheError as error:
            yield from self._give_up(making)
            self._failed(error)
            return made

        if stored:
            return self._copy(item, made, key)

        # somebody else has stored a value; or has deleted the key or one of
        # its tags, so that this one may be too old to be kept; or making it
        # took longer than the lease

        value = yield from self._try(self._missing_key, self._get_value(key))

        if value is not self._missing_key:
            return value

        lease = self._lease or LEASE

        if token is not None and time.monotonic() - since > lease:
            self._warn(Making, '%r was not stored: it was deleted meanwhile, '
                       'or took longer than its LEASE, %d seconds', key[:200],
                       lease)

        return made

    def _copy(self, item: Item, made: Any, key: str) -> Any:
        try:
            return self._loads(Entry(json.loads(item.data), None, None,
                                     UNKNOWN) if item.type is None
                               else Entry(None, item.data, item.type, UNKNOWN),
                               key)
        except (ValueError, RecursionError, UnreadableError):
            return made

    def _give_up(self, making: Making) -> Call:
        if making.token is not None:
            try:
                yield from calls.return_lease(making.key, making.token)
            except BigCacheError:
                pass    # the lease ends by itself

    def _has_key(self, key: Any, version: Optional[int]) -> Call:
        return (yield from self._try(
            False, calls.exists(self._key(key, version))))

    def _add(self, key: Any, value: Any, timeout: Any, version: Optional[int],
             tags: Any, stale: Any) -> Call:
        key = self._key(key, version)
        item = self._item(value)
        seconds = self.get_backend_timeout(timeout)
        life = self._life(seconds, tags, stale)

        if seconds is not None and seconds <= 0:
            return not (yield from self._try(True, calls.exists(key)))

        return (yield from self._try(
            False, self._add_item(key, item, life)))

    def _add_item(self, key: str, item: Item, life: calls.Life) -> Call:
        if (yield from calls.put(key, item, life, self._pack, only_new=True)):
            return True

        # an unreadable value is a miss; it must not stay one until it expires

        try:
            entry = yield from calls.get(key)

            if entry is not None:
                self._loads(entry, key)

        except UnreadableError as error:
            return (error.etag is not None
                    and (yield from calls.put(key, item, life, self._pack,
                                              etag=error.etag)))

        return False

    def _set(self, key: Any, value: Any, timeout: Any, version: Optional[int],
             tags: Any, stale: Any) -> Call:
        key = self._key(key, version)
        item = self._item(value)
        seconds = self.get_backend_timeout(timeout)
        life = self._life(seconds, tags, stale)

        if seconds is not None and seconds <= 0:
            yield from self._try(None, calls.delete(key))
        else:
            yield from self._try(None, self._put(key, item, life))

    def _put(self, key: str, item: Item, life: calls.Life) -> Call:
        try:
            yield from calls.put(key, item, life, self._pack)
        except BigCacheError as error:
            yield from self._drop_old({key: error})
            raise

    def _drop_old(self, failed: Dict[str, BigCacheError]) -> Call:
        # if the server refuses a new value, for example a value that is too
        # large, the old one must not stay
        refused = [key for key, error in failed.items()
                   if error.status in REFUSED]

        if refused:
            try:
                yield from calls.delete_many(refused)
            except BigCacheError:
                pass

    def _touch(self, key: Any, timeout: Any, version: Optional[int]) -> Call:
        key = self._key(key, version)
        seconds = self.get_backend_timeout(timeout)

        return (yield from self._try(
            False, calls.delete(key) if seconds is not None and seconds <= 0
            else calls.touch(key, lifetime(seconds))))

    def _delete(self, key: Any, version: Optional[int]) -> Call:
        return (yield from self._try(
            False, calls.delete(self._key(key, version))))

    # Django raises ValueError for a key that does not exist.  So do these
    # if the server fails: any answer would be one to rely on.

    def _incr(self, key: Any, delta: Any, version: Optional[int]) -> Call:
        value = yield from self._try(
            None, self._incr_key(self._key(key, version), delta))

        if value is None:
            raise ValueError("Key '%s' not found" % key)

        return value

    def _incr_key(self, key: str, delta: Any) -> Call:
        if type(delta) is int and -2 ** 63 <= delta < 2 ** 63:
            try:
                return (yield from calls.incr(key, delta))
            except ValueError:
                pass

        # a float, or another type that can be added to; this is not atomic

        entry = yield from calls.get_with_expire(key)
        value = self._value(entry, self._missing_key, key)

        if entry is None or value is self._missing_key:
            return None

        value = value + delta
        yield from self._put(key, self._item(value), until(entry.expire))

        return value

    def _incr_version(self, key: Any, delta: int,
                      version: Optional[int]) -> Call:
        if version is None:
            version = self.version

        if not (yield from self._try(False, self._move(
                self._key(key, version), self._key(key, version + delta)))):
            raise ValueError("Key '%s' not found" % key)

        return version + delta

    def _move(self, old: str, new: str) -> Call:
        """Moves a value with its lifetime; returns whether there was one."""
        entry = yield from calls.get_with_expire(old)

        if entry is None:
            return False

        yield from self._put(new, self._again(entry, old),
                             until(entry.expire))
        yield from calls.delete(old)

        return True

    def _again(self, entry: Entry, key: str) -> Item:
        if entry.raw is not None:
            return Item(bytes(entry.raw), entry.type or BYTES)

        try:
            return Item(JSONSerializer().dumps(entry.value).encode(), None)
        except (ValueError, RecursionError) as error:
            raise UnreadableError('the JSON at %r cannot be written: %s'
                                  % (key[:200], error)) from error

    def _get_many(self, keys: Iterable[Any], version: Optional[int]) -> Call:
        names = {self._key(key, version): key for key in keys}
        parts = yield from self._spread(names, self._get_some)

        values = {names[key]: self._value(entry, self._missing_key, key)
                  for found in parts for key, entry in found.items()}

        return {key: value for key, value in values.items()
                if value is not self._missing_key}

    def _get_some(self, keys: Iterable[str]) -> Call:
        found, error = yield from self._try(({}, None), calls.get_many(keys))

        if error is not None:
            self._failed(error)

        return found

    def _set_many(self, data: Dict[Any, Any], timeout: Any,
                  version: Optional[int], tags: Any, stale: Any) -> Call:
        names = {self._key(key, version): key for key in data}
        items = {key: self._item(data[name]) for key, name in names.items()}
        seconds = self.get_backend_timeout(timeout)
        life = self._life(seconds, tags, stale)

        if seconds is not None and seconds <= 0:
            yield from self._spread(items, self._delete_some)
            return []

        parts = yield from self._spread(items, lambda keys: self._set_some(
            items if self._ring is None else {key: items[key] for key in keys},
            life))

        return [names[key] for failed in parts for key in failed]

    def _set_some(self, items: Dict[str, Item], life: calls.Life) -> Call:
        """Returns the keys that were not stored."""
        failed = yield from calls.put_many(items, life, self._pack)
        yield from self._drop_old(failed)

        if failed:
            self._failed(next(iter(failed.values())))

        return list(failed)

    def _delete_many(self, keys: Iterable[Any],
                     version: Optional[int]) -> Call:
        yield from self._spread([self._key(key, version) for key in keys],
                                self._delete_some)

    def _delete_some(self, keys: Iterable[str]) -> Call:
        yield from self._try(None, calls.delete_many(keys))

    def _delete_tags(self, tags: Any, soft: bool) -> Call:
        names = self._tags(tags, None)

        yield from self._everywhere(lambda: calls.delete_tags(names, soft))

    def _clear(self) -> Call:
        yield from self._everywhere(
            lambda: calls.clear() if self._clear_prefix is None
            else calls.delete_prefix(self._clear_prefix))

    # -- in this thread

    def get(self, key: Any, default: Any = None,
            version: Optional[int] = None) -> Any:
        return self._client.run(self._get(key, default, version))

    def has_key(self, key: Any, version: Optional[int] = None) -> bool:
        return self._client.run(self._has_key(key, version))

    # "tags" are names by which delete_tags() removes values, 64 at most;
    # "stale" is how many seconds after its end get_or_set() may return a value

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT,
            version: Optional[int] = None, *,
            tags: Optional[Iterable[str]] = None, stale: Any = None) -> bool:
        return self._client.run(self._add(key, value, timeout, version, tags,
                                          stale))

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT,
            version: Optional[int] = None, *,
            tags: Optional[Iterable[str]] = None, stale: Any = None) -> None:
        self._client.run(self._set(key, value, timeout, version, tags, stale))

    def get_or_set(self, key: Any, default: Any,
                   timeout: Any = DEFAULT_TIMEOUT,
                   version: Optional[int] = None, *,
                   tags: Optional[Iterable[str]] = None,
                   stale: Any = None) -> Any:
        """Of all processes that find nothing, one calls "default"; the others
        wait for what it makes, LEASE_WAIT seconds."""
        value, making = self._client.run(
            self._get_or_make(key, timeout, version, tags, stale))

        if making is None:
            return value

        try:
            made = default() if callable(default) else default
            return self._client.run(
                self._keep(making, self._item(made), made))
        except BaseException:
            self._client.run(self._give_up(making))
            raise

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT,
              version: Optional[int] = None) -> bool:
        return self._client.run(self._touch(key, timeout, version))

    def delete(self, key: Any, version: Optional[int] = None) -> bool:
        return self._client.run(self._delete(key, version))

    def incr(self, key: Any, delta: Any = 1,
             version: Optional[int] = None) -> Any:
        return self._client.run(self._incr(key, delta, version))

    def incr_version(self, key: Any, delta: int = 1,
                     version: Optional[int] = None) -> int:
        return self._client.run(self._incr_version(key, delta, version))

    def get_many(self, keys: Iterable[Any],
                 version: Optional[int] = None) -> Dict[Any, Any]:
        return self._client.run(self._get_many(keys, version))

    def set_many(self, data: Dict[Any, Any], timeout: Any = DEFAULT_TIMEOUT,
                 version: Optional[int] = None, *,
                 tags: Optional[Iterable[str]] = None,
                 stale: Any = None) -> List[Any]:
        return self._client.run(self._set_many(data, timeout, version, tags,
                                               stale))

    def delete_many(self, keys: Iterable[Any],
                    version: Optional[int] = None) -> None:
        self._client.run(self._delete_many(keys, version))

    def delete_tags(self, tags: Iterable[str], soft: bool = False) -> None:
        """Removes all values that have one of the tags, whatever their
        version.  "soft": those that were stored with "stale" are stale."""
        self._client.run(self._delete_tags(tags, soft))

    def clear(self) -> None:
        """Removes everything, or the keys of KEY_PREFIX; see CLEAR."""
        self._client.run(self._clear())

    # Django calls close() after each request: it does nothing here, since
    # connections are kept for the next one

    # -- in an event loop

    async def aget(self, key: Any, default: Any = None,
                   version: Optional[int] = None) -> Any:
        return await self._aio.run(self._get(key, default, version))

    async def ahas_key(self, key: Any, version: Optional[int] = None) -> bool:
        return await self._aio.run(self._has_key(key, version))

    async def aadd(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT,
                   version: Optional[int] = None, *,
                   tags: Optional[Iterable[str]] = None,
                   stale: Any = None) -> bool:
        return await self._aio.run(self._add(key, value, timeout, version,
                                             tags, stale))

    async def aset(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT,
                   version: Optional[int] = None, *,
                   tags: Optional[Iterable[str]] = None,
                   stale: Any = None) -> None:
        await self._aio.run(self._set(key, value, timeout, version, tags,
                                      stale))

    async def aget_or_set(self, key: Any, default: Any,
                          timeout: Any = DEFAULT_TIMEOUT,
                          version: Optional[int] = None, *,
                          tags: Optional[Iterable[str]] = None,
                          stale: Any = None) -> Any:
        """"default" may be a coroutine function, too."""
        value, making = await self._aio.run(
            self._get_or_make(key, timeout, version, tags, stale))

        if making is None:
            return value

        try:
            made = default() if callable(default) else default

            if inspect.isawaitable(made):
                made = await made

            return await self._aio.run(
                self._keep(making, self._item(made), made))
        except BaseException:
            await self._aio.run(self._give_up(making))
            raise

    async def atouch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT,
                     version: Optional[int] = None) -> bool:
        return await self._aio.run(self._touch(key, timeout, version))

    async def adelete(self, key: Any, version: Optional[int] = None) -> bool:
        return await self._aio.run(self._delete(key, version))

    async def aincr(self, key: Any, delta: Any = 1,
                    version: Optional[int] = None) -> Any:
        return await self._aio.run(self._incr(key, delta, version))

    async def aincr_version(self, key: Any, delta: int = 1,
                            version: Optional[int] = None) -> int:
        return await self._aio.run(self._incr_version(key, delta, version))

    async def aget_many(self, keys: Iterable[Any],
                        version: Optional[int] = None) -> Dict[Any, Any]:
        return await self._aio.run(self._get_many(keys, version))

    async def aset_many(self, data: Dict[Any, Any],
                        timeout: Any = DEFAULT_TIMEOUT,
                        version: Optional[int] = None, *,
                        tags: Optional[Iterable[str]] = None,
                        stale: Any = None) -> List[Any]:
        return await self._aio.run(self._set_many(data, timeout, version,
                                                  tags, stale))

    async def adelete_many(self, keys: Iterable[Any],
                           version: Optional[int] = None) -> None:
        await self._aio.run(self._delete_many(keys, version))

    async def adelete_tags(self, tags: Iterable[str],
                           soft: bool = False) -> None:
        await self._aio.run(self._delete_tags(tags, soft))

    async def aclear(self) -> None:
        await self._aio.run(self._clear())


def _serializer(which: Any) -> Any:
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


def _unreadable(serializer: Any) -> Tuple[Type[BaseException], ...]:
    """The errors by which a serializer says that it cannot read bytes."""
    errors = getattr(serializer, 'errors', ())

    if not isinstance(errors, tuple) or not all(
            isinstance(error, type) and issubclass(error, Exception)
            for error in errors):
        raise ValueError('the errors %r of SERIALIZER are not a tuple of '
                         'exceptions' % (errors,))

    return UNREADABLE + errors


def _content_type(serializer: Any) -> Any:
    return getattr(serializer, 'content_type', BYTES)


def _wire_type(serializer: Any) -> str:
    """The content type that the bytes of the serializer are stored with."""
    content_type = _content_type(serializer)

    if not content_type or not settings.is_header_value(content_type):
        raise ValueError('the content_type %r of SERIALIZER'
                         % (content_type,))

    # with this type bigcache sends documents of its own, around JSON that was
    # not stored as bytes
    if content_type == 'application/json':
        return 'application/json; charset=utf-8'

    return content_type
