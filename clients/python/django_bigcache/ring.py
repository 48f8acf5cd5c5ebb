"""Which of several servers has a key: the one that nginx chooses.

This is what nginx does by "hash $key consistent" in an upstream.  A server has
160 points on a ring of 32 bits for each unit of its weight.  A key is kept by
the server of the first point that is not before the checksum of the key.
"""

import re
from bisect import bisect_left
from typing import Dict, Iterable, List, Sequence, Tuple
from zlib import crc32

POINTS = 160


class Ring:
    """Servers have numbers, from 0, in the order in which they are given, each
    as a name and a weight.  The name is what nginx has behind "server", as it
    is written there."""

    def __init__(self, servers: Sequence[Tuple[str, int]]) -> None:
        points: Dict[int, int] = {}
        self.size = len(servers)

        for number, (name, weight) in enumerate(servers):
            # nginx gives a point that two servers have to the first one
            for point in _points(name, weight):
                points.setdefault(point, number)

        self._points = sorted(points)
        self._numbers = [points[point] for point in self._points]

        # behind the last point comes the first one
        self._numbers.append(self._numbers[0])

    def find(self, key: str) -> int:
        """Returns the number of the server that keeps a key of bigcache."""
        return self._numbers[bisect_left(self._points, crc32(key.encode()))]

    def split(self, keys: Iterable[str]) -> Dict[int, List[str]]:
        """Returns the keys of each server that has some, by its number."""
        parts: Dict[int, List[str]] = {}

        for key in keys:
            parts.setdefault(self.find(key), []).append(key)

        return parts


def split_name(name: str) -> Tuple[str, str]:
    """Returns the host and the port of a name, as nginx takes them from it:
    what is written there, without a port none."""
    if name[:5].lower() == 'unix:':
        return name[5:], ''

    match = re.fullmatch('(.*):([0-9]*)', name, re.DOTALL)

    return (match[1], match[2]) if match else (name, '')


def _points(name: str, weight: int) -> Iterable[int]:
    host, port = split_name(name)
    begin = crc32(b'%b\0%b' % (host.encode(), port.encode()))
    point = 0

    for _ in range(POINTS * weight):
        point = crc32(point.to_bytes(4, 'little'), begin)
        yield point
