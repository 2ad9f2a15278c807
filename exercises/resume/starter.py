"""resume: print every update, whatever happens to the line. Run: loadgen learn check resume -- python3 resume.py"""
import os, time, urllib.request

lab = os.environ["LAB_URL"]

while True:
    try:
        with urllib.request.urlopen(f"{lab}/updates/sse") as stream:
            for line in stream:
                # An update is a line `data: {"seq":…}`. What else in a block do you need after a cut?
                if line.startswith(b"data: "):
                    print(line[6:].decode().strip(), flush=True)
    except OSError:
        time.sleep(0.1)
