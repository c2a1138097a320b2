#!/usr/bin/env python3
"""Converse through the scripted provider, signatures verified, beside nginx serving the same answer.

    bench/gateway/run.py [--rounds 5] [--seconds 4] [--json FILE]

Both servers run on core 0, the load generator (wrk) on core 1; rounds alternate between them, so that what else the
machine does falls on both. CPU is read from /proc before and after each round. The signature is made once: it
holds for five minutes, and every request is verified against it anew.
"""
import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests/conformance"), str(ROOT / "scripts")]
import harness  # noqa: E402

MODEL = "scripted.echo"
CONFIG = """
[log]
level = "warn"
[[scripted]]
name = "scripted.echo"
[[scripted.rules]]
reply = "The Larkspur depot is in Oslo, and it has been there since the spring of the year before last."
"""
BODY = json.dumps({"messages": [{"role": "user", "content": [{"text": "Which city is the Larkspur depot in? " * 26}]}],
                   "inferenceConfig": {"maxTokens": 64, "temperature": 0.0}})
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nginx:
    def __init__(self, folder, answer):
        self.port = free_port()
        config = folder / "nginx.conf"
        text = answer.replace("\\", "\\\\").replace("'", "\\'").replace("$", "")
        config.write_text(f"""
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000; client_body_buffer_size 64k; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{self.port}; location / {{ default_type application/json; return 200 '{text}'; }} }} }}
""")
        self.process = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(config), "-p", str(folder)])
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.pid = int(children[0])
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self):
        self.process.terminate()
        self.process.wait()


def pin(pid, core):
    for task in os.listdir(f"/proc/{pid}/task"):
        subprocess.run(["taskset", "-p", "-c", str(core), task], stdout=subprocess.DEVNULL, check=False)


def load(url, path, headers, connections, seconds, folder):
    script = folder / "request.lua"
    lines = [f'wrk.method = "POST"', f"wrk.body = {json.dumps(BODY)}"]
    lines += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items() if name != "host"]
    script.write_text("\n".join(lines))
    shown = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), url + path],
                           capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in shown or "Socket errors" in shown:
        raise RuntimeError(shown)

    def ms(text):
        number, unit = re.match(r"([\d.]+)(us|ms|s)", text).groups()
        return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]

    return {"requests_per_s": float(re.search(r"Requests/sec:\s+([\d.]+)", shown).group(1)),
            "requests": int(re.search(r"(\d+) requests in", shown).group(1)),
            "p50_ms": ms(re.search(r"50%\s+(\S+)", shown).group(1)), "p99_ms": ms(re.search(r"99%\s+(\S+)", shown).group(1))}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=int, default=4)
    arguments.add_argument("--connections", type=int, nargs="*", default=[1, 16, 64])
    arguments.add_argument("--json", type=Path)
    options = arguments.parse_args()
    import aws_client
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = harness.Server(folder / "outcrop", config=CONFIG, models=False)
        path = f"/model/{MODEL}/converse"
        answer = server.call("POST", path, json.loads(BODY))
        assert answer.status == 200, answer.body
        nginx = Nginx(folder, answer.body.decode())
        pin(server.pid, 0)
        pin(nginx.pid, 0)
        rows = []
        try:
            for connections in options.connections:
                seen = {"outcrop": [], "nginx": []}
                for _ in range(options.rounds):
                    for who, url, pid in (("outcrop", server.url, server.pid), ("nginx", nginx.url, nginx.pid)):
                        headers = aws_client.sign(server.env, "bedrock", "POST", server.url + path, {"content-type": "application/json"}, BODY.encode())
                        before = cpu_s(pid)
                        found = load(url, path, headers, connections, options.seconds, folder)
                        found["cpu_us_per_request"] = (cpu_s(pid) - before) * 1e6 / found["requests"]
                        seen[who].append(found)
                row = {"connections": connections}
                for who, rounds in seen.items():
                    row[who] = {key: statistics.median(r[key] for r in rounds) for key in ("requests_per_s", "p50_ms", "p99_ms", "cpu_us_per_request")}
                row["cpu_ratio"] = row["outcrop"]["cpu_us_per_request"] / row["nginx"]["cpu_us_per_request"]
                row["p99_ratio"] = row["outcrop"]["p99_ms"] / row["nginx"]["p99_ms"]
                rows.append(row)
                print(f"{connections:4} connections   outcrop {row['outcrop']['requests_per_s']:8,.0f}/s  p99 {row['outcrop']['p99_ms']:6.2f} ms  "
                      f"{row['outcrop']['cpu_us_per_request']:5.1f} us CPU    nginx {row['nginx']['requests_per_s']:8,.0f}/s  p99 {row['nginx']['p99_ms']:6.2f} ms  "
                      f"{row['nginx']['cpu_us_per_request']:5.1f} us CPU    ratio CPU {row['cpu_ratio']:.2f}  p99 {row['p99_ratio']:.2f}", flush=True)
        finally:
            nginx.stop()
            server.stop()
    if options.json:
        options.json.write_text(json.dumps({"body_bytes": len(BODY), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
