"""Server-Sent Events, server: one answer that never ends, a block of text for each update."""
import json, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

updates = []
grown = threading.Condition()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        after = int(self.headers.get("Last-Event-ID") or 0)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        while True:
            with grown:
                grown.wait_for(lambda: len(updates) > after)
                fresh = updates[after:]
            for update in fresh:
                self.wfile.write(f"id: {update['seq']}\ndata: {json.dumps(update)}\n\n".encode())
            after += len(fresh)

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
