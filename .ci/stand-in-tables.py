#!/usr/bin/env python3
"""Makes the tables of the stand-ins, `stand-ins/tables/*.table`, from digests of the vendors' references.

    python3 .ci/stand-in-tables.py FACTS [--check]

FACTS is the directory with `statuspage.json`, `opsgenie.json`, `pagerduty.json` and `jsm-ops.json`, which is not part
of the project. The same digests always give the same bytes; `--check` compares instead of writing. The form of a
table is described in `stand-ins/tables/README.md`.
"""
import collections
import json
import os
import re
import sys

WIDTH = 120
INT32 = 2**31 - 1
LIKE = {r"^\d{4}(-\d{2}(-\d{2})?)?$": "part-of-date"}
PAGING = {"limit", "offset", "more", "total", "next_cursor", "paging"}
# Lists whose name does not say so, and things whose name sounds like a list.
LISTS = {"data", "enriched_data"}
THINGS = {
    "status", "analytics_settings", "alert_grouping_settings_id", "convert_status", "migrated_status", "settings", "filters",
    "privileges", "credentials", "size_bytes", "paused_incident_reporting_alerts", "paused_incident_reporting_counts",
}
# What an example of the reference leaves out although its schema requires it: the vendor accepts both.
OMITTED = "request example in the source omits schema-required: "


def literal(text):
    return json.dumps(text, ensure_ascii=False)


def bounds(least, most):
    if least is None and most is None:
        return ""
    return f"({'' if least is None else least}..{'' if most is None else most})"


class Types:
    """Writes schemas; what is long and occurs more than once gets a name of its own."""

    def __init__(self):
        self.seen = collections.Counter()
        self.names = {}
        self.order = []
        self.naming = False

    def of(self, schema, hint):
        text = self.plain(schema or {}, hint)
        if schema and schema.get("nullable"):
            text = f"({text})?" if " | " in text else f"{text}?"
        return text

    def plain(self, s, hint):
        kind = s.get("type")
        union = s.get("oneOf") or s.get("anyOf")
        if union:
            parts = []
            for part in union:
                text = self.of(part, hint)
                if text not in parts:
                    parts.append(text)
            return self.shared(" | ".join(parts), hint)
        if s.get("enum"):
            return self.enum(s["enum"], hint)
        if kind == "string":
            return self.text(s)
        if kind == "integer":
            return self.whole(s)
        if kind == "number":
            return "number"
        if kind == "boolean":
            return "flag"
        if kind == "array":
            return f"[{self.of(s.get('items'), hint)}]{bounds(s.get('minItems') or None, s.get('maxItems'))}"
        if kind == "object" or s.get("properties"):
            return self.object(s, hint)
        return "any"

    def enum(self, values, hint):
        if all(isinstance(value, bool) for value in values):
            return "flag"
        if all(isinstance(value, int) for value in values):
            return f"int({min(values)}..{max(values)})"
        strings = [literal(value) for value in values if isinstance(value, str)]
        text = self.shared(" | ".join(strings), hint)
        return text + "?" if None in values else text

    @staticmethod
    def text(s):
        if s.get("pattern") in LIKE:
            return LIKE[s["pattern"]]
        if s.get("format") in ("date-time", "date", "binary"):
            return {"date-time": "time", "date": "day", "binary": "file"}[s["format"]]
        least = s.get("minLength") or None
        return "text" + bounds(least, s.get("maxLength"))

    @staticmethod
    def whole(s):
        least, most = s.get("minimum"), s.get("maximum")
        if s.get("exclusiveMinimum") and least is not None:
            least += 1
        if s.get("format") == "int32":
            return "int32" + bounds(least, None if most == INT32 else most)
        return "int" + bounds(least, most)

    def object(self, s, hint):
        properties, more = s.get("properties") or {}, s.get("additionalProperties")
        if not properties:
            return f"<{self.of(more, hint)}>" if isinstance(more, dict) and more else "object"
        required = set(s.get("required") or [])
        members = [f"{name}{'!' if name in required else ''}: {self.of(member, name)}" for name, member in properties.items()]
        if more:
            members.append(f"*: {self.of(more if isinstance(more, dict) else None, hint)}")
        return self.shared("{" + ", ".join(members) + "}", hint)

    def shared(self, text, hint):
        if len(text) < 60:
            return text
        if not self.naming:
            self.seen[text] += 1
            return text
        # The text that was counted held no names; find it by what it stands for.
        whole = self.expanded(text)
        if self.seen[whole] < 2:
            return text
        if whole not in self.names:
            base = re.sub(r"[^A-Za-z0-9]+", "_", hint).strip("_") or "body"
            taken, name, number = set(self.names.values()), base, 2
            while name in taken:
                name, number = f"{base}{number}", number + 1
            self.names[whole] = name
            self.order.append((name, text))
        return "&" + self.names[whole]

    def expanded(self, text):
        back = {name: whole for whole, name in self.names.items()}
        pattern = re.compile(r'"(?:[^"\\]|\\.)*"|&([A-Za-z0-9_]+)')
        return pattern.sub(lambda found: back[found.group(1)] if found.group(1) else found.group(0), text)


