"""Configurations, servers and values that are as wrong as they can be: with
RAISE False no view may get an exception from get(), or wait for long."""

import base64
import datetime
import json
import logging
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import time
import unittest
import urllib.request
import warnings
from decimal import Decimal
from unittest import mock

from django.core.cache.backends.base import InvalidCacheBackendError

from django_bigcache import BigCacheBackend, BigCacheError
from django_bigcache import calls as calls_module
from django_bigcache import client as client_module
from django_bigcache import connection as connection_module
from django_bigcache import core as core_module
from django_bigcache import wire

from . import PATIENT, URL, unique
from .servers import (
    ANSWERS, Server, always, answer, closed_port, document, once, raw,
    read_request, read_whole, results,
)

LOGGER = 'django_bigcache'


def backend(location=URL, **options):
    return BigCacheBackend(location, {'OPTIONS': options})


def listed(prefix=''):
    with urllib.request.urlopen('%s/keys/%s' % (URL, prefix)) as response:
        return json.load(response)['keys']


def post(path, body, **headers):
    request = urllib.request.Request(URL + path, body, method='POST')
    request.add_unredirected_header('Content-Type', '')

    for name, value in headers.items():
        request.add_unredirected_header(name.replace('_', '-'), value)

    with urllib.request.urlopen(request) as response:
        return response.read()


class Quiet(unittest.TestCase):
    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)


class ConfigurationTest(Quiet):
    def refused(self, location=URL, **options):
        with self.subTest(location=location, **options), \
                self.assertRaises(InvalidCacheBackendError) as caught:
            backend(location, **options)

        return str(caught.exception)

    def test_locations(self):
        for location in (
                '', 'http://', 'unix:/tmp/x', 'ftp://127.0.0.1', 'http://[::1',
                'http://127.0.0.1:0', 'http://127.0.0.1:99999',
                'http://127.0.0.1:x', 'http://127.0.0.1/한글',
                'http://127.0.0.1/a b', 'http://127.0.0.1\n', ' http://a',
                'http://.example.com', 'http://a..b', 'http://[fe80:]',
                'http://127.0.0.1/?x=1', 'http://127.0.0.1/#y',
                'http://127.0.0.1?', None, 5, (URL, URL), [URL, URL],
                pathlib.Path('/x'), {URL: 1}):
            self.refused(location)

    def test_headers(self):
        for headers in (
                {'Authorization': None}, {'Authorization': 'Bearer x\n'},
                {'A': 'b\r\nC: d'}, {'A': 'é€'}, {'A': b'x'}, {'A': 1},
                {'A': ['x']}, {5: 'x'}, {'': 'x'}, {'A B': 'x'}, {'A:': 'x'},
                ['a'], 'a', {'Content-Length': '5'},
                {'accept-encoding': 'gzip'}, {'If-None-Match': '*'}):
            self.refused(HEADERS=headers)

        self.assertNotIn('secret', self.refused(
            HEADERS={'Authorization': 'Bearer secret\n'}))

    def test_seconds(self):
        for name in ('SOCKET_TIMEOUT', 'PAUSE'):
            for seconds in (-1, float('inf'), float('nan'), None, 'x', True,
                            10 ** 400, 10 ** 9, [1]):
                self.refused(**{name: seconds})

        self.refused(SOCKET_TIMEOUT=0)

        for seconds in (1, 0.5, '2', Decimal('1.5')):
            backend(SOCKET_TIMEOUT=seconds, PAUSE=seconds)

        backend(PAUSE=0)

    def test_others(self):
        self.refused(RAISE='False')
        self.refused(RAISE=1)
        self.refused(CLEAR='prefixes')

        for serializer in (None, 'yaml', 'nosuch.thing', 'json.nosuch', 5,
                           dict, 'datetime.date'):
            self.refused(SERIALIZER=serializer)

        for content_type in (None, '', 'a\r\nb', '한글', 5, ' a'):
            self.refused(SERIALIZER=type('S', (JSONBytes,), {
                'content_type': content_type}))

        for options in ({1: 2, 'a': 3}, ['RAISE'], 'RAISE'):
            with self.assertRaises(InvalidCacheBackendError):
                BigCacheBackend(URL, {'OPTIONS': options})

    def test_the_client_raises_value_errors(self):
        for arguments in ((None, 3, 1, {}), (URL, 0, 1, {}), (URL, 3, -1, {}),
                          (URL, 3, 1, {'A': None}), ('http://a?b', 3, 1, {})):
            with self.assertRaises(ValueError):
                client_module.Client(*arguments)


