"""The addresses of the servers and the headers to send.

All of it is checked once, so that no request fails because of it later.
"""

import base64
import math
import re
import socket
from typing import Any, Dict, List, NamedTuple, Optional, Tuple
from urllib.parse import unquote_to_bytes, urlsplit

from .ring import split_name

MAX_SECONDS = 86400

# nginx has no limit, but each has 160 points in memory
MAX_WEIGHT = 1000

# a comma in a password or in a path, which are percent-encoded where they need
# it, has no address behind it
_NEXT = re.compile(r' *, *(?=https?://)', re.IGNORECASE)
_PARAMETERS = re.compile(r'([^ ]+)((?: +[a-z]+=[^ ]*)+)')

# the client sends these itself, or could not read the answer to them
OWN_HEADERS = {
    'accept-encoding', 'bigcache-lease', 'cache-tag', 'connection',
    'content-encoding', 'content-length', 'content-type', 'expect',
    'if-match', 'if-modified-since', 'if-none-match', 'if-range',
    'if-unmodified-since', 'prefer', 'range', 'surrogate-key', 'te',
    'trailer', 'transfer-encoding', 'upgrade', 'x-bigcache-duration',
    'x-bigcache-expire', 'x-bigcache-stale',
}


class Location(NamedTuple):
    """"authorization" is a header or None, "shown" is for messages."""

    host: str
    port: int
    tls: bool
    base: str
    authorization: Optional[str]
    shown: str


class Server(NamedTuple):
    """"name" is what nginx has behind "server", by which it is chosen."""

    url: str
    name: str
    weight: int


def parse_servers(location: object) -> Tuple[Server, ...]:
    """Returns the servers of a LOCATION: an address, several with commas
    between them, or a list.  Raises ValueError if it is wrong."""
    if isinstance(location, str):
        texts: List[Any] = _NEXT.split(location)
    elif isinstance(location, (list, tuple)) and location:
        texts = list(location)
    else:
        raise ValueError('LOCATION is neither a string nor a list of them')

    servers = tuple(_server(text) for text in texts)
    seen: Dict[Tuple[str, str], str] = {}

    for server in servers:
        points = split_name(server.name)

        if points in seen:
            raise ValueError('LOCATION has the server %s twice' % server.name)

        seen[points] = server.name

    return servers


def _server(text: Any) -> Server:
    match = _PARAMETERS.fullmatch(text) if isinstance(text, str) else None
    url, rest = match.groups() if match else (text, '')
    where = parse(url)
    given: Dict[str, str] = {}

    for parameter in rest.split():
        name, _, value = parameter.partition('=')

        if name not in ('weight', 'server') or name in given:
            raise ValueError('LOCATION %r has an unknown parameter, or one '
                             'twice: %s' % (where.shown, name))

        given[name] = value

    weight = given.get('weight', '1')

    if (not re.fullmatch('0*[1-9][0-9]{0,3}', weight)
            or int(weight) > MAX_WEIGHT):
        raise ValueError('LOCATION %r: weight is a number from 1 to %d'
                         % (where.shown, MAX_WEIGHT))

    name = given.get('server', urlsplit(url).netloc.rpartition('@')[2])

    if not name:
        raise ValueError('LOCATION %r: server is empty' % where.shown)

    return Server(url, name, int(weight))


def parse(location: object) -> Location:
    """Returns a Location; raises ValueError if it is wrong."""
    if not isinstance(location, str):
        raise ValueError('LOCATION is not a string')

    # the part of the user is a secret, even if it is written incorrectly
    shown = re.sub(r'//.*@', '//', location, flags=re.DOTALL)

    if re.search(r'[\0-\x20\x7f]', location):
        raise ValueError('a space or control character in LOCATION %r' % shown)

    try:
        url = urlsplit(location)
        port = url.port
    except ValueError:
        raise ValueError('LOCATION %r is not an address' % shown) from None

    if url.scheme not in ('http', 'https') or not url.hostname:
        raise ValueError('LOCATION %r is not an http:// address' % shown)

    if '?' in location or '#' in location:
        raise ValueError('LOCATION %r: it can have neither ? nor #' % shown)

    if port == 0:
        raise ValueError('LOCATION %r: port 0' % shown)

    if not url.path.isascii():
        raise ValueError('LOCATION %r: its path must be percent-encoded'
                         % shown)

    _check_host(url.hostname, shown)

    if port is None:
        port = 443 if url.scheme == 'https' else 80

    return Location(url.hostname, port, url.scheme == 'https',
                    url.path.rstrip('/'), _basic(url.netloc), shown)


def _check_host(host: str, shown: str) -> None:
    try:
        if ',' in host:
            raise OSError('two addresses, or none')
        if ':' in host:
            socket.inet_pton(socket.AF_INET6, host.split('%')[0])
        else:
            host.encode('idna')
    except (OSError, UnicodeError):
        raise ValueError('LOCATION %r has no valid host' % shown) from None


def _basic(netloc: str) -> Optional[str]:
    if '@' not in netloc:
        return None

    user, _, password = netloc.rpartition('@')[0].partition(':')
    both = unquote_to_bytes(user) + b':' + unquote_to_bytes(password)

    return 'Basic ' + base64.b64encode(both).decode()


def is_header_value(text: object) -> bool:
    """Whether the text is the same after it was sent as a header."""
    return (isinstance(text, str) and text == text.strip()
            and re.search(r'[^\x20-\x7e]', text) is None)


def check_headers(headers: object,
                  authorization: Optional[str]) -> Dict[str, str]:
    """Returns the headers to send, as a dict."""
    if headers is None:
        headers = {}

    if not isinstance(headers, dict):
        raise ValueError('HEADERS is not a dict')

    for name, value in headers.items():
        if (not isinstance(name, str)
                or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name)):
            raise ValueError('HEADERS: %r is not a name' % (name,))

        # the value may be a secret: not a word of it
        if not is_header_value(value):
            raise ValueError('HEADERS: the value of %s is not plain text'
                             % name)

        if name.lower() in OWN_HEADERS:
            raise ValueError('HEADERS: %s cannot be set' % name)

    if authorization is None:
        return dict(headers)

    if any(name.lower() == 'authorization' for name in headers):
        raise ValueError('a user in LOCATION, and Authorization in HEADERS')

    return {**headers, 'Authorization': authorization}


def check_seconds(name: str, value: Any, zero: bool = False,
                  most: int = MAX_SECONDS) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan

    if (isinstance(value, bool) or not 0 <= seconds <= most
            or seconds == 0 and not zero):
        raise ValueError('%s is a number of seconds %s, up to %d'
                         % (name, 'from 0' if zero else 'above 0', most))

    return seconds
