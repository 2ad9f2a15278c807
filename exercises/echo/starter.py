"""echo: a WebSocket server. Run: loadgen learn check echo -- python3 echo.py"""
import asyncio, base64, hashlib, json

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


async def serve(reader, writer):
    head = await reader.readuntil(b"\r\n\r\n")
    key = next(line.split(b":")[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
    writer.write(b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    while True:
        first, second = await reader.readexactly(2)
        # Right for up to 125 B. But what is in the message, and is it text or binary?
        await reader.readexactly(4 + (second & 0x7F))
        answer = b"Nice to meet you!"
        writer.write(bytes([0x81, len(answer)]) + answer)


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


asyncio.run(main())
