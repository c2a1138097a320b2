"""Goal: every command and program that the documentation shows works as it stands.

Method: the blocks of one document run in order in one folder that looks like a clone, against a live server whose
state lies where the program looks by default, in the environment that `eval "$(outcrop env)"` makes. What a shell block
exports is there in the next one.
"""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from blocks import blocks_of, title

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/conformance"))
import harness  # noqa: E402  (the program as a child process is the conformance tests')
from harness import aws_client  # noqa: E402

BLOCK_S = 300
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [block for file in DOCUMENTS if file.exists()
          for block in blocks_of(str(file.relative_to(ROOT)), file.read_text())]


class Reader:
    """Somebody who follows one document."""

    def __init__(self, folder):
        self.home, self.clone = folder / "home", folder / "outcrop"
        self.clone.mkdir()
        self.data = self.home / ".local/share/outcrop"
        self.data.parent.mkdir(parents=True)
        for entry in ROOT.iterdir():
            if not entry.name.startswith("."):
                (self.clone / entry.name).symlink_to(entry)
        modules = self.clone / "node_modules"
        if not modules.exists():
            modules.symlink_to(harness.fetched("node-modules"))
        self.server = harness.Server(folder, data=self.data)
        paths = [harness.BINARY.parent, Path(sys.executable).parent, harness.fetched("node")]
        # Just what a reader's shell gets from `outcrop env`.
        self.env = {**aws_client.process_environment(aws_client.read_env(harness.BINARY, self.data)), "HOME": str(self.home),
                    "OUTCROP_CACHE": str(harness.fetched("models").parent),
                    "PATH": ":".join(map(str, paths)) + ":" + os.environ["PATH"]}
        self.env.pop("XDG_DATA_HOME", None)
        self.count = 0

    def run(self, block):
        self.count += 1
        if "file" in block.notes:
            (self.clone / block.notes["file"]).write_text(block.text)
            return ""
        return getattr(self, f"_{block.language}")(block.text)

    def _execute(self, *command):
        done = subprocess.run(command, cwd=self.clone, env=self.env, stdin=subprocess.DEVNULL, timeout=BLOCK_S,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == 0, f"exit code {done.returncode}:\n{done.stdout}"
        return done.stdout

    def _sh(self, text):
        kept = self.home / "exported"
        script = self.home / f"block-{self.count}.sh"
        script.write_text(f"set -euo pipefail\n[ ! -e {kept} ] || . {kept}\n{text}\nexport -p >{kept}\n")
        return self._execute("bash", str(script))

    def _python(self, text):
        (self.clone / f"block_{self.count}.py").write_text(text)
        return self._execute(sys.executable, f"block_{self.count}.py")

    def _js(self, text):
        (self.clone / f"block-{self.count}.mjs").write_text(text)
        return self._execute("node", f"block-{self.count}.mjs")

    def _toml(self, text):
        """A configuration that is shown is one that the program takes."""
        file = self.clone / f"block-{self.count}.toml"
        file.write_text(text)
        return self._execute(str(harness.BINARY), "config", "--check", "--config", str(file))


@pytest.fixture(scope="session")
def readers(tmp_path_factory):
    made = {}

    def reader(document):
        if document not in made:
            made[document] = Reader(tmp_path_factory.mktemp("reader"))
        return made[document]

    yield reader
    for one in made.values():
        one.server.stop()


@pytest.mark.parametrize("block", BLOCKS, ids=[title(block) for block in BLOCKS])
def test_block(block, readers):
    if block.notes.get("run", "").startswith("no"):
        pytest.skip(block.notes["run"].partition(",")[2].strip() or "no reason given")
    shown = readers(block.document).run(block)
    expected = block.notes.get("expects")
    assert expected is None or expected in shown, f"{block.document}:{block.line}: {expected!r} is not in:\n{shown}"


def test_blocks_are_found_with_their_notes():
    text = "# x\n<!-- run: no, why -->\n```sh\na\n```\n```text\nb\n```\n<!-- expects: 4 -->\n```python\nprint(2 + 2)\n```\n"
    first, second = blocks_of("x.md", text)
    assert (first.language, first.text, first.notes) == ("sh", "a\n", {"run": "no, why"})
    assert (second.language, second.line, second.notes) == ("python", 10, {"expects": "4"})
    assert title(second) == "x.md: print(2 + 2)"
