"""Servers that are away, slow or wrong: a view must not notice."""

import asyncio
import gc
import logging
import os
import threading
import time
import unittest
import weakref

from django_bigcache import BigCacheBackend, BigCacheError

from . import PATIENT, URL, unique
from .servers import (
    Server, always, answer, closed_port, document, read_request,
)

LOGGER = 'django_bigcache'

# of a server that takes bodies of 1 MB
SMALL_URL = os.environ.get('BIGCACHE_SMALL_URL')


def backend(location, **options):
    return BigCacheBackend(location, {'OPTIONS': options})


def calls(cache):
    """Each method, and what it returns, or raises, when there is no server."""
    return (
        (lambda: cache.get('k'), None),
        (lambda: cache.get('k', 'a default'), 'a default'),
        (lambda: cache.set('k', 'v'), None),
        (lambda: cache.set('k', 1), None),
        (lambda: cache.set('k', 1, 0), None),
        (lambda: cache.add('k', 'v'), False),
        (lambda: cache.add('k', 'v', 0), False),
        (lambda: cache.touch('k'), False),
        (lambda: cache.touch('k', 0), False),
        (lambda: cache.delete('k'), False),
        (lambda: cache.has_key('k'), False),
        (lambda: 'k' in cache, False),
        (lambda: cache.get_many(['k', 'j']), {}),
        (lambda: cache.set_many({'k': 1, 'j': 'x'}), ['k', 'j']),
        (lambda: cache.set_many({'k': 1}, 0), []),
        (lambda: cache.delete_many(['k', 'j']), None),
        (lambda: cache.get_or_set('k', 'made'), 'made'),
        (lambda: cache.get_or_set('k', lambda: 'made'), 'made'),
        (lambda: cache.get_or_set('k', 'made', 0), 'made'),
        (lambda: cache.set('k', 'v', tags=['t'], stale=60), None),
        (lambda: cache.delete_tags(['t']), None),
        (lambda: cache.delete_tags(['t'], soft=True), None),
        (lambda: cache.incr('k'), ValueError),
        (lambda: cache.incr('k', 1.5), ValueError),
        (lambda: cache.decr('k', 2), ValueError),
        (lambda: cache.incr_version('k'), ValueError),
        (lambda: cache.decr_version('k', version=5), ValueError),
        (lambda: cache.clear(), None),
        (lambda: cache.close(), None),
    )


class Small:
    """Is stored in no time."""

    def __reduce__(self):
        return str, ()


