"""The broadcast of PyPI's `websockets`: each client's messages go to all others."""

import asyncio
import os

from websockets.asyncio.server import broadcast, serve

connections = set()


async def handle(connection):
    connections.add(connection)
    try:
        async for message in connection:
            broadcast(connections - {connection}, message)
    finally:
        connections.discard(connection)


async def main():
    async with serve(handle, "127.0.0.1", int(os.environ["PORT"]), backlog=4096) as server:
        await server.serve_forever()


asyncio.run(main())
