"""What Django expects of a cache, on a real server."""

import asyncio
import datetime
import json
import multiprocessing
import pickle
import threading
import time
import unittest
import urllib.request
from unittest import mock

from django.core.cache import caches
from django.core.cache.backends.base import (
    InvalidCacheBackendError, InvalidCacheKey,
)
from django.test import Client

from django_bigcache import BigCacheBackend
from django_bigcache import calls as calls_module
from django_bigcache import client as client_module

from . import PATIENT, URL, unique, urls
from .servers import Server, read_whole, results

MISSING = object()


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __eq__(self, other):
        return (self.x, self.y) == (other.x, other.y)

    def norm(self):
        return self.x + self.y


def dashed(key, prefix, version):
    return 'mine-%s-%s-%s' % (prefix, version, key)


class Reversed:
    """A serializer."""

    def dumps(self, value):
        return value[::-1].encode()

    def loads(self, data):
        return data.decode()[::-1]


def backend(location=URL, **params):
    params.setdefault('OPTIONS', PATIENT)
    return BigCacheBackend(location, params)


def listed(prefix=''):
    """What the server says it has."""
    with urllib.request.urlopen('%s/keys/%s' % (URL, prefix)) as answer:
        return json.load(answer)['keys']


class Case(unittest.TestCase):
    def setUp(self):
        self.cache = caches['default']
        self.cache.clear()