class LocationTest(Quiet):
    def heads(self, location_of, **options):
        seen = []

        def serve(connection, number):
            while True:
                head = read_request(connection)
                if not head:
                    return
                seen.append(head)
                connection.sendall(document(b'1'))

        with Server(serve) as server:
            cache = backend(location_of(server.url), RAISE=True, **options)
            self.assertEqual(cache.get('k'), 1)

        return seen[0].decode().split('\r\n')

    def test_a_user_in_it(self):
        for user, sent in (('user:pw', b'user:pw'), ('user', b'user:'),
                           ('a%40b:p%3a%2F:%ED%95%9C', 'a@b:p:/:한'.encode()),
                           ('u:a@b', b'u:a@b')):
            heads = self.heads(lambda url: url.replace('//', '//%s@' % user))
            self.assertIn('Authorization: Basic '
                          + base64.b64encode(sent).decode(), heads)
            self.assertNotIn('@', [line for line in heads
                                   if line.startswith('Host:')][0])

    def test_a_user_is_said_once(self):
        with self.assertRaises(InvalidCacheBackendError):
            backend('http://user:pw@127.0.0.1',
                    HEADERS={'authorization': 'Bearer x'})

    def test_a_password_is_never_shown(self):
        for location in ('http://user:secret@127.0.0.1:0',
                         'http://user:secret@127.0.0.1/?x',
                         'http://user:secret@127.0.0.1/a b',
                         'http://user:secret/x@127.0.0.1',
                         'http://user:secret#@127.0.0.1',
                         'http://user:secret@[::1',
                         'ftp://user:secret@127.0.0.1'):
            with self.assertRaises(InvalidCacheBackendError) as caught:
                backend(location)
            self.assertNotIn('secret', str(caught.exception))

        with self.assertRaises(BigCacheError) as caught:
            backend(closed_port().replace('//', '//user:secret@'),
                    RAISE=True).get('k')
        self.assertNotIn('secret', str(caught.exception))

    def test_ports_and_addresses(self):
        for location, address in (
                ('http://[::1]', ('::1', 80)),
                ('http://[::1]:5', ('::1', 5)),
                ('https://[::1]', ('::1', 443)),
                ('http://[fe80::abcd]', ('fe80::abcd', 80)),
                ('http://example.com', ('example.com', 80)),
                ('https://example.com/x/', ('example.com', 443)),
                ('HTTPS://Example.com:8443', ('example.com', 8443))):
            self.assertEqual(backend(location)._client.address, address)

    def test_the_host_that_is_sent(self):
        long = 'x' * 63
        for location, host in (
                ('http://Example.com', 'example.com'),
                ('http://example.com:80', 'example.com'),
                ('http://example.com:443', 'example.com:443'),
                ('https://example.com:443', 'example.com'),
                ('http://b\xfccher.example:81', 'xn--bcher-kva.example:81'),
                # a label of 63 bytes is the longest, without the port
                ('http://\xfc.%s:8080' % long,
                 'xn--tda.%s:8080' % long),
                ('http://[FE80::1]', '[fe80::1]'),
                ('http://[fe80::1%eth0]:81', '[fe80::1]:81')):
            head = backend(location)._client.head(
                calls_module.Request('GET', '/x'))
            self.assertIn(b'\r\nHost: %b\r\n' % host.encode(), head)

    @unittest.skipUnless(socket.has_ipv6, 'no IPv6')
    def test_ipv6(self):
        try:
            server = Server(always(document(b'6')), '::1')
        except OSError:
            self.skipTest('no ::1')

        with server:
            self.assertEqual(backend(server.url, RAISE=True).get('k'), 6)


