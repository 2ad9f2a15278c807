"""Server-Sent Events, client: reads lines; an empty one ends a block. The id says where to go on."""
import sys, time, urllib.request

last = ""
while True:
    try:
        request = urllib.request.Request(f"{sys.argv[1]}/updates", headers={"Last-Event-ID": last})
        with urllib.request.urlopen(request) as stream:
            for line in stream:
                name, _, value = line.decode().strip().partition(": ")
                if name == "id":
                    last = value
                elif name == "data":
                    print(value, flush=True)
    except OSError:
        pass
    time.sleep(1)
