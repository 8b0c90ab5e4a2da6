//! E-mail addresses as an argument may hold them.

/// The longest address (RFC 5321, section 4.5.3.1.3: a path of 256 with its brackets).
const LONGEST: usize = 254;
/// The longest part before the `@`, and the longest label of a domain (RFC 5321, section 4.5.3.1; RFC 1035, section 2.3.4).
const LONGEST_LOCAL: usize = 64;
const LONGEST_LABEL: usize = 63;

/// Whether a text is one bare address: no display name, no comment, no brackets. Letters of every script may stand on both sides
/// of the `@` (RFC 6531); a local part in quotes is not taken, because no vendor takes it.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    text.len() <= LONGEST && is_local(local) && domain.split('.').all(is_label)
}

fn is_local(local: &str) -> bool {
    let atom = |c: char| c.is_alphanumeric() || (!c.is_ascii() && is_mark(c)) || "!#$%&'*+-/=?^_`{|}~".contains(c);
    local.len() <= LONGEST_LOCAL && local.split('.').all(|part| !part.is_empty() && part.chars().all(atom))
}

fn is_label(label: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || c == '-' || (!c.is_ascii() && is_mark(c));
    let hyphened = label.starts_with('-') || label.ends_with('-');
    (1..=LONGEST_LABEL).contains(&label.len()) && !hyphened && label.chars().all(inner)
}

/// Marks that join a letter of their script: vowel signs and accents.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{dff}' | '\u{e31}'..='\u{e4e}' | '\u{3099}' | '\u{309a}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_bare_and_may_be_written_in_every_script() {
        for good in [
            "ann@example.com",
            "ann.lee+alerts@mail.example.co.uk",
            "o'neil@example.com",
            "root@localhost",
            "jürgen@münchen.example",
            "用户@例子.example",
            "a@xn--mnchen-3ya.example",
            "संपर्क@उदाहरण.example",
        ] {
            assert!(is_email(good), "`{good}` is refused");
        }
        for bad in [
            "Ann <ann@example.com>",
            "<ann@example.com>",
            "ann@example.com, bob@example.com",
            "ann",
            "@example.com",
            "ann@",
            "a b@example.com",
            "ann@exa mple.com",
            "a@b@example.com",
            "ann@example..com",
            "ann@-example.com",
            ".ann@example.com",
            "ann..lee@example.com",
            "ann@example.com\n",
            "\"a b\"@example.com",
            "ann(comment)@example.com",
            "a\u{202e}nn@example.com",
            &format!("{}@example.com", "a".repeat(65)),
            &format!("a@{}.com", "a".repeat(250)),
        ] {
            assert!(!is_email(bad), "`{bad}` is taken");
        }
    }
}
