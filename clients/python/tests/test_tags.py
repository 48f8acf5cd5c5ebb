"""Tags: what they are on the server, and what delete_tags() removes."""

import asyncio
import json
import unittest
import urllib.request

from django.core.cache import caches

from django_bigcache import BigCacheBackend, tags

from . import PATIENT, URL, unique
from .servers import Server, answer, closed_port, read_whole, results

# the most that a server takes
MANY = ['%063d' % number + 'x' * 193 for number in range(64)]


def backend(location=URL, **params):
    params.setdefault('OPTIONS', PATIENT)
    return BigCacheBackend(location, params)


def stored(prefix=''):
    """The tags of each key, as the server lists them."""
    with urllib.request.urlopen('%s/keys/%s' % (URL, prefix)) as answered:
        return {row['key']: row.get('tags', [])
                for row in json.load(answered)['keys']}


class NameTest(unittest.TestCase):
    def test_most_stay_as_they_are(self):
        names = ['a', 'product:5', 'a b', 'dataset/7', '태그', 'x' * 256, '"']
        self.assertEqual(tags.encode(names, ''), names)

    def test_what_a_header_cannot_hold(self):
        names = [' a', 'a ', 'a,b', 'a\\b', 'a\n', '\t', '\0', '\x7f', '\ud800',
                 r'\u0020a']
        self.assertEqual(tags.encode(names, ''), [
            r'\u0020a', r'a\u0020', r'a\u002cb', r'a\\b', r'a\u000a',
            r'\u0009', r'\u0000', r'\u007f', r'\ud800', r'\\u0020a'])

    def test_a_prefix(self):
        self.assertEqual(tags.encode(['a', ' b'], 'site'),
                         ['site:a', 'site: b'])
        self.assertEqual(tags.encode([' b '], 'a,b'), [r'a\u002cb: b\u0020'])

    def test_each_comes_once(self):
        self.assertEqual(tags.encode(['b', 'a', 'b'], ''), ['b', 'a'])
        self.assertEqual(len(tags.encode(['a', 'b'] * 64, '')), 2)

    def test_any_iterable(self):
        for given in (['a'], ('a',), {'a'}, iter(['a']), {'a': 1}):
            self.assertEqual(tags.encode(given, ''), ['a'])

        for given in (None, [], ()):
            self.assertEqual(tags.encode(given, ''), [])

    def test_lines(self):
        self.assertEqual(tags.lines(['a', 'b c']), b'Cache-Tag: a,b c\r\n')
        self.assertEqual(tags.lines(['ü']), b'Cache-Tag: \xc3\xbc\r\n')
        lines = tags.lines(MANY).split(b'\r\n')[:-1]
        self.assertLess(max(map(len, lines)), 1020)
        self.assertEqual(
            b','.join(line[len('Cache-Tag: '):] for line in lines),
            ','.join(MANY).encode())


