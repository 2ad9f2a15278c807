"""WebSocket, server: a handshake, then frames. Short ones: two bytes and up to 125 B of payload."""
import base64, hashlib, json, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

updates = []
grown = threading.Condition()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        after = int(self.path.partition("after=")[2] or 0)
        while True:
            with grown:
                grown.wait_for(lambda: len(updates) > after)
                text = json.dumps(updates[after]).encode()
            self.wfile.write(bytes([0x81, len(text)]) + text)
            after += 1

    def log_message(self, *_):
        pass


def publish():
    while True:
        time.sleep(0.1)
        with grown:
            updates.append({"seq": len(updates) + 1})
            grown.notify_all()


threading.Thread(target=publish, daemon=True).start()
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.handle_error = lambda *_: None  # a client that disconnects is no error
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
