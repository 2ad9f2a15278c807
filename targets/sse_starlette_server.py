"""Server-Sent Events on Python's ASGI: sse-starlette on uvicorn, with a queue for each client."""

import asyncio
import os

import uvicorn
from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

queues = set()


async def publish(request):
    body = (await request.body()).decode()
    for queue in queues:
        queue.put_nowait(body)
    return Response(status_code=204)


async def events(request):
    queue = asyncio.Queue()
    queues.add(queue)

    async def stream():
        try:
            while True:
                yield {"data": await queue.get()}
        finally:
            queues.discard(queue)

    return EventSourceResponse(stream())


app = Starlette(routes=[Route("/publish", publish, methods=["POST"]), Route("/events", events)])

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning", backlog=4096)
