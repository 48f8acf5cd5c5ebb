"""example/big_cache.py: on a real server, and without one."""

import datetime
import json
import logging
import os
import sys
import threading
import time
import unittest
import urllib.request

from . import URL, unique
from .servers import Server, always, answer, closed_port, read_request

sys.path.append(os.path.join(os.path.dirname(__file__), '..', '..', '..',
                             'example'))

from big_cache import BigCache  # noqa: E402


class ExampleTest(unittest.TestCase):
    def setUp(self):
        self.cache = BigCache(URL, wait=30)
        self.addCleanup(self.cache.close)
        self.assertIs(self.cache.clear(), True)

    def lifetime(self, key):
        with urllib.request.urlopen(URL + '/keys/' + key) as answer:
            expire = json.load(answer)['keys'][0]['expire']
        return expire and expire - time.time()

    def test_json(self):
        for value in ('page', '한글', 1, 1.5, True, None, [1], {'a': 'b'}):
            self.assertIs(self.cache.set('k', value), True)
            self.assertEqual(self.cache.get('k', 'none'), value)

        self.assertIsNone(self.cache.get('none'))
        self.assertEqual(self.cache.get('none', 5), 5)

    def test_pickle(self):
        for obj in (b'\0\xff', {1, 2}, datetime.date(2026, 1, 2), None):
            self.assertIs(self.cache.pickle('k', obj), True)
            self.assertEqual(self.cache.unpickle('k', 'none'), obj)

        self.assertIsNone(self.cache.unpickle('none'))

    def test_delete_and_clear(self):
        self.cache.set('a', 1)
        self.cache.pickle('b', 1)
        self.assertIs(self.cache.delete('b'), True)
        self.assertIs(self.cache.delete('b'), False)
        self.assertIs(self.cache.clear(), True)
        self.assertIsNone(self.cache.get('a'))

    def test_keys(self):
        keys = ('/dataset/?page=2', '/dataset/?page=1', '/a b/%20', 'a%2Fb',
                '한글', '#', 'a+b', 'x//y')

        for key in keys:
            self.cache.set(key, key)
        for key in keys:
            self.assertEqual(self.cache.get(key), key)

        self.cache.set(5, 'number')
        self.assertEqual(self.cache.get('5'), 'number')

    def test_versions(self):
        self.cache.set('k', 1)
        self.cache.set('k', 2, version=2)
        self.cache.pickle('p', 3, version='x')
        self.assertEqual(self.cache.get('k'), 1)
        self.assertEqual(self.cache.get('k', version=2), 2)
        self.assertEqual(self.cache.unpickle('p', version='x'), 3)
        self.assertIs(self.cache.delete('k', version=2), True)
        self.assertEqual(self.cache.get('k'), 1)

    def test_lifetimes(self):
        zone = datetime.timezone(datetime.timedelta(hours=9))
        hour = datetime.timedelta(hours=1)

        for store in (self.cache.set, self.cache.pickle):
            for more, seconds in (
                    ({'expires': '28d'}, 28 * 86400),
                    ({'expires': '1h'}, 3600),
                    ({'expires': time.time() + 3600}, 3600),
                    ({'expires': datetime.datetime.now() + hour}, 3600),
                    ({'expires': datetime.datetime.now(zone) + hour}, 3600),
                    ({'timeout': 3600}, 3600),
                    ({'expires': '30m', 'timeout': 3600}, 1800)):
                with self.subTest(store=store.__name__, **more):
                    store('k', 'x', **more)
                    self.assertAlmostEqual(self.lifetime('k'), seconds,
                                           delta=60)

            store('k', 'x')
            self.assertIsNone(self.lifetime('k'))
            store('k', 'x', timeout=None)
            self.assertIsNone(self.lifetime('k'))

            for more in ({'timeout': 0}, {'timeout': -5}, {'expires': 1}):
                store('k', 'x', **more)
                self.assertIsNone(self.cache.get('k'))

    def test_threads_and_forks(self):
        errors = []

        def run(number):
            for n in range(30):
                key = unique('example')
                self.cache.set(key, [number, n])
                if self.cache.get(key) != [number, n]:
                    errors.append(key)
            self.cache.close()

        pids = []

        for number in range(3):
            pid = os.fork()
            if pid == 0:
                run(number)
                os._exit(len(errors) > 0)
            pids.append(pid)

        threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        run(9)
        for thread in threads:
            thread.join()

        self.assertEqual(errors, [])
        self.assertEqual([os.waitpid(pid, 0)[1] for pid in pids], [0] * 3)


class ExampleFailureTest(unittest.TestCase):
    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def check(self, location):
        cache = BigCache(location, wait=0.2)

        self.assertIsNone(cache.get('k'))
        self.assertEqual(cache.get('k', 5), 5)
        self.assertIsNone(cache.unpickle('k'))
        self.assertIs(cache.set('k', 1), False)
        self.assertIs(cache.pickle('k', 1), False)
        self.assertIs(cache.delete('k'), False)
        self.assertIs(cache.clear(), False)
        cache.close()

    def test_no_server(self):
        self.check(closed_port())

    def test_bad_servers(self):
        def hang(connection, number):
            read_request(connection)
            time.sleep(10)

        for serve in (hang, always(answer(403)), always(answer(500)),
                      always(answer(507)),
                      always(b'x\r\n'), lambda connection, n: None,
                      lambda connection, n: connection.close()):
            with Server(serve) as server:
                self.check(server.url)

        with Server(always(answer(200, b'<html>'))) as server:
            cache = BigCache(server.url, wait=1)
            self.assertIsNone(cache.get('k'))
            self.assertIsNone(cache.unpickle('k'))
            cache.close()

    def test_what_is_no_bigcache(self):
        with Server(always(answer(404))) as server:
            cache = BigCache(server.url, wait=1)
            self.assertIsNone(cache.get('k'))
            self.assertIs(cache.set('k', 1), False)
            self.assertIs(cache.pickle('k', 1), False)
            self.assertIs(cache.clear(), False)
            cache.close()

    def test_what_cannot_be_stored(self):
        cache = BigCache(URL)
        self.addCleanup(cache.close)

        self.assertIs(cache.set('k', {1}), False)
        self.assertIs(cache.set('k', float('nan')), False)
        self.assertIs(cache.pickle('k', threading.Lock()), False)
        self.assertIs(cache.set('k', 1, expires='soon'), False)
        self.assertIs(cache.set('k', 1, expires=[]), False)

    def test_a_warning_once_in_a_while(self):
        logging.disable(logging.NOTSET)
        cache = BigCache(closed_port())

        with self.assertLogs('big_cache', 'WARNING') as logs:
            for _ in range(10):
                cache.get('k')

        self.assertEqual(len(logs.records), 1)

    def test_a_connection_that_was_closed(self):
        def serve(connection, number):
            read_request(connection)
            connection.sendall(answer(200, b'{"value":%d}' % number))
            connection.close()

        with Server(serve) as server:
            cache = BigCache(server.url)
            self.assertEqual([cache.get('k') for _ in range(4)], [1, 2, 3, 4])
            cache.close()
