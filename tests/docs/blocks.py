"""The fenced blocks of a Markdown file that a reader would run.

A block counts when its language is sh, python, js or toml. A comment in the line before it changes what is done:
  <!-- run: no, REASON -->    it is skipped, and the skip is listed in tests/skips.txt
  <!-- file: NAME -->         it is saved under NAME instead of run (a later block uses it)
  <!-- expects: TEXT -->      its output contains TEXT
"""
import re
from collections import namedtuple

LANGUAGES = ("sh", "python", "js", "toml")
Block = namedtuple("Block", "document line language text notes")  # notes: {"run": ..., "file": ..., "expects": ...}


def blocks_of(document, text):
    found, notes, opened = [], {}, None
    for number, line in enumerate(text.splitlines(), 1):
        fence = re.match(r"^(`{3,})\s*([\w+-]*)", line)
        if opened:
            if fence and len(fence.group(1)) >= len(opened[0]) and not fence.group(2):
                if opened[1] in LANGUAGES:
                    found.append(Block(document, opened[2], opened[1], "\n".join(opened[3]) + "\n", opened[4]))
                opened = None
            else:
                opened[3].append(line)
        elif fence:
            opened, notes = (fence.group(1), fence.group(2), number, [], notes), {}
        else:
            note = re.match(r"^<!--\s*(run|file|expects):\s*(.*?)\s*-->\s*$", line)
            if note:
                notes = {**notes, note.group(1): note.group(2)}
            elif line.strip():
                notes = {}
    return found


def title(block):
    """The first line that does something: what the block is called in reports and in tests/skips.txt."""
    lines = [line.strip() for line in block.text.splitlines() if line.strip() and not line.strip().startswith(("#", "//"))]
    return f"{block.document}: {lines[0] if lines else 'empty'}"[:90]
