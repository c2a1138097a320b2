"""The program as a child process, and the clients that talk to it."""
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import aws_client  # noqa: E402  (lives beside the tour, which uses it too)

BINARY = Path(os.environ.get("OUTCROP_BIN") or ROOT / "build/release/outcrop")
START_S = 60
STOP_S = 20
KEPT_LINES = 60


def fetched(*what):
    """The path that scripts/fetch prints."""
    done = subprocess.run([str(ROOT / "scripts/fetch"), *what], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"scripts/fetch {' '.join(what)}: {done.stderr.strip()}")
    return Path(done.stdout.strip())


class Server:
    """`outcrop serve` on a free port with a data folder of its own.

    url, env (what `outcrop env` exports, and the one endpoint for all services), data, pid. `config` is TOML text, or a path. `models=False` starts it
    without the default models, which is quicker where the configuration brings its own (scripted) ones.
    """

    def __init__(self, folder, config=None, tls=False, models=True, data=None, options=(), environment=None, binary=BINARY):
        if not binary.exists():
            raise RuntimeError(f"{binary} is not there: build it with scripts/run --build-only, or name another in OUTCROP_BIN")
        folder.mkdir(parents=True, exist_ok=True)
        self.binary, self.data, self.exit_code = binary, Path(data or folder / "data"), None
        command = [str(binary), "serve", "--listen", "127.0.0.1:0", "--data", str(self.data), *options]
        if tls:
            command += ["--set", "server.tls=auto"]
        if config is not None:
            file = config if isinstance(config, Path) else folder / "outcrop.toml"
            if file != config:
                file.write_text(config)
            command += ["--config", str(file)]
        env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OUTCROP_"))}
        if models:
            env["OUTCROP_MODELS"] = os.environ.get("OUTCROP_MODELS") or str(fetched("models"))
        self._lines, self._kept = queue.Queue(), []
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                         text=True, errors="replace", env={**env, **(environment or {})})
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.url = self._wait_until_ready()
            self.env = {**aws_client.read_env(binary, self.data), "AWS_ENDPOINT_URL": self.url}
        except BaseException:
            self.stop()
            raise

    def _read(self):
        for line in self._process.stdout:
            self._kept.append(line.rstrip("\n"))
            del self._kept[:-KEPT_LINES]
            self._lines.put(line)
        self._lines.put(None)

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_S
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise RuntimeError(f"no 'ready' within {START_S} s; it said:\n{self.last_words()}") from None
            if line is None:
                raise RuntimeError(f"it stopped with exit code {self._process.wait()} before it was ready:\n{self.last_words()}")
            found = re.match(r"ready (https?://\S+)", line)
            if found:
                return found.group(1).rstrip("/")

    @property
    def pid(self):
        return self._process.pid

    def last_words(self):
        return "\n".join(self._kept)

    def call(self, method, path, document=None, **options):
        """One signed request without an SDK: what the wire says, error or not."""
        return aws_client.call(self.env, method, path, document, **options)

    def stop(self, how=signal.SIGTERM):
        """Stops it if it still runs; its exit code (0: an orderly end), None if it was stopped before."""
        if self.exit_code is not None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            self.exit_code = self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            self.exit_code = -9
        return self.exit_code


def boto_client(server, service, retries=0, read_timeout_s=120, env=None, **options):
    """A boto3 client that sees nothing of this machine's own AWS settings. `options` go to boto3.client as they are."""
    import boto3
    import botocore.config
    import botocore.session

    env = {**server.env, **(env or {})}
    session = botocore.session.Session(session_vars={"config_file": (None, None, os.devnull, None),
                                                     "credentials_file": (None, None, os.devnull, None)})
    config = botocore.config.Config(retries={"total_max_attempts": retries + 1, "mode": "standard"},
                                    connect_timeout=10, read_timeout=read_timeout_s, proxies={})
    if "config" in options:
        config = config.merge(options.pop("config"))
    return boto3.Session(botocore_session=session).client(service, **{
        "endpoint_url": server.url, "region_name": env.get("AWS_REGION") or env["AWS_DEFAULT_REGION"],
        "aws_access_key_id": env["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": env["AWS_SECRET_ACCESS_KEY"],
        "verify": env.get("AWS_CA_BUNDLE"), "config": config, **options})


def run_node(server, script, arguments, folder, timeout_s):
    """Runs a module (a file beside the tests, or source text) with the AWS clients of third_party/node in reach."""
    modules, program = fetched("node-modules"), fetched("node") / "node"
    beside = Path(__file__).parent / script if "\n" not in script and len(script) < 200 else None
    text = beside.read_text() if beside and beside.exists() else script
    link, file = folder / "node_modules", folder / (beside.name if beside and beside.exists() else "script.mjs")
    if not link.exists():
        link.symlink_to(modules)
    file.write_text(text)
    env = aws_client.process_environment(server.env)
    if server.env.get("AWS_CA_BUNDLE"):
        env["NODE_EXTRA_CA_CERTS"] = server.env["AWS_CA_BUNDLE"]
    done = subprocess.run([str(program), str(file), *map(str, arguments)], capture_output=True, text=True, check=False,
                          timeout=timeout_s, cwd=folder, env=env, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"node {file.name} ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def run_aws(server, arguments, timeout_s):
    """The AWS CLI of the tests' virtual environment; its JSON, or its text where that is no JSON."""
    done = subprocess.run([sys.executable, "-m", "awscli", *arguments], capture_output=True, text=True, check=False,
                          timeout=timeout_s, env={**aws_client.process_environment(server.env), "AWS_PAGER": ""}, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"aws {' '.join(arguments)} ended with exit code {done.returncode}:\n{done.stderr}"
    try:
        return json.loads(done.stdout)
    except ValueError:
        return done.stdout
