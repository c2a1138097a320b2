"""The house rules, as functions: a file or the whole tree in, a list of complaints out.

A complaint is "path:line: what is wrong, and what to do". Each rule has a test that it fires (test_house.py).
Words that a rule looks for are put together here from parts, so that this file does not trip over itself.
"""
import re
from collections import namedtuple

File = namedtuple("File", "path text")  # path relative to the root, with "/"

LINES_HARD, LINES_SOFT = 500, 400
README_LINES_MIN, README_LINES_MAX = 10, 60
SLEEP_MS_MAX = 500
CODE = (".cpp", ".h")
COUNTED = (".cpp", ".h", ".py", ".sh", ".ts", ".tsx", ".mjs", "")


def is_code(path):
    return path.endswith(CODE)


def layer_of(path):
    """src/models/dialects/x.cpp -> models"""
    parts = path.split("/")
    return parts[1] if parts[0] == "src" and len(parts) > 2 else None


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def bare(text):
    """C++ with comments, strings and character literals blanked out; line numbers stay."""
    text = re.sub(r'R"([^()\s\\]{0,16})\(.*?\)\1"', blank, text, flags=re.S)
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n]){1,8}\'', blank, text, flags=re.S)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def find(file, pattern, complaint, text=None):
    text = file.text if text is None else text
    return [f"{file.path}:{line_of(text, found.start())}: {found.group(0).strip()!r}: {complaint}"
            for found in re.finditer(pattern, text, re.M)]


