"""Calls that something else ends: a signal handler, as that of Celery's time
limit, or gevent.  What was raised comes out of the call, and no later call
gets the answer that this one did not read."""

import gc
import itertools
import logging
import pickle
import signal
import sys
import threading
import time
import unittest
from unittest import mock

from django_bigcache import BigCacheBackend
from django_bigcache import backend as backend_module
from django_bigcache import calls as calls_module
from django_bigcache import client as client_module
from django_bigcache import cluster as cluster_module
from django_bigcache import connection as connection_module
from django_bigcache import core as core_module
from django_bigcache import pool as pool_module
from django_bigcache import ring as ring_module
from django_bigcache import wire

from . import PATIENT, URL, unique
from .servers import Server, closed_port, document, read_request
from .test_example import BigCache, big_cache
from .test_failure import calls
from .test_servers import URLS

FILES = {module.__file__ for module in (
    backend_module, big_cache, calls_module, client_module, cluster_module,
    connection_module, core_module, pool_module, ring_module, wire)}


class SoftTimeLimitExceeded(Exception):
    """As Celery's."""


class Timeout(BaseException):
    """As gevent's."""


def backend(location, **options):
    return BigCacheBackend(location, {'OPTIONS': options})


def example_calls(cache):
    return (
        lambda: cache.get('k'),
        lambda: cache.set('k', 1),
        lambda: cache.unpickle('k'),
        lambda: cache.pickle('k', 1),
        lambda: cache.delete('k'),
        lambda: cache.clear(),
    )


def django_calls(cache):
    # but for close(), which asks for nothing
    return [call for call, _ in calls(cache)][:-1]


class Interrupted(Server):
    """Sends a part of its first answer, and a signal to the main thread; what
    is asked on that connection later on gets the rest, and a wrong answer.
    All other connections get the right one."""

    def __init__(self, part):
        super().__init__(self._serve_one)
        self._part = part
        self.again = False

    def _serve_one(self, connection, number):
        if number > 1:
            while read_request(connection):
                connection.sendall(document(b'"right"'))
            return

        wrong = document(b'"wrong"')
        part = self._part

        # one is done with HEAD when it has the head
        if read_request(connection).startswith(b'HEAD '):
            part = min(part, 20)

        connection.sendall(wrong[:part])
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

        if read_request(connection):
            self.again = True
            connection.sendall(wrong[part:] + wrong)


class SignalTest(unittest.TestCase):
    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def end_with(self, error):
        def handler(number, frame):
            raise error

        self.addCleanup(signal.signal, signal.SIGUSR1,
                        signal.signal(signal.SIGUSR1, handler))

    def check(self, make, calls_of):
        size = len(document(b'"wrong"'))

        for number in range(len(calls_of(make(closed_port())))):
            # nothing, a part of the head, all of it, a part of the body
            for part in (0, 20, size - 40, size - 1):
                for error in (SoftTimeLimitExceeded, Timeout):
                    with self.subTest(number=number, part=part, error=error), \
                            Interrupted(part) as server:
                        self.end_with(error)
                        cache = make(server.url)

                        with self.assertRaises(error):
                            calls_of(cache)[number]()

                        self.assertEqual(cache.get('k'), 'right')
                        self.assertFalse(server.again)
                        self.assertEqual(server.connections, 2)
                        cache.close()

    # a signal that comes just before the client begins to wait is seen when
    # that wait is over

    def test_the_backend(self):
        self.check(lambda url: backend(url, SOCKET_TIMEOUT=4), django_calls)

    def test_the_example(self):
        self.check(lambda url: BigCache(url, wait=4), example_calls)

    def test_a_call_within_a_call(self):
        # the handler asks on its own, and the call that it came into goes on

        for make in (lambda url: backend(url, SOCKET_TIMEOUT=30),
                     lambda url: BigCache(url, wait=30)):
            def serve(connection, number):
                value = document(b'"%d"' % number)

                while read_request(connection):
                    if number > 1 or seen:
                        connection.sendall(value)
                        continue
                    connection.sendall(value[:-3])
                    signal.pthread_kill(threading.main_thread().ident,
                                        signal.SIGUSR1)
                    done.wait(30)
                    connection.sendall(value[-3:])

            def handler(number, frame):
                seen.append(cache.get('inner'))
                done.set()

            seen, done = [], threading.Event()
            self.addCleanup(signal.signal, signal.SIGUSR1,
                            signal.signal(signal.SIGUSR1, handler))

            with Server(serve) as server:
                cache = make(server.url)
                self.assertEqual(cache.get('outer'), '1')
                self.assertEqual(seen, ['2'])
                self.assertIn(cache.get('k'), ('1', '2'))


