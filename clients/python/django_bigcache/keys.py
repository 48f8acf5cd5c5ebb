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

_ESCAPES = {'/': r'\s', '\\': r'\\', '\0': r'\0', '..': r'.\d'}


def encode(key):
    """Returns the key of bigcache for a key of Django."""
    return _SPECIAL.sub(_escape, key)


def path(key):
    """Returns the path of a key of bigcache, without its endpoint."""
    return quote(key, safe="/:@!$&'()*+,;=~")


def _escape(match):
    found = match.group()

    return _ESCAPES.get(found) or r'\u%04x' % ord(found)
