"""The reader of HTTP: answers that come in any pieces, and those that are no
answers."""

import unittest
from unittest import mock

from django_bigcache import wire


def read(data, method='GET', size=None):
    """The answer of a connection that closes behind these bytes, which come
    in pieces of that size."""
    reading = wire.read(method)
    size = size or len(data) or 1
    at = 0

    try:
        wanted = next(reading)

        while True:
            piece = data[at:at + size]

            if isinstance(wanted, memoryview):
                piece = piece[:len(wanted)]
                wanted[:len(piece)] = piece
                wanted = reading.send(len(piece))
            else:
                wanted = reading.send(piece)

            at += len(piece)

    except StopIteration as done:
        return done.value


PLAIN = (b'HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n'
         b'ETag:"a" \t\r\nX-Empty:\r\nCache-Status: a\r\n'
         b'cache-status:  b; c\r\n'
         b'Connection: keep-alive\r\n\r\nhello')
CHUNKED = (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
           b'3\r\nabc\r\n02;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\n')


class ReadTest(unittest.TestCase):
    def test_pieces(self):
        for data, body in ((PLAIN, b'hello'), (CHUNKED, b'abcde')):
            for size in range(1, len(data) + 1):
                answer = read(data, size=size)
                self.assertEqual(
                    (answer.status, answer.body, answer.keep),
                    (200, body, True), size)

    def test_large(self):
        body = bytes(range(256)) * 4096
        head = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % len(body)

        for size in (1000, 65536, 100000, 1 << 21):
            answer = read(head + body, size=size)
            self.assertTrue(answer.body == body)
            self.assertTrue(answer.keep)

            with self.assertRaises(wire.ProtocolError):
                read(head + body[:-1], size=size)

        # it does not take memory before it comes
        with mock.patch.object(wire, 'MAX_BUFFER', 1 << 18):
            self.assertTrue(read(head + body, size=65536).body == body)

    def test_headers(self):
        headers = read(PLAIN).headers
        self.assertEqual(headers.get('etag'), '"a"')
        self.assertEqual(headers.get('x-empty'), '')
        self.assertEqual(headers.get('cache-status'), 'a, b; c')
        self.assertEqual(headers.get('status'), '')
        self.assertEqual(headers.get('none', 'x'), 'x')

    def test_the_quick_way_is_the_same(self):
        quick = wire.whole(PLAIN)
        self.assertEqual((quick.status, quick.body, quick.keep),
                         (200, b'hello', True))
        self.assertEqual(quick.headers.get('etag'), '"a"')

        # these take the other way
        for data in (b'', PLAIN[:-1], PLAIN + b'x', CHUNKED,
                     PLAIN.replace(b'200', b'500'),
                     PLAIN.replace(b'keep-alive', b'close'),
                     PLAIN.replace(b'5\r\n', b'5\r\nContent-Length: 5\r\n'),
                     PLAIN.replace(b'Server', b'Transfer-Encoding'),
                     PLAIN.replace(b'ETag', b' ETag'),
                     PLAIN.replace(b'ETag', b'ETag '),
                     PLAIN.replace(b'ETag', b'\nETag')):
            self.assertIsNone(wire.whole(data), data)

    def test_connections_that_are_not_used_again(self):
        for data in (
                PLAIN + b'x', CHUNKED + b'x', PLAIN.replace(b'1.1', b'1.0'),
                PLAIN.replace(b'keep-alive', b'Close'),
                b'HTTP/1.1 200\r\n\r\nhello',
                CHUNKED.replace(b'Trans', b'Content-Length: 5\r\nTrans')):
            answer = read(data)
            self.assertFalse(answer.keep, data)
            self.assertIn(answer.body, (b'hello', b'abcde'))

    def test_no_body(self):
        head = PLAIN[:-5]
        self.assertEqual(read(head, 'HEAD').body, b'')
        self.assertTrue(read(head, 'HEAD').keep)
        self.assertTrue(read(head.replace(b'200', b'304')).keep)
        self.assertFalse(read(head.replace(b'200', b'101')).keep)
        self.assertFalse(read(PLAIN, 'HEAD').keep)

    def test_interim_answers(self):
        interim = b'HTTP/1.1 103 Early\r\nLink: x\r\n\r\n'
        self.assertEqual(read(interim * 100 + PLAIN).body, b'hello')

        with self.assertRaises(wire.EndlessError):
            read(interim * 101 + PLAIN)

    def test_what_is_cut_off(self):
        with self.assertRaises(ConnectionResetError):
            read(b'')

        for whole in (PLAIN, CHUNKED):
            for size in range(1, len(whole)):
                with self.assertRaises(wire.ProtocolError):
                    read(whole[:size])

    def test_what_is_no_http(self):
        for head in (
                b'SSH-2.0-x', b'HTTP/1.1 20 OK', b'HTTP/1.1 2000 OK',
                b'HTTP/2 200 OK', b'HTTP/1.1  200 OK', b'http/1.1 200 OK',
                b'HTTP/1.1 200 OK\r\n folded: x',
                b'HTTP/1.1 200 OK\r\nA: b\nC: d',
                b'HTTP/1.1 200 OK\r\nA: b\rC', b'HTTP/1.1 200 OK\r\nA: \0',
                b'HTTP/1.1 200 OK\r\nA: b\r\n\tc',
                b'HTTP/1.1 200 OK\r\nContent-Length: 5, 5',
                b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6',
                b'HTTP/1.1 200 OK\r\nContent-Length: -5',
                b'HTTP/1.1 200 OK\r\nContent-Length: +5',
                b'HTTP/1.1 200 OK\r\nContent-Length: 0x5',
                b'HTTP/1.1 200 OK\r\nContent-Length:',
                b'HTTP/1.1 200 OK\r\nContent-Length : 5',
                b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n: x',
                b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nno colon',
                b'HTTP/1.1 200 OK\r\nTransfer-Encoding:',
                b'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked',
                b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked'):
            with self.assertRaises(wire.ProtocolError, msg=head):
                read(head + b'\r\n\r\nhello')

    def test_chunks(self):
        for chunks in (b'x\r\n', b'-1\r\na', b'3\r\nabcd\r\n0\r\n\r\n',
                       b' 3\r\nabc\r\n0\r\n\r\n', b'0x3\r\nabc\r\n0\r\n\r\n',
                       b'f' * 16 + b'\r\nabc', b'\r\n'):
            with self.assertRaises(wire.ProtocolError, msg=chunks):
                read(CHUNKED[:CHUNKED.index(b'3\r\n')] + chunks)

    def test_without_an_end(self):
        for data in (b'HTTP/1.1 200 OK\r\nX: ' + b'a' * (1 << 20),
                     CHUNKED[:-13] + b'1;' + b'x' * (1 << 20),
                     CHUNKED[:-2] + b'X: a\r\n' * 200):
            with self.assertRaises(wire.EndlessError):
                read(data, size=1000)

    def test_lines_that_are_longer_than_their_chunks(self):
        chunk = b'1;' + b'x' * 1000 + b'\r\na\r\n'

        with mock.patch.object(wire, 'MAX_ANSWER', 5000), \
                self.assertRaises(wire.TooLargeError):
            read(CHUNKED.replace(b'3\r\n', chunk * 10 + b'3\r\n', 1))

    def test_too_large(self):
        with mock.patch.object(wire, 'MAX_ANSWER', 4):
            for data in (PLAIN, CHUNKED, b'HTTP/1.1 200 OK\r\n\r\nhello'):
                with self.assertRaises(wire.TooLargeError):
                    read(data, size=1)
