"""Keys of Django as keys of bigcache.

A key of bigcache is any text of up to 8,192 bytes, with three exceptions: it
loses slashes at its ends, it cannot hold a NUL or half a surrogate pair, and
nginx may refuse a path with ".." in it.  So these are written as escapes with
a backslash, and a backslash is doubled.  All other characters stay as they
are.  Two different keys of Django stay different.
"""

import re
from urllib.parse import quote

MAX_LENGTH = 8192

_SPECIAL = re.compile(r'''
    \A/ | /\Z | \\ | \0 | [\ud800-\udfff]
    | (?: \A | (?<=/) ) \.\. (?= / | \Z )
''', re.VERBOSE)

# what a path can have as it is
_SAFE = re.compile(r"[A-Za-z0-9_.~/:@!$&'()*+,;=-]*")

_ESCAPES = {'/': r'\s', '\\': r'\\', '\0': r'\0', '..': r'.\d'}


def encode(key: str) -> str:
    """Returns the key of bigcache for a key of Django."""
    if (key.isascii() and '\\' not in key and '\0' not in key
            and '..' not in key and key[:1] != '/' and key[-1:] != '/'):
        return key      # as most are

    return _SPECIAL.sub(_escape, key)


def path(key: str) -> str:
    """Returns the path of a key of bigcache, without its endpoint."""
    if _SAFE.fullmatch(key):
        return key

    return quote(key, safe="/:@!$&'()*+,;=~")


def _escape(match: 're.Match[str]') -> str:
    found = match.group()

    return _ESCAPES.get(found) or r'\u%04x' % ord(found)
