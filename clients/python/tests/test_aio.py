"""The methods for event loops: what they do, and that neither a server nor a
task that ends may harm."""

import asyncio
import logging
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import warnings
from unittest import mock

from django_bigcache import BigCacheBackend, BigCacheError, aio

from . import PATIENT, URL, unique
from .servers import (
    ANSWERS, Server, always, answer, closed_port, document, once, raw,
    read_request,
)


def backend(location=URL, **options):
    return BigCacheBackend(location, {'OPTIONS': options})


def calls(cache):
    """Each method, and what it returns, or raises, when there is no server."""
    return (
        (lambda: cache.aget('k', 'a default'), 'a default'),
        (lambda: cache.aset('k', 'v'), None),
        (lambda: cache.aset('k', 1, 0), None),
        (lambda: cache.aadd('k', 'v'), False),
        (lambda: cache.aadd('k', 'v', 0), False),
        (lambda: cache.atouch('k'), False),
        (lambda: cache.adelete('k'), False),
        (lambda: cache.ahas_key('k'), False),
        (lambda: cache.aget_many(['k', 'j']), {}),
        (lambda: cache.aset_many({'k': 1, 'j': 'x'}), ['k', 'j']),
        (lambda: cache.adelete_many(['k', 'j']), None),
        (lambda: cache.aget_or_set('k', lambda: 'made'), 'made'),
        (lambda: cache.aset('k', 'v', tags=['t'], stale=60), None),
        (lambda: cache.adelete_tags(['t']), None),
        (lambda: cache.aclear(), None),
        (lambda: cache.aincr('k'), ValueError),
        (lambda: cache.aincr('k', 1.5), ValueError),
        (lambda: cache.aincr_version('k'), ValueError),
    )


class Quiet(unittest.TestCase):
    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)


class WorkTest(Quiet):
    def test_them_all(self):
        async def run():
            cache = backend(**PATIENT)
            a, b = unique('a'), unique('b')
            large = os.urandom(3 << 20)

            await cache.aset(a, 1, 100)
            self.assertEqual(await cache.aget(a), 1)
            self.assertIs(await cache.aadd(a, 'y'), False)
            self.assertIs(await cache.atouch(a, 50), True)
            self.assertEqual(await cache.aincr(a), 2)
            self.assertEqual(await cache.aincr_version(a), 2)
            self.assertIsNone(await cache.aget(a))
            self.assertIs(await cache.ahas_key(a, version=2), True)
            await cache.aset(b, large)
            self.assertTrue(await cache.aget(b) == large)
            self.assertEqual(await cache.aset_many({a: [1], b: 'x'}), [])
            self.assertEqual(await cache.aget_many([a, b, 'none']),
                             {a: [1], b: 'x'})
            self.assertIs(await cache.adelete(a), True)
            await cache.adelete_many([b])
            self.assertEqual(await cache.aget_many([a, b]), {})

        asyncio.run(run())

    def test_no_thread(self):
        async def run():
            cache = backend(**PATIENT)
            await cache.aset('k', 1)
            # those of tests before may end meanwhile
            before = set(threading.enumerate())
            await asyncio.gather(*(cache.aget('k') for _ in range(50)))
            self.assertEqual(set(threading.enumerate()) - before, set())

        asyncio.run(run())

    def test_many_tasks(self):
        async def one(number):
            cache = backend(**PATIENT)
            key = unique('task')

            for n in range(20):
                await cache.aset(key, [number, n])
                self.assertEqual(await cache.aget(key), [number, n])

        async def run():
            await asyncio.gather(*(one(number) for number in range(20)))

        asyncio.run(run())

    def test_one_connection_for_all_loops(self):
        with Server(always(document(b'1'))) as server, \
                warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')

            for _ in range(5):
                self.assertEqual(
                    asyncio.run(backend(server.url, RAISE=True).aget('k')), 1)

            self.assertEqual(server.connections, 1)

        self.assertEqual([str(w.message) for w in caught
                          if w.category is ResourceWarning], [])

    def test_a_connection_that_was_closed(self):
        def serve(connection, number):
            read_request(connection)
            connection.sendall(document(b'%d' % number))
            connection.close()

        with Server(serve) as server:
            cache = backend(server.url, RAISE=True)

            for number in range(1, 6):
                self.assertEqual(asyncio.run(cache.aget('k')), number)

    def test_forks(self):
        cache = backend(**PATIENT)
        key = unique('fork')
        cache.set(key, 'parent')
        self.assertEqual(asyncio.run(cache.aget(key)), 'parent')
        pid = os.fork()

        if pid == 0:
            status = 1
            try:
                if asyncio.run(cache.aget(key)) == 'parent':
                    status = 0
            finally:
                os._exit(status)

        self.assertEqual(asyncio.run(cache.aget(key)), 'parent')
        self.assertEqual(os.waitpid(pid, 0)[1], 0)


