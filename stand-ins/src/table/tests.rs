use super::*;
use crate::check::check_json;

const SMALL: &str = r#"
colour = "red" | "green"
GET /boxes -> 200 list paging=page
    query page: int32(1..), size: int(1..10), colour*: &colour, since!: time
POST /boxes -> 201 thing
    json! {box!: {name!: text(1..5), colour: &colour?, lids: [text](1..2), notes: <text>, more: {*: any, at: day}}}
GET /boxes/latest -> 200 {box}
GET /boxes/{id} -> 200 {box, lids[]} scope=boxes.read
GET /boxes/{id}.ics -> 200 text
GET /{kind}/{id}/lids -> 204 nothing
    path kind: "boxes" | "tins"
"#;

fn small() -> &'static Table {
    Box::leak(Box::new(Table::of(SMALL, "").unwrap()))
}

fn found(path: &str) -> Option<(&'static str, Vec<String>)> {
    let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    small().find("GET", &parts).map(|(operation, ids)| (operation.path, ids))
}

#[test]
fn the_operation_that_spells_out_most_is_found() {
    assert_eq!(found("boxes/latest").unwrap().0, "/boxes/latest");
    assert_eq!(found("boxes/7").unwrap(), ("/boxes/{id}", vec!["7".to_owned()]));
    assert_eq!(found("boxes/7.ics").unwrap(), ("/boxes/{id}.ics", vec!["7".to_owned()]));
    assert_eq!(found("tins/7/lids").unwrap().1, ["tins", "7"]);
    assert_eq!(found("cups/7/lids"), None);
    assert_eq!(found("boxes/"), None);
    assert!(small().holds_things("boxes") && !small().holds_things("tins"));
    assert!(small().is_collection("boxes") && !small().is_collection("boxes/latest"));
}

#[test]
fn a_sample_is_right_and_each_of_its_wrong_twins_is_wrong() {
    for sample in small().samples() {
        let body = sample.operation.body.as_ref();
        for (what, twin) in sample.wrong() {
            let findings = match (body, &twin.body) {
                (Some(body), Some((_, value))) if twin.query == sample.query => check_json(value, &body.shape),
                _ => crate::check::check_pairs(&owned(&twin.query), &twin.operation.query),
            };
            assert_eq!(findings.len(), 1, "{what}: {findings:?}");
        }
        if let (Some(body), Some((_, value))) = (body, &sample.body) {
            assert!(check_json(value, &body.shape).is_empty());
        }
        assert!(crate::check::check_pairs(&owned(&sample.query), &sample.operation.query).is_empty());
    }
    let wrong = small().samples().iter().map(|sample| sample.wrong().len()).collect::<Vec<_>>();
    // Of the list: an unknown name, four values, one missing. Of the box: two missing, three unknown names, a name too
    // long, a colour, a list empty and too long, a day.
    assert_eq!(wrong.iter().take(2).copied().collect::<Vec<_>>(), [6, 10]);
}

fn owned(pairs: &[(&'static str, String)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect()
}

#[test]
fn a_table_that_cannot_be_read_says_where() {
    for (text, place) in [
        ("GET /a", "has no answer"),
        ("GET /a -> 200 heap", "unknown form heap"),
        ("    query a: text", "before any operation"),
        ("GET /a -> 200 list\n    query a: txt", "unknown type txt"),
        ("GET /a -> 200 list\n    json {a: &b}", "the type b"),
        ("GET /a -> 200 list\n    json {a: text", "needs `, `"),
        ("GET /a -> 200 list\n    path b: text", "names {b}"),
        ("GET /a -> 200 list\n    query a: int(1)", "without `..`"),
    ] {
        let why = Table::of(text, "").unwrap_err();
        assert!(why.contains(place), "{text}: {why}");
    }
}

#[test]
fn a_body_can_be_made_stricter_and_only_one_that_is_there() {
    let stricter = "POST /boxes\n    box.name!: text(2..3)\n    box.notes!: <flag>\n";
    let table = Table::of(SMALL, stricter).unwrap();
    let (operation, _) = table.find("POST", &["boxes".to_owned()]).unwrap();
    let shape = operation.body.as_ref().unwrap().shape;
    let findings = check_json(&serde_json::json!({"box": {"name": "x"}}), &shape);
    assert_eq!(findings.iter().map(crate::check::Finding::place).collect::<Vec<_>>(), ["box.name", "box.notes"]);
    for (text, why) in [
        ("POST /tins\n    a: text", "not an operation"),
        ("POST /boxes\n    box.nom: text", "names no member"),
        ("GET /boxes\n    a: text", "for no body"),
    ] {
        assert!(Table::of(SMALL, text).unwrap_err().contains(why), "{text}");
    }
}
