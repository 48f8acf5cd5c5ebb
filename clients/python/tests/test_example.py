"""example/big_cache.py: on a real server, and without one."""

import datetime
import json
import logging
import os
import pickle
import sys
import threading
import time
import unittest
import urllib.request
from decimal import Decimal
from unittest import mock

from . import URL, unique
from .servers import (
    ANSWERS, Server, always, answer, closed_port, document, once, raw,
    read_request,
)

sys.path.append(os.path.join(os.path.dirname(__file__), '..', '..', '..',
                             'example'))

import big_cache  # noqa: E402
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
                    ({'timeout': 3600}, 3600), ({'timeout': hour}, 3600),
                    ({'expires': hour}, 3600),
                    ({'expires': Decimal(int(time.time()) + 3600)}, 3600),
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
        cache = BigCache(location, wait=0.2, pause=0)

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


class ExampleHostileTest(unittest.TestCase):
    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_wrong_lifetimes_are_errors_of_the_program(self):
        cache = BigCache(closed_port())

        for store in (cache.set, cache.pickle):
            for more in ({'expires': 'soon'}, {'expires': ''},
                         {'expires': '28 days'}, {'expires': float('nan')},
                         {'timeout': float('inf')}):
                with self.assertRaises(ValueError):
                    store('k', 1, **more)

            for more in ({'expires': []}, {'timeout': '5'},
                         {'expires': datetime.date(2030, 1, 1)}):
                with self.assertRaises(TypeError):
                    store('k', 1, **more)

    def test_wrong_addresses(self):
        for location in (None, '', 'http://', 'ftp://a', 'http://a:0',
                         'http://a:99999', 'http://a:x', 'http://a/b c',
                         'http://a/한글', 'http://a/\n', 'http://a/?b',
                         'http://a/#b', 'http://.example.com', 'http://[::1'):
            with self.subTest(location), self.assertRaises(ValueError):
                BigCache(location)

        for more in ({'wait': 0}, {'wait': -1}, {'wait': float('nan')},
                     {'wait': float('inf')}, {'pause': -1}):
            with self.assertRaises(ValueError):
                BigCache(URL, **more)

    def test_ipv6(self):
        for location, port in (('http://[::1]', 80), ('https://[::1]', 443),
                               ('http://[::1]:5', 5)):
            self.assertEqual(BigCache(location)._servers[0].address,
                             ('::1', port))

        try:
            server = Server(always(document(b'6')), '::1')
        except OSError:
            self.skipTest('no ::1')

        with server:
            self.assertEqual(BigCache(server.url).get('k'), 6)

    def test_a_user_in_the_address(self):
        seen = []

        def serve(connection, number):
            seen.append(read_request(connection))
            connection.sendall(document(b'1'))

        with Server(serve) as server:
            cache = BigCache(server.url.replace('//', '//a%40b:p:w@'))
            self.assertEqual(cache.get('k'), 1)

        self.assertIn(b'\r\nAuthorization: Basic YUBiOnA6dw==', seen[0])

    def test_answers_that_are_wrong(self):
        for name, data in ANSWERS.items():
            with self.subTest(name), Server(once(data)) as server:
                cache = BigCache(server.url, wait=2, pause=0)
                self.assertEqual(cache.get('k', 'none'), 'none')
                self.assertEqual(cache.unpickle('k', 'none'), 'none')
                cache.set('k', 1)
                cache.pickle('k', 1)
                cache.delete('k')
                cache.clear()
                cache.close()

    def test_a_page_of_somebody_else_is_no_success(self):
        with Server(always(answer(200, b'{"value":1}', b''))) as server:
            cache = BigCache(server.url)

            self.assertIsNone(cache.get('k'))
            self.assertIs(cache.set('k', 1), False)
            self.assertIs(cache.pickle('k', 1), False)
            self.assertIs(cache.delete('k'), False)
            self.assertIs(cache.clear(), False)
            cache.close()

    def test_waiting_has_an_end(self):
        for head in (b'HTTP/1.1 200 OK\r\nX: ', b'HTTP/1.1 2',
                     b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n'):
            def trickle(connection, number):
                read_request(connection)
                connection.sendall(head)
                for _ in range(100):
                    connection.sendall(b'0')
                    time.sleep(0.1)

            self.assertLess(self.took(trickle), 6)

        def proceed(connection, number):
            read_request(connection)
            end = time.monotonic() + 20
            while time.monotonic() < end:
                connection.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')

        self.assertLess(self.took(proceed), 6)

    def took(self, serve):
        with Server(serve) as server:
            cache = BigCache(server.url, wait=1, pause=600)
            started = time.monotonic()

            for _ in range(5):
                self.assertIsNone(cache.get('k'))

            self.assertEqual(server.connections, 1)

        return time.monotonic() - started

    def test_a_pause(self):
        connects = []
        real = big_cache._Connection.connect

        def connect(self):
            connects.append(self)
            real(self)

        with mock.patch.object(big_cache._Connection, 'connect', connect):
            cache = BigCache(closed_port())
            for _ in range(10):
                cache.get('k')
                cache.set('k', 1)

            self.assertEqual(len(connects), 1)
            cache._servers[0].paused_until = 0
            cache.get('k')
            self.assertEqual(len(connects), 2)

    def test_an_old_value_does_not_stay(self):
        cache = BigCache(URL, wait=30)
        self.addCleanup(cache.close)

        for store, value in ((cache.set, {1}), (cache.set, float('nan')),
                             (cache.set, '\ud800'),
                             (cache.pickle, threading.Lock())):
            cache.set('k', 'old')
            self.assertEqual(cache.get('k'), 'old')
            self.assertIs(store('k', value), False)
            self.assertIsNone(cache.get('k'))

    def test_what_is_deleted_after_a_refusal(self):
        for status, number in ((413, 2), (507, 2), (403, 1), (429, 1),
                               (503, 1)):
            seen = []

            def serve(connection, number):
                while True:
                    head = read_request(connection)
                    if not head:
                        return
                    seen.append(head.split(b' ')[0])
                    connection.sendall(answer(
                        status if b'POST' in head else 200))

            with Server(serve) as server:
                cache = BigCache(server.url)
                self.assertIs(cache.set('k', 1), False)
                cache.close()

            self.assertEqual(seen, [b'POST', b'DELETE'][:number])

    def test_only_pickles_are_unpickled(self):
        cache = BigCache(URL, wait=30)
        self.addCleanup(cache.close)
        cache.set('k', 1)

        with mock.patch.object(big_cache.pickle, 'loads') as loads:
            self.assertEqual(cache.unpickle('k', 'none'), 'none')
            self.assertFalse(loads.called)

    def test_keys_that_are_none(self):
        cache = BigCache(URL, wait=30)
        self.addCleanup(cache.close)

        for key in ('\0', '\ud800', '../a', 'x' * 9000, ('a', 1), None):
            cache.set(key, 1)
            cache.get(key)
            cache.delete(key)

    def test_warnings_name_the_key(self):
        logging.disable(logging.NOTSET)

        with Server(always(answer(500))) as server, \
                self.assertLogs('big_cache', 'WARNING') as logs:
            cache = BigCache(server.url)
            cache.get('the key')
            cache.set('another', {1})
            cache.close()

        self.assertIn("'the key'", logs.output[0])


BODY = b'{"value":"right"}'
LENGTH = b'Content-Length: %d\r\n' % len(BODY)
CHUNKED = b'Transfer-Encoding: chunked\r\n'
CHUNKS = b'5;a=b\r\n%b\r\nC \r\n%b\r\n' % (BODY[:5], BODY[5:])
INTERIM = b'HTTP/1.1 100 Continue\r\n\r\n'
RIGHT = raw(200, LENGTH, BODY)

# answers to read, and whether the connection can be used again

FORMS = {
    'a length': (RIGHT, True),
    'case and blanks': (raw(200, b'content-LENGTH: \t%d \r\nX:\r\nY:Z:\r\n'
                            % len(BODY), BODY), True),
    'no reason': (RIGHT.replace(b' X\r', b'\r', 1), True),
    'chunks': (raw(200, CHUNKED, CHUNKS + b'0\r\n\r\n'), True),
    'trailers': (raw(200, CHUNKED, CHUNKS + b'00\r\nX: a\r\nY: b\r\n\r\n'),
                 True),
    '103': (b'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n' + RIGHT, True),
    'the most interim answers': (100 * INTERIM + RIGHT, True),
    'close': (raw(200, LENGTH + b'Connection: x, Close\r\n', BODY), False),
    'HTTP/1.0': (RIGHT.replace(b'/1.1', b'/1.0', 1), False),
    'chunks and a length': (raw(200, CHUNKED + LENGTH,
                                CHUNKS + b'0\r\n\r\n'), False),
    'bytes behind a length': (RIGHT + b'H', False),
    'an answer behind it': (RIGHT + document(b'"wrong"'), False),
    'bytes behind chunks': (raw(200, CHUNKED, CHUNKS + b'0\r\n\r\n\r\n'),
                            False),
}

# answers to refuse, although what was asked for is in them

WRONG = {
    'two lengths': raw(200, LENGTH + LENGTH, BODY),
    'two other lengths': raw(200, LENGTH + b'Content-Length: 4\r\n', BODY),
    'lengths in a list': raw(200, b'Content-Length: 17, 17\r\n', BODY),
    'length +': raw(200, b'Content-Length: +17\r\n', BODY),
    'length _': raw(200, b'Content-Length: 1_7\r\n', BODY),
    'length \xb2': raw(200, b'Content-Length: \xb2\r\n', BODY),
    'no length behind its name': raw(200, b'Content-Length:\r\n', BODY),
    'a blank in front of a colon': raw(200, b'Content-Length : 17\r\n', BODY),
    'no colon': raw(200, LENGTH + b'X\r\n', BODY),
    'a folded line': raw(200, LENGTH + b' 5\r\n', BODY),
    'LF': RIGHT.replace(b'\r\n', b'\n'),
    'one LF': raw(200, LENGTH + b'X: a\nY: b\r\n', BODY),
    'one CR': raw(200, LENGTH + b'X: a\rY: b\r\n', BODY),
    'NUL': raw(200, LENGTH + b'X: \0\r\n', BODY),
    'HTTP/2': RIGHT.replace(b'/1.1', b'/2.0', 1),
    'http': RIGHT.replace(b'HTTP', b'http', 1),
    'status 0200': RIGHT.replace(b' 200', b' 0200', 1),
    'status +20': RIGHT.replace(b' 200', b' +20', 1),
    'status 099': RIGHT.replace(b' 200', b' 099', 1),
    'something in front': b'\r\n' + RIGHT,
    'gzip': raw(200, b'Transfer-Encoding: gzip, chunked\r\n',
                CHUNKS + b'0\r\n\r\n'),
    'chunked twice': raw(200, CHUNKED + CHUNKED, CHUNKS + b'0\r\n\r\n'),
    'no last chunk': raw(200, CHUNKED, CHUNKS),
    'no end of trailers': raw(200, CHUNKED, CHUNKS + b'0\r\n'),
    'a long chunk': raw(200, CHUNKED, b'10\r\n%b\r\n0\r\n\r\n' % BODY),
    'chunk 0x': raw(200, CHUNKED, b'0x11\r\n%b\r\n0\r\n\r\n' % BODY),
    'chunk _': raw(200, CHUNKED, b'1_1\r\n%b\r\n0\r\n\r\n' % BODY),
    'a huge chunk': raw(200, CHUNKED, b'7FFFFFFF\r\n%b' % BODY),
    'over 1 GB': raw(200, b'Content-Length: %d\r\n' % ((1 << 30) + 1), BODY),
    '101': raw(101, LENGTH, BODY),
    '204': raw(204, LENGTH, BODY),
    'an interim answer alone': INTERIM,
}

# what has no end: nothing more is sent during a pause

ENDLESS = {
    'interim answers': 101 * INTERIM + RIGHT,
    'a header': b'HTTP/1.1 200 X\r\nX: ' + b'a' * (1 << 18),
    'headers': b'HTTP/1.1 200 X\r\n' + b'X: a\r\n' * (1 << 15),
    'a size': raw(200, CHUNKED, b'1;' + b'a' * (1 << 18)),
    'trailers': raw(200, CHUNKED, b'0\r\n' + b'X: a\r\n' * (1 << 15)),
}


class ExampleWireTest(unittest.TestCase):
    """HTTP as it is sent and read."""

    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_what_is_sent(self):
        seen = []

        def serve(connection, number):
            while True:
                head = read_request(connection)
                if not head:
                    return
                seen.append(head.decode().split('\r\n'))
                connection.sendall(document(b'1'))

        with Server(serve) as server:
            cache = BigCache(server.url + '/base/')
            cache.get('a b')
            cache.unpickle('k', version=2)
            cache.delete('k')
            cache.clear()
            cache.set('k', 1)
            cache.pickle('k', 1, expires='28d')
            cache.close()
            packing = BigCache(server.url, pack=True)
            packing.set('k', 1)
            packing.pickle('k', 1)
            packing.close()

        host = 'Host: ' + server.url[7:]
        plain = 'Cache-Control: no-transform'
        pickled = 'Content-Type: application/x-python-pickle'
        size = len(pickle.dumps(1, pickle.HIGHEST_PROTOCOL))

        self.assertEqual(seen, [
            ['GET /base/cache/a%20b HTTP/1.1', host],
            ['GET /base/pickle/2%3Ak HTTP/1.1', host],
            ['DELETE /base/cache/k HTTP/1.1', host],
            ['POST /base/clear HTTP/1.1', host, 'Content-Length: 0'],
            ['POST /base/cache/k HTTP/1.1', host,
             'Content-Type: application/json', 'Prefer: return=minimal', plain,
             'Content-Length: 12'],
            ['POST /base/pickle/k HTTP/1.1', host, pickled,
             'X-Bigcache-Duration: 28d', plain, 'Content-Length: %d' % size],
            ['POST /cache/k HTTP/1.1', host, 'Content-Type: application/json',
             'Prefer: return=minimal', 'Content-Length: 12'],
            ['POST /pickle/k HTTP/1.1', host, pickled,
             'Content-Length: %d' % size]])

    def test_the_host(self):
        for location, host in (('http://a', 'a'), ('http://A:80', 'a'),
                               ('http://a:443', 'a:443'), ('https://a', 'a'),
                               ('https://a:443/b', 'a'),
                               ('http://[::1]', '[::1]'),
                               ('http://[::1]:5', '[::1]:5'),
                               ('http://[fe80::1%eth0]:5', '[fe80::1]:5')):
            self.assertEqual(BigCache(location)._servers[0].headers,
                             'Host: %s\r\n' % host)

    def test_no_header_comes_out_of_a_lifetime(self):
        cache = BigCache(closed_port())

        for store in (cache.set, cache.pickle):
            with self.assertRaises(ValueError):
                store('k', 1, expires='5m\r\nX: a')

    def test_forms(self):
        for name, (data, keep) in FORMS.items():
            with self.subTest(name), Server(always(data)) as server:
                cache = BigCache(server.url, wait=30)
                self.assertEqual([cache.get('k') for _ in range(3)],
                                 ['right'] * 3)
                self.assertEqual(server.connections, 1 if keep else 3)
                cache.close()

    def test_forms_in_pieces(self):
        for name, (data, keep) in FORMS.items():
            def serve(connection, number):
                while read_request(connection):
                    for at in range(len(data)):
                        connection.sendall(data[at:at + 1])

            # what is behind an answer could come too late to be seen
            if not keep:
                continue

            with self.subTest(name), Server(serve) as server:
                cache = BigCache(server.url, wait=30)
                self.assertEqual([cache.get('k') for _ in range(2)],
                                 ['right'] * 2)
                self.assertEqual(server.connections, 1)
                cache.close()

    def test_the_end_of_the_connection_is_that_of_the_answer(self):
        with Server(once(raw(200, b'', BODY))) as server:
            cache = BigCache(server.url, wait=30)
            self.assertEqual([cache.get('k') for _ in range(3)], ['right'] * 3)
            self.assertEqual(server.connections, 3)

    def test_what_comes_without_a_request_is_no_answer(self):
        # behind an answer that was read, and before the next request
        def serve(connection, number):
            read_request(connection)
            connection.sendall(document(b'%d' % number))
            asked.wait(30)
            connection.sendall(document(b'"wrong"'))
            sent.set()
            read_request(connection)

        with Server(serve) as server:
            cache = BigCache(server.url, wait=30)

            for number in range(1, 4):
                asked, sent = threading.Event(), threading.Event()
                self.assertEqual(cache.get('k'), number)
                asked.set()
                self.assertTrue(sent.wait(30))

            cache.close()

    def test_wrong_ones(self):
        for name, data in WRONG.items():
            with self.subTest(name), Server(once(data)) as server:
                cache = BigCache(server.url, wait=30, pause=600)
                self.assertEqual(cache.get('k', 'none'), 'none')
                self.assertIs(cache.delete('k'), False)
                self.assertEqual(server.connections, 2)
                cache.close()

    def test_endless_ones(self):
        for name, data in ENDLESS.items():
            def serve(connection, number):
                read_request(connection)
                connection.sendall(data)
                connection.recv(1)

            with self.subTest(name), Server(serve) as server:
                cache = BigCache(server.url, wait=30, pause=600)

                for _ in range(3):
                    self.assertEqual(cache.get('k', 'none'), 'none')

                self.assertEqual(server.connections, 1)
                cache._servers[0].paused_until = 0
                cache.get('k')
                self.assertEqual(server.connections, 2)
                cache.close()

    def test_no_more_than(self):
        # however it comes
        for head in (b'', CHUNKED):
            def serve(connection, number):
                read_request(connection)
                connection.sendall(raw(200, head))
                while True:
                    connection.sendall(b'FF\r\n' + b'a' * 255 + b'\r\n')

            with self.subTest(head), Server(serve) as server, \
                    mock.patch.object(big_cache, 'MAX_ANSWER', 1 << 20):
                cache = BigCache(server.url, wait=30, pause=600)
                started = time.monotonic()
                self.assertEqual(cache.get('k', 'none'), 'none')
                self.assertLess(time.monotonic() - started, 25)
                self.assertEqual(cache.get('k', 'none'), 'none')
                self.assertEqual(server.connections, 2)

    def test_a_large_value(self):
        cache = BigCache(URL, wait=30)
        self.addCleanup(cache.close)

        for size in (1 << 16, (1 << 16) + 1, 5 << 20):
            value = os.urandom(size)
            self.assertIs(cache.pickle('k', value), True)
            self.assertEqual(cache.unpickle('k'), value)

    def test_a_refusal_before_all_is_sent(self):
        def serve(connection, number):
            head = b''
            while b'\r\n\r\n' not in head:
                head += connection.recv(1)
            seen.append(head.split(b' ')[0])
            connection.sendall(answer(413 if b'POST' in head else 200))
            connection.close()

        seen = []

        with Server(serve) as server:
            cache = BigCache(server.url, wait=30)
            self.assertIs(cache.pickle('k', bytes(1 << 24)), False)
            self.assertEqual(seen, [b'POST', b'DELETE'])
            cache.close()