class TagTest(unittest.TestCase):
    def setUp(self):
        self.cache = caches['default']
        self.cache.clear()

    def test_they_are_kept(self):
        cache, other = self.cache, caches['json']
        self.assertIsNone(cache.set('raw', 'x', tags=['a', 'b c']))
        cache.set('int', 1, tags=('a',))
        other.set('json', [1], tags={'a'})
        self.assertIs(cache.add('added', 'x', 100, tags=['a']), True)
        self.assertIs(cache.add('added', 'x', 100, tags=['b']), False)
        self.assertEqual(cache.set_many({'m': 'x', 'n': 2}, tags=['a']), [])
        self.assertEqual(cache.get_or_set('got', 'x', tags=['a']), 'x')
        self.assertEqual(cache.get_or_set('got', 'y', tags=['b']), 'x')
        cache.set('none', 'x')

        self.assertEqual(stored(), {
            ':1:raw': ['a', 'b c'], ':1:int': ['a'], ':1:json': ['a'],
            ':1:added': ['a'], ':1:m': ['a'], ':1:n': ['a'], ':1:got': ['a'],
            ':1:none': []})

        cache.touch('raw', 50)
        cache.incr('int')
        self.assertEqual(stored(':1:raw'), {':1:raw': ['a', 'b c']})
        self.assertEqual(stored(':1:int'), {':1:int': ['a']})
        cache.set('raw', 'y')
        self.assertEqual(stored(':1:raw'), {':1:raw': []})

    def test_delete_tags(self):
        cache = self.cache
        cache.set('a', 1, tags=['x', 'y'])
        cache.set('b', 'b', tags=['y', 'z'])
        cache.set('c', 'c', tags=['z'])
        cache.set('d', 'd')

        self.assertIsNone(cache.delete_tags(['none']))
        self.assertEqual(len(cache.get_many('abcd')), 4)
        cache.delete_tags(['x', 'y'])
        self.assertEqual(cache.get_many('abcd'), {'c': 'c', 'd': 'd'})
        cache.set('a', 'new', tags=['x'])
        self.assertEqual(cache.get('a'), 'new')
        cache.delete_tags(('z',))
        cache.delete_tags([])
        cache.delete_tags('none %d' % number for number in range(2500))
        self.assertEqual(cache.get_many('abcd'), {'a': 'new', 'd': 'd'})

    def test_any_text(self):
        for tag in ('a,b', ' a', 'a ', ' ', ',', '\\', 'a\nb', '\0', '태그',
                    '\ud800', '"', "'", 'x' * 256, r'a\u002cb'):
            with self.subTest(tag=tag):
                for key, value in (('raw', 'x'), ('json', 1)):
                    self.cache.set(key, value, tags=['first', tag, 'last'])
                    self.assertEqual(stored(':1:' + key), {
                        ':1:' + key: ['first', *tags.encode([tag], ''),
                                      'last']})
                    self.cache.delete_tags([tag + 'x' if len(tag) < 9
                                            else 'x'])
                    self.assertEqual(self.cache.get(key), value)
                    self.cache.delete_tags([tag])
                    self.assertIsNone(self.cache.get(key))

    def test_as_many_as_there_may_be(self):
        for key in ('k', 'l' * 7000):
            for value in ('raw', 1):
                self.cache.set(key, value, tags=MANY)
                self.assertEqual(list(stored().values()), [MANY])
                self.cache.delete_tags(MANY[-1:])
                self.assertIsNone(self.cache.get(key))
                self.cache.set_many({key: value}, tags=MANY)
                self.assertEqual(list(stored().values()), [MANY])
                self.cache.delete_tags(MANY[:1])
                self.assertIsNone(self.cache.get(key))
                self.assertEqual(
                    self.cache.get_or_set(key, value, tags=MANY), value)
                self.assertEqual(list(stored().values()), [MANY])
                self.cache.delete_tags(MANY)
                self.assertEqual(stored(), {})

        # each is in some batches
        self.assertEqual(self.cache.set_many(
            {'k%d' % number: number for number in range(200)}, tags=MANY), [])
        self.cache.delete_tags([MANY[30]])
        self.assertEqual(stored(), {})

    def test_prefix_and_version(self):
        site = backend(KEY_PREFIX='site')
        shop = backend(KEY_PREFIX='shop')
        both = unique('tag')

        for cache in (site, shop, self.cache):
            cache.set('k', 'x', tags=[both])
            cache.set('k', 'y', version=2, tags=[both])

        self.assertEqual(stored('site:1:'), {'site:1:k': ['site:' + both]})
        site.delete_tags([both])
        self.assertIsNone(site.get('k'))
        self.assertIsNone(site.get('k', version=2))
        self.assertEqual(shop.get('k'), 'x')
        self.assertEqual(self.cache.get('k'), 'x')
        self.cache.delete_tags([both])
        self.assertIsNone(self.cache.get('k', version=2))
        self.assertEqual(shop.get('k', version=2), 'y')

        with self.assertRaisesRegex(ValueError, '257 bytes'):
            site.set('k', 'x', tags=['x' * 252])

    def test_in_an_event_loop(self):
        async def run():
            cache = self.cache
            await cache.aset('a', 'x', tags=['t'])
            self.assertIs(await cache.aadd('b', 1, tags=['t']), True)
            self.assertEqual(await cache.aset_many({'c': 'x'}, tags=['t']), [])
            self.assertEqual(
                await cache.aget_or_set('d', 'x', tags=['t']), 'x')
            self.assertEqual(stored(), {
                ':1:' + key: ['t'] for key in 'abcd'})
            self.assertIsNone(await cache.adelete_tags(['t']))
            self.assertEqual(await cache.aget_many('abcd'), {})

        asyncio.run(run())


