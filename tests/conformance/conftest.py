"""Starts the real program once, and hands the tests clients of the real SDKs.

Options   --record   after a run in which everything passed, write passed.json: operation -> the tests that prove it
Settings  OUTCROP_BIN (default build/release/outcrop), OUTCROP_MODELS (default: scripts/fetch models)
Mark      @pytest.mark.operation("bedrock-runtime.Converse"): what a test proves, once for each operation

Fixtures  outcrop          one server for the whole run, with the default models
          server           a factory: server(config="…TOML…", tls=True, models=False) starts another one
          boto             a factory: boto("bedrock-runtime"), of `outcrop` or boto(service, of=another)
          node             a factory: node("script.mjs" or source text, arguments…) -> its standard output
          aws              a factory: aws("bedrock", "list-foundation-models", …) -> the CLI's answer, decoded
"""
import json
from pathlib import Path

import pytest

import harness

PASSED = Path(__file__).parent / "passed.json"
SERVERS = pytest.StashKey[list]()


def pytest_addoption(parser):
    parser.addoption("--record", action="store_true", help="write passed.json when the whole run passes")


def pytest_configure(config):
    config.addinivalue_line("markers", "operation(name): the service.Operation that this test proves")
    config.proved = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and report.passed:
        for mark in item.iter_markers("operation"):
            item.config.proved.setdefault(mark.args[0], []).append(item.nodeid)
    if report.failed:
        for running in item.stash.get(SERVERS, []):
            report.sections.append((f"the last words of the server at {running.url}", running.last_words()))
    return report


def pytest_sessionfinish(session, exitstatus):
    config = session.config
    if config.getoption("--record") and exitstatus == 0 and config.proved:
        proved = {name: sorted(set(tests)) for name, tests in sorted(config.proved.items())}
        PASSED.write_text(json.dumps(proved, indent=1) + "\n")


@pytest.fixture(scope="session")
def servers(tmp_path_factory):
    """Every server of this run; all are stopped at the end, and one that crashed fails the run."""
    running = []
    yield running
    crashed = [one for one in running if one.stop() not in (0, None)]
    assert not crashed, "\n".join(f"{one.url} ended with exit code {one.exit_code}:\n{one.last_words()}" for one in crashed)


@pytest.fixture(autouse=True)
def _show_servers(request, servers):
    request.node.stash[SERVERS] = servers


@pytest.fixture(scope="session")
def outcrop(servers, tmp_path_factory):
    running = harness.Server(tmp_path_factory.mktemp("outcrop"))
    servers.append(running)
    return running


@pytest.fixture
def server(servers, tmp_path):
    made = []

    def start(**options):
        running = harness.Server(tmp_path / f"server-{len(made)}", **options)
        servers.append(running)
        made.append(running)
        return running

    yield start
    for running in made:
        running.stop()


@pytest.fixture
def boto(outcrop):
    def client(service, of=None, **options):
        return harness.boto_client(of or outcrop, service, **options)

    return client


@pytest.fixture
def node(outcrop, tmp_path):
    def run(script, *arguments, of=None, timeout_s=120):
        return harness.run_node(of or outcrop, script, arguments, tmp_path, timeout_s)

    return run


@pytest.fixture
def aws(outcrop):
    def run(*arguments, of=None, timeout_s=120):
        return harness.run_aws(of or outcrop, arguments, timeout_s)

    return run
