"""Polling, server: answers at once with what is newer than `after`."""
import json, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

updates = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        after = int(self.path.partition("after=")[2] or 0)
        body = json.dumps(updates[after:]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def publish():
    while True:
        time.sleep(0.1)
        updates.append({"seq": len(updates) + 1})


threading.Thread(target=publish, daemon=True).start()
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
