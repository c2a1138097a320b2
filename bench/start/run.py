#!/usr/bin/env python3
"""Start-up without a model, idle memory, and the time to the first event of a stream from the scripted provider.

    bench/start/run.py [--rounds 15] [--json FILE]
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests/conformance"), str(ROOT / "scripts")]
import harness  # noqa: E402

CONFIG = '[log]\nlevel = "warn"\n[[scripted]]\nname = "scripted.echo"\n[[scripted.rules]]\nreply = "Oslo."\n'


def start_ms(folder):
    """From exec to the line `ready`, on a data folder that is there already."""
    begin = time.perf_counter()
    process = subprocess.Popen([str(harness.BINARY), "serve", "--listen", "127.0.0.1:0", "--data", str(folder)],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    line = process.stdout.readline()
    taken = (time.perf_counter() - begin) * 1e3
    assert line.startswith("ready"), line
    time.sleep(0.5)
    status = Path(f"/proc/{process.pid}/status").read_text()
    rss_mib = int(next(row for row in status.splitlines() if row.startswith("VmRSS")).split()[1]) / 1024
    process.terminate()
    process.wait()
    return taken, rss_mib


def first_event_ms(server, rounds):
    client = harness.boto_client(server, "bedrock-runtime")
    ask = dict(modelId="scripted.echo", messages=[{"role": "user", "content": [{"text": "Which city?"}]}])
    seen = []
    for _ in range(rounds + 5):
        begin = time.perf_counter()
        stream = client.converse_stream(**ask)["stream"]
        next(iter(stream))
        seen.append((time.perf_counter() - begin) * 1e3)
        stream.close()
    return seen[5:]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--json", type=Path)
    options = arguments.parse_args()
    os.environ.pop("OUTCROP_MODELS", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start_ms(folder / "data")  # the first start makes the store and the keys
        starts = [start_ms(folder / "data") for _ in range(options.rounds)]
        server = harness.Server(folder / "scripted", config=CONFIG, models=False)
        events = first_event_ms(server, options.rounds * 4)
        server.stop()
    found = {"start_ms": statistics.median(s[0] for s in starts), "start_ms_max": max(s[0] for s in starts),
             "idle_rss_mib": statistics.median(s[1] for s in starts),
             "first_event_ms_through_boto3": statistics.median(events), "first_event_ms_p95": sorted(events)[int(len(events) * 0.95)]}
    for key, value in found.items():
        print(f"{key:32} {value:8.2f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
