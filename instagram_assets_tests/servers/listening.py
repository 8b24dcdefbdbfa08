"""The end of an asyncio server that leaves no connection behind."""

import asyncio


async def stop_listening(server: asyncio.Server) -> None:
    """Take no more connections and close `server`, after those already taken have come to its protocol.

    `Server.close` alone drops what was taken in the same turn of the loop, its socket open (CPython 3.11:
    `Server._attach` asserts that the server is not closed), which some later test then meets as a ResourceWarning.
    """
    for listener in server.sockets:
        asyncio.get_running_loop().remove_reader(listener.fileno())
    await turns()
    server.close()


async def turns() -> None:
    """Let the loop go round as often as opening or closing a connection takes."""
    for _ in range(5):
        await asyncio.sleep(0)
