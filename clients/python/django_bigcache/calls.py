"""The calls of the HTTP API of bigcache.

Each call is a generator: it yields a Request and takes the answer.  Or it
yields a list of requests that can all be sent again, and takes a list of what
came of each.  So it neither waits nor knows a socket, and the same calls serve
threads (client.py) and event loops (aio.py), one server and several
(cluster.py).  A call raises only BigCacheError, and what its docstring says.
"""

import base64
import json
import math
import re
import time
from typing import (
    Any, Dict, Generator, Iterable, Iterator, List, NamedTuple, Optional,
    Sequence, Tuple, Union,
)

from . import location, tags
from .keys import path as key_path
from .wire import Answer

# by default nginx refuses request lines over 8 KB and bodies over 1 MB
MAX_PATH = 7000
MAX_BATCH_BYTES = 900000
MAX_BATCH_ITEM = 256 * 1024
MAX_BATCH = 1000

# Many keys are asked for by some batches, sent one behind the other: so the
# server reads values while the client makes objects of those before.  None of
# these batches has fewer keys than this.
PIECES = 4
MIN_PIECE = 25

# The server does not read the next batch while it sends a large answer, and
# the client reads no answer before it has sent all: what is behind the first
# batch must fit into the buffers of sockets.
MAX_AHEAD = 65536

# if fewer values than this fit into the answer of a batch, they are so large
# that asking for them one by one is as good
WORTH_A_BATCH = 16

LONGEST = 100 * 365 * 86400

# Seconds that one request waits for another client: if the machine of the
# server is gone, it is found out after these, and many proxies wait for no
# answer longer than a minute.
MAX_WAIT = 20

# what the server gives a lease at most, seconds
MAX_LEASE = 600


class BigCacheError(Exception):
    """The server cannot be reached, or did not do what it was asked to do.

    The attribute status is the status of the answer, None if there was none.
    The attribute server is the address of the server, None if it is not known.
    """

    def __init__(self, message: str, status: Optional[int] = None,
                 server: Optional[str] = None) -> None:
        super().__init__(message)
        self.status = status
        self.server = server


class UnreadableError(BigCacheError):
    """A value cannot be made of what is stored.

    The attribute etag is the ETag of what is stored, or None if it is not
    known.
    """

    def __init__(self, message: str, etag: Optional[str] = None) -> None:
        super().__init__(message)
        self.etag = etag


class Request(NamedTuple):
    """"headers" are lines of the head.  "again": it may be sent again if the
    server closes a connection that was open before.  "marked": the headers of
    the answer must say that it is from bigcache.  "wait": seconds that the
    server may take longer.  "key" is that of the request, of all keys of a
    batch the first one, or None if the request has none: with several servers
    it says which of them is asked."""

    method: str
    path: str
    body: Sequence[bytes] = ()
    headers: bytes = b''
    expected: Tuple[int, ...] = (200,)
    again: bool = True
    marked: bool = True
    wait: int = 0
    key: Optional[str] = None


class Parts:
    """What a call yields to run other calls side by side, each on one server,
    which is given by its number.  All requests of those calls can be sent
    again.  It takes a list of what they have returned, or of the BigCacheError
    that they have raised."""

    def __init__(self, parts: 'List[Tuple[int, Call]]') -> None:
        self.parts = parts


Call = Generator[Union[Request, List[Request], Parts], Any, Any]
Replied = Union[Answer, BigCacheError]


class Item(NamedTuple):
    """To be stored: "data" is bytes of the content type "type".  If "type" is
    None, "data" is the text of a JSON value."""

    data: bytes
    type: Optional[str]


UNKNOWN = object()
Raw = Union[bytes, bytearray, memoryview]


class Entry(NamedTuple):
    """What was found: "raw" is bytes, or a part of the memory of an answer; if
    it is None, "value" is a JSON value.  "expire" may be UNKNOWN, and "answer"
    is that of a GET."""

    value: Any
    raw: Optional[Raw]
    type: Optional[str]
    expire: Any
    answer: Optional[Answer] = None


_GET_STATUSES = (200, 404, 413)

# statuses of a whole batch that one of its operations may have caused

BLAMES_ONE = {400, 413, 422}

