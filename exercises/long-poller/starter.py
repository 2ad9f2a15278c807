"""long-poller: one request is parked at all times. Run: loadgen learn check long-poller -- python3 long-poller.py"""
import json, os, time, urllib.request

lab = os.environ["LAB_URL"]

while True:
    # The request waits in the lab for an update. What about updates that are published before the next request?
    with urllib.request.urlopen(f"{lab}/updates/long-poll?hold=20") as answer:
        if answer.status == 200:
            for update in json.load(answer)["updates"]:
                print(json.dumps(update), flush=True)
