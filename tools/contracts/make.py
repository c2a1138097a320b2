#!/usr/bin/env python3
"""Makes contracts/*.json: the wire interface of the services as data, from botocore's service models.

  make.py            writes contracts/
  make.py --check    fails when contracts/ is not what the pinned models give

Facts only: names, bindings, shapes, constraints, errors. No documentation text is taken. The models come
from the package that third_party/contracts.txt pins by hash, installed into a folder that is thrown away.
A trait of a model that the program does not implement stops the tool: nothing is dropped unseen.
"""

import argparse
import glob
import gzip
import json
import os
import subprocess
import sys
import tempfile

import samples

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVICES = ["bedrock", "bedrock-runtime", "bedrock-agent", "bedrock-agent-runtime", "sagemaker-runtime"]

# Patterns that RE2 refuses, and what says the same in its syntax. check_translations() compares both.
TRANSLATIONS = {
    # RE2 repeats at most 1000 times.
    r"arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]{9,16}:[0-9]{12}:model-package/[\S]{1,2048}":
        r"arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]{9,16}:[0-9]{12}:model-package/[\S]{1,1000}[\S]{0,1000}[\S]{0,48}",
    r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.{1,1024}": r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.{1,1000}.{0,24}",
    r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.{1,1024}$": r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.{1,1000}.{0,24}$",
    # The look-ahead forbids what the next class does not allow anyway.
    r"(?![\-_+.])[a-z0-9][a-z0-9\-_\.]*": r"[a-z0-9][a-z0-9\-_\.]*",
    r"^(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+$": r"^[a-zA-Z0-9!_.*'()/-]+$",
    # Not only white space.
    r"^(?!\s*$).+": r"^.*[^\s\x0b].*$",
    # One dot at most.
    r"^(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9-_\.]*$": r"^[a-zA-Z0-9][a-zA-Z0-9\-_]*(?:\.[a-zA-Z0-9\-_]*)?$",
    # Escapes and classes of Java.
    "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+": r"[\x09\x0A\x0D\x20-\xFF]+",
    r"\p{ASCII}*": r"[\x00-\x7f]*",
    r"\A\S[\p{Print}]*\z": r"\A\S[\x20-\x7e]*\z",
}
# Patterns that the models misspell so that no real value could match: the correction, a value that must
# pass and one that must not.
CORRECTIONS = {
    # "/d" was meant to be "\d": an account number.
    r".*(^arn:aws:bedrock:[a-zA-Z0-9-]+:/d{12}:(agent|agent-alias|knowledge-base|flow|prompt)/[A-Z0-9]{10}(?:/[A-Z0-9]{10})?$"
    r"|^arn:aws:bedrock:[a-zA-Z0-9-]+:/d{12}:flow/([A-Z0-9]{10})/alias/([A-Z0-9]{10})$"
    r"|^arn:aws:bedrock:[a-zA-Z0-9-]+:/d{12}:prompt/([A-Z0-9]{10})?(?::/d+)?$"
    r"|^arn:aws(-cn|-us-gov|-eusc|-iso(-[b-f])?)?:bedrock:[a-zA-Z0-9-]+:[0-9]{12}:retrieval-instruction/[a-z0-9]{10}$).*": (
        r"arn:aws:bedrock:[a-zA-Z0-9-]+:[0-9]{12}:(agent|agent-alias|knowledge-base|flow|prompt)/[A-Z0-9]{10}(?:/[A-Z0-9]{10})?"
        r"|arn:aws:bedrock:[a-zA-Z0-9-]+:[0-9]{12}:flow/([A-Z0-9]{10})/alias/([A-Z0-9]{10})"
        r"|arn:aws:bedrock:[a-zA-Z0-9-]+:[0-9]{12}:prompt/([A-Z0-9]{10})?(?::[0-9]+)?"
        r"|arn:aws(-cn|-us-gov|-eusc|-iso(-[b-f])?)?:bedrock:[a-zA-Z0-9-]+:[0-9]{12}:retrieval-instruction/[a-z0-9]{10}",
        "arn:aws:bedrock:us-east-1:123456789012:agent/ABCDEFGHIJ", "arn:aws:bedrock:us-east-1:12345:agent/ABCDEFGHIJ"),
}
REFUSED = ["(?!", "(?=", "(?<!", "(?<=", "\\u", "\\p{ASCII}", "\\p{Print}", "2048}", "1024}"]

REPLACED = TRANSLATIONS | {original: correction for original, (correction, _, _) in CORRECTIONS.items()}

