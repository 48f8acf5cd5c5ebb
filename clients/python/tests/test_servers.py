"""Several servers, of which each keeps a part of the keys."""

import asyncio
import json
import os
import threading
import unittest
import urllib.request
from unittest import mock
from urllib.parse import urlsplit

from django.core.cache.backends.base import InvalidCacheBackendError

from django_bigcache import BigCacheBackend, BigCacheError
from django_bigcache.client import Client
from django_bigcache.ring import Ring

from . import PATIENT, unique
from .servers import Server, answer, closed_port, document, read_whole
from .test_example import BigCache

LOGGER = 'django_bigcache'

# each has a store of its own
URLS = os.environ.get('BIGCACHE_SERVERS', '').split()

ODD = ('/a/', '//', '..', 'a/../b', 'a//b', '한글', '\0', '\\', '?a=1', '%20',
       '\ud800', 'x' * 5000, '한' * 2000)


def backend(location, prefix='', **options):
    return BigCacheBackend(location, {'KEY_PREFIX': prefix, 'OPTIONS': options,
                                      'TIMEOUT': None})


def stored(url):
    """The keys that a server has."""
    with urllib.request.urlopen(url + '/keys/?limit=1000') as reply:
        return {entry['key'] for entry in json.load(reply)['keys']}


def parts(urls, keys, weights=None):
    """The keys of each server."""
    ring = Ring([(urlsplit(url).netloc, weight) for url, weight
                 in zip(urls, weights or [1] * len(urls))])

    return [{key for key in keys if ring.find(key) == number}
            for number in range(len(urls))]


def run(coroutine):
    loop = asyncio.new_event_loop()

    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


class InLoop:
    """A backend whose methods are called by their forms for event loops."""

    def __init__(self, cache):
        self._cache = cache

    def __getattr__(self, name):
        method = getattr(self._cache, 'a' + name)

        return lambda *args, **more: run(method(*args, **more))