class AnswerTest(Quiet):
    def check(self, data):
        with Server(once(data)) as server:
            cache = backend(server.url, SOCKET_TIMEOUT=5, PAUSE=0)

            self.assertEqual(cache.get('k', 'none'), 'none')
            self.assertEqual(cache.get_or_set('k', 'made'), 'made')
            cache.set('k', 1)
            cache.set('k', 'x')
            cache.add('k', 1)
            cache.has_key('k')
            cache.touch('k')
            cache.delete('k')
            self.assertIsInstance(cache.get_many(['k', 'j']), dict)
            cache.set_many({'k': 1, 'j': 2})
            cache.delete_many(['k', 'j'])
            cache.clear()

            for delta in (1, 1.5):
                with self.assertRaisesRegex(ValueError, 'not found'):
                    cache.incr('k', delta)

            # that server says 200 to all, also to the bytes that are moved
            if b'base64":"' not in data:
                for call in (cache.incr_version, cache.decr_version):
                    with self.assertRaisesRegex(ValueError, 'not found'):
                        call('k')

    def test_them_all(self):
        started = time.monotonic()

        for name, data in ANSWERS.items():
            with self.subTest(name):
                self.check(data)

        self.assertLess(time.monotonic() - started, 60)

    def test_nothing_is_left_open(self):
        with Server(once(raw(101, b''))) as server, \
                warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            backend(server.url).get('k')
            self.assertEqual(server.connections, 1)

        self.assertEqual([str(w.message) for w in caught
                          if w.category is ResourceWarning], [])

    def test_a_page_of_somebody_else_is_no_success(self):
        page = answer(200, b'<html>', b'')

        for more in (b'', b'Cache-Status: "proxy"; hit\r\n'):
            with Server(always(answer(200, b'<html>', more))) as server:
                cache = backend(server.url)

                for call, result in (
                        (lambda: cache.get('k'), None),
                        (lambda: cache.add('k', 1), False),
                        (lambda: cache.add('k', 'x'), False),
                        (lambda: cache.has_key('k'), False),
                        (lambda: cache.touch('k'), False),
                        (lambda: cache.delete('k'), False),
                        (lambda: cache.set_many({'k': 1}), ['k'])):
                    self.assertEqual(call(), result)

                loud = backend(server.url, RAISE=True)

                for call in (lambda: loud.set('k', 'x'),
                             lambda: loud.set('k', 1), loud.clear,
                             lambda: loud.delete_many(['k'])):
                    with self.assertRaises(BigCacheError):
                        call()

        with Server(always(page)) as server:
            cache = BigCacheBackend(server.url, {
                'KEY_PREFIX': 'a',
                'OPTIONS': {'CLEAR': 'prefix', 'RAISE': True}})
            with self.assertRaisesRegex(BigCacheError, 'not by bigcache'):
                cache.clear()

    def test_bytes_of_a_batch(self):
        for size, behind in (
                (b'1', b''), (b'1', b'ab'), (b'0', b'a'), (b'-1', b'a'),
                (b'true', b'a'), (b'1.0', b'a'), (b'1e400', b'a'),
                (b'null', b'a'), (b'"1"', b'a'), (b'9' * 30, b'a')):
            body = (b'{"results":[{"status":200,"bytes":%b,"expire":null,'
                    b'"type":"application/x-python-pickle"}]}\n%b'
                    % (size, behind))

            with self.subTest(size), Server(always(raw(
                    200, b'Content-Type: application/x-bigcache-batch\r\n'
                    b'Content-Length: %d\r\n' % len(body), body))) as server:
                cache = backend(server.url, RAISE=True)

                with self.assertRaisesRegex(BigCacheError, 'not an answer'):
                    cache.get_many(['k'])

                with self.assertRaisesRegex(BigCacheError, 'not an answer'):
                    cache.incr('k', 1.5)

    def test_every_answer_of_bigcache_says_so(self):
        # or the tests of all that works would fail; this one is for misses
        cache = backend(**PATIENT)
        none = unique('none')

        self.assertIsNone(cache.get(none))
        self.assertIs(cache.delete(none), False)
        self.assertIs(cache.touch(none), False)
        self.assertIs(cache.has_key(none), False)

    def test_an_answer_is_no_larger_than(self):
        limits = mock.patch.object(wire, 'MAX_ANSWER', 1 << 20)

        def endless(connection, number):
            read_request(connection)
            connection.sendall(raw(200, b'Transfer-Encoding: chunked\r\n'))
            while True:
                connection.sendall(b'10000\r\n' + bytes(65536) + b'\r\n')

        def whole(connection, number):
            read_request(connection)
            connection.sendall(raw(200, b'', b''))
            while True:
                connection.sendall(bytes(65536))

        for serve in (endless, whole):
            with limits, Server(serve) as server:
                with self.assertRaisesRegex(BigCacheError, 'too large'):
                    backend(server.url, RAISE=True,
                            SOCKET_TIMEOUT=30).get('k')


