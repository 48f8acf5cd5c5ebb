#!/usr/bin/env python3
"""Copies the entries of one bigcache to another, over HTTP.

    python3 copy_store.py [-H FIELD] [--prefix PREFIX] [--after CURSOR]
        http://127.0.0.1:36379 http://127.0.0.1:36380

Both serve meanwhile.  Keys, bodies, types, the times at which entries expire,
and tags are copied; what is stored at the target is replaced.  These stay
behind: pages of upstreams, which are made again when they are asked for; ETags
and the times at which entries were stored; "duration" as it was written; and
for how long an entry is of use when it has expired ("stale").

An entry that changes while this runs may be copied as it was, and one that is
deleted at the source meanwhile stays at the target: let nobody write, or begin
with what may be old.

A server that is away is asked again for a minute.  If this ends early, it says
how to go on.  It may be run again at any time.

-H is a field of all requests, for example "Authorization: Bearer operator...".

Python 3.7 or newer, no packages.
"""

import argparse
import http.client
import json
import sys
import time
from urllib.parse import quote, urlsplit

# seconds that a server may be away, and between two tries

AWAY = 60
PAUSE = 1


class Failed(Exception):
    pass


class Store:
    def __init__(self, url, fields=(), away=AWAY):
        parts = urlsplit(url)

        if parts.scheme not in ('http', 'https') or not parts.hostname:
            raise Failed('"%s" is no URL of a server' % url)

        kind = (http.client.HTTPSConnection if parts.scheme == 'https'
                else http.client.HTTPConnection)
        self.url = url
        self.base = parts.path.rstrip('/')
        self.fields = list(fields)
        self.away = away
        self.connection = kind(parts.hostname, parts.port, timeout=60)

    def request(self, method, path, body=None, fields=()):
        """Returns the status, the fields and the body of the answer.

        All requests here can be repeated: that is done while the server cannot
        be reached, or answers 503.
        """
        until = time.monotonic() + self.away

        while True:
            try:
                answer = self.try_once(method, path, body, fields)
                if answer[0] != 503 or time.monotonic() > until:
                    return answer

            except (OSError, http.client.HTTPException) as e:
                self.connection.close()
                if time.monotonic() > until:
                    raise Failed('%s: %s' % (self.url, e or type(e).__name__))

            time.sleep(PAUSE)

    def try_once(self, method, path, body, fields):
        self.connection.putrequest(method, self.base + path,
                                   skip_accept_encoding=True)

        for name, value in self.fields + list(fields):
            self.connection.putheader(name, value.encode())

        if body is not None:
            self.connection.putheader('Content-Length', str(len(body)))

        self.connection.endheaders(body)
        response = self.connection.getresponse()

        return response.status, response.headers, response.read()


def expect(store, what, answer):
    """Returns the body of an answer that is 200."""
    status, _, body = answer

    if status != 200:
        try:
            why = json.loads(body)['detail']
        except (ValueError, KeyError, TypeError):
            why = body[:200].decode(errors='replace')

        raise Failed('%s: %s is answered %d: %s'
                     % (store.url, what, status, why))

    return body


def entries(store, prefix, after):
    """Yields a row of /keys/ for each key, in order."""
    while True:
        path = '/keys/' + quote(prefix, safe='') + '?limit=1000&cursors=on'
        if after:
            path += '&after=' + after

        page = json.loads(expect(store, '/keys/', store.request('GET', path)))
        yield from page['keys']

        after = page['next']
        if after is None:
            return


def copy(source, target, row):
    """Copies an entry; returns False if it is gone."""
    name = row['cursor']
    answer = source.request('GET', '/pickle/' + name)

    if answer[0] == 404:
        return False

    body = expect(source, 'a GET of ' + name, answer)
    tags = row.get('tags') or []
    fields = []

    if row['kind'] == 'json':

        # the value stays as it is written, and a lifetime does not begin anew
        path = '/cache/' + name
        value = body[:body.rindex(b',"expire":')]
        body = value + b',"expire":%s,"tags":%s}' % (
            json.dumps(row['expire']).encode(), json.dumps(tags).encode())
    else:
        path = '/pickle/' + name
        fields.append(('Content-Type', row['type'] or ''))

        for tag in tags:
            fields.append(('Cache-Tag' if ' ' in tag else 'Surrogate-Key', tag))

        if row['expire'] is not None:
            fields.append(('X-Bigcache-Expire', repr(row['expire'])))

    expect(target, 'a POST of ' + name, target.request('POST', path, body,
                                                      fields))

    return True


def main():
    parser = argparse.ArgumentParser(
        description='Copies the entries of one bigcache to another.')
    parser.add_argument('source')
    parser.add_argument('target')
    parser.add_argument('--prefix', default='', help='of the keys')
    parser.add_argument('--after', default='', metavar='CURSOR',
                        help='goes on behind this key, percent-encoded')
    parser.add_argument('-H', dest='fields', action='append', default=[],
                        metavar='FIELD', help='"NAME: VALUE" of all requests')
    parser.add_argument('--away', type=int, default=AWAY, metavar='SECONDS',
                        help='how long a server may be away')
    given = parser.parse_args()
    copied = gone = 0
    last = given.after

    try:
        fields = [tuple(field.split(': ', 1)) for field in given.fields]
        if any(len(field) != 2 for field in fields):
            raise Failed('-H must be "NAME: VALUE"')

        source = Store(given.source, fields, given.away)
        target = Store(given.target, fields, given.away)

        for row in entries(source, given.prefix, given.after):

            # it may expire on the way
            if ((row['expire'] is None or row['expire'] > time.time())
                    and copy(source, target, row)):
                copied += 1
            else:
                gone += 1

            last = row['cursor']

    except (Failed, KeyboardInterrupt) as e:
        print('copy_store.py: %s' % (e if str(e) else 'interrupted'),
              file=sys.stderr)
        print('%d entries copied; to go on: --after %s'
              % (copied, last or "''"), file=sys.stderr)
        sys.exit(1)

    print('%d entries copied' % copied
          + (', %d had expired or were gone' % gone if gone else ''))


if __name__ == '__main__':
    main()