SHAPE_TRAITS = {
    "type", "members", "required", "member", "key", "value", "min", "max", "pattern", "enum", "union", "document",
    "sensitive", "error", "exception", "fault", "eventstream", "event", "payload", "timestampFormat",
    "documentation", "box", "synthetic", "retryable", "deprecated",
}
MEMBER_TRAITS = {
    "shape", "location", "locationName", "idempotencyToken", "eventpayload", "documentation", "box", "deprecated",
    "deprecatedMessage", "deprecatedSince", "jsonvalue",
}
LOCATIONS = {"uri": "path", "querystring": "query", "header": "header"}


def stop(text):
    sys.exit("make.py: " + text)


def install_models(folder):
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = os.path.join(folder, "bin", "pip")
    subprocess.run([pip, "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes",
                    "-r", os.path.join(ROOT, "third_party", "contracts.txt")], check=True)
    found = glob.glob(os.path.join(folder, "lib", "python3*", "site-packages", "botocore"))
    return found[0]


def read_model(package, service):
    files = sorted(glob.glob(os.path.join(package, "data", service, "*", "service-2.json*")))
    if not files:
        stop("the package has no model of %s" % service)
    opener = gzip.open if files[-1].endswith(".gz") else open
    with opener(files[-1], "rt", encoding="utf-8") as file:
        return json.load(file)


def refuse_unknown(where, seen, known):
    unknown = set(seen) - known
    if unknown:
        stop("%s has traits that the program does not implement: %s" % (where, ", ".join(sorted(unknown))))


def member_facts(shape_name, name, member, shapes):
    where = "%s.%s" % (shape_name, name)
    refuse_unknown(where, member, MEMBER_TRAITS)
    facts = {"shape": member["shape"]}
    if "location" in member:
        if member["location"] not in LOCATIONS:
            stop("%s is bound to %s" % (where, member["location"]))
        kind = shapes[member["shape"]]["type"]
        if kind in ("structure", "map", "blob") or (kind == "list" and member["location"] != "querystring"):
            stop("%s: a %s cannot be bound to %s here" % (where, kind, member["location"]))
        facts["in"] = LOCATIONS[member["location"]]
        facts["as"] = member["locationName"]
    elif member.get("locationName", name) != name:
        stop("%s has another name in the body" % where)
    if member.get("jsonvalue") and "location" in member:
        stop("%s is JSON in a header" % where)
    if member.get("idempotencyToken"):
        facts["token"] = True
    if member.get("eventpayload"):
        facts["eventpayload"] = True
    return facts if len(facts) > 1 else member["shape"]


def shape_facts(name, shape, shapes):
    refuse_unknown(name, shape, SHAPE_TRAITS)
    kind = shape["type"]
    if shape.get("document"):
        kind = "document"
    elif shape.get("union"):
        kind = "union"
    facts = {"type": kind}
    for flag in ("sensitive", "eventstream", "event"):
        if shape.get(flag):
            facts[flag] = True
    if shape.get("exception"):
        facts["exception"] = shape.get("error", {}).get("httpStatusCode", 500)
    if kind == "structure" or kind == "union":
        if shape.get("required"):
            facts["required"] = shape["required"]
        if shape.get("payload"):
            facts["payload"] = shape["payload"]
        facts["members"] = {m: member_facts(name, m, v, shapes) for m, v in shape["members"].items()}
    for part in ("member", "key", "value"):
        if part in shape:
            refuse_unknown("%s.%s" % (name, part), shape[part], {"shape", "documentation"})
            facts[part] = shape[part]["shape"]
    for limit in ("min", "max"):
        if limit in shape:
            facts[limit] = shape[limit]
    if "pattern" in shape:
        facts["pattern"] = shape["pattern"]
    if "enum" in shape:
        facts["enum"] = shape["enum"]
    if kind == "timestamp":
        facts["format"] = {"iso8601": "iso8601", "unixTimestamp": "epoch"}[shape.get("timestampFormat", "unixTimestamp")]
    return facts


def operation_facts(operation, shapes):
    http = operation["http"]
    refuse_unknown(operation["name"], operation, {"name", "http", "input", "output", "errors", "documentation",
                                                  "idempotent", "readonly", "deprecated"})
    facts = {"method": http["method"], "uri": http["requestUri"], "status": http.get("responseCode", 200)}
    for side in ("input", "output"):
        if side in operation:
            facts[side] = operation[side]["shape"]
    facts["errors"] = sorted(error["shape"] for error in operation.get("errors", []))
    for flag in ("readonly", "idempotent"):
        if operation.get(flag):
            facts[flag] = True
    for side in ("input", "output"):
        # A stream is the whole body wherever it stands; the models name it as payload.
        shape = shapes.get(facts.get(side), {})
        for member, value in shape.get("members", {}).items():
            if shapes[value["shape"]].get("eventstream") and shape.get("payload") != member:
                stop("%s: %s is a stream but not the payload" % (operation["name"], member))
    return facts


