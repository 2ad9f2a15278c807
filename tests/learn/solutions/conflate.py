import os, threading, time, urllib.request

lab = os.environ["LAB_URL"]
show = int(os.environ["LAB_SHOW_MS"]) / 1000
changed = threading.Condition()
newest = None


def read():
    global newest
    with urllib.request.urlopen(f"{lab}/updates/sse") as stream:
        for line in stream:
            if line.startswith(b"data: "):
                with changed:
                    newest = line[6:]
                    changed.notify()


threading.Thread(target=read, daemon=True).start()
while True:
    with changed:
        changed.wait_for(lambda: newest is not None)
        line, newest = newest, None
    print(line.decode().strip(), flush=True)
    time.sleep(show)