class DeadlineTest(Quiet):
    def took(self, serve, call=lambda cache: cache.get('k'), **options):
        with Server(serve) as server:
            options = {'SOCKET_TIMEOUT': 1, 'PAUSE': 600, **options}
            cache = backend(server.url, **options)
            started = time.monotonic()
            call(cache)
            call(cache)

        return time.monotonic() - started

    def test_a_byte_now_and_then(self):
        for head in (b'HTTP/1.1 200 OK\r\nX: ', b'HTTP/1.1 2',
                     raw(200, b'Content-Length: 1000\r\n'),
                     raw(200, b'Transfer-Encoding: chunked\r\n', b'99\r\n')):
            def serve(connection, number):
                read_request(connection)
                connection.sendall(head)
                for _ in range(100):
                    connection.sendall(b'0')
                    time.sleep(0.1)

            self.assertLess(self.took(serve), 6)

    def test_continue_for_ever(self):
        for pause in (0, 0.1):
            def serve(connection, number):
                read_request(connection)
                end = time.monotonic() + 20
                while time.monotonic() < end:
                    connection.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
                    time.sleep(pause)

            self.assertLess(self.took(serve), 6)

    def test_a_server_that_does_not_read(self):
        def serve(connection, number):
            time.sleep(20)

        self.assertLess(self.took(
            serve, lambda cache: cache.set('k', bytes(40 << 20)),
            SOCKET_TIMEOUT=0.1), 15)

    def test_a_large_page_has_more_time(self):
        # 3 MB in two seconds, with a timeout of one
        page = document(b'"%b"' % bytes(3 << 20).replace(b'\0', b'x'))

        def serve(connection, number):
            read_request(connection)
            for start in range(0, len(page), 1 << 17):
                connection.sendall(page[start:start + (1 << 17)])
                time.sleep(0.08)

        with Server(serve) as server:
            value = backend(server.url, RAISE=True, SOCKET_TIMEOUT=1).get('k')
            self.assertEqual(len(value), 3 << 20)

    def test_a_name_that_is_not_found(self):
        def slow(*arguments):
            asked.append(arguments)
            time.sleep(0.1)
            raise socket.gaierror(-3, 'Temporary failure')

        asked = []

        with mock.patch.object(socket, 'getaddrinfo', slow):
            cache = backend('http://cache.invalid:1')
            for _ in range(5):
                self.assertIsNone(cache.get('k'))

        self.assertEqual(len(asked), 1)

    def test_a_pause_after_a_refused_connection(self):
        connects = []
        real = connection_module.Connection.connect

        def connect(self, deadline):
            connects.append(self)
            real(self, deadline)

        with mock.patch.object(connection_module.Connection, 'connect',
                               connect):
            cache = backend(closed_port())
            for _ in range(100):
                cache.get('k')
                cache.set('k', 1)

        self.assertEqual(len(connects), 1)

    def test_one_asks_when_the_pause_is_over(self):
        clock = [1000.0]
        client = client_module.Client(closed_port(), 3, 10, {})

        with mock.patch.object(core_module.time, 'monotonic',
                               lambda: clock[0]):
            client._paused_until = 1010
            with self.assertRaises(BigCacheError):
                client.begin()

            clock[0] = 1011
            client.begin()

            with self.assertRaises(BigCacheError):
                client.begin()

    def test_the_pause_by_default(self):
        self.assertEqual(backend()._client._pause, 10)
        self.assertEqual(backend()._client.timeout, 3)

    def test_ten_thousand_adds(self):
        # what the sessions of Django do when none succeeds
        cache = backend(closed_port())
        started = time.monotonic()

        for number in range(10000):
            self.assertIs(cache.add('session %d' % number, {}, None), False)

        self.assertLess(time.monotonic() - started, 10)

    def test_tls_with_a_server_without(self):
        def serve(connection, number):
            time.sleep(10)

        with Server(serve) as server:
            cache = backend(server.url.replace('http', 'https'),
                            SOCKET_TIMEOUT=0.3)
            started = time.monotonic()
            self.assertIsNone(cache.get('k'))
            self.assertIsNone(cache.get('k'))
            self.assertLess(time.monotonic() - started, 3)
            self.assertIsInstance(cache._client.tls, ssl.SSLContext)