class FailureTest(unittest.TestCase):
    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_values_that_are_not_stored_are_not_kept(self):
        # as they would be by errors that refer to themselves, until the
        # garbage collector comes
        cache = backend(closed_port())
        gc.disable()
        self.addCleanup(gc.enable)

        for call in (lambda value: cache.set('k', value),
                     lambda value: cache.add('k', value),
                     lambda value: cache.set_many({'k': value, 'j': 1}),
                     lambda value: asyncio.run(cache.aset('k', value)),
                     lambda value: asyncio.run(cache.aset_many({'k': value}))):
            value = Small()
            kept = weakref.ref(value)
            call(value)
            del value
            self.assertIsNone(kept())

    def check(self, location, **options):
        for number, (call, result) in enumerate(
                calls(backend(location, **options))):
            with self.subTest(number=number):
                if result is ValueError:
                    with self.assertRaisesRegex(ValueError, 'not found'):
                        call()
                else:
                    self.assertEqual(call(), result)

    def test_no_server(self):
        self.check(closed_port())

    def test_a_server_that_closes(self):
        with Server(lambda connection, number: connection.close()) as server:
            self.check(server.url)

    def test_a_server_that_is_broken(self):
        for status in (400, 401, 403, 413, 429, 500, 502, 503, 507):
            with Server(always(answer(status))) as server:
                self.check(server.url)

    def test_what_is_no_bigcache(self):
        for data in (b'SSH-2.0-x\r\n', b'HTTP/1.1 200 OK\r\n\r\n',
                     answer(200, b'<html>'), answer(200, b'{"results":5}'),
                     answer(200, b'{"results":[1,2]}'), answer(301),
                     answer(200, b'{"results":[{"status":200},[]]}'),
                     b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort'):
            def serve(connection, number):
                read_request(connection)
                connection.sendall(data)
                connection.close()

            with Server(serve) as server:
                cache = backend(server.url)
                self.assertEqual(cache.get('k', 'a default'), 'a default')
                self.assertEqual(cache.get_many(['a', 'b']), {})
                self.assertIn('b', cache.set_many({'a': 1, 'b': 2}))
                cache.set('k', 1)

                with self.assertRaises(ValueError):
                    cache.incr('k')

    def test_a_server_that_hangs(self):
        def serve(connection, number):
            read_request(connection)
            time.sleep(30)

        with Server(serve) as server:
            self.check(server.url, SOCKET_TIMEOUT=2, PAUSE=600)
            # one wait for all of them
            self.assertEqual(server.connections, 1)

    def test_it_is_asked_again_after_a_pause(self):
        def serve(connection, number):
            while read_request(connection):
                if number == 1:
                    time.sleep(30)
                connection.sendall(document(b'"back"'))

        with Server(serve) as server:
            cache = backend(server.url, SOCKET_TIMEOUT=1, PAUSE=0.3)
            self.assertIsNone(cache.get('k'))

            for _ in range(30):
                time.sleep(0.4)
                if cache.get('k') == 'back':
                    break
            else:
                self.fail('it is not asked')

    def test_raise(self):
        for number, (call, _) in enumerate(
                calls(backend(closed_port(), RAISE=True))):
            with self.subTest(number=number):
                try:
                    call()
                except BigCacheError as error:
                    self.assertIsNone(error.status)
                else:
                    # close() asks for nothing
                    self.assertEqual(number, len(calls(None)) - 1)

        with Server(always(answer(507, b'{"detail":"full"}'))) as server:
            with self.assertRaisesRegex(BigCacheError, 'full') as caught:
                backend(server.url, RAISE=True).set('k', 1)
            self.assertEqual(caught.exception.status, 507)

    def test_a_refused_value_replaces_the_old_one(self):
        requests = []

        def serve(connection, number):
            while True:
                head = read_request(connection)
                if not head:
                    return
                requests.append(head.split(b' HTTP')[0])
                connection.sendall(answer(413 if b'/pickle/' in head else 200,
                                          b'{"results":[{"status":200}]}'))

        with Server(serve) as server:
            backend(server.url).set('k', 'large')

        self.assertEqual(requests, [b'POST /pickle/:1:k', b'POST /batch'])

    def test_nothing_is_removed_by_whom_may_not_write(self):
        requests = []

        def serve(connection, number):
            while True:
                head = read_request(connection)
                if not head:
                    return
                requests.append(head.split(b' HTTP')[0])
                connection.sendall(answer(403))

        with Server(serve) as server:
            backend(server.url).set('k', 'value')

        self.assertEqual(requests, [b'POST /pickle/:1:k'])


@unittest.skipUnless(SMALL_URL, 'no BIGCACHE_SMALL_URL')
class SizeTest(unittest.TestCase):
    def test_what_nginx_refuses(self):
        cache = backend(SMALL_URL, **PATIENT)
        value = os.urandom(20 << 20)

        for call in (lambda: cache.set('small', value),
                     lambda: cache.set_many({'small': value, 'other': 1})):
            cache.set('small', 'old')

            with self.assertRaises(BigCacheError) as caught:
                call()

            self.assertEqual(caught.exception.status, 413)
            self.assertIsNone(cache.get('small'))

        self.assertEqual(cache.get('other'), 1)

    def test_batches_are_no_larger_than_by_default(self):
        cache = backend(SMALL_URL, **PATIENT)
        data = {'k%d' % n: os.urandom(200000) for n in range(20)}
        data['large'] = os.urandom(900000)

        self.assertEqual(cache.set_many(data), [])
        self.assertTrue(cache.get_many(data) == data)


class WarningTest(unittest.TestCase):
    def test_once_in_a_while(self):
        cache = backend(closed_port())

        with self.assertLogs(LOGGER, 'WARNING') as logs:
            for _ in range(10):
                cache.get('k')

        self.assertEqual(len(logs.records), 1)


class ConnectionTest(unittest.TestCase):
    def serve_one(self, connection, number):
        # the second request on a connection finds it closed
        read_request(connection)
        connection.sendall(document(b'%d' % number))
        connection.close()

    def test_one_connection_for_all_requests(self):
        with Server(always(document(b'1'))) as server:
            cache = backend(server.url, RAISE=True)

            for _ in range(20):
                self.assertEqual(cache.get('k'), 1)
                cache.close()
                backend(server.url, RAISE=True).get('k')

            self.assertEqual(server.connections, 1)

    def test_a_connection_that_was_closed(self):
        with Server(self.serve_one) as server:
            cache = backend(server.url, RAISE=True)

            for number in range(1, 6):
                self.assertEqual(cache.get('k'), number)
                time.sleep(0.05)

    def test_one_that_is_closed_by_the_request(self):
        def serve(connection, number):
            while read_request(connection):
                connection.sendall(document(b'%d' % number))
                # the next request is not even read
                while not connection.recv(1):
                    return
                connection.close()
                return

        with Server(serve) as server:
            cache = backend(server.url, RAISE=True)
            self.assertEqual([cache.get('k') for _ in range(4)], [1, 2, 3, 4])

    def test_incr_is_not_sent_twice(self):
        seen = []

        def serve(connection, number):
            read_request(connection)
            connection.sendall(document(b'1'))
            seen.append(read_request(connection).split(b' ')[1])
            connection.close()

        with Server(serve) as server:
            cache = backend(server.url, RAISE=True)
            cache.get('k')

            with self.assertRaises(BigCacheError):
                cache.incr('k')

            self.assertEqual(seen, [b'/incr/:1:k'])

    def test_headers(self):
        seen = []

        def serve(connection, number):
            while True:
                head = read_request(connection)
                if not head:
                    return
                seen.append(b'\r\nAuthorization: Bearer x' in head)
                connection.sendall(document(b'1'))

        with Server(serve) as server:
            cache = backend(server.url,
                            HEADERS={'Authorization': 'Bearer x'})
            cache.get('k')
            cache.set('k', 1)

        self.assertEqual(seen, [True, True])

    def test_a_path_in_front(self):
        seen = []

        def serve(connection, number):
            seen.append(read_request(connection).split(b' ')[1])
            connection.sendall(document(b'1'))

        with Server(serve) as server:
            self.assertEqual(backend(server.url + '/base/').get('k'), 1)

        self.assertEqual(seen, [b'/base/pickle/:1:k'])

    def test_threads(self):
        cache = backend(URL, **PATIENT)
        errors = []

        def run(number):
            try:
                for n in range(50):
                    key = unique('thread')
                    cache.set(key, [number, n])
                    if cache.get(key) != [number, n]:
                        raise AssertionError(key)
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        self.assertEqual(errors, [])

    def test_forks(self):
        cache = backend(URL, **PATIENT)
        key = unique('fork')
        cache.set(key, 'parent')
        children = []

        for number in range(4):
            pid = os.fork()

            if pid == 0:
                status = 1
                try:
                    mine = unique('child')
                    for n in range(50):
                        cache.set(mine, [number, n])
                        if (cache.get(mine) != [number, n]
                                or cache.get(key) != 'parent'):
                            break
                    else:
                        status = 0
                finally:
                    os._exit(status)

            children.append(pid)

        for _ in range(50):
            self.assertEqual(cache.get(key), 'parent')

        self.assertEqual([os.waitpid(pid, 0)[1] for pid in children], [0] * 4)
