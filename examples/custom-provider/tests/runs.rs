//! Runs the program and asserts what it tells.

use std::process::Command;

#[test]
fn a_document_of_ones_own_is_governed_and_the_record_holds() {
    let output = Command::new(env!("CARGO_BIN_EXE_custom-provider")).env_clear().output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for line in [
        // No effect is stated for it, so it counts as dangerous and waits.
        "pantry/clear_shelf     dangerous    pending_review",
        "pantry/add_item        write        approved",
        "add 3 rice: {\"items\":{\"rice\":3},\"name\":\"top\"}",
        "rule_violated",
        "clear the top shelf: unknown_tool",
        "denial   pantry/clear_shelf     tool_pending",
        "Verified: intact.",
    ] {
        assert!(text.contains(line), "`{line}` is not in:\n{text}");
    }
    assert!(!text.contains("saffron\":"), "a denied call reached the pantry:\n{text}");
}