class AgainTest(Quiet):
    def test_add_is_not_sent_twice(self):
        seen = []

        def serve(connection, number):
            while True:
                head = read_request(connection)
                if b'POST' in head:
                    seen.append(head)
                    if len(seen) > 1:
                        connection.sendall(answer(412))
                    connection.close()
                if not head or b'POST' in head:
                    return
                connection.sendall(answer(404))

        for value in (1, 'x'):
            del seen[:]

            with Server(serve) as server:
                cache = backend(server.url, RAISE=True)
                cache.get('k')

                with self.assertRaises(BigCacheError):
                    cache.add('lock', value)

                self.assertEqual(len(seen), 1)

    def test_an_incr_whose_answer_is_lost(self):
        def serve(connection, number):
            read_request(connection)
            connection.sendall(answer(200, b'{"value":41}'))
            read_request(connection)
            connection.close()

        with Server(serve) as server:
            cache = backend(server.url)
            self.assertEqual(cache.incr('n'), 41)

            with self.assertRaises(ValueError):
                cache.incr('n')


class JSONBytes:
    content_type = 'application/json'

    def dumps(self, value):
        return json.dumps(value).encode()

    def loads(self, data):
        return json.loads(data)


class Letters:
    """JSON as it is written by hand."""

    def dumps(self, value):
        return json.dumps(value, ensure_ascii=False)

    def loads(self, data):
        raise ValueError


