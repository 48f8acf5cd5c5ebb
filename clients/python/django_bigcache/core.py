"""What clients of bigcache have in common, whether threads wait for them or an
event loop: where the server is, what is sent, what an answer means, and when
the server is left alone."""

import ssl
import time
from typing import Any, Dict, Optional

from . import location as settings
from .calls import BigCacheError, Request, detail
from .connection import is_away
from .wire import Answer


class Core:
    """The constructor raises ValueError if an argument is wrong."""

    def __init__(self, location: object, timeout: object, pause: object,
                 headers: object) -> None:
        where = settings.parse(location)
        host = _host(where.host)

        if where.port != (443 if where.tls else 80):
            host += ':%d' % where.port

        self.address = (where.host, where.port)
        self.tls: Optional[ssl.SSLContext] = (
            ssl.create_default_context() if where.tls else None)
        self._base = where.base
        self._location = where.shown.rstrip('/')
        self.timeout = settings.check_seconds('SOCKET_TIMEOUT', timeout)
        self._pause = settings.check_seconds('PAUSE', pause, zero=True)
        self._paused_until = 0.0
        fixed = settings.check_headers(headers, where.authorization)

        if not any(name.lower() == 'host' for name in fixed):
            fixed['Host'] = host

        # no proxy may compress what nobody unpacks
        fixed['Accept-Encoding'] = 'identity'

        self._fixed = ''.join('%s: %s\r\n' % header
                              for header in fixed.items()).encode()

        # when the backend last warned, by what it was about
        self.warned: Dict[Any, float] = {}

    def head(self, request: Request) -> bytes:
        length = (b'Content-Length: %d\r\n' % sum(map(len, request.body))
                  if request.method == 'POST' or request.body else b'')

        return b'%s %s%s HTTP/1.1\r\n%s%s%s\r\n' % (
            request.method.encode(), self._base.encode(),
            request.path.encode(), self._fixed, request.headers, length)

    def begin(self) -> None:
        """Raises BigCacheError during a pause.  When the pause ends, one
        thread goes on and finds out whether the server is back."""
        if self._paused_until:
            now = time.monotonic()

            if now < self._paused_until:
                raise BigCacheError('%s did not answer a moment ago'
                                    % self._location, None, self._location)

            if self._pause:
                self._paused_until = now + self.timeout

    def failed(self, error: BaseException) -> BigCacheError:
        """The error to raise when no answer has come."""
        # a view must not wait again for each of its keys
        if is_away(error):
            self._paused_until = time.monotonic() + self._pause
        else:
            self._paused_until = 0.0

        return BigCacheError('%s: %s' % (self._location,
                                         str(error) or type(error).__name__),
                             None, self._location)

    def check(self, request: Request, answer: Answer) -> None:
        """Raises BigCacheError if the answer says that the server failed, or
        if it is from another server."""
        self._paused_until = 0.0

        if answer.status not in request.expected:
            raise BigCacheError('%s %s%s: %d %s' % (
                request.method, self._location, request.path[:200],
                answer.status, detail(answer.body)), answer.status,
                self._location)

        if (request.marked
                and 'bigcache' not in answer.headers.get('cache-status')):
            raise BigCacheError('%s %s%s: %d, but not by bigcache' % (
                request.method, self._location, request.path[:200],
                answer.status), None, self._location)


def _host(host: str) -> str:
    """Returns a host as it is in the header of that name."""
    if ':' in host:
        # the part behind a percent is for this machine only
        return '[%s]' % host.partition('%')[0]

    return host if host.isascii() else host.encode('idna').decode()
