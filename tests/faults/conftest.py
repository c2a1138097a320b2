"""Faults on purpose: the fixtures and the harness of ../conformance, and a place for measured figures.

Settings  OUTCROP_SOAK=1    the long form of the tests that have one
"""
import importlib.util
import resource
import sys
from pathlib import Path

import pytest

CONFORMANCE = Path(__file__).resolve().parent.parent / "conformance"
sys.path.insert(0, str(CONFORMANCE))

# By its path: both files are called conftest. A run of both folders has the options and hooks of the other one already.
_spec = importlib.util.spec_from_file_location("conformance_fixtures", CONFORMANCE / "conftest.py")
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)
SERVERS, servers, _show_servers = _fixtures.SERVERS, _fixtures.servers, _fixtures._show_servers
outcrop, server, boto = _fixtures.outcrop, _fixtures.server, _fixtures.boto

# Some tests hold more than a thousand sockets; the servers that they start inherit the limit.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_hard if _hard != resource.RLIM_INFINITY else 65536, _hard))

FIGURES = []


@pytest.fixture
def figure(capsys):
    """figure("what", value, "unit"): a measured figure, said at once and once more at the end of the run."""
    def say(what, value, unit):
        line = f"{what}: {value:.3g} {unit}" if isinstance(value, float) else f"{what}: {value} {unit}"
        FIGURES.append(line)
        with capsys.disabled():
            print(f"\n  {line}", flush=True)

    return say


def pytest_terminal_summary(terminalreporter):
    if FIGURES:
        terminalreporter.section("figures")
        terminalreporter.write_line("\n".join(FIGURES))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for running in item.stash.get(SERVERS, []):
            report.sections.append((f"the last words of the server at {running.url}", running.last_words()))
    return report