class FailureTest(Quiet):
    def check(self, location, **options):
        async def run():
            for number, (call, result) in enumerate(
                    calls(backend(location, **options))):
                with self.subTest(number=number):
                    if result is ValueError:
                        with self.assertRaisesRegex(ValueError, 'not found'):
                            await call()
                    else:
                        self.assertEqual(await call(), result)

        asyncio.run(run())

    def test_no_server(self):
        self.check(closed_port())

    def test_a_server_that_is_broken(self):
        for status in (400, 401, 403, 413, 500, 502, 507):
            with Server(always(answer(status))) as server:
                self.check(server.url)

    def test_a_server_that_hangs(self):
        def serve(connection, number):
            read_request(connection)
            time.sleep(30)

        with Server(serve) as server:
            self.check(server.url, SOCKET_TIMEOUT=2, PAUSE=600)
            # one wait for all of them
            self.assertEqual(server.connections, 1)

    def test_hostile_answers(self):
        async def run(cache):
            for call, _ in calls(cache):
                try:
                    await call()
                except ValueError as error:
                    self.assertIn('not found', str(error))

        for name, data in ANSWERS.items():
            with self.subTest(name), Server(once(data)) as server:
                asyncio.run(run(backend(server.url, SOCKET_TIMEOUT=5,
                                        PAUSE=0)))

    def test_raise(self):
        with self.assertRaises(BigCacheError):
            asyncio.run(backend(closed_port(), RAISE=True).aget('k'))


class DeadlineTest(Quiet):
    def took(self, serve, call=lambda cache: cache.aget('k'), **options):
        async def run(cache):
            await call(cache)
            await call(cache)

        with Server(serve) as server:
            started = time.monotonic()
            asyncio.run(run(backend(server.url, **{
                'SOCKET_TIMEOUT': 1, 'PAUSE': 600, **options})))

        return time.monotonic() - started

    def test_a_byte_now_and_then(self):
        for head in (b'HTTP/1.1 200 OK\r\nX: ', b'HTTP/1.1 2',
                     raw(200, b'Content-Length: 1000\r\n')):
            def serve(connection, number):
                read_request(connection)
                connection.sendall(head)
                for _ in range(100):
                    connection.sendall(b'0')
                    time.sleep(0.1)

            self.assertLess(self.took(serve), 6)

    def test_a_server_that_does_not_read(self):
        def serve(connection, number):
            time.sleep(20)

        self.assertLess(self.took(
            serve, lambda cache: cache.aset('k', bytes(40 << 20)),
            SOCKET_TIMEOUT=0.1), 15)

    def test_a_large_page_has_more_time(self):
        page = document(b'"%b"' % bytes(3 << 20).replace(b'\0', b'x'))

        def serve(connection, number):
            read_request(connection)
            for start in range(0, len(page), 1 << 17):
                connection.sendall(page[start:start + (1 << 17)])
                time.sleep(0.08)

        with Server(serve) as server:
            value = asyncio.run(backend(server.url, RAISE=True,
                                        SOCKET_TIMEOUT=1).aget('k'))
            self.assertEqual(len(value), 3 << 20)


    def test_an_answer_without_a_length(self):
        # what has come when the time is up is not all of it
        def serve(connection, number):
            read_request(connection)
            connection.sendall(document(b'"text"').replace(
                b'Content-Length', b'X'))
            time.sleep(10)

        with Server(serve) as server:
            cache = backend(server.url, RAISE=True, SOCKET_TIMEOUT=0.5)
            with self.assertRaisesRegex(BigCacheError, 'takes too long'):
                asyncio.run(cache.aget('k'))

    def test_the_time_is_up_when_it_is_connected(self):
        connect = aio.AsyncConnection.open

        async def open_late(connection, deadline):
            await connect(connection, deadline)
            deadline.moved(-1000 * (1 << 20))

        with Server(always(document(b'1'))) as server, \
                mock.patch.object(aio.AsyncConnection, 'open', open_late):
            with self.assertRaisesRegex(BigCacheError, 'takes too long'):
                asyncio.run(backend(server.url, RAISE=True).aget('k'))

    def test_connecting_takes_too_long(self):
        async def run():
            cache = backend('http://a.example', RAISE=True,
                            SOCKET_TIMEOUT=0.2)
            loop = asyncio.get_running_loop()

            with mock.patch.object(loop, 'getaddrinfo',
                                   lambda *a, **k: loop.create_future()):
                with self.assertRaisesRegex(BigCacheError, 'takes too long'):
                    await cache.aget('k')

            self.assertEqual(len(asyncio.all_tasks()), 1)

        asyncio.run(run())


