"""Clients of several servers, each of which keeps a part of the keys.

A key has one server.  If that server is away, its keys are misses: no other
server is asked, or it would have values of which nobody knows when the first
one is back.
"""

import asyncio
import functools
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .aio import AsyncClient, AsyncRunner
from .calls import BigCacheError, Call, Parts, Replied, Request
from .client import Client, Runner, Sent, shared_client
from .location import Server
from .ring import Ring


@functools.lru_cache(maxsize=None)
def shared_cluster(servers: Tuple[Server, ...], timeout: Any, pause: Any,
                   headers: Tuple[Tuple[str, str], ...]) -> 'Cluster':
    """One for all threads, see shared_client()."""
    return Cluster(servers, timeout, pause, headers)


class Cluster(Runner):
    """For threads."""

    def __init__(self, servers: Sequence[Server], timeout: Any, pause: Any,
                 headers: Tuple[Tuple[str, str], ...]) -> None:
        self.ring = Ring([(server.name, server.weight) for server in servers])
        self.warned: Dict[Any, float] = {}
        self._clients = [shared_client(server.url, timeout, pause, headers)
                         for server in servers]
        self.aio = AsyncCluster(self.ring, [client.aio
                                            for client in self._clients])

    def _ask(self, asked: Any) -> Any:
        if isinstance(asked, Parts):
            return self._run_parts(asked.parts)

        return self._of(asked)._ask(asked)

    def _ask_all(self, requests: List[Request]) -> List[Replied]:
        return self._of(requests[0])._ask_all(requests)

    def _of(self, request: Request) -> Client:
        return self._clients[_number(self.ring, request)]

    def _run_parts(self, parts: List[Tuple[int, Call]]) -> List[Any]:
        """In each round, all servers are sent what their calls ask for, and
        work at the same time.  Then all answers are read."""
        running = [_Part(self._clients[number], call)
                   for number, call in parts]
        left = [part for part in running if part.asked is not None]

        try:
            while left:
                for part in left:
                    part.send()

                for part in left:
                    part.receive()

                left = [part for part in left if part.asked is not None]

        finally:
            # there are some if something has ended this call
            for part in left:
                part.close()

        return [part.result for part in running]


class _Part:
    """A call that runs on one server.  "asked" is what it asks for, None at
    its end, and then "result" is what it has returned or raised."""

    def __init__(self, client: Client, call: Call) -> None:
        self.asked: Any = None
        self.result: Any = None
        self._client = client
        self._call = call
        self._sent: Optional[Sent] = None
        self._go_on(call.send, None)

    def send(self) -> None:
        self._sent = self._client.send_all(
            self.asked if type(self.asked) is list else [self.asked])

    def receive(self) -> None:
        assert self._sent is not None
        self._sent.waited()

        # it closes the connection itself, or gives it to other threads
        sent, self._sent = self._sent, None
        replies = self._client.receive_all(sent)

        if type(self.asked) is list:
            self._go_on(self._call.send, replies)
        elif isinstance(replies[0], BigCacheError):
            self._go_on(self._call.throw, replies[0])
        else:
            self._go_on(self._call.send, replies[0])

    def _go_on(self, take: Any, given: Any) -> None:
        self.asked = None

        try:
            self.asked = take(given)
        except StopIteration as done:
            self.result = done.value
        except BigCacheError as error:
            # not the values that were to be stored
            self.result = error.with_traceback(None)

    def close(self) -> None:
        if self._sent is not None:
            self._sent.close()

        self._call.close()


class AsyncCluster(AsyncRunner):
    """For event loops."""

    def __init__(self, ring: Ring, clients: List[AsyncClient]) -> None:
        self._ring = ring
        self._clients = clients

    async def _ask(self, asked: Any) -> Any:
        if isinstance(asked, Parts):
            return await self._run_parts(asked.parts)

        return await self._of(asked)._ask(asked)

    async def _ask_all(self, requests: List[Request]) -> List[Replied]:
        return await self._of(requests[0])._ask_all(requests)

    def _of(self, request: Request) -> AsyncClient:
        return self._clients[_number(self._ring, request)]

    async def _run_parts(self, parts: List[Tuple[int, Call]]) -> List[Any]:
        # so it returns, or is cancelled, when all of them have ended
        results = await asyncio.gather(*(
            self._clients[number].run(call) for number, call in parts),
            return_exceptions=True)

        for result in results:
            if isinstance(result, BigCacheError):
                result.with_traceback(None)
            elif isinstance(result, BaseException):
                raise result

        return results


def _number(ring: Ring, request: Request) -> int:
    assert request.key is not None

    return ring.find(request.key)
