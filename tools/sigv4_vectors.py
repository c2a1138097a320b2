#!/usr/bin/env python3
"""Makes tests/data/sigv4/vectors.json from the signing test suite that the Rust crate aws-sigv4 carries.

usage: sigv4_vectors.py <folder of the unpacked crate> > tests/data/sigv4/vectors.json

Each vector keeps the request as a server sees it and what AWS expects of it: canonical request, string
to sign and signature, once with the signature in a header and once in the query. The two folders
that hold parts only (double-encode-path, double-url-encode) come with what they have.
"""
import json
import pathlib
import sys


def parse(text):
    head, _, body = text.partition("\n\n")
    lines = head.split("\n")
    method, rest = lines[0].split(" ", 1)
    target = rest.removesuffix(" HTTP/1.1")
    headers = []
    for line in lines[1:]:
        if line[:1] in (" ", "\t"):  # a folded line
            headers[-1][1] += "\n" + line
        elif line:
            name, _, value = line.partition(":")
            headers.append([name.lower(), value])
    return {"method": method, "target": target, "headers": headers, "body": body}


def read(path):
    return path.read_text(encoding="utf-8").replace("\r\n", "\n") if path.exists() else None


def stripped(path):
    text = read(path)
    return text.rstrip("\n") if text else text


def vector(folder):
    context = json.loads(read(folder / "context.json") or "{}")
    out = {"name": folder.name, **parse(read(folder / "request.txt"))}
    if context:
        out["normalize"] = context["normalize"]
        out["sign_body"] = context["sign_body"]
        out["secret"] = context["credentials"]["secret_access_key"]
        out["access_key_id"] = context["credentials"]["access_key_id"]
        if not context.get("omit_session_token"):
            out["token"] = context["credentials"].get("token")
        out["service"] = context["service"]
        out["region"] = context["region"]
        out["expires"] = context["expiration_in_seconds"]
    for place in ("header", "query"):
        canonical = stripped(folder / f"{place}-canonical-request.txt")
        if canonical is None:
            continue
        out[place] = {
            "canonical_request": canonical,
            "string_to_sign": stripped(folder / f"{place}-string-to-sign.txt"),
            "signature": stripped(folder / f"{place}-signature.txt"),
        }
    return {key: value for key, value in out.items() if value is not None}


def main():
    root = pathlib.Path(sys.argv[1]) / "aws-signing-test-suite" / "v4"
    vectors = [vector(folder) for folder in sorted(root.iterdir()) if folder.is_dir()]
    print("[")
    print(",\n".join(json.dumps(v, ensure_ascii=False) for v in vectors))
    print("]")


if __name__ == "__main__":
    main()