class ValueTest(Case):
    def test_text(self):
        self.cache.set('k', 'value')
        self.assertEqual(self.cache.get('k'), 'value')

    def test_a_miss(self):
        self.assertIsNone(self.cache.get('none'))
        self.assertEqual(self.cache.get('none', 'a default'), 'a default')
        self.assertIs(self.cache.get('none', default=MISSING), MISSING)

    def test_none_is_a_value(self):
        self.cache.set('k', None)
        self.assertIsNone(self.cache.get('k', 'a default'))
        self.assertIs(self.cache.has_key('k'), True)
        self.assertIsNone(self.cache.get_or_set('k', 'other'))

    def test_types(self):
        for value in ('', 'text', '한글 \0 \n', b'', b'\0\xff', 0, -1, 2 ** 63,
                      -2 ** 63, 2 ** 63 - 1, 10 ** 40, 1.5, True, False, None,
                      (1, 'a'), [], {'a': [1]}, {1, 2}, Point(3, 4),
                      datetime.date(2026, 1, 2), Point):
            key = unique('type')

            for name, get, put in (
                    ('one', self.cache.get,
                     lambda key, value: self.cache.set(key, value)),
                    ('many', lambda key: self.cache.get_many([key])[key],
                     lambda key, value: self.cache.set_many({key: value}))):
                with self.subTest(name, value=value):
                    put(key, value)
                    self.assertEqual(get(key), value)
                    self.assertIs(type(get(key)), type(value))

    def test_objects_keep_their_methods(self):
        self.cache.set('k', {'p': Point(3, 4)})
        self.assertEqual(self.cache.get('k')['p'].norm(), 7)

    def test_each_value_is_a_copy(self):
        value = [1]
        self.cache.set('k', value)
        value.append(2)
        self.cache.get('k').append(3)
        self.assertEqual(self.cache.get('k'), [1])

    def test_sizes(self):
        for size in (1, 1023, 1024, 1 << 20, 3 << 20):
            value = bytes(range(256)) * (size // 256) + b'x' * (size % 256)
            self.cache.set('k', value)
            self.assertTrue(self.cache.get('k') == value, size)
            self.assertTrue(self.cache.get_many(['k']) == {'k': value}, size)

    def test_what_cannot_be_pickled(self):
        self.cache.set('k', 'old')

        for call in (self.cache.set, self.cache.add):
            with self.assertRaises(Exception):
                call('k', threading.Lock())

        with self.assertRaises(Exception):
            self.cache.set_many({'j': 1, 'k': threading.Lock()})

        self.assertEqual(self.cache.get('k'), 'old')
        self.assertIs(self.cache.has_key('j'), False)

    def test_json_of_others_is_read(self):
        request = urllib.request.Request(
            URL + '/cache/:1:theirs', b'{"value": {"a": [1.5, null]}}')
        urllib.request.urlopen(request).close()
        self.assertEqual(self.cache.get('theirs'), {'a': [1.5, None]})
        self.assertEqual(self.cache.get_many(['theirs']),
                         {'theirs': {'a': [1.5, None]}})

    def test_bytes_of_others_are_a_miss(self):
        quiet = backend(OPTIONS={})

        for content_type in ('text/html', 'application/json'):
            request = urllib.request.Request(
                URL + '/pickle/:1:theirs', b'{"value', method='POST',
                headers={'Content-Type': content_type})
            urllib.request.urlopen(request).close()

            with mock.patch.object(quiet._client, 'warned', {}), \
                    self.assertLogs('django_bigcache', 'WARNING'):
                self.assertEqual(quiet.get('theirs', 'a default'), 'a default')

            self.assertEqual(quiet.get_many(['theirs']), {})


class BasicTest(Case):
    def test_add(self):
        self.assertIs(self.cache.add('k', 'first'), True)
        self.assertIs(self.cache.add('k', 'second'), False)
        self.assertIs(self.cache.add('k', 3), False)
        self.assertEqual(self.cache.get('k'), 'first')
        self.cache.delete('k')
        self.assertIs(self.cache.add('k', 3), True)
        self.assertEqual(self.cache.get('k'), 3)

    def test_add_by_many_at_once(self):
        won, barrier = [], threading.Barrier(8)

        def run(number):
            barrier.wait()
            if self.cache.add('k', number):
                won.append(number)

        threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        self.assertEqual(won, [self.cache.get('k')])

    def test_add_replaces_what_cannot_be_read(self):
        quiet, made = backend(OPTIONS={}), []

        def make():
            made.append(1)
            return 'made'

        for body, content_type in (
                (b'junk', 'application/x-python-pickle'),
                (pickle.dumps(Point(1, 2)).replace(b'Point', b'Gone!'),
                 'application/x-python-pickle'),
                (b'<p>', 'text/html')):
            self.put(':1:k', body, content_type)

            with self.assertLogs('django_bigcache'):
                quiet._client.warned.clear()
                self.assertEqual(quiet.get_or_set('k', make), 'made')

            self.assertEqual(quiet.get_or_set('k', make), 'made')
            self.assertEqual(len(made), 1)
            self.assertIs(quiet.add('k', 'other'), False)
            del made[:]

        deep = b'{"value":%s%s}' % (b'[' * 990, b']' * 990)
        self.put(':1:k', deep, 'application/json', '/cache/')

        with mock.patch.object(calls_module.json, 'loads',
                               side_effect=RecursionError('deep')):
            self.assertIs(quiet.add('k', 'new'), True)

        self.assertEqual(quiet.get('k'), 'new')

    def test_add_does_not_replace_what_came_meanwhile(self):
        self.put(':1:k', b'junk', 'text/html')
        loads = self.cache._loads

        def late(entry, key):
            self.put(':1:k', b'other', 'text/html')
            return loads(entry, key)

        with mock.patch.object(self.cache, '_loads', late):
            self.assertIs(self.cache.add('k', 1), False)

        self.cache.delete('k')

        def refused(*args, **more):
            return False
            yield

        with mock.patch.object(calls_module, 'put', refused):
            self.assertIs(self.cache.add('k', 1), False)

    def put(self, key, body, content_type, endpoint='/pickle/'):
        urllib.request.urlopen(urllib.request.Request(
            URL + endpoint + key, body, {'Content-Type': content_type},
            method='POST')).close()

    def test_delete(self):
        self.cache.set('k', 1)
        self.assertIs(self.cache.delete('k'), True)
        self.assertIsNone(self.cache.get('k'))
        self.assertIs(self.cache.delete('k'), False)

    def test_has_key(self):
        self.cache.set('k', 1)
        self.assertIs(self.cache.has_key('k'), True)
        self.assertIs(self.cache.has_key('none'), False)
        self.assertIn('k', self.cache)
        self.assertNotIn('none', self.cache)

    def test_get_or_set(self):
        self.assertEqual(self.cache.get_or_set('k', 'made'), 'made')
        self.assertEqual(self.cache.get_or_set('k', 'other'), 'made')
        self.assertEqual(self.cache.get_or_set('c', lambda: 'made'), 'made')
        self.assertIsNone(self.cache.get_or_set('null', lambda: None))
        self.assertIs(self.cache.has_key('null'), True)
        self.cache.get_or_set('v', 1, version=2)
        self.assertIsNone(self.cache.get('v'))
        self.assertEqual(self.cache.get('v', version=2), 1)

        with self.assertRaises(TypeError):
            self.cache.get_or_set('k')

    def test_get_or_set_in_a_race(self):
        def other():
            self.cache.set('k', 'theirs')
            return 'ours'

        self.assertEqual(self.cache.get_or_set('k', other), 'theirs')

    def test_clear(self):
        self.cache.set_many({'a': 1, 'b': 2})
        self.cache.clear()
        self.assertEqual(self.cache.get_many(['a', 'b']), {})
        self.assertEqual(listed(), [])

    def test_close_keeps_it_usable(self):
        self.cache.set('k', 1)
        self.cache.close()
        self.assertEqual(self.cache.get('k'), 1)


class ManyTest(Case):
    def test_set_get_delete(self):
        self.assertEqual(self.cache.set_many({'a': 1, 'b': 'two', 'c': None}),
                         [])
        self.assertEqual(self.cache.get_many(['a', 'b', 'c', 'none']),
                         {'a': 1, 'b': 'two', 'c': None})
        self.assertEqual(self.cache.get('b'), 'two')
        self.assertIsNone(self.cache.delete_many(['a', 'b', 'none']))
        self.assertEqual(self.cache.get_many(['a', 'b', 'c']), {'c': None})

    def test_nothing(self):
        self.assertEqual(self.cache.get_many([]), {})
        self.assertEqual(self.cache.set_many({}), [])
        self.cache.delete_many([])

    def test_iterators(self):
        self.cache.set_many({'a': 1, 'b': 2})
        self.assertEqual(self.cache.get_many(iter(['a', 'b'])),
                         {'a': 1, 'b': 2})
        self.cache.delete_many(key for key in ('a', 'b'))
        self.assertEqual(self.cache.get_many(['a', 'b']), {})

    def test_timeouts(self):
        self.cache.set_many({'a': 1, 'b': 'x'}, 0.3)
        self.cache.set_many({'c': 1}, timeout=None)
        self.cache.set_many({'d': 1, 'e': 'x'}, 600.5)
        time.sleep(0.5)
        self.assertEqual(self.cache.get_many('abcde'),
                         {'c': 1, 'd': 1, 'e': 'x'})
        self.cache.set_many({'c': 2}, timeout=0)
        self.assertEqual(self.cache.get_many('abc'), {})

    def requests(self, call, *args):
        real = client_module.Client.head

        with mock.patch.object(client_module.Client, 'head', autospec=True,
                               side_effect=real) as request:
            result = call(*args)

        return request.call_count, result

    def test_few_requests_for_a_thousand(self):
        data = {'key %d' % n: 'value %d' % n for n in range(1000)}

        self.assertEqual(self.requests(self.cache.set_many, data), (1, []))
        self.assertEqual(self.requests(self.cache.get_many, data), (4, data))
        self.assertEqual(self.requests(self.cache.delete_many, data),
                         (1, None))
        self.assertEqual(self.cache.get_many(data), {})

    def test_a_server_that_closes_after_each_answer(self):
        def serve(connection, number):
            head, body = read_whole(connection)
            asked.append(body.count(b'"op"'))
            connection.sendall(
                b'HTTP/1.1 200 OK\r\nConnection: close\r\n'
                + results(*[b'{"status":200,"value":%d,"expire":null}'
                            % len(asked)] * asked[-1])
                .split(b'\r\n', 1)[1])
            connection.close()

        asked = []

        with Server(serve) as server:
            cache = BigCacheBackend(server.url, {'OPTIONS': {'RAISE': True}})
            names = ['k%d' % n for n in range(100)]
            found = cache.get_many(names)

        self.assertEqual(asked, [25] * 4)
        self.assertEqual([found[name] for name in names],
                         [1] * 25 + [2] * 25 + [3] * 25 + [4] * 25)

    def test_more_than_a_thousand(self):
        data = {'k%d' % n: n for n in range(2500)}

        self.assertEqual(self.requests(self.cache.set_many, data), (3, []))
        self.assertEqual(self.requests(self.cache.get_many, data), (4, data))
        self.assertEqual(self.requests(self.cache.delete_many, data),
                         (3, None))

    def test_large_values(self):
        data = {'k%d' % n: b'%d' % n * 250000 for n in range(10)}
        data['large'] = bytes(2 << 20)

        self.assertEqual(self.cache.set_many(data), [])
        self.assertTrue(self.cache.get_many(data) == data)

    def test_one_that_is_refused(self):
        cache = caches['json']
        data = {'k%d' % n: float(n) for n in range(999)}
        self.assertEqual(cache.set_many(data), [])

        quiet = backend(OPTIONS={'SERIALIZER': 'json'})
        data = {key: value + 1 for key, value in data.items()}
        half = '\ud83d'
        quiet.set('half', 'old')
        quiet.set('other half', 'old')

        calls, failed = self.requests(
            quiet.set_many, {'half': half, **data, 'other half': half})

        self.assertEqual(sorted(failed), ['half', 'other half'])
        self.assertEqual(quiet.get_many([*data, 'half', 'other half']), data)
        self.assertLess(calls, 50)

        with self.assertRaises(calls_module.BigCacheError):
            cache.set_many({'a': 1.5, 'half': half, 'b': 2.5})

        self.assertEqual(cache.get_many(['a', 'half', 'b']),
                         {'a': 1.5, 'b': 2.5})

    def test_more_than_an_answer_holds(self):
        names = ['k%d' % n for n in range(20)]

        for name in names:
            self.cache.set(name, bytes(4 << 20))

        self.assertEqual(list(self.cache.get_many(names)), names)


class TimeoutTest(Case):
    def expire(self, key):
        return listed(self.cache.make_key(key))[0]['expire']

    def test_expiry(self):
        self.cache.set('a', 'x', 1)
        self.cache.set('b', 5, 0.3)
        self.cache.add('c', 'x', 0.3)
        self.cache.set('d', 'x', 600.5)
        time.sleep(1.2)
        self.assertEqual(self.cache.get('d'), 'x')

        for key in 'abc':
            self.assertIsNone(self.cache.get(key))
            self.assertIs(self.cache.has_key(key), False)
            self.assertIs(self.cache.delete(key), False)

        self.assertIs(self.cache.add('a', 'new'), True)

    def test_of_the_configuration(self):
        self.cache.set('k', 'x')
        self.assertAlmostEqual(self.expire('k'), time.time() + 300, delta=60)
        backend(TIMEOUT=None).set('k', 'x')
        self.assertIsNone(self.expire('k'))
        backend(TIMEOUT=7200).set('k', 1)
        self.assertAlmostEqual(self.expire('k'), time.time() + 7200, delta=60)
        backend(TIMEOUT=0).set('k', 1)
        self.assertIsNone(self.cache.get('k'))

    def test_none_is_for_ever(self):
        self.cache.set('s', 'x', None)
        self.cache.set('n', 1, timeout=None)
        self.cache.add('a', 'x', None)
        self.cache.set_many({'m': 'x'}, None)
        self.cache.set('t', 'x', 60)
        self.assertIs(self.cache.touch('t', None), True)
        self.assertEqual([self.expire(key) for key in 'snamt'], [None] * 5)

    def test_zero_and_less(self):
        for timeout in (0, -1, -0.5):
            self.cache.set('k', 'old')
            self.cache.set('k', 'new', timeout)
            self.assertIsNone(self.cache.get('k'))

            self.assertIs(self.cache.add('k', 'new', timeout), True)
            self.assertIsNone(self.cache.get('k'))
            self.cache.set('k', 'old')
            self.assertIs(self.cache.add('k', 'new', timeout), False)
            self.assertEqual(self.cache.get('k'), 'old')

            self.assertIs(self.cache.touch('k', timeout), True)
            self.assertIsNone(self.cache.get('k'))
            self.assertIs(self.cache.touch('k', timeout), False)

    def test_long_ones(self):
        for days in (31, 400, 20000, 10 ** 6):
            self.cache.set('k', 'x', days * 86400)
            self.cache.set_many({'m': 1}, days * 86400)
            self.assertEqual(self.cache.get_many('km'), {'k': 'x', 'm': 1})

    def test_touch(self):
        self.assertIs(self.cache.touch('none'), False)
        self.cache.set('k', 'x', 60)
        self.assertIs(self.cache.touch('k', 9000), True)
        self.assertAlmostEqual(self.expire('k'), time.time() + 9000, delta=60)
        self.assertIs(self.cache.touch('k'), True)
        self.assertAlmostEqual(self.expire('k'), time.time() + 300, delta=60)
        self.assertIs(self.cache.touch('k', 2000.5), True)
        self.assertAlmostEqual(self.expire('k'), time.time() + 2000, delta=60)
        self.assertEqual(self.cache.get('k'), 'x')


class CounterTest(Case):
    def test_incr_and_decr(self):
        self.cache.set('n', 41)
        self.assertEqual(self.cache.incr('n'), 42)
        self.assertEqual(self.cache.incr('n', 10), 52)
        self.assertEqual(self.cache.incr('n', -2), 50)
        self.assertEqual(self.cache.decr('n'), 49)
        self.assertEqual(self.cache.decr('n', 50), -1)
        self.assertEqual(self.cache.get('n'), -1)

    def test_nothing_there(self):
        for call in (self.cache.incr, self.cache.decr):
            with self.assertRaises(ValueError):
                call('none')
            with self.assertRaises(ValueError):
                call('none', 1.5)

        self.assertIs(self.cache.has_key('none'), False)

    def test_it_keeps_its_lifetime(self):
        self.cache.set('n', 1, 3000)
        self.cache.set('f', 1.5, 3000)
        self.cache.incr('n')
        self.assertEqual(self.cache.incr('f'), 2.5)

        for entry in listed():
            self.assertAlmostEqual(entry['expire'], time.time() + 3000,
                                   delta=60)

    def test_set_many_and_add_make_counters(self):
        self.cache.set_many({'m': 1})
        self.cache.add('a', 1)
        self.assertEqual([self.cache.incr('m'), self.cache.incr('a')], [2, 2])
        self.assertEqual([entry['kind'] for entry in listed()], ['json'] * 2)

    def test_other_numbers(self):
        for value, delta in ((1.5, 1), (1, 0.5), (2 ** 63 - 1, 1),
                             (10 ** 30, 1), (1, 10 ** 30), (True, 1)):
            self.cache.set('n', value)
            self.assertEqual(self.cache.incr('n', delta), value + delta)
            self.assertEqual(self.cache.get('n'), value + delta)

    def test_no_number(self):
        for value in ('1', None, [1]):
            self.cache.set('n', value)
            with self.assertRaises(TypeError):
                self.cache.incr('n')
            self.assertEqual(self.cache.get('n'), value)

    def test_what_cannot_be_read(self):
        quiet = backend(OPTIONS={'SERIALIZER': 'json'})
        self.cache.set('n', 1.5)

        with self.assertLogs('django_bigcache', 'WARNING'), \
                mock.patch.object(quiet._client, 'warned', {}), \
                self.assertRaises(ValueError):
            quiet.incr('n')

        self.assertEqual(self.cache.get('n'), 1.5)

    def test_none_is_lost(self):
        self.cache.set('n', 0)
        jobs = [threading.Thread(target=count, args=(50,)) for _ in range(4)]
        jobs += [multiprocessing.get_context('fork').Process(
            target=count, args=(50,)) for _ in range(2)]

        for job in jobs[4:] + jobs[:4]:
            job.start()
        for job in jobs:
            job.join()

        self.assertEqual(self.cache.get('n'), 300)


def count(times):
    for _ in range(times):
        caches['default'].incr('n')


class VersionTest(Case):
    def test_versions_are_apart(self):
        two = backend(VERSION=2)

        self.cache.set('k', 'one')
        self.assertIsNone(two.get('k'))
        self.assertIs(two.add('k', 'two'), True)
        self.assertEqual(self.cache.get('k'), 'one')
        self.assertEqual(self.cache.get('k', version=2), 'two')
        self.assertEqual(two.get('k', version=1), 'one')
        self.assertIs(self.cache.has_key('k', version=3), False)
        self.assertIs(self.cache.delete('k', version=2), True)
        self.assertIsNone(two.get('k'))
        self.assertIs(self.cache.touch('k', version=2), False)

    def test_many(self):
        self.cache.set_many({'a': 1, 'b': 2}, version=2)
        self.assertEqual(self.cache.get_many('ab'), {})
        self.assertEqual(self.cache.get_many('ab', version=2),
                         {'a': 1, 'b': 2})
        self.cache.delete_many('a', version=2)
        self.assertEqual(self.cache.get_many('ab', version=2), {'b': 2})

    def test_counters(self):
        self.cache.set('n', 10, version=2)
        self.cache.set('n', 1)
        self.assertEqual(self.cache.incr('n', version=2), 11)
        self.assertEqual(self.cache.decr('n', version=2), 10)
        self.assertEqual(self.cache.incr('n'), 2)

    def test_incr_version(self):
        for value in ('text', 5, None, Point(1, 2)):
            self.cache.clear()
            self.cache.set('k', value, 1000)
            self.assertEqual(self.cache.incr_version('k'), 2)
            self.assertIs(self.cache.has_key('k'), False)
            self.assertEqual(self.cache.get('k', MISSING, version=2), value)
            self.assertAlmostEqual(listed()[0]['expire'], time.time() + 1000,
                                   delta=60)
            self.assertEqual(self.cache.incr_version('k', 3, version=2), 5)
            self.assertEqual(self.cache.decr_version('k', version=5), 4)
            self.assertEqual(self.cache.get('k', MISSING, version=4), value)

        with self.assertRaises(ValueError):
            self.cache.incr_version('none')
        with self.assertRaises(ValueError):
            self.cache.decr_version('none')


class KeyTest(Case):
    def test_prefix(self):
        a, b = backend(KEY_PREFIX='a'), backend(KEY_PREFIX='b')
        a.set('k', 1)
        self.assertIs(b.has_key('k'), False)
        self.assertIs(self.cache.has_key('k'), False)
        b.set('k', 2)
        self.assertEqual([a.get('k'), b.get('k')], [1, 2])
        self.assertEqual([entry['key'] for entry in listed()],
                         ['a:1:k', 'b:1:k'])

    def test_key_function(self):
        for function in (dashed, 'tests.test_backend.dashed'):
            self.cache.clear()
            cache = backend(KEY_FUNCTION=function, KEY_PREFIX='p')
            cache.set('k', 1)
            self.assertEqual(cache.get('k'), 1)
            self.assertIs(self.cache.has_key('k'), False)
            self.assertEqual(listed()[0]['key'], 'mine-p-1-k')

    def test_distinct_keys_stay_distinct(self):
        keys = ['', '/', '//', '///', 'a', '/a', 'a/', '/a/', '//a', 'a//',
                'a//b', 'a/b', '..', '../a', 'a/..', '/../../a', 'a/../b',
                '../../../a', '.', './a', '...', r'\s', r'\sa', 'a\\', '\\',
                '\\\\', r'a\s', r'.\d', '%', '%2F', '%2Fa', 'a%2F', '%%32F',
                '?', 'a?', 'a?b=c', 'a?b=c&d=/e/', '#', 'a#b', ' ', ' a', 'a ',
                '+', 'a+b', 'a b', '\0', 'a\0b', '\n', 'a\r\nb', '\x7f', '"',
                '한글', 'é', 'e\u0301', '\U0001f600', '\ud83d', '\ude00',
                r'\ud83d', 'http://example.com/a//b?c', 'x' * 8192,
                'x' * 8191 + 'y', '한' * 2700, 'clear', 'prefix/a', '*', ';:@']

        # the second has no prefix in front of them

        for cache in (self.cache, backend(KEY_FUNCTION=lambda key, *_: key)):
            usable = [key for key in keys if cache is not self.cache
                      or len(key) < 8000]
            self.cache.clear()

            for number, key in enumerate(usable):
                cache.set(key, 'value %d' % number)

            for number, key in enumerate(usable):
                self.assertEqual(cache.get(key), 'value %d' % number,
                                 repr(key))
                self.assertIs(cache.has_key(key), True)

            self.assertEqual(len(listed('?limit=1000')), len(usable))
            self.assertEqual(
                cache.get_many(usable),
                {key: 'value %d' % n for n, key in enumerate(usable)})

            for key in usable:
                self.assertIs(cache.add(key, 1), False, repr(key))
                self.assertIs(cache.touch(key, 100), True, repr(key))
                self.assertIs(cache.delete(key), True, repr(key))
                self.assertIs(cache.touch(key, 100), False, repr(key))
                self.assertIs(cache.delete(key), False, repr(key))
                self.assertIs(cache.add(key, 1), True, repr(key))
                if len(key) < 2000:
                    self.assertEqual(cache.incr(key), 2, repr(key))

            cache.delete_many(usable)
            self.assertEqual(listed(), [])

    def test_too_long(self):
        for key in ('x' * 8193, '한' * 2731, '\\' * 4097):
            for call in (self.cache.get, self.cache.delete, self.cache.incr,
                         self.cache.touch, self.cache.has_key,
                         lambda key: self.cache.set(key, 1),
                         lambda key: self.cache.add(key, 1),
                         lambda key: self.cache.get_many(['a', key]),
                         lambda key: self.cache.set_many({key: 1}),
                         lambda key: self.cache.delete_many([key])):
                with self.assertRaises(InvalidCacheKey):
                    call(key)

    def test_clear_of_a_prefix(self):
        a = backend(KEY_PREFIX='a', OPTIONS={'CLEAR': 'prefix', **PATIENT})
        ab = backend(KEY_PREFIX='ab')
        all_of_it = backend(KEY_PREFIX='c')

        for cache in (a, ab, self.cache):
            cache.set('k', 1)
            cache.set('k', 1, version=2)

        a.clear()
        self.assertEqual([entry['key'] for entry in listed()],
                         [':1:k', ':2:k', 'ab:1:k', 'ab:2:k'])
        backend(OPTIONS={'CLEAR': 'prefix'}).clear()
        self.assertEqual([entry['key'] for entry in listed()],
                         ['ab:1:k', 'ab:2:k'])
        all_of_it.clear()
        self.assertEqual(listed(), [])

    def test_clear_of_a_prefix_with_slashes(self):
        for prefix in ('/a/', 'a/', '/', r'\a', '..', 'a?b', 'a%b'):
            cache = backend(KEY_PREFIX=prefix,
                            OPTIONS={'CLEAR': 'prefix', **PATIENT})
            self.cache.set('k', 1)
            cache.set('k', 1)
            cache.clear()
            self.assertEqual([entry['key'] for entry in listed()], [':1:k'])

    def test_clear_with_a_key_function(self):
        cache = backend(KEY_PREFIX='a/', KEY_FUNCTION='%s%s%s'.__mod__,
                        OPTIONS={'CLEAR': 'prefix', **PATIENT})
        cache.key_func = lambda key, prefix, version: prefix + key
        self.cache.set('k', 1)
        cache.set('k', 1)
        cache.clear()
        self.assertEqual([entry['key'] for entry in listed()], [':1:k'])

        with self.assertRaises(InvalidCacheBackendError):
            backend(KEY_FUNCTION=dashed, OPTIONS={'CLEAR': 'prefix'})


class SerializerTest(Case):
    def test_json(self):
        cache = caches['json']

        for value in ('text', '한글', 1, True, False, None, 1.5, [1, [2]],
                      {'a': {'b': None}}, 10 ** 40):
            cache.set('k', value)
            self.assertEqual(cache.get('k', MISSING), value)
            self.assertIs(type(cache.get('k')), type(value))
            self.assertEqual(cache.get_many(['k']), {'k': value})

        self.assertEqual(listed()[0]['kind'], 'json')

    def test_json_takes_no_other_values(self):
        for value in (b'x', {1}, Point(1, 2), float('nan'), float('inf')):
            with self.assertRaises((TypeError, ValueError)):
                caches['json'].set('k', value)

    def test_json_never_unpickles(self):
        self.cache.set('k', [1])
        quiet = backend(OPTIONS={'SERIALIZER': 'json'})

        with mock.patch.object(pickle, 'loads') as loads:
            self.assertIsNone(quiet.get('k'))
            self.assertEqual(quiet.get_many(['k']), {})
            self.assertFalse(loads.called)

    def test_pickle_reads_what_json_wrote(self):
        caches['json'].set('k', {'a': 1})
        self.assertEqual(self.cache.get('k'), {'a': 1})

    def test_booleans_are_no_integers(self):
        self.cache.set('k', True)
        self.assertEqual(listed()[0]['kind'], 'raw')
        self.cache.set('k', 1)
        self.assertEqual(listed()[0]['kind'], 'json')

    def test_of_ones_own(self):
        for which in ('tests.test_backend.Reversed', Reversed, Reversed()):
            cache = backend(OPTIONS={'SERIALIZER': which, **PATIENT})
            cache.set('k', 'abc')
            self.assertEqual(cache.get('k'), 'abc')

            with urllib.request.urlopen(URL + '/pickle/:1:k') as answer:
                self.assertEqual(answer.read(), b'cba')


class ConfigurationTest(unittest.TestCase):
    def test_wrong_ones(self):
        for location, options in (
                ('', {}), ('127.0.0.1:36379', {}), ('ftp://127.0.0.1', {}),
                ('http://', {}), ('http://a:b', {}), (None, {}),
                ([URL, URL], {}), (URL, {'CLEAR': 'x'}),
                (URL, {'SOCKET_TIMEOUT': 'x'}), (URL, {'UNKNOWN': 1})):
            with self.subTest(location=location, options=options), \
                    self.assertRaises(InvalidCacheBackendError):
                backend(location, OPTIONS=options)

    def test_right_ones(self):
        for location in (URL, URL + '/', [URL]):
            cache = backend(location)
            cache.set('k', 1)
            self.assertEqual(cache.get('k'), 1)

        backend(OPTIONS={'MAX_ENTRIES': 10, 'CULL_FREQUENCY': 0})


class ViewTest(Case):
    def test_cache_page(self):
        client = Client()
        del urls.calls[:]

        self.assertEqual(client.get('/page/?a').content, b'page 1')
        self.assertEqual(client.get('/page/?a').content, b'page 1')
        self.assertEqual(client.get('/page/?b').content, b'page 2')
        self.assertEqual(client.get('/page/?a').content, b'page 1')
        self.assertEqual(urls.calls, ['/page/?a', '/page/?b'])
        self.assertEqual(len(listed(':1:views.decorators.cache')), 4)


class AsyncTest(Case):
    def test_what_is_done_here(self):
        async def run():
            cache = self.cache
            await cache.aset_many({'a': 1, 'b': 'x'}, 100)
            self.assertEqual(await cache.aget_many(['a', 'b', 'none']),
                             {'a': 1, 'b': 'x'})
            self.assertEqual(await cache.aincr('a'), 2)
            self.assertIs(await cache.ahas_key('a'), True)
            self.assertEqual(await cache.aincr_version('a'), 2)
            await cache.adelete_many(['b'])
            self.assertIs(await cache.ahas_key('b'), False)

        asyncio.run(run())

    @unittest.skipUnless(hasattr(BigCacheBackend, 'adecr'),
                         'an older Django')
    def test_what_django_does(self):
        async def run():
            cache = self.cache
            await cache.aset('k', 'x', 100)
            self.assertEqual(await cache.aget('k'), 'x')
            self.assertIs(await cache.aadd('k', 'y'), False)
            self.assertIs(await cache.atouch('k', 50), True)
            self.assertEqual(await cache.aget_or_set('n', 5), 5)
            self.assertEqual(await cache.adecr('n'), 4)
            self.assertEqual(await cache.adecr_version('n', -1), 2)
            self.assertIs(await cache.adelete('k'), True)
            await cache.aclear()
            await cache.aclose()
            self.assertIsNone(await cache.aget('n', version=2))

        asyncio.run(run())