class WrongTest(unittest.TestCase):
    def calls(self, cache, wrong):
        return (
            lambda: cache.set('k', 1, tags=wrong),
            lambda: cache.set('k', 1, 0, tags=wrong),
            lambda: cache.add('k', 1, tags=wrong),
            lambda: cache.set_many({'k': 1}, tags=wrong),
            lambda: cache.get_or_set('k', 1, tags=wrong),
            lambda: cache.get_or_set('k', 1, 0, tags=wrong),
            lambda: asyncio.run(cache.aset('k', 1, tags=wrong)),
            lambda: asyncio.run(cache.aadd('k', 1, tags=wrong)),
            lambda: asyncio.run(cache.aset_many({'k': 1}, tags=wrong)),
            lambda: asyncio.run(cache.aget_or_set('k', 1, tags=wrong)),
            lambda: asyncio.run(cache.adelete_tags(wrong)),
            lambda: cache.delete_tags(wrong),
        )

    def test_they_are_refused_before_anything_is_sent(self):
        cache = backend(closed_port())

        for wrong, error, says in (
                ('text', TypeError, "tags is 'text', not a list"),
                (b'bytes', TypeError, 'not a list'),
                (5, TypeError, ''), ([5], TypeError, 'tag 5 is not a str'),
                ([b'a'], TypeError, 'is not a str'),
                (['a', None], TypeError, 'tag None is not a str'),
                ([''], ValueError, 'an empty tag'),
                (['a', 'ü' * 129], ValueError, '258 bytes'),
                (['x' * 257], ValueError, "tag 'xxx.* takes 257 bytes"),
                ([','  * 43], ValueError, '258 bytes')):
            for number, call in enumerate(self.calls(cache, wrong)):
                with self.subTest(wrong=wrong, number=number), \
                        self.assertRaisesRegex(error, says):
                    call()

        # only a value has no more than 64
        many = map(str, range(65))

        for number, call in enumerate(self.calls(cache, list(many))[:-2]):
            with self.subTest(number=number), \
                    self.assertRaisesRegex(ValueError, '65 tags, .* 64'):
                call()

        cache.delete_tags([])       # needs no server


class RequestTest(unittest.TestCase):
    def asked(self, call, *answers):
        """The heads and bodies of what is sent."""
        seen, left = [], list(answers)

        def serve(connection, number):
            while True:
                head, body = read_whole(connection)
                if not head:
                    return
                seen.append((head.decode(), body))
                connection.sendall(left.pop(0) if left else answer(200))

        with Server(serve) as server:
            call(backend(server.url))

        return seen

    def test_delete_tags(self):
        for soft in (False, True):
            (head, body), = self.asked(
                lambda cache: cache.delete_tags(['a', 'ü,'], soft),
                answer(202, b'{"message":"being purged."}', b''))

            self.assertTrue(head.startswith('POST /purge HTTP/1.1\r\n'))
            self.assertIn('\r\nContent-Type: application/json', head)
            self.assertIn('\r\nPrefer: respond-async', head)
            self.assertEqual(json.loads(body), {
                'type': 'tag', 'selectors': ['a', r'ü\u002c'],
                'purge': not soft})

    def test_so_many_at_once(self):
        asked = self.asked(lambda cache: cache.delete_tags(
            map(str, range(1500))))
        self.assertEqual([len(json.loads(body)['selectors'])
                          for _, body in asked], [1000, 500])

    def test_set(self):
        (head, _), = self.asked(
            lambda cache: cache.set('k', 'x', 60, tags=['a', 'b'], stale=1.2))
        self.assertIn('\r\nCache-Tag: a,b', head)
        self.assertIn('\r\nX-Bigcache-Duration: 60s', head)
        self.assertIn('\r\nX-Bigcache-Stale: 2s', head)
        (head, body), = self.asked(
            lambda cache: cache.set('k', 5, None, tags=['a'], stale=60))
        self.assertNotIn('Cache-Tag', head)
        self.assertEqual(json.loads(body), {
            'value': 5, 'expire': None, 'tags': ['a'], 'stale': '60s'})
        (_, body), = self.asked(
            lambda cache: cache.set_many({'k': 'x', 'n': 5}, 60, tags=['a'],
                                         stale=60),
            results(b'{"status":200}', b'{"status":200}'))
        self.assertEqual([(op['tags'], op['stale']) for op in json.loads(
            body.split(b'\n')[0])['operations']], [(['a'], '60s')] * 2)