def seen_too(schema, path):
    """Adds a member that the reference's own request example sends."""
    name, *rest = path
    is_list = name.endswith("[]")
    name = name.removesuffix("[]")
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "array":
        return seen_too(schema.get("items"), path)
    for part in (schema.get("oneOf") or []) + (schema.get("anyOf") or []):
        seen_too(part, path)
    if "properties" not in schema:
        return
    if not rest:
        schema["properties"].setdefault(name, {})
    elif name in schema["properties"]:
        inner = schema["properties"][name]
        seen_too(inner.get("items") if is_list else inner, rest)


def body_of(operation, types):
    body = operation["body"]
    if not body:
        return None
    schema = json.loads(json.dumps(body.get("schema")))
    for path in (body.get("also_seen") or []) + (body.get("readonly_but_sent") or []):
        seen_too(schema, path.split("."))
    wrapper = body.get("wrapper")
    if wrapper and wrapper not in (schema.get("required") or []):
        schema["required"] = (schema.get("required") or []) + [wrapper]
    suffix = body.get("array_name_suffix")
    if suffix:
        schema["properties"] = {
            name + (suffix if inner.get("type") == "array" else ""): inner for name, inner in schema["properties"].items()
        }
        schema["required"] = [name + (suffix if name + suffix in schema["properties"] else "") for name in schema["required"]]
    form = {"application/json": "json", "application/x-www-form-urlencoded": "form", "multipart/form-data": "multipart"}
    needed = body.get("required") or (schema or {}).get("required")
    return f"{form[body['content_type']]}{'!' if needed else ''} {types.of(schema, wrapper or 'body')}"


def parameter(p, types):
    schema = dict(p)
    repeated = ""
    if p["in"] == "query" and p.get("type") == "array":
        if p["name"].endswith("[]") or p.get("explode") is True or p.get("explode") is None:
            repeated, schema = "*", p.get("items")
    name = p["name"]
    return f"{name}{'!' if p.get('required') else ''}{repeated}: {types.of(schema, name.removesuffix('[]'))}"


def without_omitted(operation):
    """The operation with those members optional that the reference's own example leaves out."""
    _, found, names = (operation.get("conflict") or "").partition(OMITTED)
    if found:
        names = {name.strip() for name in names.split(";")[0].split(",")}
        operation = {**operation, "body": loosened(operation["body"], names)}
    return operation


