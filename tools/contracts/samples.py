"""Strings that match a regular expression of the service models: for checking translations and for
making examples. Works on the subset of Java's syntax that the models use, through Python's parser."""

import random
import re
from re import _constants as sre
from re import _parser as parser

# Python has no Unicode properties; these stand for the ones in the models (inside a class and alone).
_PROPERTIES = [
    (r"[^\p{C}]", r"[^\x00-\x1f\x7f]"),
    (r"\P{C}", r"[^\x00-\x1f\x7f]"),
    (r"[\p{Print}]", r"[\x20-\x7e]"),
    (r"\p{ASCII}", r"[\x00-\x7f]"),
    (r"[\p{L}\p{M}0-9_]", r"[A-Za-z\u00c0-\u00d6\u0300-\u036f0-9_]"),
    (r"[\p{L}\p{N}", r"[A-Za-z\u00c0-\u00d60-9"),
    (r"\p{L}", r"[A-Za-z\u00c0-\u00d6]"),
]


def python_form(pattern):
    """The same language in Python's syntax, for fullmatch with re.ASCII."""
    for java, python in _PROPERTIES:
        pattern = pattern.replace(java, python)
    if pattern.endswith("$") and not pattern.endswith("\\$"):
        pattern = pattern[:-1] + r"\Z"
    return pattern.replace(r"\z", r"\Z")


def compiled(pattern):
    return re.compile(python_form(pattern), re.ASCII)


_ANY = "aZ0 -_.é"
_CATEGORIES = {
    sre.CATEGORY_DIGIT: "0123456789", sre.CATEGORY_SPACE: " ", sre.CATEGORY_WORD: "abcXYZ019_",
    sre.CATEGORY_NOT_SPACE: "aZ0-_./é", sre.CATEGORY_NOT_DIGIT: "aZ-_ ", sre.CATEGORY_NOT_WORD: "-. /",
}
_PLAIN = [chr(c) for c in range(0x20, 0x7f)]


def _choose_in(items, rng):
    negated = items and items[0][0] is sre.NEGATE
    if negated:
        test = re.compile("[^%s]" % "".join(_class_text(i) for i in items[1:]), re.ASCII)
        return rng.choice([c for c in _PLAIN if test.match(c)])
    kind, value = rng.choice(items)
    if kind is sre.LITERAL:
        return chr(value)
    if kind is sre.RANGE:
        # Printable characters first: a sample travels in headers and paths too.
        low, high = value
        if low < 0x21 <= high:
            low, high = 0x21, min(high, 0x7e)
        return chr(rng.randint(low, high))
    return rng.choice(_CATEGORIES[value])


def _class_text(item):
    kind, value = item
    if kind is sre.LITERAL:
        return re.escape(chr(value))
    if kind is sre.RANGE:
        return "%s-%s" % (re.escape(chr(value[0])), re.escape(chr(value[1])))
    return {sre.CATEGORY_DIGIT: r"\d", sre.CATEGORY_SPACE: r"\s", sre.CATEGORY_WORD: r"\w",
            sre.CATEGORY_NOT_SPACE: r"\S", sre.CATEGORY_NOT_DIGIT: r"\D", sre.CATEGORY_NOT_WORD: r"\W"}[value]


def _generate(tree, rng, extra):
    out = []
    for kind, value in tree:
        if kind is sre.LITERAL:
            out.append(chr(value))
        elif kind is sre.NOT_LITERAL:
            out.append(rng.choice([c for c in _PLAIN if ord(c) != value]))
        elif kind is sre.ANY:
            out.append(rng.choice(_ANY[:6]))
        elif kind is sre.IN:
            out.append(_choose_in(value, rng))
        elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            low, high, inner = value
            count = min(low + rng.randint(0, extra) if extra else low, high)
            out.extend(_generate(inner, rng, extra) for _ in range(count))
        elif kind is sre.SUBPATTERN:
            out.append(_generate(value[3], rng, extra))
        elif kind is sre.BRANCH:
            out.append(_generate(rng.choice(value[1]), rng, extra))
        elif kind in (sre.AT, sre.ASSERT, sre.ASSERT_NOT):
            pass  # the caller filters
        else:
            raise ValueError("no sample for %s" % kind)
    return "".join(out)


def sample(pattern, rng, low=0, high=None, tries=4000):
    """A match of low to high characters, as short as it was easy to find."""
    tree = parser.parse(python_form(pattern), re.ASCII)
    test = compiled(pattern)
    for attempt in range(tries):
        text = _generate(tree, rng, attempt // 20 if attempt < 2000 else rng.randint(0, 100))
        if len(text) >= low and (high is None or len(text) <= high) and test.fullmatch(text):
            return text
    raise ValueError("no match of %s..%s characters found for %r" % (low, high, pattern))


def mutations(text, rng, count):
    """Neighbours of a text: most of them break a pattern, some do not."""
    alphabet = "aA0-_.:/ \n\t\x00é(!{}'s3:"
    for _ in range(count):
        at = rng.randint(0, len(text))
        kind = rng.randint(0, 3)
        if kind == 0:
            yield text[:at] + rng.choice(alphabet) + text[at:]
        elif kind == 1:
            yield text[:at] + text[at + 1:]
        elif kind == 2:
            yield text[:at] + rng.choice(alphabet) + text[at + 1:]
        else:
            yield text[at:] + text[:at]


def random_source(seed):
    return random.Random(seed)
