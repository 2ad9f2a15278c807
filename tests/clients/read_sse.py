"""Python `httpx-sse`: returns each event's id, and leaves it to the caller to send the last one when reconnecting.

Arguments: the server's address, the number of updates to wait for. Prints each update's number.
"""

import importlib.metadata
import json
import platform
import sys
import time

import httpx
import httpx_sse

address, wanted = sys.argv[1], int(sys.argv[2])
print(f"httpx-sse {importlib.metadata.version('httpx-sse')}, Python {platform.python_version()}", file=sys.stderr)

count, last_event_id, retry_ms = 0, "", 50


def events():
    """The events of one connection, until it ends for any reason."""
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    try:
        with httpx_sse.connect_sse(client, "GET", f"{address}/updates/sse", headers=headers) as source:
            yield from source.iter_sse()
    except httpx.TransportError:
        pass


with httpx.Client(trust_env=False, timeout=20) as client:
    while count < wanted:
        for event in events():
            last_event_id = event.id
            retry_ms = event.retry or retry_ms
            if event.event == "gap":
                print("gap", event.data, flush=True)
            elif event.data:
                print(json.loads(event.data)["data"]["n"], flush=True)
                count += 1
                if count == wanted:
                    break
        time.sleep(retry_ms / 1000)
