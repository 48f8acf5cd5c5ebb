"""get_or_set(): of many that want a value, one makes it."""

import asyncio
import json
import logging
import multiprocessing
import os
import pickle
import signal
import threading
import time
import unittest
import urllib.request
from unittest import mock

from django.core.cache import caches
from django.core.cache.backends.base import InvalidCacheBackendError

from django_bigcache import BigCacheBackend, BigCacheError

from . import PATIENT, URL, unique
from .servers import (
    Server, answer, closed_port, document, raw, read_request, read_whole,
)

FORK = multiprocessing.get_context('fork')
TOKEN = b'0123456789abcdef' * 2
MISS = b'{"detail":"cache miss"}'


def backend(location=URL, **options):
    return BigCacheBackend(location, {'OPTIONS': {**PATIENT, **options}})


def stat(name):
    with urllib.request.urlopen(URL + '/stat') as answered:
        return json.load(answered)['leases'][name]


def wait_for(what):
    for _ in range(6000):
        if what():
            return
        time.sleep(0.01)

    raise AssertionError('it does not come')


def until_they_wait(count, since):
    wait_for(lambda: stat('waited') - since >= count)


def has_lease(key):
    """Whether somebody has the lease of a key."""
    request = urllib.request.Request('%s/pickle/:1:%s' % (URL, key),
                                     headers={'Prefer': 'wait=0'})

    try:
        urllib.request.urlopen(request).close()
    except urllib.error.HTTPError as error:
        with error:
            token = error.headers.get('Bigcache-Lease')

        if token is None:
            return True

        urllib.request.urlopen(urllib.request.Request(
            '%s/lease/:1:%s' % (URL, key), method='DELETE',
            headers={'Bigcache-Lease': token})).close()

    return False


class Children:
    """Processes that run a function of their number; "results" has what each
    returned, by number.  They begin at once."""

    def __init__(self, count, work):
        self._queue = FORK.SimpleQueue()
        begin = FORK.Barrier(count)

        def run(number):
            begin.wait(60)
            self._queue.put((number, work(number)))

        self.processes = [FORK.Process(target=run, args=(number,), daemon=True)
                          for number in range(count)]

        for process in self.processes:
            process.start()

    def results(self, count=None):
        found = dict(self._queue.get()
                     for _ in range(count or len(self.processes)))

        for process in self.processes:
            process.join(60)

        return found


class Case(unittest.TestCase):
    def setUp(self):
        self.cache = caches['default']
        self.cache.clear()


