"""staleness: a trace in, four figures out. Run: loadgen learn check staleness -- python3 staleness.py"""
import json, sys

for line in sys.stdin:
    question = json.loads(line)
    late = sorted(arrived - due for due, arrived in question["trace"] if arrived is not None)
    # This is only the mean. Which figures does the task ask for? And what does the age do between two arrivals?
    mean = sum(late) / len(late)
    print(json.dumps({"p50_ms": mean, "p99_ms": late[-1], "mean_age_ms": mean, "stale_share": 0}), flush=True)
