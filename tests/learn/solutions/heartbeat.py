import http.client, json, os, time, urllib.request

lab = os.environ["LAB_URL"]
silence = 2 * int(os.environ["LAB_HEARTBEAT_MS"]) / 1000
cursor = "earliest"


def stream():
    """Follows the stream to its end; returns whether anything arrived."""
    global cursor
    something = False
    try:
        with urllib.request.urlopen(f"{lab}/updates/sse?after={cursor}", timeout=silence) as answer:
            block = {}
            while line := answer.readline():
                something = True
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    block[name] = value
                    continue
                if "data" in block:
                    print(block["data"], flush=True)
                cursor = block.get("id", cursor)
                block = {}
            return True
    except TimeoutError:
        return something
    except (OSError, http.client.HTTPException):
        return True


def long_poll():
    global cursor
    try:
        with urllib.request.urlopen(f"{lab}/updates/long-poll?hold=20&after={cursor}", timeout=25) as answer:
            if answer.status != 200:
                return
            batch = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError):
        return
    for update in batch["updates"]:
        print(json.dumps(update), flush=True)
    cursor = batch["cursor"]


while stream():
    time.sleep(0.1)
while True:
    long_poll()
    time.sleep(0.1)