# all other errors mean that JSON is nested too deeply for Python, or has a
# number that is too long for it

_SAME_IN_JSON = re.compile(r'[ !#-\[\]-~]*')
_TOKEN = re.compile(r'[0-9A-Fa-f]{32}')
_NOT_JSON = (json.JSONDecodeError, UnicodeDecodeError)

# lifetimes, as members of the body of a request; where a value is stored,
# "stale" and "tags" may be among them

Life = Dict[str, Any]
FOREVER: Life = {'expire': None}


def lifetime(seconds: Any) -> Life:
    # as a duration, the clock of the server counts
    if seconds is None or seconds > LONGEST:
        return FOREVER

    if seconds == int(seconds):
        return {'duration': '%ds' % seconds}

    return {'expire': time.time() + seconds}


def until(expire: Any) -> Life:
    return {'expire': expire}


# -- one key

def get(key: str) -> Call:
    """Returns an Entry, or None."""
    if _is_long(key):
        return (yield from get_with_expire(key))

    answer = yield Request('GET', '/pickle/' + key_path(key),
                           expected=(200, 404), key=key)

    return None if answer.status == 404 else _entry_of(answer, key)


def _entry_of(answer: Answer, key: str) -> Entry:
    try:
        return _raw_entry(answer.body, answer.headers.get('content-type'),
                          UNKNOWN, key, answer)
    except UnreadableError as error:
        error.etag = etag_of(answer)
        raise


def etag_of(answer: Optional[Answer]) -> Optional[str]:
    return answer.headers.get('etag') or None if answer else None


def get_or_lease(key: str, wait: float, lease: Optional[int]) -> Call:
    """Returns an Entry, or None, and the token of a lease, or None.

    With a token, the client is the one that makes the value: it calls put()
    with the token, or return_lease().  Another client that makes it is waited
    for, "wait" seconds.  "lease" is how long the lease shall last.
    """
    if _is_long(key):
        return (yield from get_with_expire(key)), None

    # a server that hangs must not be waited for longer than get() does: so at
    # first no time is asked for

    entry, token, others = yield from _get_or_lease(key, 0, lease)
    end = time.monotonic() + wait

    while others:
        began = time.monotonic()
        asked = min(math.ceil(end - began), MAX_WAIT)

        if asked <= 0:
            break

        entry, token, others = yield from _get_or_lease(key, asked, lease)

        # if nobody makes it, and this client may not, nobody waits
        if time.monotonic() - began < asked / 2:
            break

    return entry, token


def _get_or_lease(key: str, wait: int, lease: Optional[int]) -> Call:
    """Returns also whether another client may be making the value."""
    prefer = 'Prefer: wait=%d' % wait

    if lease is not None:
        prefer += ', lease=%d' % lease

    answer = yield Request('GET', '/pickle/' + key_path(key),
                           headers=prefer.encode() + b'\r\n',
                           expected=(200, 404), wait=wait, key=key)

    if answer.status == 200:
        return _entry_of(answer, key), None, False

    token = answer.headers.get('bigcache-lease')

    if _TOKEN.fullmatch(token):
        return None, token, False

    return None, None, 'wait' in answer.headers.get('preference-applied')


def return_lease(key: str, token: str) -> Call:
    yield Request('DELETE', '/lease/' + key_path(key),
                  headers=b'Bigcache-Lease: %b\r\n' % token.encode(),
                  expected=(200, 412), marked=False, key=key)


def is_stale(answer: Optional[Answer]) -> bool:
    """Whether it has expired, and another client makes a new one."""
    return bool(answer and answer.headers.get('bigcache-stale'))


def get_with_expire(key: str) -> Call:
    """Returns an Entry whose "expire" is known, or None."""
    try:
        (result,), data = yield from _batch(key, [_op_text('get', key)])

        if _status(result, (200, 404, 413), key) == 200:
            entry = _entry(result, data, key)
            data.end()
            return entry

        if result['status'] == 404:
            return None

    except UnreadableError:
        pass    # the page alone may be readable

    if _is_long(key):
        raise BigCacheError('%r is too large for a batch, and its key for '
                            'a path' % key[:100], 413)

    entry = yield from get(key)

    if entry is not None and entry.expire is UNKNOWN:
        entry = entry._replace(expire=(yield from _expire(key)))

    return entry


