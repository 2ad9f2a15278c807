import http.client, json, os, time, urllib.error, urllib.request

lab = os.environ["LAB_URL"]
cursor = "earliest"

while True:
    try:
        with urllib.request.urlopen(f"{lab}/updates/long-poll?hold=20&after={cursor}", timeout=25) as answer:
            if answer.status == 204:
                time.sleep(0.1)
                continue
            batch = json.loads(answer.read())
    except urllib.error.HTTPError as refusal:
        time.sleep(float(refusal.headers.get("Retry-After", 1)))
        continue
    except (OSError, http.client.HTTPException, ValueError):  # of a head that is cut Python makes an empty body
        time.sleep(0.1)
        continue
    for update in batch["updates"]:
        print(json.dumps(update), flush=True)
    cursor = batch["cursor"]
