"""sse-parser: bytes in, events out. Run: loadgen learn check sse-parser -- python3 sse-parser.py"""
import json, sys

for line in sys.stdin:
    events = []
    # What if a line ends with CR LF? If there is an id? If a piece ends in the middle of a character?
    text = "".join(bytes.fromhex(chunk).decode() for chunk in json.loads(line)["chunks"])
    for block in text.split("\n\n"):
        if block.startswith("data: "):
            events.append({"event": "message", "data": block[6:], "id": ""})
    print(json.dumps({"events": events, "retry": None}), flush=True)