@unittest.skipUnless(URLS, 'BIGCACHE_SERVERS names no servers')
class ServersTest(unittest.TestCase):
    def setUp(self):
        for url in URLS:
            backend(url, **PATIENT).clear()

    def both(self, **options):
        """For threads and for event loops, with keys of its own."""
        cache = backend(URLS, unique('servers'), **{**PATIENT, **options})

        for caller in (cache, InLoop(cache)):
            with self.subTest(type(caller).__name__):
                yield caller, cache

    def check_stored(self, cache, keys):
        names = {cache._key(key, None) for key in keys}
        self.assertEqual([stored(url) for url in URLS], parts(URLS, names))

    def test_one_key(self):
        keys = [str(number) for number in range(60)]

        for caller, cache in self.both():
            for key in keys:
                caller.set(key, [key])
                self.assertIs(caller.add(key, 'x'), False)
                self.assertEqual(caller.get(key), [key])
                self.assertIs(caller.has_key(key), True)
                self.assertIs(caller.touch(key, 600), True)

            self.check_stored(cache, keys)

            for key in keys:
                self.assertIs(caller.delete(key), True)
                self.assertIs(caller.add(key, 5), True)
                self.assertEqual(caller.incr(key), 6)
                self.assertIs(caller.delete(key), True)
                self.assertIs(caller.delete(key), False)
                self.assertEqual(caller.get(key, 'none'), 'none')

            self.check_stored(cache, [])

    def test_weights(self):
        location = ['%s weight=%d' % (url, weight)
                    for url, weight in zip(URLS, (1, 2, 5))]
        keys = [str(number) for number in range(300)]

        for given in (location, ', '.join(location)):
            cache = backend(given, **PATIENT)
            cache.set_many(dict.fromkeys(keys, 'x'))
            wanted = parts(URLS, {':1:' + key for key in keys}, (1, 2, 5))
            self.assertEqual([stored(url) for url in URLS], wanted)
            self.assertNotEqual(
                wanted, parts(URLS, {':1:' + key for key in keys}))
            cache.clear()

    def test_odd_keys(self):
        for caller, cache in self.both():
            for key in ODD:
                caller.set(key, key[:100])
            for key in ODD:
                self.assertEqual(caller.get(key), key[:100])

            self.check_stored(cache, ODD)
            self.assertEqual(caller.get_many(ODD),
                             {key: key[:100] for key in ODD})
            caller.delete_many(ODD)
            self.check_stored(cache, [])

    def test_many_keys(self):
        values = {str(number): number if number % 5 else 'x' * 3000
                  for number in range(900)}
        values['large'] = 'x' * 2000000

        for caller, cache in self.both():
            self.assertEqual(caller.set_many(values), [])
            self.check_stored(cache, values)
            self.assertEqual(caller.get_many([*values, 'none']), values)
            self.assertEqual(caller.get_many(['5']), {'5': values['5']})
            self.assertEqual(caller.get_many([]), {})
            caller.delete_many(['1', '2', 'none'])
            caller.set_many({'3': 1, '4': 1}, 0)
            self.check_stored(cache, set(values) - {'1', '2', '3', '4'})
            caller.delete_many(values)
            self.check_stored(cache, [])

    def test_a_key_that_moves_to_another_server(self):
        for caller, cache in self.both():
            for number in range(20):
                key = str(number)
                caller.set(key, [key], 3600)
                self.assertEqual(caller.incr_version(key), 2)
                self.assertIsNone(caller.get(key))
                self.assertEqual(caller.get(key, version=2), [key])

            names = {cache._key(str(number), 2) for number in range(20)}
            self.assertEqual([stored(url) for url in URLS],
                             parts(URLS, names))
            caller.clear()

    def test_made_once(self):
        for caller, cache in self.both():
            made = []

            for _ in range(2):
                for number in range(20):
                    self.assertEqual(caller.get_or_set(
                        str(number), lambda: made.append(1) or [1]), [1])

            self.assertEqual(len(made), 20)
            self.check_stored(cache, map(str, range(20)))
            caller.clear()

    def test_all_are_cleared(self):
        values = {str(number): number for number in range(60)}

        for caller, cache in self.both():
            caller.set_many(values, tags=['some'])
            caller.set('kept', 1)
            caller.delete_tags(['some'])
            self.check_stored(cache, ['kept'])
            caller.set_many(values)
            caller.clear()
            self.check_stored(cache, [])

    def test_all_are_cleared_of_a_prefix(self):
        other = backend(URLS, 'other', **PATIENT)
        values = {str(number): number for number in range(60)}
        other.set_many(values)

        for caller, cache in self.both(CLEAR='prefix'):
            caller.set_many(values)
            caller.clear()
            self.check_stored(other, values)

    def test_the_example(self):
        keys = ('a', '/b/', 'c//d', '한글', '?x=1', 'e/../f',
                *map(str, range(50)))
        cache = BigCache(URLS, wait=30)

        for key in keys:
            self.assertIs(cache.set(key, key), True)
            self.assertIs(cache.pickle(key, [key], version=3), True)

        names = ({key.strip('/') for key in keys}
                 | {('3:' + key).strip('/') for key in keys})
        self.assertEqual([stored(url) for url in URLS], parts(URLS, names))

        for key in keys:
            self.assertEqual(cache.get(key), key)
            self.assertEqual(cache.unpickle(key, version=3), [key])

        self.assertIs(cache.delete('a'), True)
        self.assertIs(cache.clear(), True)
        self.assertEqual([stored(url) for url in URLS], [set(), set(), set()])
        cache.close()