def includes(file):
    """[(line, "a/b.h" or <a/b.h>, is it quoted)]"""
    return [(line_of(file.text, found.start()), found.group(2), found.group(1) == '"')
            for found in re.finditer(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">]+)[">]', file.text, re.M)]


# --- Layers ---------------------------------------------------------------------------------------------------------

def layers(cmake):
    """The order of the folders, from the foreach in src/CMakeLists.txt."""
    return re.search(r"foreach\(folder ([^)]+)\)", cmake).group(1).split()


# Narrower than the order: a folder that may see only these of ours, whatever stands above it.
SEES_ONLY = {"engine": {"base", "json", "wire", "engine"}}


def include_direction(files, order):
    place = {folder: index for index, folder in enumerate(order)}
    out = []
    for file in files:
        own = layer_of(file.path)
        if own is None or not is_code(file.path):
            continue
        if own not in place:
            out.append(f"{file.path}:1: the folder {own} is not in the order of src/CMakeLists.txt")
            continue
        for line, name, quoted in includes(file):
            if ".." in name.split("/"):
                out.append(f"{file.path}:{line}: includes {name}: write the path from src/, without '..'")
            other = name.split("/")[0]
            if not quoted or other not in place:
                continue
            if place[other] > place[own]:
                out.append(f"{file.path}:{line}: {own} includes {name}, but dependencies point from {other} to {own}")
            elif own in SEES_ONLY and other not in SEES_ONLY[own]:
                out.append(f"{file.path}:{line}: {own} sees only {', '.join(sorted(SEES_ONLY[own]))}, not {name}")
            elif own != "app" and own != "engine" and name.startswith("engine/worker/"):
                out.append(f"{file.path}:{line}: the engine's worker is a process of its own: {own} sees its protocol and host, not {name}")
    return out


# Third-party headers that one folder keeps to itself.
KEPT = [
    (r"boost/(asio|beast)[/.]", ("src/wire/", "tests/unit/wire/"), "Asio and Beast stay in wire (seconds of compile time a file)"),
    (r"nghttp2/", ("src/wire/", "tests/unit/wire/"), "nghttp2 stays in wire"),
    (r"openssl/(ssl|tls1|bio)\.h", ("src/wire/", "tests/unit/wire/"), "TLS stays in wire"),
    (r"(llama|llama-cpp|ggml[a-z-]*|gguf)\.h|common/", ("src/engine/worker/", "tests/unit/engine/"), "llama.cpp is seen by engine/worker alone"),
    (r"sqlite3\.h", ("src/store/", "tests/unit/store/"), "SQLite stays in store"),
    (r"toml\+\+|toml\.hpp", ("src/app/", "tests/unit/app/"), "TOML stays in app: other folders are handed options"),
    (r"CLI/", ("src/app/", "tests/unit/app/"), "the command line stays in app"),
]


def kept_headers(files):
    out = []
    for file in files:
        if not is_code(file.path) or not file.path.startswith(("src/", "tests/")):
            continue
        for line, name, _ in includes(file):
            for pattern, homes, why in KEPT:
                if re.match(pattern, name) and not file.path.startswith(homes):
                    out.append(f"{file.path}:{line}: includes {name}: {why}")
    return out


def hidden_asio(files):
    """No header that another folder includes drags Asio, Beast or nghttp2 in."""
    by_name = {file.path.removeprefix("src/"): file for file in files if file.path.startswith("src/")}
    heavy = re.compile(r"boost/(asio|beast)[/.]|nghttp2/")
    memo = {}

    def reaches(name):
        if name not in memo:
            memo[name] = None
            for _, other, quoted in includes(by_name[name]):
                if heavy.match(other):
                    memo[name] = other
                elif quoted and other in by_name:
                    memo[name] = memo[name] or reaches(other)
        return memo[name]

    out = []
    for file in files:
        if layer_of(file.path) in (None, "wire") or not is_code(file.path):
            continue
        for line, name, quoted in includes(file):
            if quoted and name.startswith("wire/") and name in by_name and reaches(name):
                out.append(f"{file.path}:{line}: {name} brings {reaches(name)} with it: keep it behind a plain header")
    return out


# --- Code -----------------------------------------------------------------------------------------------------------

BANNED = [
    (r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|tmpnam|mktemp|alloca)\s*\(", "unbounded or unsafe: use std::string, fmt or the safe twin"),
    (r"(?<![\w.>:])(?:std::)?s?rand\s*\(", "no seed, few bits: use <random> with a printed seed, or base/ids.h"),
    (r"\bstd::(basic_)?w?regex\b", "recursion on hostile input: use RE2"),
    (r"\bco_await\s+\[", "a capturing lambda coroutine loses its captures: name a function"),
    (r"\busing\s+namespace\s+std\s*;", "write std::"),
    (r"\bstd::(auto_ptr|bind)\b", "gone or unreadable: use unique_ptr, a lambda"),
]


def banned_calls(file):
    if not is_code(file.path):
        return []
    text, out = bare(file.text), []
    for pattern, why in BANNED:
        out += find(file, pattern, why, text)
    if not file.path.startswith("tests/"):
        out += find(file, r"\b(?:std::|(?<![\w:])::)system\s*\(|(?<![\w.>:])system\s*\(\s*(?:\"|\w+\.c_str)|\bpopen\s*\(",
                    "a shell in between: use posix_spawn, or fork and exec, with an argument list")
    if layer_of(file.path) not in (None, "app") and not re.search(r"\bint \w+_main\(int argc", text):
        out += find(file, r"\bstd::(cout|cerr|clog)\b|(?<![\w.>:])(?:std::)?(printf|puts)\s*\(",
                    "libraries do not print: return a value or log through observe", text)
    return out


def long_sleeps(file):
    """A test that sleeps waits too long on a quick machine and not long enough on a slow one."""
    if not file.path.startswith("tests/") or file.path.startswith(("tests/house/", "tests/soak/")):
        return []
    out = []
    units = {"us": 0.001, "ms": 1, "s": 1000, "microseconds": 0.001, "milliseconds": 1, "seconds": 1000, "minutes": 60000}
    if is_code(file.path):
        for found in re.finditer(r"(?:sleep_for|delay)\s*\(\s*(?:std::chrono::)?(?:(\d+)(us|ms|s)\b|(\w+)\s*[({]\s*(\d+)\s*[)}])", bare(file.text)):
            number, unit = (found.group(1), found.group(2)) if found.group(1) else (found.group(4), found.group(3))
            if int(number) * units.get(unit, 0) > SLEEP_MS_MAX:
                out.append(f"{file.path}:{line_of(file.text, found.start())}: sleeps {number} {unit}: wait for the event instead (at most {SLEEP_MS_MAX} ms)")
    elif file.path.endswith(".py"):
        for found in re.finditer(r"\btime\.sleep\(\s*([\d.]+)", file.text):
            if float(found.group(1)) * 1000 > SLEEP_MS_MAX:
                out.append(f"{file.path}:{line_of(file.text, found.start())}: sleeps {found.group(1)} s: poll with a deadline instead (at most {SLEEP_MS_MAX} ms)")
    return out


def documented_headers(file):
    if not file.path.startswith("src/") or not file.path.endswith(".h") or re.search(r"^\s*///", file.text, re.M):
        return []
    return [f"{file.path}:1: a public header says what it is for: a /// comment (shape, units, errors, threads, source)"]


def one_namespace(file):
    if not file.path.startswith("src/") or not is_code(file.path) or layer_of(file.path) is None:
        return []
    if re.search(r"\bnamespace\s+outcrop\b", file.text) or not re.search(r"[;}]", bare(file.text)):
        return []
    return [f"{file.path}:1: everything is in namespace outcrop or below it"]


# --- Any file -------------------------------------------------------------------------------------------------------

def line_count(file):
    """(complaints, advice)"""
    name = file.path.rsplit("/", 1)[-1]
    suffix = "." + name.rsplit(".", 1)[1] if "." in name else ""
    if not file.path.startswith(("src/", "tests/", "scripts/", "tools/", "console/src/", "bench/")) or suffix not in COUNTED:
        return [], []
    lines = file.text.count("\n")
    if lines > LINES_HARD:
        return [f"{file.path}: {lines} lines, more than {LINES_HARD}: two ideas in one room, make it two files"], []
    if lines > LINES_SOFT:
        return [], [f"{file.path}: {lines} lines (at most {LINES_HARD}; above {LINES_SOFT} it usually wants to be two)"]
    return [], []


LEFTOVERS = r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK")) + r")\b"
MACHINE_PATHS = r"(?<![\w.$}~-])/(" + "|".join(("wo" + "rk", "ro" + "ot")) + r")/\w"
PEOPLES_PATHS = r"(?<![\w.$}~-])/(ho" + r"me|Us" + r"ers)/[A-Za-z]\w*"  # a made-up person's may be in a unit test
REGISTRIES = r"(?i)\b(" + "|".join((
    "(files\\.)?py" + "pi\\.org", "pythonhos" + "ted\\.org", "registry\\.np" + "mjs\\.org", "registry\\.yarn" + "pkg\\.com",
    "(static\\.|index\\.)?cra" + "tes\\.io", "proxy\\.gol" + "ang\\.org", "sum\\.gol" + "ang\\.org", "repo1?\\.ma" + "ven\\.(org|apache\\.org)",
    "(deb|security|snapshot)\\.deb" + "ian\\.org")) + r")\b"


def leftovers(file):
    if file.path.startswith(("LICENSE", "contracts/", "catalogue/")):
        return []
    return find(file, LEFTOVERS, "finish it, or say in docs/differences.md what does not work")


def machine_paths(file):
    return [complaint for pattern in (MACHINE_PATHS, "" if file.path.startswith("tests/unit/") else PEOPLES_PATHS) if pattern
            for complaint in find(file, pattern, "a path of one machine: make it relative, or a setting")]


def registry_hosts(file):
    return find(file, REGISTRIES, "name the package; the client knows its registry")


def foreign_copyright(file):
    if file.path in ("LICENSE", "NOTICE"):
        return []
    return [complaint for complaint in find(file, r"(?i)^.*copyright \(?[c©\d].*$", "third-party text is fetched, not copied; facts go to NOTICE")
            if "Outcrop authors" not in complaint]


# --- The tree -------------------------------------------------------------------------------------------------------

def module_readmes(files):
    have = {file.path: file.text.count("\n") for file in files}
    folders = sorted({f"src/{layer_of(file.path)}" for file in files if layer_of(file.path)})
    out = []
    for folder in folders:
        lines = have.get(f"{folder}/README.md")
        if lines is None:
            out.append(f"{folder}/README.md is missing: why the folder exists, what belongs, what does not, what to read first")
        elif not README_LINES_MIN <= lines <= README_LINES_MAX:
            out.append(f"{folder}/README.md has {lines} lines: {README_LINES_MIN} to {README_LINES_MAX} are wanted")
    return out


SOURCE_SUFFIXES = (".c", ".cc", ".cpp", ".cxx", ".h", ".hpp", ".rs", ".go", ".java", ".js", ".mjs", ".ts", ".a", ".so", ".o",
                   ".gguf", ".safetensors", ".whl", ".tgz", ".gz", ".zip", ".jar", ".bundle")


def third_party_recipes(paths):
    return [f"{path}: third_party holds recipes only (name, version, hash); the build fetches the rest"
            for path in paths if path.startswith("third_party/") and path.endswith(SOURCE_SUFFIXES)]


def pinned_requirements(file):
    """Every Python package by exact version and hash, every Node package by exact version and integrity."""
    out = []
    if re.match(r"third_party/python-[\w-]+\.txt$", file.path):
        for entry in re.findall(r"^[A-Za-z0-9][^\n]*(?:\n[ \t]+[^\n]*)*", file.text, re.M):
            if not re.match(r"[A-Za-z0-9._-]+(\[[\w,-]+\])?==[\w.]+", entry) or "--hash=sha256:" not in entry:
                out.append(f"{file.path}: {entry.split()[0]} wants an exact version and a hash")
    if file.path.endswith("package-lock.json"):
        out += find(file, r'"resolved":.*$', "lock without addresses: npm's omit-lockfile-registry-resolved")
    return out
