"""Tests of django_bigcache and of example/big_cache.py.

    BIGCACHE_URL=http://127.0.0.1:36379 python3 -m unittest discover -v \
        -s clients/python/tests -t clients/python

They remove everything from that server.  t/python.t starts one for them, and
names in BIGCACHE_SMALL_URL one whose client_max_body_size is nginx's own, and
in BIGCACHE_SERVERS three that have a store each.
"""

import itertools
import os

import django
from django.conf import settings

URL = os.environ.get('BIGCACHE_URL', 'http://127.0.0.1:36379')
BACKEND = 'django_bigcache.BigCacheBackend'


# a machine may be busy
PATIENT = {'RAISE': True, 'SOCKET_TIMEOUT': 30}


def configuration(**options):
    return {'BACKEND': BACKEND, 'LOCATION': URL,
            'OPTIONS': {**PATIENT, **options}}


settings.configure(
    ALLOWED_HOSTS=['testserver'],
    CACHES={
        'default': configuration(),
        'json': configuration(SERIALIZER='json'),
    },
    MIDDLEWARE=[],
    ROOT_URLCONF='tests.urls',
    SECRET_KEY='none',
    USE_TZ=True,
)
django.setup()

_numbers = itertools.count(1)


def unique(name):
    """A key that no other test has."""
    return '%s-%d-%d' % (name, os.getpid(), next(_numbers))
