"""conflate: show the newest. Run: loadgen learn check conflate -- python3 conflate.py"""
import os, time, urllib.request

lab = os.environ["LAB_URL"]
show = int(os.environ["LAB_SHOW_MS"]) / 1000

with urllib.request.urlopen(f"{lab}/updates/sse") as stream:
    for line in stream:
        if line.startswith(b"data: "):
            print(line[6:].decode().strip(), flush=True)
            # Twenty updates come in this time. Where do they wait, and how old are they when they are shown?
            time.sleep(show)
