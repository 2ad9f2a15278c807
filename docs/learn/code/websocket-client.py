"""WebSocket, client: a handshake, then frames of text. It must know by itself where to go on."""
import socket, sys
from urllib.parse import urlparse

host = urlparse(sys.argv[1]).netloc
name, port = host.split(":")
connection = socket.create_connection((name, int(port)))
connection.sendall(
    f"GET /updates?after=0 HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
)
stream = connection.makefile("rb")
assert b"101" in stream.readline()
while stream.readline().strip():
    pass
while True:
    opcode, length = stream.read(2)
    payload = stream.read(length)  # up to 125 B
    if opcode == 0x81:
        print(payload.decode(), flush=True)
