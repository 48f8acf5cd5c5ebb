"""A cache backend for Django that keeps its values in bigcache.

    CACHES = {
        'default': {
            'BACKEND': 'django_bigcache.BigCacheBackend',
            'LOCATION': 'http://127.0.0.1:36379',
        },
    }
"""

from .backend import BigCacheBackend
from .calls import BigCacheError
from .serializers import JSONSerializer, PickleSerializer

__all__ = [
    'BigCacheBackend', 'BigCacheError', 'JSONSerializer', 'PickleSerializer',
]
__version__ = '0.2.0'
