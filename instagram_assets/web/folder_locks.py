"""One at a time where a search's folder is begun, written again or taken away: each looks first whether it may."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from instagram_assets.web.services import Services

_locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()


@asynccontextmanager
async def alone_with(services: Services, folders: Iterable[str]) -> AsyncGenerator[None]:
    """Nobody else of this process is here with one of these folders; a name that is empty is none.

    In one order for all, so that no two wait for each other.
    """
    place = str(services.settings.folder("datasets").absolute())
    locks = [_locks.setdefault((place, name), asyncio.Lock()) for name in sorted({*folders} - {""})]
    async with AsyncExitStack() as held:
        for lock in locks:
            await held.enter_async_context(lock)
        yield
