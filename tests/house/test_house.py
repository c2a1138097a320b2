#!/usr/bin/env python3
"""The house test: the tree keeps its rules, and every rule can fail.

usage: tests/house/test_house.py [-v]      (the standard library is enough; pytest runs it as well)
"""
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import rules
from rules import File

ROOT = Path(__file__).resolve().parent.parent.parent


def tracked():
    """Paths of the tree: what git knows, and what is new and not ignored; all of it where there is no git."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            capture_output=True, check=False).stdout.decode()
    if not listed:
        return sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file()
                      and not {"build", ".git", "node_modules", "__pycache__"} & set(path.relative_to(ROOT).parts))
    return sorted(path for path in set(listed.split("\0")) if path and (ROOT / path).is_file())


def read(path):
    data = (ROOT / path).read_bytes()
    return None if b"\0" in data[:8192] else File(path, data.decode("utf-8", errors="replace"))


PATHS = tracked()
FILES = [file for file in map(read, PATHS) if file is not None]
ORDER = rules.layers((ROOT / "src/CMakeLists.txt").read_text())


class TheTree(unittest.TestCase):
    """Each rule over every file."""

    maxDiff = None

    def hold(self, complaints):
        if complaints:
            self.fail(f"{len(complaints)} complaints:\n" + "\n".join(sorted(complaints)[:40]))

    def each(self, rule):
        self.hold([complaint for file in FILES for complaint in rule(file)])

    def test_dependencies_point_one_way(self):
        self.hold(rules.include_direction(FILES, ORDER))

    def test_third_party_headers_stay_where_they_belong(self):
        self.hold(rules.kept_headers(FILES))

    def test_no_header_of_wire_drags_asio_into_another_folder(self):
        self.hold(rules.hidden_asio(FILES))

    def test_no_banned_call(self):
        self.each(rules.banned_calls)

    def test_no_test_sleeps_long(self):
        self.each(rules.long_sleeps)

    def test_every_public_header_says_what_it_is_for(self):
        self.each(rules.documented_headers)

    def test_all_code_is_in_namespace_outcrop(self):
        self.each(rules.one_namespace)

    def test_no_file_is_too_long(self):
        counted = [rules.line_count(file) for file in FILES]
        for advice in sorted(line for _, soft in counted for line in soft):
            print(f"advice: {advice}", file=sys.stderr)
        self.hold([line for hard, _ in counted for line in hard])

    def test_nothing_is_left_behind(self):
        self.each(rules.leftovers)

    def test_no_path_of_one_machine(self):
        self.each(rules.machine_paths)

    def test_no_registry_is_named_by_its_host(self):
        self.each(rules.registry_hosts)

    def test_nothing_third_party_is_copied_in(self):
        self.each(rules.foreign_copyright)
        self.hold(rules.third_party_recipes(PATHS))

    def test_every_package_is_pinned(self):
        self.each(rules.pinned_requirements)

    def test_every_folder_of_src_has_a_readme(self):
        self.hold(rules.module_readmes(FILES))

    def test_nothing_big_is_committed(self):
        self.hold([f"{path}: {(ROOT / path).stat().st_size} bytes" for path in PATHS if (ROOT / path).stat().st_size > 4 << 20])


class TheRules(unittest.TestCase):
    """Each rule fires on what it forbids, and is silent beside it."""

    def fires(self, rule, path, bad, good):
        self.assertTrue(rule(File(path, bad)), f"silent on {bad!r}")
        self.assertFalse(rule(File(path, good)), f"fires on {good!r}")

    def test_direction(self):
        order = ["base", "json", "wire", "engine", "models", "app"]

        def rule(file):
            return rules.include_direction([file], order)

        self.fires(rule, "src/base/a.cpp", '#include "json/json.h"\n', '#include "base/a.h"\n#include <json/json.h>\n')
        self.fires(rule, "src/app/cli/a.cpp", '#include "../a.h"\n', '#include "models/dialects/a.h"\n')
        self.fires(rule, "src/models/a.cpp", '#include "engine/worker/a.h"\n', '#include "engine/protocol.h"\n')
        self.assertTrue(rule(File("src/nowhere/a.cpp", "")))

    def test_kept_headers(self):
        def rule(file):
            return rules.kept_headers([file])

        self.fires(rule, "src/api/a.cpp", "#include <boost/asio.hpp>\n", "#include <boost/json.hpp>\n")
        self.fires(rule, "src/engine/a.cpp", "#include <llama.h>\n", "#include <openssl/evp.h>\n")
        self.fires(rule, "src/models/a.cpp", "#include <sqlite3.h>\n", "#include <string>\n")
        self.fires(rule, "src/gateway/a.h", "#include <openssl/ssl.h>\n", "// <openssl/ssl.h>\n")

    def test_hidden_asio(self):
        heavy = File("src/wire/deep.h", "#include <boost/asio.hpp>\n")
        through = File("src/wire/top.h", '#include "wire/deep.h"\n')
        user = File("src/api/a.cpp", '#include "wire/top.h"\n')
        self.assertTrue(rules.hidden_asio([heavy, through, user]))
        self.assertFalse(rules.hidden_asio([File("src/wire/deep.h", ""), through, user]))

    def test_banned_calls(self):
        rule = rules.banned_calls
        self.fires(rule, "src/base/a.cpp", "strcpy(a, b);", '// strcpy(a, b)\nauto s = "sprintf(";')
        self.fires(rule, "src/base/a.cpp", "int x = rand();", "int x = operand(); my.rand();")
        self.fires(rule, "src/base/a.cpp", "std::regex r;", "re2::RE2 r;")
        self.fires(rule, "src/base/a.cpp", 'system("ls");', "void system(const Value& v); file_system(x); std::system_error e;")
        self.fires(rule, "src/base/a.cpp", "std::system(line);", "system(blocks);")
        self.fires(rule, "src/base/a.cpp", "std::cout << 1;", "out << 1;")
        self.assertFalse(rule(File("src/app/a.cpp", "std::cout << 1;")))
        self.assertFalse(rule(File("src/engine/a.cpp", "int engine_main(int argc, char** argv) { puts(a); }")))

    def test_long_sleeps(self):
        self.fires(rules.long_sleeps, "tests/unit/a.cpp", "std::this_thread::sleep_for(2s);", "std::this_thread::sleep_for(20ms);")
        self.fires(rules.long_sleeps, "tests/unit/a.cpp", "sleep_for(std::chrono::milliseconds(900));", "sleep_for(std::chrono::milliseconds(9));")
        self.fires(rules.long_sleeps, "tests/a.py", "time.sleep(" + "3)", "time.sleep(0.05)")

    def test_headers_and_namespaces(self):
        self.fires(rules.documented_headers, "src/base/a.h", "// x\nint a;", "/// What it is.\nint a;")
        self.fires(rules.one_namespace, "src/base/a.h", "int a;", "namespace outcrop { int a; }")

    def test_lengths(self):
        self.assertTrue(rules.line_count(File("src/a/a.cpp", "\n" * 501))[0])
        self.assertTrue(rules.line_count(File("scripts/a", "\n" * 401))[1])
        self.assertEqual(rules.line_count(File("docs/a.md", "\n" * 900)), ([], []))

    def test_words(self):
        self.fires(rules.leftovers, "src/a/a.cpp", "// TO" + "DO later", "// to do")
        self.fires(rules.machine_paths, "docs/a.md", "see /wo" + "rk/x", "see build/work/x and ~/work/x and $HOME/root/x")
        self.fires(rules.machine_paths, "docs/a.md", "see /ho" + "me/joe", "see https://example.com/home/joe")
        self.fires(rules.registry_hosts, "docs/a.md", "from py" + "pi.org", "from PyPI")
        self.fires(rules.foreign_copyright, "src/a/a.cpp", "// Copyright " + "(c) 2020 Somebody", "// the copyright of the model")

    def test_tree_rules(self):
        code = File("src/a/a.cpp", "")
        self.assertTrue(rules.module_readmes([code]))
        self.assertTrue(rules.module_readmes([code, File("src/a/README.md", "\n" * 3)]))
        self.assertFalse(rules.module_readmes([code, File("src/a/README.md", "\n" * 20)]))
        self.assertTrue(rules.third_party_recipes(["third_party/x/y.cpp"]))
        self.assertFalse(rules.third_party_recipes(["third_party/x/build", "src/x/y.cpp"]))

    def test_pins(self):
        rule = rules.pinned_requirements
        self.fires(rule, "third_party/python-a.txt", "boto3\n", "boto3==1.0 \\\n    --hash=sha256:00\n")
        self.fires(rule, "third_party/node/package-lock.json", '"resolved": "x"', '"integrity": "x"')


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
