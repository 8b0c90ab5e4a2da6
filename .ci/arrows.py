#!/usr/bin/env python3
"""Holds the dependency arrows of ARCHITECTURE.md and the minimum Rust version, from `cargo metadata`."""
import json
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