class CancelTest(Quiet):
    def test_it_is_never_lost(self):
        async def run(turns):
            cache = backend(server.url, SOCKET_TIMEOUT=30)
            cache._client.close()       # so that it connects
            task = asyncio.ensure_future(cache.aget('k'))

            for _ in range(turns):
                await asyncio.sleep(0)

            cancelled = task.cancel()

            try:
                await task
                self.assertFalse(cancelled, turns)
            except asyncio.CancelledError:
                pass

            return cancelled

        with Server(always(document(b'1'))) as server:
            for turns in range(20):
                asyncio.run(run(turns))

    def test_no_later_call_gets_its_answer(self):
        # after so many bytes of the answer, the task is ended

        wrong = document(b'"wrong"')

        for part in (0, 20, len(wrong) - 40, len(wrong) - 1):
            def serve(connection, number):
                if number > 1:
                    while read_request(connection):
                        connection.sendall(document(b'"right"'))
                    return

                read_request(connection)
                connection.sendall(wrong[:part])
                sent.set()
                if read_request(connection):
                    connection.sendall(wrong[part:] + wrong)

            async def run():
                cache = backend(server.url, SOCKET_TIMEOUT=30)
                task = asyncio.ensure_future(cache.aget('k'))

                while not sent.is_set():
                    await asyncio.sleep(0.01)

                await asyncio.sleep(0.01)
                task.cancel()

                with self.assertRaises(asyncio.CancelledError):
                    await task

                self.assertEqual(await cache.aget('k'), 'right')
                self.assertEqual(server.connections, 2)

            sent = threading.Event()

            with self.subTest(part=part), Server(serve) as server:
                asyncio.run(run())


@unittest.skipUnless(shutil.which('openssl'), 'no openssl')
class TLSTest(Quiet):
    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.cert = os.path.join(directory.name, 'cert.pem')
        key = os.path.join(directory.name, 'key.pem')
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes',
             '-keyout', key, '-out', self.cert, '-days', '2', '-subj',
             '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.cert, key)

    def serve(self, connection, number):
        with self.context.wrap_socket(connection, server_side=True) as tls:
            while read_request(tls):
                tls.sendall(self.answer)

    def test_both(self):
        self.answer = document(b'"%b"' % (b'x' * (1 << 20)))

        with Server(self.serve) as server, \
                mock.patch.dict(os.environ, SSL_CERT_FILE=self.cert):
            cache = backend(server.url.replace('http', 'https'), RAISE=True,
                            SOCKET_TIMEOUT=30)

            async def run():
                for _ in range(3):
                    self.assertEqual(len(await cache.aget('k')), 1 << 20)
                await cache.aset('k', bytes(1 << 20))

            asyncio.run(run())
            asyncio.run(run())

            # one more if session tickets came behind the first answer
            self.assertLessEqual(server.connections, 2)

            for _ in range(3):
                self.assertEqual(len(cache.get('k')), 1 << 20)

            cache._client.close()

    @unittest.skipUnless(hasattr(socket, 'TCP_CORK'), 'no TCP_CORK')
    def test_bytes_behind_an_answer(self):
        # they come in one segment with it, but in a record of their own
        def serve(connection, number):
            with self.context.wrap_socket(connection, server_side=True) as tls:
                while read_request(tls):
                    tls.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
                    tls.sendall(document(b'"right"'))
                    tls.sendall(document(b'"wrong"'))
                    tls.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)

        with Server(serve) as server, \
                mock.patch.dict(os.environ, SSL_CERT_FILE=self.cert):
            cache = backend(server.url.replace('http', 'https'), RAISE=True,
                            SOCKET_TIMEOUT=30)

            async def run():
                for _ in range(3):
                    self.assertEqual(await cache.aget('k'), 'right')

            asyncio.run(run())

            for _ in range(3):
                self.assertEqual(cache.get('k'), 'right')

            cache._client.close()

    def test_a_certificate_of_somebody_else(self):
        self.answer = document(b'1')

        with Server(self.serve) as server:
            cache = backend(server.url.replace('http', 'https'), RAISE=True,
                            SOCKET_TIMEOUT=29)

            with self.assertRaisesRegex(BigCacheError, 'CERTIFICATE'):
                asyncio.run(cache.aget('k'))

            cache._client._paused_until = 0

            with self.assertRaisesRegex(BigCacheError, 'CERTIFICATE'):
                cache.get('k')
