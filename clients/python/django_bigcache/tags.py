"""Tags of Django as tags of bigcache.

A tag of bigcache is a text of up to 256 bytes.  Here it is sent in a header,
where a comma ends it and blanks at its ends are lost.  So these, a backslash,
control characters and halves of surrogate pairs are written as escapes.  Two
different tags of Django stay different.
"""

import re
from typing import Any, List, Optional

# of one value
MAX_TAGS = 64
MAX_LENGTH = 256

# nginx takes four buffers of 8 KB for the lines of a head, and none may be in
# two of them: so what lines of this length leave of a buffer is little
MAX_LINE = 1000

_SPECIAL = re.compile(r'\A[ ] | [ ]\Z | [\\,\0-\x1f\x7f\ud800-\udfff]',
                      re.VERBOSE)


def encode(tags: Any, prefix: str,
           most: Optional[int] = MAX_TAGS) -> List[str]:
    """Returns the tags of bigcache for tags of Django, each once.  Raises
    TypeError or ValueError if they are none, or too many."""
    if tags is None:
        return []

    if isinstance(tags, (str, bytes)):
        raise TypeError('tags is %r, not a list of tags' % (tags,))

    names = list(dict.fromkeys(_encode(tag, prefix) for tag in tags))

    if most is not None and len(names) > most:
        raise ValueError('%d tags, bigcache takes %d' % (len(names), most))

    return names


def lines(names: List[str]) -> bytes:
    """Returns the lines of a head that name the tags."""
    values: List[bytes] = []

    for name in names:
        tag = name.encode()

        if values and len(values[-1]) + len(tag) < MAX_LINE:
            values[-1] += b',' + tag
        else:
            values.append(tag)

    return b''.join(b'Cache-Tag: %b\r\n' % value for value in values)


def _encode(tag: Any, prefix: str) -> str:
    if not isinstance(tag, str):
        raise TypeError('the tag %r is not a str' % (tag,))

    if not tag:
        raise ValueError('an empty tag')

    name = _SPECIAL.sub(_escape, prefix + ':' + tag if prefix else tag)
    size = len(name.encode())

    if size > MAX_LENGTH:
        raise ValueError('the tag %r takes %d bytes, bigcache takes %d'
                         % (tag[:100], size, MAX_LENGTH))

    return name


def _escape(match: 're.Match[str]') -> str:
    found = match.group()

    return r'\\' if found == '\\' else r'\u%04x' % ord(found)
