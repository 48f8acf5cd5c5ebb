"""Code of the documents, as it stands there."""

import os
import re
import sys
import unittest
from unittest import mock

from django.core.cache import caches
from django.http import HttpResponse
from django.test import RequestFactory

from django_bigcache import BigCacheBackend

from . import URL

TOP = os.path.join(os.path.dirname(__file__), '..', '..', '..')

sys.path.append(os.path.join(TOP, 'example'))


def blocks(document='README.md', heading='From Python'):
    with open(os.path.join(TOP, document), encoding='utf-8') as text:
        section = re.search(r'^## %s\n(.*?)^## ' % heading, text.read(),
                            re.MULTILINE | re.DOTALL).group(1)

    section = section.replace('http://127.0.0.1:36379', URL)

    return [re.sub(r'^    ', '', block, flags=re.MULTILINE)
            for block in re.findall(r'(?:^    .*\n|^\n(?=\n*    ))+', section,
                                    re.MULTILINE)]


class ReadmeTest(unittest.TestCase):
    def setUp(self):
        caches['default'].clear()

    def block(self, pattern):
        found = [text for text in blocks() if re.search(pattern, text)]
        self.assertEqual(len(found), 1, pattern)

        return found[0]

    def check(self, *sources):
        names, slept = {}, []

        for source in sources:
            exec(source, names)

        def get(path):
            with mock.patch('time.sleep', slept.append):
                return names['dataset'](RequestFactory().get(path), 1).content

        first = get('/dataset/1/?page=2')
        self.assertRegex(first, b'^page 1, made at ')
        self.assertEqual(get('/dataset/1/?page=2'), first)
        self.assertEqual(slept, [3])
        get('/dataset/1/?page=3')
        self.assertEqual(slept, [3, 3])

    def test_the_settings(self):
        names = {}
        exec(self.block('CACHES'), names)
        default = names['CACHES']['default']

        self.assertEqual(default.pop('BACKEND'),
                         'django_bigcache.BigCacheBackend')
        cache = BigCacheBackend(default.pop('LOCATION'), default)
        cache.set('k', 1)
        self.assertEqual(cache.get('k'), 1)

    def test_the_view(self):
        self.check(self.block('def dataset'))

    def test_the_view_without_a_backend(self):
        view = self.block('def dataset')
        self.assertIn('from django.core.cache import cache\n', view)
        view = view.replace('from django.core.cache import cache\n', '')

        self.check(self.block('from big_cache'), view)


class DjangoTest(unittest.TestCase):
    def test_once_and_by_tags(self):
        cache = caches['default']
        cache.clear()
        made, signals = [], []

        def report(number):
            made.append(number)
            return 'report %d, %d' % (number, len(made))

        def receiver(which, sender):
            signals.append((which, sender))
            return lambda function: function

        view, changed = [
            text for text in blocks('docs/django.md',
                                    'Slow pages, and pages that change')]
        names = {'cache': cache, 'HttpResponse': HttpResponse,
                 'report': report, 'Dataset': 'Dataset'}
        exec(view, names)
        names['receiver'] = receiver
        exec(re.sub(r'^from django\.dispatch .*', '', changed,
                    flags=re.MULTILINE), names)

        def get(path, number):
            return names['by_once'](RequestFactory().get(path), number).content

        def change(number):
            names['changed'](None, mock.Mock(pk=number))

        for _ in range(2):
            self.assertEqual(get('/1/', 1), b'report 1, 1')
            self.assertEqual(get('/2/', 2), b'report 2, 2')

        change(3)
        self.assertEqual(get('/1/', 1), b'report 1, 1')
        change(1)
        self.assertIsNone(cache.get('/1/'))
        self.assertEqual(get('/1/', 1), b'report 1, 3')
        self.assertEqual(get('/2/', 2), b'report 2, 2')
        self.assertEqual(signals[0][1], 'Dataset')
