"""Polling, client: asks at an interval for what follows the last update that it has."""
import json, sys, time, urllib.request

after = 0
while True:
    with urllib.request.urlopen(f"{sys.argv[1]}/updates?after={after}") as answer:
        for update in json.load(answer):
            print(json.dumps(update), flush=True)
            after = update["seq"]
    time.sleep(0.25)
