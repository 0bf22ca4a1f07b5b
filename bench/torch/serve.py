"""Prepares one step and runs it as often as each request says: `python serve.py OPTIONS`, OPTIONS as JSON (see steps.py).

Writes one line of JSON when it is warm, then for each line {"repeat": n} on stdin one with the n times in ms. Ends with stdin.
The same protocol as src/ours/serve.ts. Needs torch 2 and nothing else.
"""

import json
import math
import platform
import sys
import time

import torch

from steps import prepare

WARM_UP = 3


def main():
    options = json.loads(sys.argv[1])
    loaded = reset_peak()
    started = time.perf_counter()
    run = prepare(options)
    first = timed(run)[0]
    for _ in range(WARM_UP - 1):
        run()
    versions = {"PyTorch": torch.__version__, "Python": platform.python_version()}
    facts = {"firstMs": first, "warmUpSeconds": time.perf_counter() - started, "loadedBytes": loaded}
    write({"versions": versions, "threads": torch.get_num_threads(), "device": "CPU", "facts": facts})
    for line in sys.stdin:
        times, values = zip(*(timed(run) for _ in range(json.loads(line)["repeat"])))
        write({"ms": times, "finite": all(map(math.isfinite, values)), "value": values[-1], "memory": memory()})


def timed(run):
    start = time.perf_counter()
    value = run()
    return (time.perf_counter() - start) * 1e3, value


def memory():
    """Resident bytes of this process now and at most; zeros where there is no /proc."""
    sizes = {}
    try:
        with open("/proc/self/status") as status:
            sizes = {name: int(rest.split()[0]) * 1024 for name, rest in (line.split(":", 1) for line in status) if name in ("VmRSS", "VmHWM")}
    except OSError:
        pass
    return {"nowBytes": sizes.get("VmRSS", 0), "peakBytes": sizes.get("VmHWM", 0)}


def reset_peak():
    """Starts a new peak: that of loading does not count. Returns the resident bytes now."""
    try:
        with open("/proc/self/clear_refs", "w") as references:
            references.write("5")
    except OSError:
        pass
    return memory()["nowBytes"]


def write(message):
    print(json.dumps(message if message.get("finite", True) else {**message, "value": None}), flush=True)


main()