class ManyTest(Case):
    def test_fifty_processes_make_it_once(self):
        key, since = unique('page'), stat('waited')

        def work(number):
            cache = backend(LEASE_WAIT=600, LEASE=600)
            made, workers = [], []
            check = cache._client.check

            def watch(request, answered):
                workers.append(answered.headers.get('x-worker'))
                return check(request, answered)

            def make():
                made.append(number)
                until_they_wait(49, since)
                return 'page', number

            with mock.patch.object(cache._client, 'check', watch):
                page = cache.get_or_set(key, make, 60)

            return page, made, workers

        results = Children(50, work).results()
        made = [number for _, one, _ in results.values() for number in one]
        self.assertEqual(len(made), 1)
        self.assertEqual({page for page, _, _ in results.values()},
                         {('page', made[0])})

        # t/python.t has two workers, which say who they are
        workers = {name for _, _, some in results.values() for name in some}

        if workers != {''}:
            self.assertEqual(len(workers), 2)

    def test_threads(self):
        key, since, made, got = unique('page'), stat('waited'), [], []
        cache = backend(LEASE_WAIT=600, LEASE=600)

        def make():
            made.append(1)
            until_they_wait(9, since)
            return 7

        threads = [threading.Thread(target=lambda: got.append(
            cache.get_or_set(key, make))) for _ in range(10)]

        for thread in threads:
            thread.start()

        for thread in threads:
            thread.join()

        self.assertEqual((made, got), ([1], [7] * 10))

    def test_a_maker_that_is_killed(self):
        key, begun = unique('page'), FORK.Event()

        def hang(number):
            def make():
                begun.set()
                time.sleep(600)

            backend(LEASE=3).get_or_set(key, make)

        def work(number):
            made = []

            def make():
                made.append(number)
                return 'page', number

            return backend(LEASE_WAIT=60).get_or_set(key, make), made

        maker = Children(1, hang).processes[0]
        self.assertTrue(begun.wait(60))
        os.kill(maker.pid, signal.SIGKILL)
        maker.join()
        results = Children(5, work).results()
        made = [number for _, one in results.values() for number in one]
        self.assertEqual(len(made), 1)
        self.assertEqual({page for page, _ in results.values()},
                         {('page', made[0])})

    def test_it_takes_longer_than_they_wait(self):
        for wait in (0, 0.5):
            key, got = unique('page'), []
            began, end = threading.Event(), threading.Event()

            def make():
                began.set()
                end.wait(60)
                return 'slow'

            thread = threading.Thread(target=lambda: got.append(
                self.cache.get_or_set(key, make)))
            thread.start()
            self.assertTrue(began.wait(60))
            before = time.monotonic()
            self.assertEqual(backend(LEASE_WAIT=wait).get_or_set(
                key, lambda: 'quick'), 'quick')
            self.assertGreaterEqual(time.monotonic() - before, wait)
            end.set()
            thread.join()

            # as Django's own does: what is there counts
            self.assertEqual(got, ['quick'])
            self.assertEqual(self.cache.get(key), 'quick')

    def test_the_lease_is_too_short(self):
        key = unique('page')

        def make():
            wait_for(lambda: not has_lease(key))
            time.sleep(0.1)
            return 'late'

        with self.assertLogs('django_bigcache') as logs:
            self.assertEqual(backend(LEASE=1).get_or_set(key, make), 'late')

        self.assertIn('%r was not stored: it was deleted meanwhile, or took '
                      'longer than its LEASE, 1 seconds' % (':1:' + key),
                      logs.output[0])
        self.assertIsNone(self.cache.get(key))