class ValueTest(unittest.TestCase):
    def setUp(self):
        self.cache = backend(**PATIENT)
        self.cache.clear()

    def test_a_serializer_of_json_as_bytes(self):
        cache = backend(SERIALIZER=JSONBytes, **PATIENT)

        for value in (5.5, 'text', [1], {'value': 5}, {'value': 5, 'x': 2},
                      {'value': 1, 'expire': None, 'duration': None}, None):
            key = unique('bytes')
            cache.set(key, value)
            self.assertEqual(cache.get(key), value)
            self.assertEqual(cache.get_many([key]), {key: value})
            cache.set_many({key: [value]})
            self.assertEqual(cache.get(key), [value])
            self.assertEqual(cache.get_many([key]), {key: [value]})
            self.assertEqual(cache.incr_version(key), 2)
            self.assertEqual(cache.get(key, version=2), [value])

    def test_bytes_that_have_that_type(self):
        cache = backend(SERIALIZER=JSONBytes, **PATIENT)

        for body, value in (
                (b'[1]', [1]), (b'{"value":5,"x":2}', {'value': 5, 'x': 2}),
                (b'{"value":7,"expire":null,"duration":null}', 7)):
            post('/pickle/:1:k', body, Content_Type='application/json')
            self.assertEqual(cache.get('k'), value)
            self.assertEqual(cache.get_many(['k']), {'k': value})

    def test_bytes_of_another_type_are_not_unpickled(self):
        key = unique('type')
        self.cache.set(key, [1])

        with urllib.request.urlopen('%s/pickle/:1:%s' % (URL, key)) as answer:
            data = answer.read()

        quiet = backend()

        for content_type in ('image/png', 'text/html; charset=utf-8', '',
                             'application/octet-stream'):
            post('/pickle/:1:' + key, data, Content_Type=content_type)

            with mock.patch.object(quiet._client, 'warned', {}), \
                    self.assertLogs(LOGGER, 'WARNING') as logs:
                self.assertEqual(quiet.get(key, 'none'), 'none')
                self.assertEqual(quiet.get_many([key]), {})

            self.assertIn(key, logs.output[0])
            self.assertEqual(len(logs.output), 1)

    def test_incr_version_of_bytes_without_a_type(self):
        post('/pickle/:1:raw', b'bytes', X_Bigcache_Duration='1h')
        self.assertIsNone(listed(':1:raw')[0]['type'])
        self.assertEqual(self.cache.incr_version('raw'), 2)
        self.assertEqual(listed(':1:raw'), [])

        entry = listed(':2:raw')[0]
        self.assertEqual(entry['type'], 'application/octet-stream')
        self.assertAlmostEqual(entry['expire'], time.time() + 3600, delta=60)

        with urllib.request.urlopen(URL + '/pickle/:2:raw') as answer:
            self.assertEqual(answer.read(), b'bytes')

    def test_incr_version_of_a_type_that_is_no_header(self):
        for content_type in ('한글', 'é', 'x\\r\\ny'):
            body = ('{"operations":[{"op":"set","key":":1:k","base64":"aGk=",'
                    '"type":"%s"}]}' % content_type).encode()
            if b'"status":200' not in post('/batch', body):
                continue    # then nobody can store it

            self.assertEqual(self.cache.incr_version('k'), 2)
            self.assertEqual(listed(':2:k')[0]['type'],
                             json.loads('"%s"' % content_type))

    def test_incr_version_of_a_large_value(self):
        value = os.urandom(40 << 20)
        self.cache.set('large?x=1', value, 5000)
        self.cache.set('large?x=1&more', 1, None)
        self.assertEqual(self.cache.incr_version('large?x=1'), 2)
        self.assertAlmostEqual(listed(':2:large')[0]['expire'],
                               time.time() + 5000, delta=60)
        self.assertIs(self.cache.has_key('large?x=1'), False)
        self.assertTrue(self.cache.get('large?x=1', version=2) == value)

    def test_incr_version_of_large_json(self):
        post('/cache/:1:large', b'{"value":"%b","duration":"1h"}'
             % (b'x' * (70 << 20)))
        self.assertEqual(self.cache.incr_version('large'), 2)
        self.assertAlmostEqual(listed(':2:large')[0]['expire'],
                               time.time() + 3600, delta=60)

    def test_incr_version_where_keys_are_not_listed(self):
        def serve(connection, number):
            while True:
                head = read_request(connection)
                if not head:
                    return
                asked.append(head.split(b' HTTP')[0])
                connection.sendall(
                    results(b'{"status":413}') if b'/batch' in head
                    else answer(403) if b'/keys/' in head
                    else raw(200, b'Content-Length: 1\r\nContent-Type: '
                             b'application/x-python-pickle\r\n', b'N'))

        asked = []

        with Server(serve) as server:
            cache = backend(server.url)

            with self.assertLogs(LOGGER, 'WARNING'), \
                    self.assertRaises(ValueError):
                cache.incr_version('k')

        self.assertEqual(asked, [b'POST /batch', b'GET /pickle/:1:k',
                                 b'GET /keys/:1:k?limit=1'])

    def test_incr_version_that_is_not_stored(self):
        def serve(connection, number):
            while True:
                head = read_request(connection)
                if not head:
                    return
                asked.append(head.split(b' HTTP')[0])
                connection.sendall(
                    results(b'{"status":200,"value":1,"expire":null}')
                    if b'/batch' in head else answer(507))

        asked = []

        with Server(serve) as server, self.assertLogs(LOGGER, 'WARNING'), \
                self.assertRaises(ValueError):
            backend(server.url).incr_version('k')

        # nothing is deleted but an older value under the new key
        self.assertEqual(asked, [b'POST /batch', b'POST /cache/:2:k',
                                 b'POST /batch'])

    def test_a_value_that_is_nested_too_deeply(self):
        # how deeply that is depends on the version of Python
        real = json.loads

        def loads(text):
            if b'[' * 900 in text:
                raise RecursionError('maximum recursion depth exceeded')
            return real(text)

        post('/cache/:1:deep', b'{"value":%b%b}' % (b'[' * 990, b']' * 990))
        names = ['k%d' % number for number in range(50)]
        self.cache.set_many(dict.fromkeys(names, 'x'))
        quiet = backend()

        with mock.patch.object(calls_module.json, 'loads', loads):
            with mock.patch.object(quiet._client, 'warned', {}), \
                    self.assertLogs(LOGGER, 'WARNING') as logs:
                found = quiet.get_many(names[:20] + ['deep'] + names[20:])

            self.assertEqual(set(found), set(names))
            self.assertIn(':1:deep', logs.output[0])

            with mock.patch.object(quiet._client, 'warned', {}), \
                    self.assertLogs(LOGGER, 'WARNING'):
                self.assertEqual(quiet.get('deep', 'none'), 'none')

                with self.assertRaises(ValueError):
                    quiet.incr_version('deep')

        self.assertEqual(len(listed(':1:deep')), 1)
        self.assertEqual(listed(':2:deep'), [])

    def test_a_stack_that_is_used_up(self):
        post('/cache/:1:deep', b'{"value":%b%b}' % (b'[' * 990, b']' * 990))
        quiet = backend()

        def nested(depth, call):
            return nested(depth - 1, call) if depth else call()

        with self.assertLogs(LOGGER, 'WARNING'):
            logging.getLogger(LOGGER).warning('')

            for depth in range(0, sys.getrecursionlimit() - 300, 100):
                nested(depth, lambda: quiet.get('deep'))
                nested(depth, lambda: quiet.get_many(['deep', 'k']))

    def test_many_that_do_not_fit_into_one_answer(self):
        # text of 16 MB, or 64
        data = {'k%d' % n: os.urandom(200000) for n in range(250)}
        data.update(('large%d' % n, bytes(9 << 20)) for n in range(3))

        self.assertEqual(self.cache.set_many(data), [])
        self.assertTrue(self.cache.get_many(data) == data)

    def test_413_again(self):
        rounds = []

        def serve(connection, number):
            while True:
                head, body = read_whole(connection)
                if not head:
                    return
                if b'GET' in head:
                    connection.sendall(document(b'"one"'))
                    continue
                asked = body.count(b'"op"')
                fits = min(asked, 20) if len(rounds) < 2 else 1
                rounds.append(asked)
                connection.sendall(results(*(
                    [b'{"status":200,"value":"many","expire":null}'] * fits
                    + [b'{"status":413,"detail":""}'] * (asked - fits))))

        names = ['k%d' % n for n in range(50)]

        with Server(serve) as server:
            found = backend(server.url, RAISE=True).get_many(names)

        self.assertEqual(rounds, [25, 25, 10])
        self.assertEqual(list(found.values()).count('many'), 41)
        self.assertEqual(list(found.values()).count('one'), 9)

    def test_batches_that_are_sent_at_once(self):
        # or both would wait for the other to read
        for size, count in ((0, 4), (30, 4), (90, 3), (1000, 1)):
            asked = next(calls_module.get_many(
                'x' * size + str(number) for number in range(1000)))
            self.assertEqual(len(asked), count)
            self.assertLess(sum(len(request.body[0])
                                for request in asked[1:]), 70000)

    def test_batches_are_counted_in_bytes(self):
        sizes = []
        real = client_module.Client.head

        def head(self, request):
            sizes.append(sum(map(len, request.body)))
            return real(self, request)

        cache = backend(SERIALIZER=Letters, **PATIENT)
        data = {'k%d' % n: '한' * 80000 for n in range(12)}
        data['large'] = '한' * 200000

        with mock.patch.object(client_module.Client, 'head', head):
            self.assertEqual(cache.set_many(data), [])

        self.assertLess(max(sizes), 1000000)
        self.assertGreater(len(sizes), 3)
        self.assertTrue(cache.get_many(data) == data)

        with self.assertRaises(UnicodeEncodeError):
            cache.set('k', '\ud800')

    def test_timeouts(self):
        for timeout in (float('nan'), Decimal('nan')):
            for call in (self.cache.set, self.cache.add):
                with self.assertRaises(ValueError):
                    call('k', 1, timeout)

        for timeout in (datetime.timedelta(1), [], 1j):
            with self.assertRaises(TypeError):
                self.cache.set('k', 1, timeout)

        for timeout in (Decimal('90'), Decimal('90.5'), float('inf'),
                        10 ** 400, True):
            for value in (1, 'x'):
                self.cache.set('k', value, timeout)
                self.assertEqual(self.cache.get('k'), value)
                self.assertIs(self.cache.touch('k', timeout), True)
                self.assertEqual(self.cache.set_many({'k': value}, timeout),
                                 [])


