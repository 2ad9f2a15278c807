"""Python `websockets`: its own reconnecting iterator repeats one address, so this script opens each connection itself,
after the last update.

Arguments: the server's address, the number of updates to wait for. Prints each update's number.
"""

import asyncio
import json
import platform
import sys

import websockets
from websockets.asyncio.client import connect

address, wanted = sys.argv[1].replace("http:", "ws:"), int(sys.argv[2])
print(f"websockets {websockets.__version__}, Python {platform.python_version()}", file=sys.stderr)


async def main() -> None:
    count, cursor = 0, None
    while count < wanted:
        after = f"?after={cursor}" if cursor else ""
        try:
            async with connect(f"{address}/updates/ws{after}", proxy=None) as socket:
                async for text in socket:
                    frame = json.loads(text)
                    if "gap" in frame:
                        print("gap", frame["gap"], flush=True)
                    if "cursor" in frame:
                        cursor = frame["cursor"]
                    else:
                        cursor = f"{cursor.split('-')[0]}-{frame['seq']}"
                        print(frame["data"]["n"], flush=True)
                        count += 1
                        if count == wanted:
                            return
        except (OSError, EOFError, websockets.WebSocketException):
            pass
        await asyncio.sleep(0.02)


asyncio.run(main())