def _expire(key: str) -> Call:
    answer = yield Request('GET', '/keys/%s?limit=1' % key_path(key),
                           marked=False, key=key)
    keys = _parse(answer.body).get('keys')
    first = keys[0] if isinstance(keys, list) and keys else None

    if not isinstance(first, dict) or first.get('key') != key:
        raise BigCacheError('the lifetime of %r is not known' % key[:200])

    return _checked_expire(first.get('expire'))


def exists(key: str) -> Call:
    if _is_long(key):
        (result,), _ = yield from _batch(key, [_op_text('get', key)])
        return _status(result, (200, 404, 413), key) != 404

    answer = yield Request('HEAD', '/pickle/' + key_path(key),
                           expected=(200, 404), key=key)

    return answer.status == 200


def put(key: str, item: Item, life: Life, pack: bool = False,
        only_new: bool = False, etag: Optional[str] = None,
        token: Optional[str] = None) -> Call:
    """Returns False if only_new is set and the key exists, or if etag is not
    the ETag of what is stored, or if token is that of a lease that has ended.
    Keys that are too long for a path have no etag and no token.  "pack": the
    server may pack it."""
    if _is_long(key) or not (item.type is None
                             or location.is_header_value(item.type)):
        (result,), _ = yield from _batch(
            key, [_set_text(key, item, life, pack, only_new)],
            again=not only_new)
        return _status(result, (200, 412), key) == 200

    headers = ['Prefer: return=minimal']
    body: Tuple[bytes, ...]

    if not pack:
        headers.append('Cache-Control: no-transform')

    if only_new:
        headers.append('If-None-Match: *')

    if etag is not None:
        headers.append('If-Match: ' + etag)

    if token is not None:
        headers.append('Bigcache-Lease: ' + token)

    named = b''

    if item.type is None:
        endpoint = '/cache/'
        headers.append('Content-Type: application/json')
        body = (b'{"value":%s,%s}' % (item.data,
                                      json.dumps(life)[1:-1].encode()),)

    else:
        endpoint = '/pickle/'
        headers.append('Content-Type: ' + item.type)
        body = (item.data,)

        for name, value in life.items():
            if name == 'tags':
                named = tags.lines(value)
            elif value is not None:
                headers.append('X-Bigcache-%s: %s' % (name.capitalize(),
                                                      value))

    # sent again, it would find what the first one has stored
    condition = only_new or etag is not None

    answer = yield Request('POST', endpoint + key_path(key), body,
                           '\r\n'.join(headers).encode('latin-1') + b'\r\n'
                           + named, expected=(200, 412) if condition or token
                           else (200,), again=not condition, key=key)

    return answer.status == 200


def delete(key: str, etag: Optional[str] = None) -> Call:
    """Whether there was something, and with the ETag etag, if that is given.
    Keys that are too long for a path have no etag."""
    if _is_long(key):
        (result,), _ = yield from _batch(key, [_op_text('delete', key)])
        return _status(result, (200, 404), key) == 200

    condition = (b'' if etag is None
                 else b'If-Match: %b\r\n' % etag.encode('latin-1'))

    answer = yield Request('DELETE', '/cache/' + key_path(key),
                           headers=condition, expected=(200, 404, 412)
                           if condition else (200, 404), key=key)

    return answer.status == 200


def touch(key: str, life: Life) -> Call:
    """Whether there was something."""
    if _is_long(key):
        (result,), _ = yield from _batch(key, [_op_text('touch', key, life)])
        return _status(result, (200, 404), key) == 200

    answer = yield Request('PATCH', '/cache/' + key_path(key),
                           (json.dumps(life).encode(),), expected=(200, 404),
                           key=key)

    return answer.status == 200


def incr(key: str, delta: int) -> Call:
    """Returns the new number, or None if the key does not exist.  Raises
    ValueError if the value is not an integer of 64 bits, or would become
    none."""
    answer = yield Request('POST', '/incr/' + key_path(key),
                           (b'{"delta":%d}' % delta,),
                           expected=(200, 404, 409), again=False, key=key)

    if answer.status == 409:
        raise ValueError(detail(answer.body))

    if answer.status == 404:
        return None

    value = _parse(answer.body).get('value')

    if type(value) is not int:
        raise BigCacheError('POST /incr/: not an answer of bigcache')

    return value


