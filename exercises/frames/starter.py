"""frames: the bytes that a message costs besides its payload. Run: loadgen learn check frames -- python3 frames.py"""
import json, sys


def frame_header(length, masked):
    # Right for short frames. What about 126 bytes and more, or 65536 and more?
    return bytes([0x81, (0x80 if masked else 0) | (length & 0x7F)])


for line in sys.stdin:
    question = json.loads(line)
    answer = {}
    if question["ask"] == "frame_header":
        answer = {"hex": frame_header(question["length"], question["masked"]).hex()}
    print(json.dumps(answer), flush=True)
