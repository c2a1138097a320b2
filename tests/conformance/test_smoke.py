"""Goal: the program starts, says who it is, tells its health, and stops in order."""
import re
import subprocess

import harness


def test_version_is_that_of_the_build():
    shown = subprocess.run([str(harness.BINARY), "--version"], capture_output=True, text=True, check=True).stdout
    declared = re.search(r"project\(outcrop VERSION ([0-9.]+)", (harness.ROOT / "CMakeLists.txt").read_text()).group(1)
    assert declared in shown


def test_healthz_answers_without_credentials(outcrop):
    assert outcrop.call("GET", "/healthz", signed=False).status == 200


def test_readyz_answers_without_credentials(outcrop):
    assert outcrop.call("GET", "/readyz", signed=False).status == 200


def test_env_names_endpoint_region_and_credentials(outcrop):
    for name in ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert outcrop.env.get(name), f"outcrop env does not export {name}"


def test_a_second_server_on_the_same_port_says_that_the_port_is_taken(outcrop, tmp_path):
    address = outcrop.url.split("//")[1]
    second = subprocess.run([str(harness.BINARY), "serve", "--listen", address, "--data", str(tmp_path / "data")],
                            capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode != 0
    assert address.rsplit(":", 1)[1] in second.stdout + second.stderr


def test_sigterm_ends_it_in_order(server):
    assert server(models=False).stop() == 0


def test_an_unsigned_call_is_refused(outcrop):
    assert outcrop.call("GET", "/foundation-models", signed=False).status == 403


def test_a_signed_call_is_answered(outcrop):
    assert outcrop.call("GET", "/foundation-models").status == 200