@unittest.skipUnless(URLS, 'BIGCACHE_SERVERS names no servers')
class DeadTest(unittest.TestCase):
    """One of three servers is away."""

    def setUp(self):
        for url in URLS:
            backend(url, **PATIENT).clear()

        self.urls = [URLS[0], closed_port(), URLS[2]]
        self.keys = [str(number) for number in range(120)]
        one, self.dead, other = (
            {key[3:] for key in part} for part
            in parts(self.urls, [':1:' + key for key in self.keys]))
        self.alive = one | other

    def both(self):
        for in_loop in (False, True):
            cache = backend(self.urls, SOCKET_TIMEOUT=30)
            cache._client.warned.clear()

            with self.subTest(in_loop=in_loop), self.assertLogs(LOGGER):
                yield InLoop(cache) if in_loop else cache

    def test_its_keys_are_misses(self):
        for cache in self.both():
            for key in self.keys:
                there = key in self.alive
                cache.set(key, 5)
                self.assertEqual(cache.get(key, 'none'), 5 if there
                                 else 'none')
                self.assertIs(cache.has_key(key), there)
                self.assertIs(cache.touch(key), there)
                self.assertEqual(cache.get_or_set(key, 7), 5 if there else 7)

                if there:
                    self.assertEqual(cache.incr(key), 6)
                else:
                    self.assertRaises(ValueError, cache.incr, key)

                self.assertIs(cache.delete(key), there)
                self.assertIs(cache.add(key, 1), there)

            self.assertEqual(
                stored(URLS[0]) | stored(URLS[2]),
                {':1:' + key for key in self.alive})
            self.assertEqual(stored(URLS[1]), set())
            backend(URLS[0]).clear()
            backend(URLS[2]).clear()

    def test_many_keys(self):
        for cache in self.both():
            self.assertEqual(
                set(cache.set_many(dict.fromkeys(self.keys, 1))), self.dead)
            self.assertEqual(cache.get_many(self.keys),
                             dict.fromkeys(self.alive, 1))
            cache.delete_many(self.keys)
            self.assertEqual(cache.get_many(self.keys), {})

    def test_what_all_must_do_raises(self):
        cache = backend(self.urls)

        for caller in (cache, InLoop(cache)):
            for remove in (caller.clear, lambda: caller.delete_tags(['t']),
                           lambda: caller.delete_tags(['t'], soft=True)):
                cache._client.warned.clear()

                with self.assertLogs(LOGGER):
                    caller.set_many(dict.fromkeys(self.keys, 1), tags=['t'],
                                    stale=60)

                with self.assertRaises(BigCacheError) as caught:
                    remove()

                self.assertRegex(str(caught.exception),
                                 r'^1 of 3 servers have not done it: '
                                 + self.urls[1])

                # the others have done it
                self.assertEqual(caller.get_many(self.keys), {})

    def test_raise(self):
        cache = backend(self.urls, RAISE=True)

        for caller in (cache, InLoop(cache)):
            for call in (lambda: caller.set_many(dict.fromkeys(self.keys, 1)),
                         lambda: caller.get_many(self.keys)):
                with self.assertRaises(BigCacheError) as caught:
                    call()
                self.assertEqual(caught.exception.server, self.urls[1])

            # the others have done it
            self.assertEqual(caller.get_many(self.alive),
                             dict.fromkeys(self.alive, 1))

            with self.assertRaises(BigCacheError):
                caller.delete_many(self.keys)

            self.assertEqual(caller.get_many(self.alive), {})

    def test_the_example(self):
        cache = BigCache(self.urls, wait=30)
        ring = Ring([(urlsplit(url).netloc, 1) for url in self.urls])

        with self.assertLogs('big_cache') as logs:
            for key in self.keys:
                there = ring.find(key) != 1
                self.assertIs(cache.set(key, 5), there)
                self.assertEqual(cache.get(key), 5 if there else None)

        self.assertEqual(len(logs.output), 1)
        self.assertIn(urlsplit(self.urls[1]).netloc, logs.output[0])
        self.assertEqual(stored(URLS[1]), set())

        self.assertIs(cache.clear(), False)
        self.assertEqual(stored(URLS[0]) | stored(URLS[2]), set())
        cache.close()


def got(head, body, value):
    """An answer to a batch of gets, or to a get."""
    if not head.startswith(b'POST /batch '):
        return document(value)

    count = len(json.loads(body)['operations'])

    return answer(200, b'{"results":[%b]}' % b','.join(
        [b'{"status":200,"value":%b,"expire":null}' % value] * count))


