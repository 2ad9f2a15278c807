import json, os, time, urllib.error, urllib.request

lab = os.environ["LAB_URL"]
interval = int(os.environ["LAB_INTERVAL_MS"]) / 1000
cursor = "earliest"
due = time.monotonic()

while True:
    try:
        with urllib.request.urlopen(f"{lab}/updates/poll?after={cursor}", timeout=5) as answer:
            if answer.status == 200:
                batch = json.load(answer)
                for update in batch["updates"]:
                    print(json.dumps(update), flush=True)
                cursor = batch["cursor"]
    except urllib.error.HTTPError as refusal:
        time.sleep(float(refusal.headers.get("Retry-After", 1)))
    due += interval
    now = time.monotonic()
    if due < now:
        due = now
    time.sleep(due - now)
