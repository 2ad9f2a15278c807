import asyncio, base64, hashlib, json

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Wrong(Exception):
    """The other side violated the protocol; the argument is the close code."""


async def shake_hands(reader, writer):
    head = await reader.readuntil(b"\r\n\r\n")
    key = next(line.split(b":")[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
    writer.write(b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")


async def read_frame(reader):
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length == 126:
        length = int.from_bytes(await reader.readexactly(2), "big")
    elif length == 127:
        length = int.from_bytes(await reader.readexactly(8), "big")
    if not second & 0x80:
        raise Wrong(1002)
    key = await reader.readexactly(4)
    payload = bytearray(await reader.readexactly(length))
    for index in range(length):
        payload[index] ^= key[index % 4]
    return bool(first & 0x80), first & 0x0F, bytes(payload)


def send(writer, opcode, payload):
    length = len(payload)
    if length < 126:
        size = bytes([length])
    elif length < 65536:
        size = bytes([126]) + length.to_bytes(2, "big")
    else:
        size = bytes([127]) + length.to_bytes(8, "big")
    writer.write(bytes([0x80 | opcode]) + size + payload)


async def messages(reader, writer):
    """Yields whole messages, and answers pings."""
    kind, parts = None, []
    while True:
        is_final, opcode, payload = await read_frame(reader)
        if opcode == PING:
            send(writer, PONG, payload)
        elif opcode == CLOSE:
            send(writer, CLOSE, payload[:2])
            return
        elif opcode != PONG:
            kind = opcode if opcode != CONTINUATION else kind
            parts.append(payload)
            if is_final:
                yield kind, b"".join(parts)
                kind, parts = None, []


clients = set()


async def serve(reader, writer):
    try:
        await shake_hands(reader, writer)
        clients.add(writer)
        async for kind, payload in messages(reader, writer):
            try:
                payload.decode()
            except UnicodeDecodeError:
                raise Wrong(1007)
            for client in clients:
                send(client, kind, payload)
    except Wrong as wrong:
        send(writer, CLOSE, wrong.args[0].to_bytes(2, "big"))
    except (OSError, asyncio.IncompleteReadError):
        pass
    clients.discard(writer)
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


asyncio.run(main())
