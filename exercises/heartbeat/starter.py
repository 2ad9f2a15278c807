"""heartbeat: notice a dead line. Run: loadgen learn check heartbeat -- python3 heartbeat.py"""
import http.client, os, time, urllib.request

lab = os.environ["LAB_URL"]
heartbeat = int(os.environ["LAB_HEARTBEAT_MS"]) / 1000
cursor = "earliest"

while True:
    try:
        # On a dead line this waits for ever. How long should it wait?
        with urllib.request.urlopen(f"{lab}/updates/sse?after={cursor}") as stream:
            block = {}
            while line := stream.readline():
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    block[name] = value
                    continue
                if "data" in block:
                    print(block["data"], flush=True)
                cursor = block.get("id", cursor)
                block = {}
    except (OSError, http.client.HTTPException):
        pass
    time.sleep(0.1)
