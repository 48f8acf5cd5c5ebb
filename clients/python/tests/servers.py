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
    data = b''

    while b'\r\n\r\n' not in data:
        more = connection.recv(65536)
        if not more:
            return b''
        data += more

    head, body = data.split(b'\r\n\r\n', 1)
    length = 0

    for line in head.lower().split(b'\r\n'):
        if line.startswith(b'content-length:'):
            length = int(line.split(b':')[1])

    while len(body) < length:
        body += connection.recv(65536)

    return head


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


def closed_port():
    with socket.create_server(('127.0.0.1', 0)) as listener:
        return 'http://127.0.0.1:%d' % listener.getsockname()[1]
