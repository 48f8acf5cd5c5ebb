"""Keys of Django as keys of bigcache.

A key of bigcache is any text of up to 8,192 bytes, but it loses slashes around
it, it cannot hold a NUL or half a surrogate pair, and a path with ".." in it
may be refused by nginx.  So that any two keys of Django stay two, these are
written with a backslash, and a backslash is doubled; all else stays as it is.
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
    """The key of bigcache for one of Django."""
    return _SPECIAL.sub(_escape, key)


def path(key):
    """A key of bigcache as the rest of a path."""
    return quote(key, safe="/:@!$&'()*+,;=~")


def _escape(match):
    found = match.group()

    return _ESCAPES.get(found) or r'\u%04x' % ord(found)
