"""What values look like in bigcache.

A serializer has two methods.  dumps(value) returns bytes, which are stored as
they are, or a str, which is JSON and stored as such; loads(data) makes a value
of such bytes.  JSON is read without it.  The attribute content_type is that of
the bytes; those of another type are not read.

Bytes for which loads() raises one of UNREADABLE are a miss, with a warning; so
are those for which it raises what its attribute errors names, a tuple of
classes.  All else comes out of get(): nothing tells it from what a signal
handler raises to end the program, such as Celery's SoftTimeLimitExceeded.

Integers of 64 bits are JSON whatever the serializer, so that bigcache can
count with them.
"""

import json
import pickle
import zlib

# what pickle, json and the objects that they make raise for bytes that are
# damaged, or older than the program
UNREADABLE = (
    ArithmeticError, AttributeError, EOFError, ImportError, LookupError,
    MemoryError, NotImplementedError, RecursionError, TypeError, ValueError,
    pickle.PickleError, zlib.error,
)


class PickleSerializer:
    """Any object; who can write to the server can run code in Django."""

    content_type = 'application/x-python-pickle'

    def dumps(self, value):
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)

    def loads(self, data):
        return pickle.loads(data)


class JSONSerializer:
    """What JSON can express; other programs can read it, nothing is run.

    Tuples come back as lists, keys of dicts as strings.
    """

    def dumps(self, value):
        return json.dumps(value, allow_nan=False, separators=(',', ':'))

    def loads(self, data):
        raise ValueError('it is not JSON')
