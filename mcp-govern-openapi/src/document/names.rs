//! Names: what the document spells in its own way becomes snake case.

use mcp_govern_core::Digest;

use super::refs::Checked;

/// `listPets`, `list-pets` and `List Pets` all become `list_pets`. Letters beyond ASCII stay, so that they are noticed.
pub(crate) fn to_snake(text: &str) -> String {
    let mut snake = String::with_capacity(text.len() + 4);
    let mut before = None::<char>;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if !character.is_alphanumeric() {
            if !snake.is_empty() && !snake.ends_with('_') {
                snake.push('_');
            }
        } else if character.is_ascii_uppercase() {
            // A new word starts at a capital after a small letter, and at the last capital of a run: `getHTTPStatus`.
            let starts = before.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                || (before.is_some_and(|b| b.is_ascii_uppercase())
                    && characters.peek().is_some_and(char::is_ascii_lowercase));
            if starts && !snake.ends_with('_') {
                snake.push('_');
            }
            snake.push(character.to_ascii_lowercase());
        } else {
            snake.push(character);
        }
        before = Some(character);
    }
    while snake.ends_with('_') {
        snake.pop();
    }
    snake
}

/// The longest name that a tool can have.
pub(crate) const LONGEST_NAME: usize = 48;

/// How long a shortened name is at most: with a server's prefix and what a client puts before it, it stays within 64 characters.
const LONGEST_SHORTENED: usize = 40;

/// How many digits tell shortened names apart.
const DIGITS: usize = 8;

/// A shorter name for an operation whose own is too long: its beginning, and a digest of the whole id. It follows from the id alone,
/// so that it stays whatever other operations come and go.
pub(crate) fn shortened(id: &str) -> String {
    let digest = Digest::of_bytes(id.as_bytes()).to_string();
    let digits: String = digest.chars().skip("sha256:".len()).take(DIGITS).collect();
    let room = LONGEST_SHORTENED - DIGITS - 1;
    let mut beginning: String = to_snake(id).chars().take(room).collect();
    // Words stay whole where there are some.
    if let Some(at) = beginning.rfind('_').filter(|at| *at * 2 > room) {
        beginning.truncate(at);
    }
    format!("{beginning}_{digits}")
}

/// The argument's name: what `x-argument` says, else the vendor's name in snake case without a trailing `[]`.
pub(crate) fn argument_name(vendor: &str, stated: Option<&str>) -> Checked<String> {
    let name = stated.map_or_else(|| to_snake(vendor.strip_suffix("[]").unwrap_or(vendor)), str::to_owned);
    if is_argument(&name) {
        return Ok(name);
    }
    Err(format!(
        "`{name}` is not an argument name: expected a-z, 0-9 and `_`, starting with a letter; give one with `x-argument`"
    ))
}

fn is_argument(name: &str) -> bool {
    name.len() <= 64
        && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// A slug from a title: small letters, digits and dashes.
pub(crate) fn to_slug(text: &str) -> String {
    to_snake(text).replace('_', "-").chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_style_become_snake_case() {
        for (text, snake) in [
            ("listPets", "list_pets"),
            ("ListPets", "list_pets"),
            ("list-pets", "list_pets"),
            ("pets.list", "pets_list"),
            ("getHTTPStatus", "get_http_status"),
            ("identifierType", "identifier_type"),
            ("X-Request-ID", "x_request_id"),
            ("a__b", "a_b"),
            ("v2Alerts", "v2_alerts"),
        ] {
            assert_eq!(to_snake(text), snake, "{text}");
        }
        assert_eq!(argument_name("statuses[]", None).unwrap(), "statuses");
        assert_eq!(argument_name("whatever", Some("other")).unwrap(), "other");
    }

    #[test]
    fn a_long_id_becomes_a_shorter_name_that_follows_from_it_alone() {
        let name = shortened("update_incident_api_v1_incidents__incident_id__patch");
        assert_eq!(name, "update_incident_api_v1_9091cdcc");
        for id in
            ["a".repeat(200), "word_".repeat(60), "createTheVeryLongNameOfAnOperationThatAGeneratorWrote".to_owned()]
        {
            let name = shortened(&id);
            assert!(name.len() <= LONGEST_SHORTENED && !name.contains("__"), "{name}");
            assert_eq!(name, shortened(&id));
            assert_ne!(name, shortened(&format!("{id}s")), "two ids that begin alike have one name");
        }
    }

    #[test]
    fn a_name_that_cannot_be_an_argument_asks_for_one() {
        for (vendor, stated) in [("2fa", None), ("données", None), ("", None), ("a", Some("A"))] {
            assert!(argument_name(vendor, stated).unwrap_err().contains("x-argument"));
        }
    }
}