def loosened(node, names):
    if isinstance(node, list):
        return [loosened(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    keep = lambda key, value: [name for name in value if name not in names] if key == "required" and isinstance(value, list) else loosened(value, names)
    return {key: keep(key, value) for key, value in node.items()}


def is_plural(name):
    return name in LISTS or (name.endswith("s") and not name.endswith("ss") and name not in THINGS)


def answer_of(vendor, operation, items):
    """Status and form of the answer: `thing`, `list`, `text`, `nothing`, or the members under its root."""
    creates = operation["method"] == "POST" and operation["path"] in items
    status = (operation.get("success") or [201 if creates else 200])[0]
    if status == 204:
        return "204 nothing"
    is_item = operation["path"].endswith("}")
    roots = [root for root in operation.get("response_root") or [] if root not in PAGING]
    if vendor == "statuspage":
        form = {"array": "list", "empty": "nothing", None: "nothing"}.get(operation["response_shape"], "thing")
        if operation["response_shape"] == "wrapped":
            form = "{data}"
        return f"{status} {form}"
    if vendor == "opsgenie":
        if operation["async"]:
            return f"{status} {{result}}"
        if operation["path"].endswith(".ics") or "/download/" in operation["path"]:
            return f"{status} text"
        is_list = operation.get("paging") is not None or (not roots and operation["method"] == "GET" and not is_item)
        return f"{status} {{{'data[]' if is_list else ', '.join(root for root in roots if root != 'totalCount') or 'data'}}}"
    if vendor == "jsm-ops":
        if operation["async"]:
            return f"{status} {{result}}"
        if operation["path"].endswith("/v1/teams"):
            return f"{status} {{platformTeams[]}}"
        if operation["method"] == "GET" and not is_item and (operation["paging"] != "none" or operation["path"] in items):
            return f"{status} " + ("list" if operation["path"].endswith(("/roles", "/action-groups")) else "{values[]}")
        return f"{status} thing"
    if operation["response_shape"] == "array":
        return f"{status} list"
    if not roots:
        return f"{status} " + ("nothing" if operation["response_shape"] == "empty" else "thing")
    return f"{status} {{{', '.join(root + ('[]' if is_plural(root) else '') for root in roots)}}}"


def marks_of(vendor, operation):
    if vendor == "pagerduty":
        if operation["scopes"]:
            yield f"scope={operation['scopes'][0]}"
        paging = {"classic": "classic", "classic(response only)": "classic", "cursor": "cursor", "cursor(response only)": "cursor"}
        if operation["paging"] in paging:
            yield f"paging={paging[operation['paging']]}"
    if vendor == "opsgenie":
        rights = operation["rights"] or []
        right = "act" if operation["key_type"] == "api_integration_only" else "read" if "read" in rights else "write"
        yield "right=" + right + ("-configuration" if "configuration_access" in rights else "")
        if operation["async"] and operation["async"].startswith("/"):
            yield "async"
    if vendor == "jsm-ops":
        yield f"auth={operation['auth']}"
        if operation["async"]:
            yield "async"


def lines_of(vendor, operation, types, items):
    yield " ".join([operation["method"], operation["path"], "->", answer_of(vendor, operation, items), *marks_of(vendor, operation)])
    for place in ("path", "query", "header"):
        listed = [
            parameter(p, types)
            for p in operation["parameters"]
            if p["in"] == place and (place != "path" or p.get("enum") or p.get("type") != "string")
        ]
        if listed:
            yield f"{place} {', '.join(listed)}"
    body = body_of(operation, types)
    if body:
        yield body


def folded(text, indent, start=0):
    """Breaks a line between words; a literal stays whole, and a name stays with its type."""
    words = re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^\s"])+', text.replace(": ", ":\ue000"))
    out, line = [], " " * start
    for word in words:
        if line.strip() and len(line) + 1 + len(word) > WIDTH:
            out.append(line)
            line = " " * indent + word
        else:
            line = f"{line} {word}" if line.strip() else line + word
    return "\n".join([*out, line]).replace("\ue000", " ")


def table(vendor, facts):
    digest = json.load(open(os.path.join(facts, f"{vendor}.json"), encoding="utf-8"))
    operations = [
        operation
        for operation in map(without_omitted, digest["operations"])
        if not operation.get("twin_of") and not (vendor == "jsm-ops" and operation["early_access"])
    ]
    items = {operation["path"].rsplit("/", 1)[0] for operation in operations if operation["path"].endswith("}")}
    types = Types()
    for types.naming in (False, True):
        blocks = []
        for operation in operations:
            first, *rest = lines_of(vendor, operation, types, items)
            blocks.append("\n".join([folded(first, 8), *(folded(line, 8, 4) for line in rest)]))
    named = "\n".join(folded(f"{name} = {text}", 8) for name, text in types.order)
    head = f"# What the reference of {vendor} says, made by .ci/stand-in-tables.py; {len(operations)} operations. Do not edit."
    return "\n\n".join(part for part in (head, named, "\n".join(blocks)) if part) + "\n"


def main():
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    if len(arguments) != 1:
        sys.exit(__doc__)
    stale = []
    for vendor in ("statuspage", "opsgenie", "pagerduty", "jsm-ops"):
        path = os.path.join(os.path.dirname(__file__), "..", "stand-ins", "tables", f"{vendor}.table")
        made = table(vendor, arguments[0])
        if "--check" not in sys.argv:
            open(path, "w", encoding="utf-8").write(made)
        elif not os.path.exists(path) or open(path, encoding="utf-8").read() != made:
            stale.append(vendor)
        print(f"{vendor}: {len(made)} bytes, {made.count(chr(10))} lines")
    sys.exit(f"not up to date: {', '.join(stale)}" if stale else 0)


if __name__ == "__main__":
    main()