class AnywhereTest(unittest.TestCase):
    """The same at each line of the clients in turn."""

    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        gc.collect()
        gc.freeze()
        self.addCleanup(gc.unfreeze)
        self.ignored = []
        hook = mock.patch.object(sys, 'unraisablehook', self.ignored.append)
        hook.start()
        self.addCleanup(hook.stop)

    def interrupt(self, call, number, error):
        """Raises it at a line; whether there are so many."""
        lines, line = itertools.count(1), []

        def local(frame, event, arg):
            if event == 'line' and next(lines) == number:
                line[:] = frame.f_code.co_filename, frame.f_lineno
                raise error
            return local

        def trace(frame, event, arg):
            return local if frame.f_code.co_filename in FILES else None

        # what an earlier call has left is not finalized meanwhile: nothing comes
        # out of that
        gc.collect()
        gc.disable()
        sys.settrace(trace)

        try:
            call()
        except type(error):
            return True
        finally:
            sys.settrace(None)
            gc.enable()

        # or Python was finalizing an object
        self.assertTrue(not line or self.ignored,
                        'nothing came out of %s' % line)

        return bool(line)

    def check(self, cache, call, value, step=1):
        for number in itertools.count(1, step):
            error = (Timeout if number % 2 else SoftTimeLimitExceeded)()

            if not self.interrupt(call, number, error):
                break

            self.assertEqual(cache.get('other'), value, number)

        # or it has not been traced
        self.assertGreater(number, 50)

    def test_the_backend(self):
        cache = backend(URL, **PATIENT)
        cache.set_many({'k': 'text', 'n': 5, 'other': 'other'})

        for call in (lambda: cache.get('k'), lambda: cache.set('k', 'text'),
                     lambda: cache.add('k', 1), lambda: cache.incr('n'),
                     lambda: cache.get_many(['k', 'n']),
                     lambda: cache.get_or_set('k', 'text'),
                     lambda: cache.delete('none')):
            self.check(cache, call, 'other')

    @unittest.skipUnless(URLS, 'BIGCACHE_SERVERS names no servers')
    def test_several_servers(self):
        cache = backend(URLS, **PATIENT)
        keys = [str(number) for number in range(6)]
        others = {'other %s' % key: key for key in keys}
        cache.set_many({**others, **dict.fromkeys(keys, 'text')})

        # of each server
        right = mock.Mock(get=lambda key: cache.get_many(others))

        for call in (lambda: cache.get_many(keys),
                     lambda: cache.set_many(dict.fromkeys(keys, 'text')),
                     lambda: cache.delete_many(['none', *keys]),
                     lambda: cache.delete_tags(['none'])):
            # these take too many lines for each of them
            self.check(right, call, others, 7)

        cache.clear()

    def test_the_example(self):
        cache = BigCache(URL, wait=30)
        cache.set('k', 'text')
        cache.pickle('p', {1})
        cache.set('other', 'other')

        for call in (lambda: cache.get('k'), lambda: cache.set('k', 'text'),
                     lambda: cache.unpickle('p'), lambda: cache.pickle('p', 1),
                     lambda: cache.delete('none')):
            self.check(cache, call, 'other')

        cache.close()


def end_the_task():
    raise SoftTimeLimitExceeded


class Late:
    """Ends the task while it is pickled, or unpickled."""

    def __init__(self, when):
        self._when = when

    def __reduce__(self):
        if self._when == 'dumps':
            raise SoftTimeLimitExceeded
        return end_the_task, ()


class Sealed(Exception):
    pass


class Serializer:
    errors = (Sealed,)

    def dumps(self, value):
        return pickle.dumps(value)

    def loads(self, data):
        raise Sealed('by another one')


class ValueTest(unittest.TestCase):
    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_the_backend(self):
        cache = backend(URL, SOCKET_TIMEOUT=30)
        key = unique('late')

        with self.assertRaises(SoftTimeLimitExceeded):
            cache.set(key, Late('dumps'))

        cache.set(key, Late('loads'))

        for call in (lambda: cache.get(key), lambda: cache.get_many([key]),
                     lambda: cache.add(key, 1), lambda: cache.incr(key, 1.5),
                     lambda: cache.get_or_set(key, 1)):
            with self.assertRaises(SoftTimeLimitExceeded):
                call()

    def test_the_errors_of_a_serializer(self):
        cache = backend(URL, SOCKET_TIMEOUT=30, SERIALIZER=Serializer)
        key = unique('sealed')
        cache.set(key, 'value')
        self.assertEqual(cache.get(key, 'none'), 'none')

        for errors in (Sealed, [Sealed], (5,), (Timeout,)):
            with mock.patch.object(Serializer, 'errors', errors), \
                    self.assertRaises(backend_module.InvalidCacheBackendError):
                backend(URL, SERIALIZER=Serializer)

    def test_the_example(self):
        cache = BigCache(URL, wait=30)
        self.addCleanup(cache.close)
        key = unique('late')
        cache.pickle(key, 'old')

        with self.assertRaises(SoftTimeLimitExceeded):
            cache.pickle(key, Late('dumps'))

        self.assertEqual(cache.unpickle(key), 'old')
        self.assertIs(cache.pickle(key, Late('loads')), True)

        with self.assertRaises(SoftTimeLimitExceeded):
            cache.unpickle(key)


class EndlessTest(unittest.TestCase):
    """Interim answers without an end begin a pause."""

    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_the_backend(self):
        def serve(connection, number):
            read_request(connection)
            while True:
                connection.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')

        with Server(serve) as server:
            cache = backend(server.url, SOCKET_TIMEOUT=30, PAUSE=600)

            for _ in range(5):
                self.assertIsNone(cache.get('k'))

            self.assertEqual(server.connections, 1)

    def test_the_example(self):
        def serve(connection, number):
            read_request(connection)
            while True:
                connection.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')

        with Server(serve) as server:
            cache = BigCache(server.url, wait=30, pause=600)
            started = time.monotonic()

            for _ in range(5):
                self.assertIsNone(cache.get('k'))

            # it is not the time that has ended it
            self.assertLess(time.monotonic() - started, 25)
            self.assertEqual(server.connections, 1)

    def test_one_that_is_too_large_is_no_pause(self):
        def serve(connection, number):
            while read_request(connection):
                connection.sendall(
                    b'HTTP/1.1 200 OK\r\nCache-Status: bigcache; hit\r\n'
                    b'Content-Length: 1%b\r\n\r\n' % (b'0' * 10)
                    if number == 1 else document(b'"right"'))

        for make in (lambda url: backend(url, SOCKET_TIMEOUT=30, PAUSE=600),
                     lambda url: BigCache(url, wait=30, pause=600)):
            with Server(serve) as server:
                cache = make(server.url)
                self.assertIsNone(cache.get('k'))
                self.assertEqual(cache.get('k'), 'right')
