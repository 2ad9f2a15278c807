"""Long polling, client: asks again at once. Updates that come in between wait in the server."""
import json, sys, urllib.request

after = 0
while True:
    with urllib.request.urlopen(f"{sys.argv[1]}/updates?after={after}", timeout=30) as answer:
        for update in json.load(answer):
            print(json.dumps(update), flush=True)
            after = update["seq"]