def contract(model, service, version):
    shapes = model["shapes"]
    patterns = {s["pattern"] for s in shapes.values() if "pattern" in s}
    for pattern in sorted(patterns):
        if "/d{" in pattern and pattern not in CORRECTIONS:
            stop("%r looks misspelt: decide in CORRECTIONS" % pattern)
        if any(sign in pattern for sign in REFUSED) and pattern not in TRANSLATIONS:
            stop("RE2 will refuse %r: add a translation" % pattern)
    compact = lambda value: json.dumps(value, separators=(",", ":"))
    section = lambda rows: ",\n".join("%s:%s" % (compact(key), compact(value)) for key, value in sorted(rows.items()))
    return "\n".join([
        "{",
        '"service":%s,' % compact(service),
        '"api":%s,' % compact(model["metadata"]["apiVersion"]),
        '"signing":%s,' % compact(model["metadata"]["signingName"]),
        '"from":%s,' % compact("facts of botocore %s, Apache-2.0" % version),
        '"translations":{', section({p: REPLACED[p] for p in patterns & set(REPLACED)}), "},",
        '"operations":{', section({n: operation_facts(o, shapes) for n, o in model["operations"].items()}), "},",
        '"shapes":{', section({n: shape_facts(n, s, shapes) for n, s in shapes.items()}), "}",
        "}", ""])


def check_translations(seed=20260101):
    """Original and translation must agree on matches, their neighbours, and matches of the translation."""
    rng = samples.random_source(seed)
    for original, translation in TRANSLATIONS.items():
        first, second = samples.compiled(original), samples.compiled(translation)
        texts = ["", " ", "\t", "a", "a.b", "a.b.c", "\x7f", "\xff", "\u0100", "s3://abc/" + "x" * 1024, "s3://abc/" + "x" * 1025,
                 "arn:aws:sagemaker:us-east-1:123456789012:model-package/" + "x" * 2048,
                 "arn:aws:sagemaker:us-east-1:123456789012:model-package/" + "x" * 2049]
        for source in (original, translation):
            for _ in range(60):
                text = samples.sample(source, rng)
                texts += [text, *samples.mutations(text, rng, 40)]
        outcomes = {True: 0, False: 0}
        for text in texts:
            agreed = bool(first.fullmatch(text))
            if agreed != bool(second.fullmatch(text)):
                stop("seed %d: %r and its translation differ on %r" % (seed, original, text))
            outcomes[agreed] += 1
        if min(outcomes.values()) < 50:
            stop("seed %d: too few samples of one kind for %r: %s" % (seed, original, outcomes))
    for original, (correction, good, bad) in CORRECTIONS.items():
        if samples.compiled(original).fullmatch(good):
            stop("no longer misspelt: %r" % original)
        if not samples.compiled(correction).fullmatch(good) or samples.compiled(correction).fullmatch(bad):
            stop("the correction of %r is wrong" % original)
    return len(TRANSLATIONS)


def pinned_version():
    with open(os.path.join(ROOT, "third_party", "contracts.txt"), encoding="utf-8") as file:
        for line in file:
            if line.startswith("botocore=="):
                return line.split("==")[1].split()[0]
    stop("third_party/contracts.txt names no botocore")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true", help="compare instead of writing")
    options = arguments.parse_args()
    checked = check_translations()
    version = pinned_version()
    stale, used = [], set()
    with tempfile.TemporaryDirectory() as folder:
        package = install_models(folder)
        for service in SERVICES:
            model = read_model(package, service)
            used |= {shape["pattern"] for shape in model["shapes"].values() if "pattern" in shape}
            text = contract(model, service, version)
            path = os.path.join(ROOT, "contracts", service + ".json")
            if options.check:
                current = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
                if current != text:
                    stale.append(os.path.relpath(path, ROOT))
            else:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
    unused = set(REPLACED) - used
    if unused:
        stop("no model has these patterns any more: %s" % sorted(unused))
    if stale:
        stop("not current, run tools/contracts/make.py: " + ", ".join(stale))
    print("%d services, %d translations checked" % (len(SERVICES), checked))


if __name__ == "__main__":
    main()
