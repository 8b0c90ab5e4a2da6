#!/usr/bin/env python3
"""Holds the dependency arrows of ARCHITECTURE.md: between crates and the minimum Rust version from `cargo metadata`, between the
modules of a crate from its sources."""
import json
import pathlib
import re
import subprocess
import sys

DRIVERS = {"sqlx", "rusqlite", "tokio-postgres", "redb", "diesel"}
CLIENTS = {"reqwest", "hyper", "hyper-util", "ureq", "isahc", "curl"}
MCP = {"rmcp"}
# What serves HTTP names hyper, and with these features nothing of it is a client.
SERVING = {"http1", "http2", "server", "server-auto", "server-graceful", "service", "tokio"}
SERVERS = {"axum", "warp", "actix-web"}
PROVIDERS = {"mcp-provider-opsgenie", "mcp-provider-pagerduty", "mcp-provider-statuspage"}
# crate -> the crates of this workspace that it may depend on
MAY = {
    "mcp-govern-core": set(),
    "mcp-govern-openapi": {"mcp-govern-core"},
    "mcp-provider-opsgenie": {"mcp-govern-core", "mcp-govern-openapi"},
    "mcp-provider-pagerduty": {"mcp-govern-core", "mcp-govern-openapi"},
    "mcp-provider-statuspage": {"mcp-govern-core", "mcp-govern-openapi"},
    "mcp-govern-server": {"mcp-govern-core", "mcp-govern-openapi"},
    "mcp-govern-store": {"mcp-govern-core"},
    "mcp-govern-conformance": {"mcp-govern-core"},
    "stand-ins": set(),
}
# crate -> its floors, the lowest first. A module names itself and the modules of the floors below its own: none of a higher floor,
# and no other one of its own floor. A module is a file or folder directly in `src`. Tests may look anywhere.
FLOORS = {
    "mcp-govern-core": [
        {"causes", "hash", "random", "steps"},
        {"vocabulary"},
        {"audit_key", "denial"},
        {"quota", "schema"},
        {"provider"},
        {"journal"},
        {"ports"},
        {"access", "audit", "blueprint", "memory"},
        {"check"},
        {"governor"},
    ],
    "mcp-govern-openapi": [
        {"error", "header", "limits", "steps", "transport"},
        {"base_url", "merge", "text"},
        {"pointer", "redact"},
        {"plan"},
        {"bind", "catalog", "decode", "document", "oauth", "send"},
        {"server"},
        {"provider"},
    ],
    "mcp-govern-server": [
        {"cleaned", "error", "steps"},
        {"message", "seal"},
        {"identity", "request_context"},
        {"metrics"},
        {"shares"},
        {"http"},
        {"connect"},
        {"adapter"},
        {"server"},
        {"builder"},
    ],
}


def is_test(path):
    """Whether a file of `src` holds tests alone."""
    return path.stem in {"fixture", "fuzz", "tests"} or path.stem.endswith("_tests") or "tests" in path.parts


def code(text):
    """The text without comments and test items; every line stays where it is."""
    lines, kept, at = text.split("\n"), [], 0
    while at < len(lines):
        if re.match(r"\s*#\[cfg\((all\()?test\b", lines[at]):
            end = at + 1
            while lines[end].lstrip().startswith("#"):
                end += 1
            indent = re.match(r"\s*", lines[end]).group()
            # An item ends where its first line does, or at the closing line with the same indentation.
            if not re.search(r"[;}]$", lines[end].rstrip()):
                end += 1
                while not re.match(indent + r"[})\]]", lines[end]) or lines[end].rstrip().endswith("{"):
                    end += 1
            kept += [""] * (end + 1 - at)
            at = end + 1
        else:
            kept.append(re.sub(r"//.*", "", lines[at]))
            at += 1
    return "\n".join(kept)


def paths(text, at, before):
    """Every path of a (nested) path expression or `use` tree that begins at a place, with where it ends in the text."""
    found = re.compile(r"\s*(\w+|\*)").match(text, at)
    if not found:
        return
    names, at = before + [found.group(1)], found.end()
    while text.startswith("::", at):
        at += 2
        if text.startswith("{", at):
            start, depth, at = at + 1, 0, at + 1
            while depth >= 0:
                if text[at] == "{":
                    depth += 1
                elif text[at] == "}":
                    depth -= 1
                if depth < 0 or depth == 0 and text[at] == ",":
                    yield from paths(text, start, names)
                    start = at + 1
                at += 1
            return
        found = re.compile(r"\w+|\*").match(text, at)
        if not found:
            break
        names, at = names + [found.group()], found.end()
    yield at, names