class WaitTest(unittest.TestCase):
    KEYS = [str(number) for number in range(150)]

    def owned(self, urls):
        return [{key[3:] for key in part} for part
                in parts(urls, [':1:' + key for key in self.KEYS])]

    def test_all_work_at_the_same_time(self):
        # no answer comes before both have got their requests
        for in_loop in (False, True):
            barrier = threading.Barrier(2)

            def serve(connection, number):
                while True:
                    head, body = read_whole(connection)
                    if not head:
                        return
                    barrier.wait(30)
                    connection.sendall(got(head, body, b'5'))

            with Server(serve) as one, Server(serve) as other:
                cache = backend([one.url, other.url], RAISE=True,
                                SOCKET_TIMEOUT=20)
                caller = InLoop(cache) if in_loop else cache

                # one batch for each
                keys = [key for part in self.owned([one.url, other.url])
                        for key in sorted(part)[:10]]

                for _ in range(3):
                    self.assertEqual(caller.get_many(keys),
                                     dict.fromkeys(keys, 5))

                self.assertEqual((one.connections, other.connections), (1, 1))

    def test_one_that_hangs_takes_no_time_of_others(self):
        def hang(connection, number):
            while read_whole(connection)[0]:
                pass

        def serve(connection, number):
            while True:
                head, body = read_whole(connection)
                if not head:
                    return
                connection.sendall(got(head, body, b'5'))

        for in_loop in (False, True):
            with Server(hang) as first, Server(serve) as right, \
                    Server(hang) as last, self.assertLogs(LOGGER):
                urls = [first.url, right.url, last.url]
                cache = backend(urls, SOCKET_TIMEOUT=3, PAUSE=600)
                caller = InLoop(cache) if in_loop else cache
                alive = dict.fromkeys(self.owned(urls)[1], 5)

                for _ in range(3):
                    self.assertEqual(caller.get_many(self.KEYS), alive)

                for key in self.KEYS:
                    self.assertEqual(caller.get(key), alive.get(key))

                self.assertEqual((first.connections, last.connections), (1, 1))

    def test_a_call_that_is_ended(self):
        # what was on its way is not an answer to the next call
        def serve(connection, number):
            while True:
                head, body = read_whole(connection)
                if not head:
                    return
                connection.sendall(got(head, body, b'%d' % number))

        class Ended(BaseException):
            pass

        with Server(serve) as one, Server(serve) as other:
            urls = [one.url, other.url]
            cache = backend(urls, RAISE=True, SOCKET_TIMEOUT=30)
            self.assertEqual(set(cache.get_many(self.KEYS).values()), {1})

            with mock.patch.object(Client, 'receive_all', side_effect=Ended), \
                    self.assertRaises(Ended):
                cache.get_many(self.KEYS)

            self.assertEqual(set(cache.get_many(self.KEYS).values()), {2})


class LocationsTest(unittest.TestCase):
    WRONG = (
        [], (), ['http://a', None], [['http://a']], {'http://a': 1}, 5,
        ['http://a', 'http://a'], 'http://a,http://a weight=2',
        ['http://a', 'http://b/ server=a'], 'http://a,b', 'http://a:1,b:2',
        ['http://a,http://b'], 'http://a,', ',http://a', 'http://a,,http://b',
        ['http://a weight=0'], ['http://a weight=-1'], ['http://a weight=1.5'],
        ['http://a weight=1001'], ['http://a weight='], ['http://a weight=x'],
        ['http://a weight=1 weight=1'], ['http://a weight 1'],
        ['http://a backup'], ['http://a down=1'], ['http://a server='],
        ['http://a weight=1 '], [' http://a'], ['http://a', 'b'],
        ['http://a\t'],
    )

    RIGHT = (
        (['http://a', 'http://b:80'], [('a', 1), ('b:80', 1)]),
        (('http://a:80', 'https://B:443/x  weight=7'),
         [('a:80', 1), ('B:443', 7)]),
        ('http://a , http://u:p,q@b weight=02,HTTP://c',
         [('a', 1), ('b', 2), ('c', 1)]),
        (['http://[::1]:5', 'http://[::1]', 'http://a server=unix:/a,b.sock'],
         [('[::1]:5', 1), ('[::1]', 1), ('unix:/a,b.sock', 1)]),
        (['https://a server=a weight=1000'], [('a', 1000)]),
    )

    def test_wrong_ones(self):
        for location in self.WRONG:
            with self.subTest(location=location):
                with self.assertRaises(InvalidCacheBackendError):
                    backend(location)
                with self.assertRaises(ValueError):
                    BigCache(location)

    def test_they_say_what_is_wrong(self):
        for location, said in (
                (['http://u:pw@a weight=x', 'http://b'], 'weight'),
                (['http://u:pw@a', 'http://b down=1'], 'down'),
                (['http://u:pw@a', 'http://u:pw@a'], 'server a twice'),
                (['http://u:pw@a', 5], 'not a string')):
            with self.assertRaises(InvalidCacheBackendError) as caught:
                backend(location)
            self.assertIn(said, str(caught.exception))
            self.assertNotIn('pw', str(caught.exception))

    def test_right_ones(self):
        for location, servers in self.RIGHT:
            with self.subTest(location=location):
                with mock.patch('django_bigcache.cluster.Ring',
                                side_effect=Ring) as ring:
                    cache = backend(location, SOCKET_TIMEOUT=7)

                if len(servers) == 1:
                    self.assertIs(type(cache._client), Client)
                else:
                    ring.assert_called_once_with(servers)

                self.assertEqual([(server.name, server.weight) for server
                                  in BigCache(location)._servers], servers)

    def test_one_client_for_all_threads(self):
        one, other = (backend(['http://a', 'http://b'])._client
                      for _ in range(2))
        self.assertIs(one, other)
