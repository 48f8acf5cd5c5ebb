"""Django's cache over several servers, see python.sh, which runs this.

    python.py PEER ...

Prints a line for each figure: peer, mode, call, microseconds.
"""

import asyncio
import multiprocessing
import os
import random
import statistics
import sys
import threading
import time

import django
from asgiref.sync import sync_to_async
from django.conf import settings

ROUNDS, CALLS, KEYS, THREADS, PROCESSES = (int(os.environ[name]) for name in (
    'ROUNDS', 'CALLS', 'KEYS', 'THREADS', 'PROCESSES'))
MANY = 100
DIR = os.environ['BENCH_DIR']
BIGCACHE = 'http://127.0.0.1:' + os.environ['BIGCACHE_PORT']

CACHES = {
    'bigcache': {
        'BACKEND': 'django_bigcache.BigCacheBackend',
        'LOCATION': BIGCACHE,
        'KEY_PREFIX': 'plain',
    },
    'packed': {
        'BACKEND': 'django_bigcache.BigCacheBackend',
        'LOCATION': BIGCACHE,
        'KEY_PREFIX': 'packed',
        'OPTIONS': {'PACK': True},
    },
    'redis': {
        'BACKEND': 'django_redis.cache.RedisCache',
        'LOCATION': 'redis://127.0.0.1:%s/1' % os.environ['REDIS_PORT'],
        'OPTIONS': {
            'CLIENT_CLASS': 'django_redis.client.DefaultClient',
            'PARSER_CLASS': 'redis.connection.HiredisParser',
        },
    },
    'memcached': {
        'BACKEND': 'django.core.cache.backends.memcached.PyMemcacheCache',
        'LOCATION': '127.0.0.1:' + os.environ['MEMCACHED_PORT'],
    },
    'diskcache': {
        'BACKEND': 'diskcache.DjangoCache',
        'LOCATION': os.path.join(DIR, 'diskcache'),
    },
    'file': {
        'BACKEND': 'django.core.cache.backends.filebased.FileBasedCache',
        'LOCATION': os.path.join(DIR, 'files'),
        'OPTIONS': {'MAX_ENTRIES': 10 ** 9},
    },
}

settings.configure(CACHES={**CACHES, 'default': {
    'BACKEND': 'django.core.cache.backends.dummy.DummyCache'}})
django.setup()


class Example:
    """example/big_cache.py with the names of Django's methods."""

    def __init__(self):
        from big_cache import BigCache

        self._cache = BigCache(BIGCACHE)
        self.get = self._cache.unpickle

    def set(self, key, value, timeout):
        if not self._cache.pickle(key, value, timeout=timeout):
            raise RuntimeError('it is not stored')


def page(number):
    rng = random.Random(number)
    lines = []

    for row in range(700):
        lines.append('<tr><td class="value">%d</td><td>%d</td></tr>\n'
                     % (rng.randrange(10 ** 9), rng.randrange(10 ** 5)))

    return ''.join(lines)[:30000]


def small(number):
    return {'id': number, 'name': 'set %d' % number, 'tags': ['a', 'b'],
            'ratio': number / 7}


def key(kind, number):
    return '/datasets/%s/%d' % (kind, number)


def cache_of(peer):
    from django.core.cache import caches

    return Example() if peer == 'example' else caches[peer]


def calls_of(cache, pages):
    """The calls by name: each takes a number, and checks what it got."""
    def get_page(number):
        if len(cache.get(key('page', number))) != 30000:
            raise RuntimeError('a wrong page')

    def get_small(number):
        if cache.get(key('small', number))['id'] != number:
            raise RuntimeError('a wrong dict')

    def miss(number):
        if cache.get(key('none', number)) is not None:
            raise RuntimeError('a hit')

    def some(number):
        return [(number + n) % KEYS for n in range(MANY)]

    def get_many_of(kind):
        def call(number):
            names = [key(kind, n) for n in some(number)]
            if len(cache.get_many(names)) != MANY:
                raise RuntimeError('some are missing')
        return call

    def set_many_of(kind, make):
        def call(number):
            data = {key(kind, n): make(n) for n in some(number)}
            if cache.set_many(data, 3600):
                raise RuntimeError('some are not stored')
        return call

    calls = {
        'get 30 KB': get_page,
        'get small': get_small,
        'miss': miss,
        'set 30 KB': lambda n: cache.set(key('page', n), pages[n], 3600),
        'set small': lambda n: cache.set(key('small', n), small(n), 3600),
    }

    if hasattr(cache, 'get_many'):
        calls.update({
            'get_many 100 x 30 KB': get_many_of('page'),
            'get_many 100 small': get_many_of('small'),
            'set_many 100 x 30 KB': set_many_of('page', pages.__getitem__),
            'set_many 100 small': set_many_of('small', small),
        })

    return calls