def floors(crate, root, order):
    """Where a module of a crate names one that is not below it, with file and line."""
    source = root / "src"
    modules = {path.stem for path in source.iterdir()} - {"lib", "main", "tests", "fuzz"}
    floor = {module: at for at, of_one in enumerate(order) for module in of_one}
    for module in sorted(modules ^ set(floor)):
        yield f"{crate}: `{module}` has no floor, or is no module"
    # What the crate's root exports is named by its module.
    exported = {}
    root_code = code((source / "lib.rs").read_text())
    for found in re.finditer(r"\buse (?=self::)", root_code):
        for _, names in paths(root_code, found.end(), []):
            exported[names[-1]] = names[1]
    for path in sorted(source.rglob("*.rs")):
        inner = path.relative_to(source)
        if is_test(inner) or inner.parts[0] in {"lib.rs", "main.rs"}:
            continue
        here = list(inner.with_suffix("").parts)
        here = here[:-1] if here[-1] == "mod" else here
        text = code(path.read_text())
        for found in re.finditer(r"\b(?:crate|super)(?=::)", text):
            for at, names in paths(text, found.start(), []):
                target = []
                if names[0] != "crate":
                    ups = next((n for n, name in enumerate(names) if name != "super"), len(names))
                    target = here[: max(len(here) - ups, 0)]
                    names = ["super", *names[ups:]]
                target = (target + names[1:])[:1]
                if not target or target == ["*"]:
                    continue
                named = exported.get(target[0], target[0]) if target[0] not in modules else target[0]
                line = text.count("\n", 0, at) + 1
                place = f"{path}:{line}: `{here[0]}`"
                if named not in floor:
                    yield f"{place} names `{named}`, which is no module of {crate} and is not exported by its root"
                elif here[0] in floor and named != here[0] and floor[named] >= floor[here[0]]:
                    yield f"{place} names `{named}`, which is not below it"


def main():
    text = subprocess.run(["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"], check=True, capture_output=True).stdout
    meta = json.loads(text)
    packages = {p["id"]: p for p in meta["packages"]}
    ours = {packages[i]["name"]: packages[i] for i in meta["workspace_members"]}
    nodes = {n["id"]: n for n in meta["resolve"]["nodes"]}
    faults = []

    def normal(package):
        return [d for d in package["dependencies"] if d["kind"] is None]

    def closure(package_id):
        seen, todo = set(), [package_id]
        while todo:
            for dep in nodes[todo.pop()]["deps"]:
                if any(k["kind"] is None for k in dep["dep_kinds"]) and dep["pkg"] not in seen:
                    seen.add(dep["pkg"])
                    todo.append(dep["pkg"])
        return seen

    for name, package in ours.items():
        direct = {d["name"] for d in normal(package)}
        if name in MAY:
            for other in sorted((direct & set(ours)) - MAY[name]):
                faults.append(f"{name} depends on {other}")
        for dep in normal(package):
            serves = name == "mcp-govern-server" and set(dep["features"]) <= SERVING and not dep["uses_default_features"]
            if dep["name"] in CLIENTS and name != "mcp-govern-openapi" and package["publish"] != [] and not serves:
                faults.append(f"{name} names the HTTP client {dep['name']}")
        for driver in sorted(direct & DRIVERS):
            if name != "mcp-govern-store":
                faults.append(f"{name} names the driver {driver}")
        for mcp in sorted(direct & MCP):
            if name != "mcp-govern-server" and not package["publish"] == []:
                faults.append(f"{name} names {mcp}")
    core = ours["mcp-govern-core"]
    pulled = {packages[i]["name"] for i in closure(core["id"])}
    for bad in sorted(pulled & (DRIVERS | CLIENTS | MCP | SERVERS | PROVIDERS)):
        faults.append(f"mcp-govern-core pulls in {bad}")
    for dep in normal(core):
        if dep["name"] == "tokio" and (dep["uses_default_features"] or set(dep["features"]) != {"sync"}):
            faults.append(f"mcp-govern-core uses tokio with {dep['features']}")

    for name, order in FLOORS.items():
        faults += sorted(set(floors(name, pathlib.Path(ours[name]["manifest_path"]).parent.relative_to(pathlib.Path.cwd()), order)))

    def version(text):
        return tuple(int(x) for x in (re.findall(r"\d+", text or "0") + ["0", "0"])[:3])

    # Every crate states what it and all that it pulls in demand.
    for name, package in ours.items():
        stated = version(package["rust_version"])
        for needed in (packages[i] for i in sorted(closure(package["id"]))):
            if version(needed["rust_version"]) > stated:
                faults.append(
                    f"{name} states Rust {package['rust_version']}, but {needed['name']} {needed['version']} needs {needed['rust_version']}"
                )

    for fault in faults:
        print(fault)
    print(f"{len(ours)} crates, {len(packages)} packages, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
