#!/usr/bin/env python3
"""Writes docs/coverage.md: every operation of contracts/ and whether it works here.

  coverage.py            writes the page
  coverage.py --check    fails when the page is not current

An operation works when a conformance run with real clients passed it: tests/conformance/passed.json maps
"service.Operation" to the tests that did. Nothing else makes it so.
"""

import argparse
import json
import os
import sys

import examples

ROOT = examples.ROOT
PASSED = os.path.join(ROOT, "tests", "conformance", "passed.json")
PAGE = os.path.join(ROOT, "docs", "coverage.md")
TESTS_SHOWN = 2


def read_passed(operations):
    if not os.path.exists(PASSED):
        return {}
    with open(PASSED, encoding="utf-8") as file:
        passed = json.load(file)
    unknown = sorted(set(passed) - operations)
    if unknown:
        sys.exit("coverage.py: tests/conformance/passed.json names what no contract has: " + ", ".join(unknown))
    return passed


def tests_cell(tests):
    shown = ", ".join("`%s`" % test for test in tests[:TESTS_SHOWN])
    return shown + (" and %d more" % (len(tests) - TESTS_SHOWN) if len(tests) > TESTS_SHOWN else "")


def page(contracts, passed):
    lines = [
        "# Coverage", "",
        "Made by `tools/contracts/coverage.py` from `contracts/` and `tests/conformance/passed.json`; not edited by hand.",
        "*works*: the named conformance tests, with a real SDK against the real program, passed. *not yet*: no passing conformance",
        "test; the request is routed and validated, and an operation without a handler answers 501 `NotImplementedException` with its name.", "",
        "| service | operations | work |", "|---|---|---|",
    ]
    total = works_total = 0
    for service, contract in contracts.items():
        works = sum(1 for name in contract["operations"] if passed.get("%s.%s" % (service, name)))
        total += len(contract["operations"])
        works_total += works
        lines.append("| [%s](#%s) | %d | %d |" % (service, service, len(contract["operations"]), works))
    lines += ["| together | %d | %d |" % (total, works_total)]
    for service, contract in contracts.items():
        lines += ["", "## " + service, "", "API version %s." % contract["api"], "", "| operation | request | state | tests |", "|---|---|---|---|"]
        for name, operation in sorted(contract["operations"].items()):
            tests = passed.get("%s.%s" % (service, name), [])
            state = "works" if tests else "not yet (501)"
            lines.append("| %s | %s `%s` | %s | %s |" % (name, operation["method"], operation["uri"], state, tests_cell(tests)))
    return "\n".join(lines) + "\n"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true")
    options = arguments.parse_args()
    contracts = examples.load()
    operations = {"%s.%s" % (service, name) for service, contract in contracts.items() for name in contract["operations"]}
    text = page(contracts, read_passed(operations))
    if options.check:
        current = open(PAGE, encoding="utf-8").read() if os.path.exists(PAGE) else ""
        if current != text:
            sys.exit("not current, run tools/contracts/coverage.py: docs/coverage.md")
        return
    os.makedirs(os.path.dirname(PAGE), exist_ok=True)
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