# -- many keys

def get_many(keys: Iterable[str]) -> Call:
    """Returns a dict of the entries that were found, and the first error
    because of which others are missing, or None."""
    found: Dict[str, Entry] = {}
    errors: List[BigCacheError] = []
    left = list(keys)

    while left:
        left, large = yield from _get_round(left, found, errors)

        for key in large:
            try:
                entry = yield from get(key)
                if entry is not None:
                    found[key] = entry
            except UnreadableError as error:
                errors.append(error)

    return found, errors[0] if errors else None


def _get_round(keys: List[str], found: Dict[str, Entry],
               errors: List[BigCacheError]) -> Call:
    """Asks for all keys once.  Returns the keys to ask for in another round,
    and those to ask for one by one."""
    fitted = 0
    unfit: List[str] = []
    large: List[str] = []
    most = min(MAX_BATCH, max(MIN_PIECE, -(-len(keys) // PIECES)))
    waiting = list(_chunks(((key, _op_get(key), b'') for key in keys), most))

    while waiting:
        count = _at_once(waiting)
        some, waiting = waiting[:count], waiting[count:]
        replies = yield [_batch_request(chunk[0][0],
                                        [op for _, op, _ in chunk])
                         for chunk in some]

        for chunk, reply in zip(some, replies):
            try:
                results, data = _batch_results(reply, len(chunk))

            except UnreadableError as error:
                # one of the values caused it
                if len(chunk) > 1:
                    waiting += _halves(chunk)
                elif _is_long(chunk[0][0]):
                    errors.append(error)
                else:
                    large.append(chunk[0][0])
                continue

            for (key, _, _), result in zip(chunk, results):
                try:
                    status = _status(result, _GET_STATUSES, key)

                    if status == 413:
                        unfit.append(key)
                    else:
                        fitted += 1
                        if status == 200:
                            found[key] = _entry(result, data, key)

                except UnreadableError as error:
                    errors.append(error)

            # or the values may be those of other keys
            data.end()

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


def _at_once(waiting: 'List[Chunk]') -> int:
    """Returns how many batches to send before the first answer is read."""
    count, size = 1, 0

    for chunk in waiting[1:PIECES]:
        size += sum(len(op) for _, op, _ in chunk)

        if size > MAX_AHEAD:
            break

        count += 1

    return count


def put_many(items: Dict[str, Item], life: Life, pack: bool = False) -> Call:
    """Stores a dict of items.  Returns a dict of the errors of those that
    were not stored."""
    # the traceback of an error would keep this frame, and so the items, until
    # the garbage collector comes
    failed: Dict[str, BigCacheError] = {}
    small: List[Tuple[str, Item]] = []

    for key, item in items.items():
        if len(item.data) <= MAX_BATCH_ITEM:
            small.append((key, item))
            continue

        try:
            yield from put(key, item, life, pack)
        except BigCacheError as error:
            failed[key] = error.with_traceback(None)

    more = _set_tail(life, pack)
    waiting = list(_chunks(
        (key, _set_bytes(key, item, more), _raw_of(item))
        for key, item in small))

    while waiting:
        some, waiting = waiting[:PIECES], waiting[PIECES:]
        replies = yield [_batch_request(chunk[0][0],
                                        [op for _, op, _ in chunk],
                                        [data for _, _, data in chunk])
                         for chunk in some]

        for chunk, reply in zip(some, replies):
            try:
                results, _ = _batch_results(reply, len(chunk))
            except BigCacheError as error:
                if error.status in BLAMES_ONE and len(chunk) > 1:
                    waiting += _halves(chunk)
                else:
                    error = error.with_traceback(None)
                    failed.update((key, error) for key, _, _ in chunk)
                continue

            for (key, _, _), result in zip(chunk, results):
                try:
                    _status(result, (200,), key)
                except BigCacheError as error:
                    failed[key] = error.with_traceback(None)

    return failed


def delete_many(keys: Iterable[str]) -> Call:
    for chunk in _chunks((key, _op_text('delete', key), b'') for key in keys):
        results, _ = yield from _batch(chunk[0][0],
                                       [op for _, op, _ in chunk])

        for (key, _, _), result in zip(chunk, results):
            _status(result, (200, 404), key)


def clear() -> Call:
    yield Request('POST', '/clear')


def delete_prefix(prefix: str) -> Call:
    # the answer comes when the purge is in effect, before keys are counted
    yield Request('DELETE', '/prefix/' + key_path(prefix),
                  headers=b'Prefer: respond-async\r\n', expected=(200, 202))


def delete_tags(names: List[str], soft: bool) -> Call:
    """"soft": values with a time to be stale are stale and not removed."""
    for start in range(0, len(names), MAX_BATCH):
        body = json.dumps({'type': 'tag', 'purge': not soft,
                           'selectors': names[start:start + MAX_BATCH]},
                          ensure_ascii=False).encode()

        # as above
        yield Request('POST', '/purge', (body,),
                      b'Content-Type: application/json\r\n'
                      b'Prefer: respond-async\r\n',
                      expected=(200, 202), marked=False)


# -- batches: a line of JSON, and bytes behind it

_FRAMED = b'application/x-bigcache-batch'
_ACCEPT = b'Accept: ' + _FRAMED + b'\r\n'

Chunk = List[Tuple[str, bytes, bytes]]


class Behind:
    """The bytes of an answer that begin at an offset, in their order."""

    def __init__(self, data: Union[bytes, bytearray], at: int) -> None:
        self._data = memoryview(data)
        self._at = at

    def take(self, size: Any) -> memoryview:
        at = self._at

        if type(size) is not int or not 0 <= size <= len(self._data) - at:
            raise ValueError('there are not so many')

        self._at += size

        return self._data[at:self._at]

    def end(self) -> None:
        """Raises BigCacheError if there are more."""
        if self._at != len(self._data):
            raise BigCacheError('POST /batch: not an answer of bigcache')


def _batch(first: str, ops: List[bytes], again: bool = True) -> Call:
    """Returns the results and what follows their line.  "first" is the key of
    the first operation."""
    request = _batch_request(first, ops, again=again)

    return _batch_results((yield request), len(ops))


def _batch_request(first: str, ops: List[bytes],
                   data: Optional[List[bytes]] = None,
                   again: bool = True) -> Request:
    """"data" is what follows the line of the operations."""
    line = b'{"operations":[%s]}' % b','.join(ops)

    if data is None:
        return Request('POST', '/batch', (line,), _ACCEPT, again=again,
                       marked=False, key=first)

    return Request('POST', '/batch', (line + b'\n', *data),
                   b'Content-Type: ' + _FRAMED + b'\r\n' + _ACCEPT,
                   again=again, marked=False, key=first)


def _batch_results(reply: Replied, count: int) -> Tuple[List[Any], Behind]:
    if isinstance(reply, BigCacheError):
        raise reply

    body = reply.body
    end = (body.find(b'\n') if reply.headers.get('content-type')
           == _FRAMED.decode() else -1)

    results = _parse(body if end == -1 else body[:end]).get('results')

    if not isinstance(results, list) or len(results) != count:
        raise BigCacheError('POST /batch: not an answer of bigcache')

    return results, Behind(body, end + 1 if end != -1 else len(body))


def _is_long(key: str) -> bool:
    # a character takes 12 bytes of a path at most
    return len(key) * 12 > MAX_PATH and len(key_path(key)) > MAX_PATH


def _json_string(text: str) -> bytes:
    if _SAME_IN_JSON.fullmatch(text):
        return b'"%s"' % text.encode()

    return json.dumps(text).encode()


def _op_get(key: str) -> bytes:
    return b'{"op":"get","key":%s}' % _json_string(key)


def _op_text(op: str, key: str, more: Optional[Life] = None) -> bytes:
    return json.dumps({'op': op, 'key': key, **(more or {})},
                      separators=(',', ':')).encode()


def _set_text(key: str, item: Item, life: Life, pack: bool,
              only_new: bool) -> bytes:
    more = dict(life)

    if not pack:
        more['no_transform'] = True

    if only_new:
        more['if_none_match'] = '*'

    if item.type is not None:
        more['base64'] = base64.b64encode(item.data).decode()
        more['type'] = item.type
        return _op_text('set', key, more)

    # the value is the text of JSON already
    return b'%s,"value":%s}' % (_op_text('set', key, more)[:-1], item.data)


def _set_tail(life: Life, pack: bool) -> bytes:
    """The members that all operations of a put_many have."""
    more = dict(life)

    if not pack:
        more['no_transform'] = True

    return b',' + json.dumps(more, separators=(',', ':'))[1:].encode()


def _set_bytes(key: str, item: Item, tail: bytes) -> bytes:
    """An operation whose bytes follow the line of all."""
    if item.type is None:
        return b'{"op":"set","key":%s,"value":%s%s' % (
            _json_string(key), item.data, tail)

    return b'{"op":"set","key":%s,"bytes":%d,"type":%s%s' % (
        _json_string(key), len(item.data),
        _json_string(item.type), tail)


def _raw_of(item: Item) -> bytes:
    return b'' if item.type is None else item.data


def _chunks(all_of: Iterable[Tuple[str, bytes, bytes]],
            most: int = MAX_BATCH) -> Iterator[Chunk]:
    """Yields lists of a key, the bytes of an operation, and those behind the
    line; each list fits into one batch."""
    chunk: Chunk = []
    size = 0

    for key, op, data in all_of:
        if chunk and (len(chunk) == most
                      or size + len(op) + len(data) > MAX_BATCH_BYTES):
            yield chunk
            chunk, size = [], 0

        chunk.append((key, op, data))
        size += len(op) + len(data) + 1

    if chunk:
        yield chunk


def _halves(chunk: Chunk) -> List[Chunk]:
    half = len(chunk) // 2

    return [chunk[:half], chunk[half:]]


def _status(result: Any, expected: Tuple[int, ...], key: str) -> int:
    """Returns the status of a result of a batch."""
    status = result.get('status') if isinstance(result, dict) else None

    if type(status) is not int:
        raise BigCacheError('POST /batch: not an answer of bigcache')

    if status not in expected:
        raise BigCacheError('POST /batch, %r: %d %s' % (
            key[:200], status, result.get('detail', '')), status)

    return status


# -- answers

def _entry(result: Dict[str, Any], data: Behind, key: str) -> Entry:
    """Returns the Entry that a get of a batch has found."""
    try:
        expire = _checked_expire(result['expire'])

        if 'bytes' in result:
            raw: Raw = data.take(result['bytes'])
        elif 'base64' in result:
            raw = base64.b64decode(result['base64'])
        else:
            return Entry(result['value'], None, None, expire)

        type_ = result['type']

    except (LookupError, TypeError, ValueError):
        raise BigCacheError('POST /batch: not an answer of bigcache') from None

    if not isinstance(type_, (str, type(None))):
        raise BigCacheError('POST /batch: not an answer of bigcache')

    return _raw_entry(raw, type_ or '', expire, key)


def _raw_entry(raw: Raw, type_: str, expire: Any, key: str,
               answer: Optional[Answer] = None) -> Entry:
    """Returns the Entry of an answer of /pickle/.

    JSON comes as a document of three members.  Bytes of the same type that
    look like such a document cannot be told from it, so they are always read
    as JSON.  The backend itself stores no such bytes.
    """
    if type_ == 'application/json':
        try:
            document = json.loads(bytes(raw))

            if (isinstance(document, dict)
                    and set(document) == {'value', 'expire', 'duration'}):
                return Entry(document['value'], None, None,
                             _checked_expire(document['expire'])
                             if expire is UNKNOWN else expire, answer)

        except (*_NOT_JSON, BigCacheError):
            pass
        except (ValueError, RecursionError) as error:
            raise UnreadableError('the JSON at %r cannot be read: %s'
                                  % (key[:200], error)) from None

    return Entry(None, raw, type_, expire, answer)


def _checked_expire(expire: Any) -> Any:
    if expire is not None and (type(expire) not in (int, float)
                               or not abs(expire) <= 1e18):
        raise BigCacheError('a lifetime that is not one of bigcache')

    return expire


def _parse(body: Union[bytes, bytearray]) -> Dict[str, Any]:
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


def detail(body: Union[bytes, bytearray]) -> str:
    """What an error of bigcache says."""
    try:
        return str(json.loads(body)['detail'])[:500]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ''
