"""chat: pass each message on to all clients. Run: loadgen learn check chat -- python3 chat.py"""
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
        # Right for up to 125 B of text, in one frame. Your echo can do the others.
        key = await reader.readexactly(4)
        payload = await reader.readexactly(second & 0x7F)
        text = bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
        # A ping is answered with a pong. And text: who else must get it?
        writer.write(bytes([0x8A if first == 0x89 else 0x81, len(text)]) + text)


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


asyncio.run(main())
