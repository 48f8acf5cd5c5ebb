"""Servers that do what no bigcache should."""

import socket
import threading


class Server:
    """Answers each connection by a function of the socket and its number."""

    def __init__(self, serve, host='127.0.0.1'):
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self._serve = serve
        self._open = []
        self.url = 'http://%s:%d' % (
            '[%s]' % host if ':' in host else host,
            self._listener.getsockname()[1])
        threading.Thread(target=self._run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._listener.close()

        for connection in self._open:
            connection.close()

    @property
    def connections(self):
        return len(self._open)

    def _run(self):
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return

            self._open.append(connection)
            threading.Thread(target=self._one, daemon=True,
                             args=(connection, len(self._open))).start()

    def _one(self, connection, number):
        try:
            self._serve(connection, number)
        except OSError:
            pass


def read_request(connection):
    """The head of a request, b'' at the end; its body is read, too."""
    return read_whole(connection)[0]


def read_whole(connection):
    """The head and the body of a request, both b'' at the end.  What is behind
    them is left for the next one."""
    head = b''

    while not head.endswith(b'\r\n\r\n'):
        more = connection.recv(1)
        if not more:
            return b'', b''
        head += more

    head, body = head[:-4], b''
    length = 0

    for line in head.lower().split(b'\r\n'):
        if line.startswith(b'content-length:'):
            length = int(line.split(b':')[1])

    while len(body) < length:
        more = connection.recv(min(length - len(body), 65536))
        if not more:
            return b'', b''
        body += more

    return head, body


def answer(status, body=b'{}', by=b'Cache-Status: bigcache; hit\r\n'):
    return (b'HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%b'
            b'Content-Length: %d\r\n\r\n' % (status, by, len(body))) + body


def document(value):
    """What bigcache answers to a GET /pickle/ of JSON."""
    return answer(200, b'{"value":%b,"expire":null,"duration":null}' % value)


def always(data):
    """Serves the same bytes to each request."""
    def serve(connection, number):
        while read_request(connection):
            connection.sendall(data)

    return serve


_held = []


def closed_port():
    """The URL of a port that no later server gets: clients of one URL share
    what is known of its server."""
    held = socket.socket()
    held.bind(('127.0.0.1', 0))
    _held.append(held)

    return 'http://127.0.0.1:%d' % held.getsockname()[1]


def raw(status, more, body=b''):
    return b'HTTP/1.1 %d X\r\nCache-Status: bigcache; hit\r\n%b\r\n%b' % (
        status, more, body)


def once(data):
    def serve(connection, number):
        read_request(connection)
        connection.sendall(data)
        connection.close()

    return serve


def results(*members):
    return answer(200, b'{"results":[%b]}' % b','.join(members))


# what nobody should be harmed by

DEEP = b'[' * 100000

ANSWERS = {
    '500 deep': answer(500, DEEP),
    '404 deep': answer(404, DEEP),
    '409 deep': answer(409, DEEP),
    '200 deep': answer(200, DEEP),
    'statuses': results(b'{"status":[]}', b'{"status":{}}'),
    'true': results(b'{"status":true}', b'{"status":200.0}'),
    'large': raw(200, b'Content-Length: 1%b\r\n' % (b'0' * 10)),
    'larger': raw(200, b'Content-Length: 1%b\r\n' % (b'0' * 15)),
    'largest': raw(200, b'Content-Length: 1%b\r\n' % (b'0' * 30)),
    'no length': raw(200, b'Content-Length: x\r\n'),
    'no chunk': raw(200, b'Transfer-Encoding: chunked\r\n', b'zz\r\n'),
    'chunk -5': raw(200, b'Transfer-Encoding: chunked\r\n', b'-5\r\nabc'),
    'chunk -1': raw(200, b'Transfer-Encoding: chunked\r\n', b'-1\r\nabc'),
    'large chunk': raw(200, b'Transfer-Encoding: chunked\r\n',
                       b'f' * 20 + b'\r\nabc'),
    'cut off': raw(200, b'Content-Length: 100\r\n', b'short'),
    'status 99999': b'HTTP/1.1 99999 X\r\n\r\n',
    '101': raw(101, b''),
    '204': raw(204, b''),
    'long header': raw(200, b'X: %b\r\n' % (b'a' * 70000)),
    'many headers': raw(200, b'X: a\r\n' * 200),
    'expire': results(b'{"status":200,"value":1,"expire":"x\\r\\ny"}'),
    'expire inf': results(b'{"status":200,"value":1,"expire":1e999}'),
    'type': results(b'{"status":200,"base64":"aGk=","type":"x\\r\\ny",'
                    b'"expire":1}'),
    'type 5': results(b'{"status":200,"base64":"aGk=","type":5,"expire":1}'),
    'base64': results(b'{"status":200,"base64":5,"type":"a","expire":1}'),
    'long number': results(b'{"status":200,"value":%b,"expire":1}'
                           % (b'1' * 5000)),
    'html': answer(200, b'<html>', b''),
    'not utf-8': answer(200, b'\xff{"results":[]}'),
    'nothing': b'',
}
