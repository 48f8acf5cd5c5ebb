"""How values are stored in bigcache.

A serializer has two methods.  dumps(value) returns bytes, which are stored as
they are, or a str, which must be JSON and is stored as JSON.  loads(data)
makes a value of such bytes; JSON is read without it.  The attribute
content_type is the type of the bytes.  Bytes of another type are not read.

If loads() raises one of UNREADABLE, the value is a miss, with a warning.  The
attribute errors, a tuple of classes, names more such exceptions.  get() raises
all others: one of them may come from a signal handler that ends the program,
such as Celery's SoftTimeLimitExceeded.

Integers of 64 bits are stored as JSON with any serializer, so that bigcache
can count with them.
"""

import json
import pickle
import zlib
from typing import Any

# raised by pickle, json and the objects that they make, for bytes that are
# damaged or older than the program
UNREADABLE = (
    ArithmeticError, AttributeError, EOFError, ImportError, LookupError,
    MemoryError, NotImplementedError, RecursionError, TypeError, ValueError,
    pickle.PickleError, zlib.error,
)


class PickleSerializer:
    """Any object.  A program that can write to the server can run code in
    Django."""

    content_type = 'application/x-python-pickle'

    def dumps(self, value: Any) -> bytes:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)

    def loads(self, data: bytes) -> Any:
        return pickle.loads(data)


class JSONSerializer:
    """What JSON can express.  Other programs can read it; no code is run.

    Tuples come back as lists, keys of dicts as strings.
    """

    def dumps(self, value: Any) -> str:
        return json.dumps(value, allow_nan=False, separators=(',', ':'))

    def loads(self, data: bytes) -> Any:
        raise ValueError('it is not JSON')
