"""poller: ask at an interval, print each update once. Run: loadgen learn check poller -- python3 poller.py"""
import json, os, time, urllib.request

lab = os.environ["LAB_URL"]
interval = int(os.environ["LAB_INTERVAL_MS"]) / 1000

while True:
    # Each poll asks for what comes from now on. What about those that were published between two polls?
    with urllib.request.urlopen(f"{lab}/updates/poll") as answer:
        if answer.status == 200:
            for update in json.load(answer)["updates"]:
                print(json.dumps(update), flush=True)
    time.sleep(interval)
