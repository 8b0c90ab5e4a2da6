#!/usr/bin/env python3
"""Runs every command that a Markdown file shows in ```sh blocks, in order, each in one shell; stops at the first failure.

A line ending in a backslash goes on in the next; lines that start with # are comments.
"""
import re
import subprocess
import sys


def commands(text):
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S):
        joined = block.replace("\\\n", " ")
        for line in joined.splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                yield line.strip()


def main(path):
    found = list(commands(open(path, encoding="utf-8").read()))
    if len(found) < 2:
        print(f"{path}: expected at least two commands, found {len(found)}")
        return 1
    for command in found:
        print(f"$ {command}", flush=True)
        code = subprocess.run(["bash", "-euo", "pipefail", "-c", command], stdin=subprocess.DEVNULL).returncode
        if code:
            print(f"{path}: `{command}` ended with {code}")
            return code
    print(f"{path}: {len(found)} commands ran")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