class WarningTest(unittest.TestCase):
    def test_one_kind_does_not_hide_another(self):
        key = unique('warning')
        post('/pickle/:1:' + key, b'junk', Content_Type='text/plain')
        cache = backend()

        def fails(*arguments):
            raise BigCacheError('away')
            yield

        with mock.patch.object(cache._client, 'warned', {}), \
                self.assertLogs(LOGGER, 'WARNING') as logs:
            for _ in range(3):
                cache.get(key)
                with mock.patch.object(calls_module, 'touch', fails):
                    cache.touch('k')
                cache.set('x' * 8000, 1)
                cache._failed(BigCacheError('403', 403))

        self.assertEqual(len(logs.output), 3)
        self.assertIn(key, logs.output[0])

    def test_nothing_is_open_at_exit(self):
        script = ('import django.conf; django.conf.settings.configure()\n'
                  'from django_bigcache import BigCacheBackend\n'
                  'cache = BigCacheBackend(%r, {})\n'
                  'cache.set("k", 1)\n'
                  'assert cache.get("k") == 1\n' % URL)
        top = os.path.dirname(os.path.dirname(__file__))
        done = subprocess.run(
            [sys.executable, '-B', '-W', 'always::ResourceWarning', '-c',
             script], env={**os.environ, 'PYTHONPATH': os.pathsep.join(
                 [top] + sys.path)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((done.returncode, done.stdout), (0, b''))