def times(call, name, seed):
    """Microseconds that each of so many calls takes."""
    rng = random.Random(seed)
    clock = time.perf_counter
    took = []

    for _ in range(CALLS // 20 if 'many' in name else CALLS):
        number = rng.randrange(KEYS)
        start = clock()
        call(number)
        took.append((clock() - start) * 1e6)

    return took


def fill(peer, pages):
    cache = cache_of(peer)

    for number in range(KEYS):
        cache.set(key('page', number), pages[number], 3600)
        cache.set(key('small', number), small(number), 3600)


def work(peer, name, pages, seed, each, ready, done):
    """What each thread or process does; an error ends all of them."""
    try:
        cache = cache_of(peer)

        # pymemcache would use the connection of the parent
        if peer == 'memcached':
            cache.close()

        call = calls_of(cache, pages)[name]
        rng = random.Random(seed)
        call(rng.randrange(KEYS))
        ready.wait(60)

        for _ in range(each):
            call(rng.randrange(KEYS))

        done.wait(600)

    except threading.BrokenBarrierError:
        pass

    except BaseException:
        ready.abort()
        done.abort()
        raise


def together(peer, name, pages, seed, count, barrier, worker):
    """Microseconds for a call, of all threads or processes together."""
    each = max(1, CALLS // count // (20 if 'many' in name else 1))
    ready, done = barrier(count + 1), barrier(count + 1)
    workers = [worker(target=work, args=(
        peer, name, pages, seed + number, each, ready, done))
        for number in range(count)]

    for one in workers:
        one.start()

    ready.wait(60)
    start = time.perf_counter()
    done.wait(600)
    took = time.perf_counter() - start

    for one in workers:
        one.join()

    return took / each / count * 1e6


class InLoop:
    """The methods of a cache for event loops: its own, or, as Django does it,
    the others in a thread."""

    def __init__(self, cache):
        for name in ('get', 'set', 'get_many', 'set_many'):
            setattr(self, name, getattr(cache, 'a' + name, None)
                    or sync_to_async(getattr(cache, name)))


def in_loop(peer, pages, seed):
    """Microseconds that each call takes, by name."""
    async def run():
        cache = InLoop(cache_of(peer))
        rng = random.Random(seed)
        some = [key('page', n) for n in range(MANY)]
        data = {name: pages[n] for n, name in enumerate(some)}
        calls = {
            'get 30 KB': lambda n: cache.get(key('page', n)),
            'get small': lambda n: cache.get(key('small', n)),
            'miss': lambda n: cache.get(key('none', n)),
            'set 30 KB': lambda n: cache.set(key('page', n), pages[n], 3600),
            'set small': lambda n: cache.set(key('small', n), small(n), 3600),
            'get_many 100 x 30 KB': lambda n: cache.get_many(some),
            'set_many 100 x 30 KB': lambda n: cache.set_many(data, 3600),
        }
        clock = time.perf_counter
        took = {}

        for name, call in calls.items():
            await call(0)

            for _ in range(CALLS // 20 if 'many' in name else CALLS // 2):
                number = rng.randrange(KEYS)
                start = clock()
                await call(number)
                took.setdefault(name, []).append((clock() - start) * 1e6)

        return took

    return asyncio.run(run())


def layers_of(cache):
    """What one get of bigcache's backend is made of: each call does more than
    the one before it."""
    from django_bigcache import calls, connection, wire

    name = cache._key(key('page', 1), None)
    client = cache._client
    request = next(calls.get(name))
    head = client.head(request)
    one = connection.Connection(client.address, None)
    one.connect(connection.Deadline(60))
    sock = one._sock

    def bare():
        sock.send(head)
        data = sock.recv(65536)

        while len(data) < 30000:
            data += sock.recv(65536)

        return data

    return {
        'send and recv of a socket': bare,
        'and the answer is read': lambda: one.exchange(
            request.method, (head,), connection.Deadline(60)),
        'and connections are kept': lambda: client._ask(request),
        'and it is a call': lambda: client.run(calls.get(name)),
        'and Django has its value': lambda: cache.get(key('page', 1)),
    }


def main():
    peers = sys.argv[1:]
    pages = [page(number) for number in range(KEYS)]
    figures = {}
    fork = multiprocessing.get_context('fork')
    ways = (('threads', THREADS, threading.Barrier, threading.Thread),
            ('processes', PROCESSES, fork.Barrier, fork.Process))

    for peer in peers:
        fill(peer, pages)

    for number in range(ROUNDS):
        for peer in peers:
            for name, call in calls_of(cache_of(peer), pages).items():
                call(number)
                figures.setdefault((peer, 'one', name), []).extend(
                    times(call, name, number))

                for mode, *how in ways:
                    figures.setdefault((peer, mode, name), []).append(
                        together(peer, name, pages, number * 1000, *how))

            if peer == 'bigcache':
                for name, call in layers_of(cache_of(peer)).items():
                    figures.setdefault((peer, 'layers', name), []).extend(
                        times(lambda n: call(), name, number))

            if peer in ('bigcache', 'redis'):
                for name, took in in_loop(peer, pages, number).items():
                    figures.setdefault((peer, 'loop', name), []).extend(took)

        print('round %d of %d' % (number + 1, ROUNDS), file=sys.stderr)

    for (peer, mode, name), took in figures.items():
        print('%s\t%s\t%s\t%.1f' % (peer, mode, name, statistics.median(took)))


main()
