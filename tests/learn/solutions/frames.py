import json, sys


def frame_header(length, masked):
    mask = 0x80 if masked else 0
    if length < 126:
        return bytes([0x81, mask | length])
    if length < 65536:
        return bytes([0x81, mask | 126]) + length.to_bytes(2, "big")
    return bytes([0x81, mask | 127]) + length.to_bytes(8, "big")


def frame(data):
    length, at = data[1] & 0x7F, 2
    if length >= 126:
        size = 2 if length == 126 else 8
        length, at = int.from_bytes(data[2 : 2 + size], "big"), 2 + size
    masked = data[1] >= 0x80
    key = data[at : at + 4] if masked else bytes(4)
    payload = data[at + 4 :] if masked else data[at:]
    payload = bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
    return {
        "final": data[0] >= 0x80,
        "opcode": data[0] & 0x0F,
        "masked": masked,
        "length": length,
        "payload": payload.hex(),
    }


def split(data):
    head = data.index(b"\r\n\r\n") + 4
    at, payload = head, 0
    while True:
        line = data.index(b"\r\n", at)
        size = int(data[at:line], 16)
        payload += size
        at = line + 2 + size + 2
        if size == 0:
            return {"head": head, "framing": len(data) - head - payload, "payload": payload}


for line in sys.stdin:
    question = json.loads(line)
    if question["ask"] == "frame_header":
        answer = {"hex": frame_header(question["length"], question["masked"]).hex()}
    elif question["ask"] == "chunk":
        answer = {"hex": f"{question['length']:x}\r\n".encode().hex()}
    elif question["ask"] == "frame":
        answer = frame(bytes.fromhex(question["hex"]))
    else:
        answer = split(bytes.fromhex(question["hex"]))
    print(json.dumps(answer), flush=True)
