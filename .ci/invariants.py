#!/usr/bin/env python3
"""Every test that ARCHITECTURE.md or an INVARIANT comment names exists."""
import re
import subprocess
import sys


def main():
    files = subprocess.run(["git", "ls-files", "*.rs"], check=True, capture_output=True, text=True).stdout.split()
    sources = {name: open(name, encoding="utf-8").read() for name in files}
    # A test without the standard harness says its name itself.
    tests = set(re.findall(r'fn (\w+)|const NAME: &str = "(\w+)"', "\n".join(sources.values())))
    tests = {name for pair in tests for name in pair}
    named = []
    for number, line in enumerate(open("ARCHITECTURE.md", encoding="utf-8"), 1):
        named += [(f"ARCHITECTURE.md:{number}", name) for name in re.findall(r"`(\w{24,})`", line)]
    for name, text in sources.items():
        for comment in re.findall(r"INVARIANT:(?:.*\n)(?:\s*//.*\n)*", text):
            named += [(name, test) for test in re.findall(r"`(\w{20,})`", comment)]
    missing = [(where, name) for where, name in named if name not in tests]
    for where, name in missing:
        print(f"{where}: there is no `{name}`")
    print(f"{len(named)} tests named, {len(missing)} missing")
    return 1 if missing or not named else 0


if __name__ == "__main__":
    sys.exit(main())
