#!/usr/bin/env python3
"""Makes a minimal valid input and output of every operation from contracts/, for tests.

  examples.py            writes tests/unit/contract/examples.json
  examples.py --check    fails when that file is not current
  examples.py --full     prints examples with every member set (to standard output, for conformance)

Minimal: required members only; the first member of a union that needs the least; the shortest text that
fits length and pattern. The program's own validator is held against them in tests/unit/contract.
"""

import argparse
import base64
import glob
import json
import os
import sys

import samples

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGET = os.path.join(ROOT, "tests", "unit", "contract", "examples.json")
DEPTH_MAX = 12


class NotPossible(Exception):
    pass


def load():
    found = {}
    for path in sorted(glob.glob(os.path.join(ROOT, "contracts", "*.json"))):
        with open(path, encoding="utf-8") as file:
            contract = json.load(file)
        found[contract["service"]] = contract
    return found


class Maker:
    def __init__(self, contract, full, seed):
        self.shapes = contract["shapes"]
        self.translations = contract["translations"]
        self.full = full
        self.seed = seed
        self.texts = {}

    def text(self, name, shape):
        if shape.get("enum"):
            return shape["enum"][0]
        if name not in self.texts:
            low, high = int(shape.get("min", 0)), shape.get("max")
            pattern = shape.get("pattern")
            pattern = self.translations.get(pattern, pattern)
            if not pattern:
                self.texts[name] = "example"[:high].ljust(low, "x") if high is None or high > 0 else ""
            else:
                rng = samples.random_source("%s %s" % (self.seed, name))
                self.texts[name] = samples.sample(pattern, rng, max(low, 1) if high != 0 else 0, high)
        return self.texts[name]

    def number(self, shape):
        value = shape.get("min", 1 if shape.get("max", 1) >= 1 else shape.get("max"))
        return int(value) if shape["type"] in ("integer", "long") else value

    def make(self, name, path=()):
        shape = self.shapes[name]
        kind = shape["type"]
        if kind in ("structure", "union", "list", "map") and (name in path or len(path) > DEPTH_MAX):
            raise NotPossible(name)
        inside = path + (name,)
        if kind == "structure":
            return self.members(shape, inside)
        if kind == "union":
            best = None
            for member, facts in shape["members"].items():
                try:
                    made = {member: self.make(facts if isinstance(facts, str) else facts["shape"], inside)}
                except NotPossible:
                    continue
                if best is None or len(json.dumps(made)) < len(json.dumps(best)):
                    best = made
            if best is None:
                raise NotPossible(name)
            return best
        if kind == "list":
            count = int(shape.get("min", 1 if self.full else 0))
            if self.full and shape.get("max", 1) >= 1:
                count = max(count, 1)
            return [self.make(shape["member"], inside) for _ in range(count)]
        if kind == "map":
            if not shape.get("min") and not self.full:
                return {}
            return {self.text(shape["key"], self.shapes[shape["key"]]): self.make(shape["value"], inside)}
        if kind == "string":
            return self.text(name, shape)
        if kind in ("integer", "long", "float", "double"):
            return self.number(shape)
        if kind == "boolean":
            return True
        if kind == "timestamp":
            return 1767225600 if shape["format"] == "epoch" else "2026-01-01T00:00:00Z"
        if kind == "blob":
            return base64.b64encode(b"{}".ljust(int(shape.get("min", 0)))).decode()
        return {}

    def members(self, shape, path):
        made = {}
        for member, facts in shape["members"].items():
            target = facts if isinstance(facts, str) else facts["shape"]
            required = member in shape.get("required", ())
            whole = shape.get("payload") == member and (self.shapes[target]["type"] == "blob" or self.shapes[target].get("eventstream"))
            if whole or not (required or self.full):
                continue
            try:
                made[member] = self.make(target, path)
            except NotPossible:
                if required:
                    raise
        return made


def examples(full):
    rows = {}
    for service, contract in load().items():
        maker = Maker(contract, full, service)
        for name, operation in contract["operations"].items():
            rows["%s.%s" % (service, name)] = {"input": maker.make(operation["input"]), "output": maker.make(operation["output"])}
    body = ",\n".join("%s:%s" % (json.dumps(k), json.dumps(v, separators=(",", ":"))) for k, v in sorted(rows.items()))
    return "{\n%s\n}\n" % body


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("--full", action="store_true")
    options = arguments.parse_args()
    text = examples(options.full)
    if options.full:
        sys.stdout.write(text)
    elif options.check:
        current = open(TARGET, encoding="utf-8").read() if os.path.exists(TARGET) else ""
        if current != text:
            sys.exit("not current, run tools/contracts/examples.py: " + os.path.relpath(TARGET, ROOT))
    else:
        with open(TARGET, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
