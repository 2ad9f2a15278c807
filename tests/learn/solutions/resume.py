import http.client, json, os, time, urllib.error, urllib.request

lab = os.environ["LAB_URL"]
silence = int(os.environ["LAB_SILENCE_MS"]) / 1000
cursor = "earliest"


def follow():
    global cursor
    request = urllib.request.Request(f"{lab}/updates/sse?after={cursor}")
    with urllib.request.urlopen(request, timeout=silence) as stream:
        block = {}
        while line := stream.readline():
            line = line.decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                block[name] = value
                continue
            if block.get("event") == "gap":
                print('{"gap":%s}' % block["data"], flush=True)
            elif "data" in block:
                print(block["data"], flush=True)
            cursor = block.get("id", cursor)
            block = {}


while True:
    try:
        follow()
    except urllib.error.HTTPError as refusal:
        time.sleep(float(refusal.headers.get("Retry-After", 1)))
    except (OSError, http.client.HTTPException):
        pass
    time.sleep(0.1)