class OneTest(Case):
    def test_what_is_returned_is_what_get_returns(self):
        for cache in (self.cache, caches['json']):
            for made in ('text', 1, 1.5, None, True, [1], (1, 'a'), {'a': [1]},
                         2 ** 70):
                key = unique('value')
                first = cache.get_or_set(key, made)
                again = cache.get(key, 'none')
                self.assertEqual(first, again)
                self.assertIs(type(first), type(again))
                self.assertEqual(cache.get_or_set(key, 'other'), again)

        made = [1]
        self.cache.get_or_set('list', lambda: made).append(2)
        self.assertEqual(made, [1])

    def test_a_hit_is_one_request(self):
        self.cache.set('k', 'text')

        with mock.patch.object(self.cache._client, '_ask',
                               side_effect=self.cache._client._ask) as ask:
            self.assertEqual(self.cache.get_or_set('k', self.fail), 'text')
            self.assertEqual(ask.call_count, 1)
            self.assertEqual(self.cache.get_or_set('n', 5), 5)
            self.assertEqual(ask.call_count, 3)

    def test_an_error_gives_the_lease_back(self):
        class Stop(BaseException):
            pass

        def fail(error):
            self.assertTrue(has_lease('k'))
            raise error

        given = stat('given')

        for error in (ValueError('no'), KeyboardInterrupt(), Stop(),
                      BigCacheError('of another cache', 413)):
            with self.assertRaises(type(error)) as caught:
                self.cache.get_or_set('k', lambda: fail(error))

            self.assertIs(caught.exception, error)
            self.assertFalse(has_lease('k'))

        with self.assertRaises(Exception):
            self.cache.get_or_set('k', threading.Lock)      # no pickle of it

        self.assertFalse(has_lease('k'))
        self.assertGreaterEqual(stat('given') - given, 10)
        self.assertEqual(self.cache.get_or_set('k', 'made'), 'made')

    def test_the_next_one_need_not_wait(self):
        since, begun, got = stat('waited'), threading.Event(), []

        def fail():
            begun.set()
            until_they_wait(1, since)
            raise ValueError('no')

        def first():
            with self.assertRaises(ValueError):
                backend(LEASE=600).get_or_set('k', fail)
            got.append('error')

        thread = threading.Thread(target=first)
        thread.start()
        self.assertTrue(begun.wait(60))
        before = time.monotonic()
        self.assertEqual(backend(LEASE_WAIT=600).get_or_set('k', 'made'),
                         'made')
        self.assertLess(time.monotonic() - before, 500)
        thread.join()
        self.assertEqual(got, ['error'])

    def test_what_is_deleted_meanwhile_is_not_stored(self):
        for delete in (lambda: self.cache.delete('k'),
                       lambda: self.cache.delete_many(['k']),
                       lambda: self.cache.delete_tags(['t']),
                       lambda: self.cache.delete_tags(['other', 't']),
                       self.cache.clear):
            def make():
                delete()
                return 'old'

            self.assertEqual(
                self.cache.get_or_set('k', make, tags=['s', 't']), 'old')
            self.assertIsNone(self.cache.get('k'))
            self.assertFalse(has_lease('k'))

    def test_other_tags_do_not_matter(self):
        def make():
            self.cache.delete_tags(['other'])
            return 'new'

        self.cache.get_or_set('k', make, tags=['t'])
        self.assertEqual(self.cache.get('k'), 'new')

    def test_what_does_not_last(self):
        for timeout in (0, -1):
            def make():
                self.assertFalse(has_lease('k'))
                return 'made'

            self.assertEqual(self.cache.get_or_set('k', make, timeout), 'made')
            self.assertIsNone(self.cache.get('k'))

        self.cache.set('k', 'kept')
        self.assertEqual(self.cache.get_or_set('k', self.fail, 0), 'kept')

    def test_a_key_that_is_too_long_for_a_path(self):
        key = 'k' * 8000
        self.assertEqual(self.cache.get_or_set(key, 'made', tags=['t']),
                         'made')
        self.assertEqual(self.cache.get_or_set(key, self.fail), 'made')
        self.cache.delete_tags(['t'])
        self.assertEqual(self.cache.get_or_set(key, [1]), [1])

    def test_what_cannot_be_read_is_made_once(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        urllib.request.urlopen(urllib.request.Request(
            URL + '/pickle/:1:k', b'<p>', {'Content-Type': 'text/html'},
            method='POST')).close()
        since, lock, made, got = stat('waited'), threading.Lock(), [], []
        cache = backend(RAISE=False)

        def make():
            with lock:
                made.append(1)
            until_they_wait(4, since)
            return 'made'

        threads = [threading.Thread(target=lambda: got.append(
            cache.get_or_set('k', make))) for _ in range(5)]

        for thread in threads:
            thread.start()

        for thread in threads:
            thread.join()

        self.assertEqual((made, got), ([1], ['made'] * 5))
        self.assertEqual(self.cache.get('k'), 'made')

    def test_with_RAISE_it_is_raised(self):
        urllib.request.urlopen(urllib.request.Request(
            URL + '/pickle/:1:k', b'<p>', {'Content-Type': 'text/html'},
            method='POST')).close()

        with self.assertRaisesRegex(BigCacheError, 'text/html'):
            self.cache.get_or_set('k', 'made')


class StaleTest(Case):
    def expired(self, key, **more):
        self.cache.set(key, 'old', 0.05, **more)
        wait_for(lambda: self.cache.get(key) is None)

    def while_it_is_made(self, key, cache, work):
        """Does some work while another thread makes the value."""
        begun, end, got = threading.Event(), threading.Event(), []

        def make():
            begun.set()
            end.wait(60)
            return 'new'

        thread = threading.Thread(target=lambda: got.append(
            cache.get_or_set(key, make, stale=100)))
        thread.start()

        try:
            self.assertTrue(begun.wait(60))
            work()
        finally:
            end.set()
            thread.join()

        self.assertEqual(got, ['new'])
        self.assertEqual(cache.get_or_set(key, self.fail), 'new')

    def check(self, key):
        def work():
            for _ in range(3):
                self.assertEqual(self.cache.get_or_set(key, self.fail), 'old')
            self.assertIsNone(self.cache.get(key))
            self.assertIs(self.cache.has_key(key), False)
            self.assertEqual(self.cache.get_many([key]), {})

        self.while_it_is_made(key, self.cache, work)

    def test_expired(self):
        for put in (lambda key: self.expired(key, stale=100),
                    lambda key: self.expired(key, stale=99.5, tags=['t'])):
            key = unique('stale')
            put(key)
            self.check(key)

    def test_of_get_or_set(self):
        for cache, more in ((self.cache, {'stale': 100}),
                            (backend(STALE=100), {})):
            key = unique('stale')
            self.assertEqual(cache.get_or_set(key, 'old', 0.05, **more), 'old')
            wait_for(lambda: cache.get(key) is None)
            self.check(key)

    def test_without(self):
        cache = backend(STALE=100, LEASE_WAIT=0)

        for put in (lambda key: self.expired(key),
                    lambda key: cache.get_or_set(key, 'old', 0.05, stale=0),
                    lambda key: cache.set(key, 'old', 0.05)):
            key = unique('stale')
            put(key)
            wait_for(lambda: cache.get(key) is None)
            self.while_it_is_made(
                key, backend(LEASE=600),
                lambda: self.assertTrue(has_lease(key)))

    def test_a_soft_purge(self):
        for timeout in (60, None):
            key = unique('stale')
            self.cache.set(key, 'old', timeout, tags=['t'], stale=100)
            self.cache.delete_tags(['t'], soft=True)
            self.check(key)

        asyncio.run(self.cache.aset('k', 'old', tags=['t'], stale=100))
        asyncio.run(self.cache.adelete_tags(['t'], soft=True))
        self.check('k')

        self.cache.set('k', 'old', tags=['t'])
        self.cache.delete_tags(['t'], soft=True)
        self.assertEqual(self.cache.get_or_set('k', 'new'), 'new')

    def test_a_soft_purge_while_it_is_made(self):
        def make():
            self.cache.delete_tags(['t'], soft=True)
            return 'old'

        self.assertEqual(self.cache.get_or_set('k', make, tags=['t'],
                                               stale=100), 'old')
        self.assertIsNone(self.cache.get('k'))
        self.check('k')

    def test_wrong_ones(self):
        cache = backend(closed_port())

        for stale in (-1, 'x', True, float('nan'), float('inf'), [], 1e12):
            for call in (lambda: cache.set('k', 1, stale=stale),
                         lambda: cache.add('k', 1, stale=stale),
                         lambda: cache.set_many({'k': 1}, stale=stale),
                         lambda: cache.get_or_set('k', 1, stale=stale)):
                with self.subTest(stale=stale), \
                        self.assertRaisesRegex(ValueError, 'stale is a'):
                    call()

    def test_unreadable(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        cache = backend(RAISE=False)
        self.expired('k', stale=100)

        def work():
            with mock.patch.object(pickle, 'loads', side_effect=ValueError):
                self.assertEqual(cache.get_or_set('k', 5), 5)

        with self.assertRaises(AssertionError):     # the other one is late
            self.while_it_is_made('k', cache, work)

        self.assertEqual(cache.get('k'), 5)


class AsyncTest(Case):
    def test_tasks_make_it_once(self):
        made, since = [], stat('waited')
        loop_is_free = []

        async def make():
            made.append(1)

            while stat('waited') - since < 9:
                await asyncio.sleep(0.01)

            return 'page'

        async def one():
            return await self.cache.aget_or_set('k', make, tags=['t'])

        async def run():
            self.assertEqual(await asyncio.gather(*[one() for _ in range(10)]),
                             ['page'] * 10)
            loop_is_free.append(True)

        asyncio.run(run())
        self.assertEqual((made, loop_is_free), ([1], [True]))

    def test_what_it_may_be(self):
        async def run():
            cache, other = self.cache, caches['json']

            async def make():
                return (1, 'a')

            self.assertEqual(await cache.aget_or_set('f', lambda: 'x'), 'x')
            self.assertEqual(await cache.aget_or_set('v', 5, 60), 5)
            self.assertIsNone(await cache.aget_or_set('n', None))
            self.assertEqual(await cache.aget_or_set('c', make), (1, 'a'))
            self.assertEqual(await cache.aget_or_set('a', make()), (1, 'a'))
            self.assertEqual(await other.aget_or_set('j', make), [1, 'a'])
            self.assertEqual(await cache.aget_or_set('f', self.fail), 'x')
            self.assertEqual(await cache.aget_or_set('z', make, 0), (1, 'a'))
            self.assertIsNone(await cache.aget('z'))

        asyncio.run(run())

    def test_an_error_or_a_cancellation_gives_the_lease_back(self):
        async def fail():
            self.assertTrue(has_lease('k'))
            raise ValueError('no')

        async def run():
            with self.assertRaisesRegex(ValueError, 'no'):
                await self.cache.aget_or_set('k', fail)

            self.assertFalse(has_lease('k'))
            begun = asyncio.Event()

            async def hang():
                begun.set()
                await asyncio.sleep(600)

            task = asyncio.ensure_future(self.cache.aget_or_set('k', hang))
            await begun.wait()
            self.assertTrue(has_lease('k'))
            task.cancel()

            with self.assertRaises(asyncio.CancelledError):
                await task

            self.assertFalse(has_lease('k'))

        asyncio.run(run())


class Fake(Server):
    """Answers GETs with these, one after the other, and all else with 200."""

    def __init__(self, *answers):
        super().__init__(self._answer)
        self._answers = list(answers)
        self.heads = []

    def _answer(self, connection, number):
        while True:
            head = read_request(connection)

            if not head:
                return

            self.heads.append(head.decode())

            if not head.startswith(b'GET '):
                connection.sendall(answer(200))
            elif not self._answers:
                connection.sendall(document(b'"stored"'))
            else:
                data = self._answers.pop(0)

                if data is None:
                    connection.close()
                    return

                connection.sendall(data)

    def asked(self):
        return [head.split(' HTTP')[0] for head in self.heads]


def miss(*headers):
    return answer(404, MISS, b'Cache-Status: bigcache; detail=MISS\r\n'
                  + b''.join(header + b'\r\n' for header in headers))


APPLIED = b'Preference-Applied: wait'
LEASE = b'Bigcache-Lease: ' + TOKEN


class ServerTest(unittest.TestCase):
    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def ask(self, *answers, **options):
        with Fake(*answers) as server:
            cache = backend(server.url, **{'RAISE': False, **options})
            began = time.monotonic()
            got = cache.get_or_set('k', lambda: 'made', stale=9)
            return got, server, time.monotonic() - began

    def test_what_is_sent(self):
        got, server, _ = self.ask(miss(APPLIED, LEASE), LEASE=90)
        self.assertEqual(got, 'made')
        self.assertEqual(server.asked(), ['GET /pickle/:1:k',
                                          'POST /pickle/:1:k'])
        self.assertIn('\r\nPrefer: wait=0, lease=90', server.heads[0])
        self.assertIn('\r\nBigcache-Lease: ' + TOKEN.decode(), server.heads[1])
        self.assertIn('\r\nX-Bigcache-Stale: 9s', server.heads[1])
        self.assertNotIn('If-None-Match', server.heads[1])

    def test_at_first_it_is_not_waited(self):
        got, server, _ = self.ask(miss(APPLIED), document(b'"theirs"'),
                                  LEASE_WAIT=30)
        self.assertEqual(got, 'theirs')
        self.assertEqual([head.split('Prefer: ')[1].split('\r')[0]
                          for head in server.heads], ['wait=0', 'wait=20'])

    def test_a_server_without_leases(self):
        got, server, _ = self.ask(miss())
        self.assertEqual(got, 'made')
        self.assertEqual(server.asked(), ['GET /pickle/:1:k',
                                          'POST /pickle/:1:k'])
        self.assertIn('If-None-Match: *', server.heads[1])

    def test_a_client_that_may_have_none(self):
        got, server, passed = self.ask(miss(APPLIED), miss(APPLIED),
                                       LEASE_WAIT=60)
        self.assertEqual(got, 'made')
        self.assertLess(passed, 30)
        self.assertEqual(server.asked(), ['GET /pickle/:1:k'] * 2
                         + ['POST /pickle/:1:k'])

    def test_tokens_that_are_none(self):
        for token in (b'', b'x', TOKEN[1:], TOKEN + b'0', b'g' * 32,
                      TOKEN + b', ' + TOKEN):
            got, server, _ = self.ask(miss(b'Bigcache-Lease: ' + token))
            self.assertEqual(got, 'made')
            self.assertNotIn('Bigcache-Lease', server.heads[1])

    def test_a_server_that_dies_meanwhile(self):
        got, server, passed = self.ask(miss(APPLIED), None, None, None,
                                       LEASE_WAIT=600)
        self.assertEqual(got, 'made')
        self.assertLess(passed, 60)

    def test_a_server_that_hangs(self):
        got, server, passed = self.ask(b'', LEASE_WAIT=600, SOCKET_TIMEOUT=2)
        self.assertEqual(got, 'made')
        self.assertLess(passed, 60)
        self.assertEqual(server.asked(), ['GET /pickle/:1:k'])

        got, server, passed = self.ask(miss(APPLIED), b'', LEASE_WAIT=0.7,
                                       SOCKET_TIMEOUT=2)
        self.assertEqual(got, 'made')
        self.assertGreater(passed, 2.7)
        self.assertEqual(server.asked(), ['GET /pickle/:1:k'] * 2)

    def test_a_refused_value_gives_the_lease_back(self):
        for status in (413, 507, 403, 503):
            asked = []

            def serve(connection, number):
                while True:
                    head = read_request(connection)
                    if not head:
                        return
                    asked.append(head.split(b' /')[0].decode())
                    connection.sendall(
                        miss(APPLIED, LEASE) if head.startswith(b'GET')
                        else answer(200) if head.startswith(b'DELETE')
                        else answer(status, b'{"detail":"no"}'))

            with Server(serve) as server:
                self.assertEqual(
                    backend(server.url, RAISE=False).get_or_set('k', 'made'),
                    'made')
                self.assertEqual(asked, ['GET', 'POST', 'DELETE'])

                with self.assertRaisesRegex(BigCacheError, 'no') as caught:
                    backend(server.url).get_or_set('k', 'made')

                self.assertEqual(caught.exception.status, status)

    def test_no_server(self):
        cache = backend(closed_port(), RAISE=False, LEASE_WAIT=600)
        began = time.monotonic()

        for _ in range(10):
            self.assertEqual(cache.get_or_set('k', lambda: 'made'), 'made')
            self.assertEqual(
                asyncio.run(cache.aget_or_set('k', lambda: 'made')), 'made')

        self.assertLess(time.monotonic() - began, 60)

    def test_an_error_is_the_one_that_is_raised(self):
        def fail():
            raise KeyError('mine')

        for location in (URL, closed_port()):
            for quiet in (False, True):
                cache = backend(location, RAISE=not quiet)

                with self.assertRaises(
                        KeyError if quiet or location == URL
                        else BigCacheError):
                    cache.get_or_set(unique('k'), fail)

        with Fake(miss(APPLIED, LEASE)) as server:
            cache = backend(server.url)

            def away():
                server.__exit__()
                fail()

            with self.assertRaises(KeyError):
                cache.get_or_set('k', away)


class ConfigurationTest(unittest.TestCase):
    def test_wrong_ones(self):
        for options in ({'LEASE_WAIT': -1}, {'LEASE_WAIT': 'x'},
                        {'LEASE_WAIT': None}, {'LEASE': 0}, {'LEASE': 601},
                        {'LEASE': True}, {'STALE': -1}, {'STALE': '1d'},
                        {'HEADERS': {'Bigcache-Lease': 'x'}},
                        {'HEADERS': {'Cache-Tag': 'x'}},
                        {'HEADERS': {'surrogate-key': 'x'}},
                        {'HEADERS': {'X-Bigcache-Stale': '1s'}}):
            with self.subTest(options=options), \
                    self.assertRaises(InvalidCacheBackendError):
                backend(**options)

    def test_right_ones(self):
        for options in ({'LEASE_WAIT': 0}, {'LEASE': 600}, {'LEASE': None},
                        {'STALE': 28 * 86400}, {'STALE': 0.5}):
            cache = backend(**options)
            key = unique('k')
            self.assertEqual(cache.get_or_set(key, 1), 1)
            self.assertEqual(cache.get(key), 1)
