//! The tables of the vendors: what `.ci/stand-in-tables.py` made from the references, and where a stand-in is stricter.

use std::sync::LazyLock;

use crate::table::Table;

pub(crate) static STATUSPAGE: LazyLock<Table> = LazyLock::new(|| {
    read(include_str!("../tables/statuspage.table"), include_str!("../tables/statuspage.stricter.table"))
});

pub(crate) static OPSGENIE: LazyLock<Table> =
    LazyLock::new(|| read(include_str!("../tables/opsgenie.table"), include_str!("../tables/opsgenie.stricter.table")));

pub(crate) static PAGERDUTY: LazyLock<Table> = LazyLock::new(|| {
    read(include_str!("../tables/pagerduty.table"), include_str!("../tables/pagerduty.stricter.table"))
});

pub(crate) static JSM_OPS: LazyLock<Table> = LazyLock::new(|| read(include_str!("../tables/jsm-ops.table"), ""));

#[expect(clippy::panic, reason = "the tables are part of the crate, and a test reads each of them")]
fn read(text: &'static str, stricter: &'static str) -> Table {
    Table::of(text, stricter).unwrap_or_else(|why| panic!("a table cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::check::check_json;
    use crate::table::whole;

    #[test]
    fn every_table_holds_the_operations_of_its_reference_once() {
        for (table, count) in [(&STATUSPAGE, 99), (&OPSGENIE, 226), (&PAGERDUTY, 465), (&JSM_OPS, 166)] {
            let all: HashSet<_> = table.operations().iter().map(|known| (known.method, known.path)).collect();
            assert_eq!((all.len(), table.operations().len()), (count, count));
            for operation in table.operations() {
                assert!(["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&operation.method), "{operation:?}");
                assert!((200..300).contains(&operation.status), "{operation:?}");
                let parts: Vec<String> = operation.wild().replace("{}", "x").split('/').map(str::to_owned).collect();
                let found = table.find(operation.method, &parts);
                let is_reachable = found.is_some_and(|(found, _)| std::ptr::eq(found, operation));
                let has_names_in_its_path =
                    operation.path.starts_with("/{") || parts.last().is_some_and(|part| part == "x");
                assert!(is_reachable || has_names_in_its_path, "{} {}", operation.method, operation.path);
            }
        }
    }

    #[test]
    fn what_is_stricter_than_the_reference_stays_within_it() {
        let reference = Table::of(include_str!("../tables/statuspage.table"), "").unwrap();
        let mut narrowed = 0;
        for (operation, known) in STATUSPAGE.operations().iter().zip(reference.operations()) {
            let (Some(body), Some(known)) = (&operation.body, &known.body) else { continue };
            assert!(check_json(&whole(&body.shape), &known.shape).is_empty(), "{}", operation.path);
            narrowed += usize::from(format!("{:?}", body.shape) != format!("{:?}", known.shape));
        }
        assert_eq!(narrowed, 10);
    }
}
