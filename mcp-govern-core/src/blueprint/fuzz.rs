//! Hostile blueprints: what is read is written back and read again as the same, and what is not understood is refused.

use fuzzing::Target;

use super::Blueprint;

#[test]
fn fuzz_blueprints() {
    let seeds = [
        r#"
governance = "activated"
unnamed = "keep"
[settings]
[servers.status]
provider = "statuspage"
title = "Status"
prefix = "status"
auth_method = "api_key"
rules = [{argument = "page_id", constraint = {one_of = ["p1"]}, absent = "allow"}]
[toolsets.read]
title = "Read"
[profiles.reader]
title = "Reader"
[grants.ann]
profile = "reader"
grantee = {user = {issuer = "local", subject = "ann"}}
"#,
        "[servers.a]\n",
        "",
    ];
    let words = [
        "[servers.b]\n",
        "[profiles.p]\n",
        "rules = [",
        "constraint = {pattern = \"",
        "tools = [",
        "until = \"2026-11-21T09:30:00Z\"\n",
        "unknown = 1\n",
    ];
    Target::new(env!("CARGO_MANIFEST_DIR"), "blueprints").with_seeds(seeds).with_words(words).run(|input| {
        let text = String::from_utf8_lossy(input);
        match toml::from_str::<Blueprint>(&text) {
            Ok(blueprint) => {
                let written = serde_json::to_string(&blueprint).unwrap();
                let again: Blueprint = serde_json::from_str(&written).unwrap();
                assert_eq!(again, blueprint, "{written}");
                (true, blueprint.servers.len(), blueprint.profiles.len() + blueprint.grants.len())
            }
            Err(error) => {
                assert!(!error.message().is_empty());
                // The kind of fault, without what it names.
                (false, error.message().split('`').next().map_or(0, str::len), 0)
            }
        }
    });
}
