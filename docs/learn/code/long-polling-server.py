"""Long polling, server: holds a request until there is something newer than `after`, for at most 20 s."""
import json, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

updates = []
grown = threading.Condition()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        after = int(self.path.partition("after=")[2] or 0)
        with grown:
            grown.wait_for(lambda: len(updates) > after, timeout=20)
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
        with grown:
            updates.append({"seq": len(updates) + 1})
            grown.notify_all()


threading.Thread(target=publish, daemon=True).start()
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
