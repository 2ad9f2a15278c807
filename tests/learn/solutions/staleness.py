import json, math, sys


def figures(trace, end):
    late = sorted(arrived - due for due, arrived in trace if arrived is not None)
    rank = lambda share: late[math.ceil(share * len(late)) - 1]
    # What happens, in order: an update is due (it exists), or it arrives (it is held).
    events = [(due, "due", number) for number, (due, _) in enumerate(trace)]
    events += [(arrived, "held", number) for number, (_, arrived) in enumerate(trace) if arrived is not None]
    events.sort()
    begin = min(arrived for _, arrived in trace if arrived is not None)
    exists = held = -1
    area = stale = 0
    before = begin
    for at, what, number in events + [(end, "end", -1)]:
        at = min(at, end)
        if at > before:
            age = before - trace[held][0]
            area += (at - before) * (age + (at - before) / 2)
            stale += (at - before) * (exists > held)
            before = at
        if what == "due":
            exists = max(exists, number)
        elif what == "held":
            held = max(held, number)
    return {
        "p50_ms": rank(0.5),
        "p99_ms": rank(0.99),
        "mean_age_ms": area / (end - begin),
        "stale_share": stale / (end - begin),
    }


for line in sys.stdin:
    question = json.loads(line)
    print(json.dumps(figures(question["trace"], question["end"])), flush=True)
