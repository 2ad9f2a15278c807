import json, re, sys


class Parser:
    def __init__(self):
        self.rest = b""
        self.is_first = True
        self.id = ""
        self.retry = None
        self.events = []
        self.event, self.data = "", []

    def push(self, piece):
        self.rest += piece
        # A CR at the end may be half of a line's end: it waits for what follows.
        while found := re.search(rb"\r\n|\n|\r(?=.)", self.rest, re.S):
            line, self.rest = self.rest[: found.start()], self.rest[found.end() :]
            self.line(line.decode())

    def end(self):
        if self.rest.endswith(b"\r"):
            self.line(self.rest[:-1].decode())

    def line(self, line):
        if self.is_first:
            line = line.removeprefix("\ufeff")
        self.is_first = False
        if not line:
            if self.data:
                self.events.append({"event": self.event or "message", "data": "\n".join(self.data), "id": self.id})
            self.event, self.data = "", []
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self.data.append(value)
        elif name == "event":
            self.event = value
        elif name == "id" and "\0" not in value:
            self.id = value
        elif name == "retry" and re.fullmatch("[0-9]+", value):
            self.retry = int(value)


for line in sys.stdin:
    parser = Parser()
    for chunk in json.loads(line)["chunks"]:
        parser.push(bytes.fromhex(chunk))
    parser.end()
    print(json.dumps({"events": parser.events, "retry": parser.retry}), flush=True)
