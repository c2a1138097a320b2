"""A signed AWS call in the standard library alone, and the environment that `outcrop env` prints.

Used by the tour, the conformance harness and the documentation's test. It is no SDK: one request, one reply, no retry.
Source: AWS Signature Version 4 (canonical request, string to sign, derived key).
"""
import datetime
import hashlib
import hmac
import json
import os
import shlex
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request


def read_env(outcrop, data):
    """{name: value} of the export lines of `outcrop env --data DATA`."""
    shown = subprocess.run([str(outcrop), "env", "--data", str(data)], capture_output=True, text=True, check=False)
    if shown.returncode:
        raise RuntimeError(f"outcrop env --data {data} failed (exit code {shown.returncode}): {shown.stderr.strip()}")
    found = {}
    for line in shown.stdout.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["export"]:
            found.update(word.split("=", 1) for word in words[1:] if "=" in word)
    return found


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def sign(env, service, method, url, headers, body, now=None):
    """The headers of the request with host, date, token and authorization added."""
    now = now or datetime.datetime.now(datetime.timezone.utc)
    parts = urllib.parse.urlsplit(url)
    region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "us-east-1"
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    headers = {**headers, "host": parts.netloc, "x-amz-date": stamp}
    if env.get("AWS_SESSION_TOKEN"):
        headers["x-amz-security-token"] = env["AWS_SESSION_TOKEN"]
    # The path on the wire is encoded once; the canonical one is encoded once more, as every service but S3 has it.
    path = urllib.parse.quote(parts.path or "/", safe="/-_.~")
    query = "&".join(sorted(f"{urllib.parse.quote(k, safe='-_.~')}={urllib.parse.quote(v, safe='-_.~')}"
                            for k, v in urllib.parse.parse_qsl(parts.query, keep_blank_values=True)))
    lines = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    names = ";".join(sorted(lines))
    canonical = "\n".join([method, path, query, *(f"{name}:{lines[name]}" for name in sorted(lines)), "", names,
                           hashlib.sha256(body).hexdigest()])
    scope = f"{day}/{region}/{service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + env["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in (day, region, service, "aws4_request"):
        key = _hmac(key, part)
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={env['AWS_ACCESS_KEY_ID']}/{scope}, "
                                f"SignedHeaders={names}, Signature={signature}")
    return headers


class Reply:
    """status, headers (lower-case names), body; json() decodes it."""

    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {name.lower(): value for name, value in headers}

    def json(self):
        return json.loads(self.body)


def call(env, method, path, document=None, service="bedrock", timeout_s=120, headers=None, signed=True):
    """One request to env's endpoint. `path` is encoded already; an error status is a Reply, not an exception."""
    url = (env.get("AWS_ENDPOINT_URL") or env["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"]).rstrip("/") + path
    body = b"" if document is None else document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = {**({"content-type": "application/json"} if body else {}), **(headers or {})}
    if signed:
        headers = sign(env, service, method, url, headers, body)
    authority = env.get("AWS_CA_BUNDLE")
    context = ssl.create_default_context(cafile=authority) if url.startswith("https:") and authority else None
    request = urllib.request.Request(url, data=body or None, method=method, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),  # a proxy of the user's is not for this
                                         *([urllib.request.HTTPSHandler(context=context)] if context else []))
    try:
        with opener.open(request, timeout=timeout_s) as reply:
            return Reply(reply.status, reply.getheaders(), reply.read())
    except urllib.error.HTTPError as error:
        return Reply(error.code, error.headers.items(), error.read())


def model_path(model, action):
    """/model/<id, encoded>/<action>"""
    return f"/model/{urllib.parse.quote(model, safe='')}/{action}"


def process_environment(env):
    """The environment for a client's process: this one's, without AWS settings of the user's, with env's instead."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_") and "_proxy" not in name.lower()}
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", **env}
