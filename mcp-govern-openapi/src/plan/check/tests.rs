use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::document::{check::Arguments, govern::CheckGovern, refs::Checked};

const ALL: [&str; 4] = ["a", "b", "c", "status"];

fn check(stated: Value) -> Checked<Check> {
    let stated: CheckGovern = serde_json::from_value(stated).unwrap();
    let send = BTreeMap::from([("c".to_owned(), json!(false))]);
    Check::parse(&stated, Arguments { all: &ALL, changes: &["a", "b"], send: &send })
}

fn holds(stated: Value, arguments: Value) -> Result<(), String> {
    let now = "2026-11-21T10:00:00Z".parse().unwrap();
    check(stated).unwrap().hold(arguments.as_object().unwrap(), now)
}

#[test]
fn each_kind_accepts_and_refuses() {
    let exclusive = json!({"kind": "exclusive", "arguments": ["a", "b"]});
    assert!(holds(exclusive.clone(), json!({"a": 1})).is_ok());
    assert!(holds(exclusive, json!({"a": 1, "b": null})).unwrap_err().contains("`a`, `b` exclude"));
    let requires = json!({"kind": "requires", "argument": "a", "needs": ["b", "c"]});
    assert!(holds(requires.clone(), json!({"c": 1})).is_ok());
    assert_eq!(holds(requires, json!({"a": 1, "c": 1})).unwrap_err(), "`a` needs `b`");
    let one_of = json!({"kind": "one_of", "arguments": ["a", "b"]});
    assert!(holds(one_of.clone(), json!({"b": 1})).is_ok());
    assert!(holds(one_of.clone(), json!({})).is_err() && holds(one_of, json!({"a": 1, "b": 1})).is_err());
    let any_of = json!({"kind": "any_of", "arguments": ["a", "b"]});
    assert!(holds(any_of.clone(), json!({"a": 1, "b": 1})).is_ok());
    assert!(holds(any_of, json!({"c": 1})).is_err());
    let less = json!({"kind": "less", "argument": "a", "other": "b"});
    assert!(holds(less.clone(), json!({"a": 1, "b": 1.5})).is_ok() && holds(less.clone(), json!({"a": 1})).is_ok());
    assert_eq!(holds(less, json!({"a": 2, "b": 2})).unwrap_err(), "`a` must be smaller than `b`");
}

#[test]
fn several_arguments_can_need_the_same_and_count_only_with_their_value() {
    let requires = json!({"kind": "requires", "arguments": ["a", "b"], "is": true, "needs": ["c"]});
    assert!(holds(requires.clone(), json!({"a": false, "b": 1})).is_ok());
    assert!(holds(requires.clone(), json!({"a": true, "c": 1})).is_ok());
    assert_eq!(holds(requires, json!({"a": false, "b": true})).unwrap_err(), "`b` needs `c`");
}

#[test]
fn a_change_must_change_something() {
    let any = json!({"kind": "any_of"});
    assert!(holds(any.clone(), json!({"b": null})).is_ok());
    assert_eq!(holds(any, json!({"c": 1})).unwrap_err(), "give at least one of `a`, `b`");
}

#[test]
fn what_is_sent_unasked_is_a_change_with_another_value_alone() {
    let any = json!({"kind": "any_of", "arguments": ["a", "c"]});
    assert!(holds(any.clone(), json!({"a": 1, "c": false})).is_ok());
    assert!(holds(any.clone(), json!({"c": true})).is_ok());
    assert_eq!(holds(any, json!({"c": false})).unwrap_err(), "give at least one of `a`, `c`");
}

#[test]
fn a_span_of_times_is_measured_in_calendar_months_and_needs_both_ends() {
    let span = json!({"kind": "span", "argument": "a", "other": "b", "months": 6});
    for (since, until) in [
        ("2026-01-31T10:00:00Z", "2026-07-31T10:00:00Z"),
        ("2026-05-01T00:00:00+02:00", "2026-10-30T22:00:00Z"),
        ("2026-08-31T00:00:00Z", "2027-02-28T00:00:00Z"),
    ] {
        assert_eq!(holds(span.clone(), json!({"a": since, "b": until})), Ok(()), "{since} {until}");
    }
    for (since, until) in [
        ("2026-01-31T10:00:00Z", "2026-07-31T10:00:01Z"),
        ("2026-05-01T00:00:00+02:00", "2026-10-30T22:00:01Z"),
        ("2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
    ] {
        let fault = holds(span.clone(), json!({"a": since, "b": until})).unwrap_err();
        assert_eq!(fault, "`a` and `b` may lie 6 calendar months apart at most", "{since} {until}");
    }
    assert!(holds(span.clone(), json!({"a": "2001-01-01T00:00:00Z"})).is_ok());
    assert!(holds(span, json!({"b": "2001-01-01T00:00:00Z"})).is_ok());
    let days = json!({"kind": "span", "argument": "a", "other": "b", "days": 31});
    let range = |until: &str| holds(days.clone(), json!({"a": "2026-02-01T00:00:00Z", "b": until}));
    assert_eq!(range("2026-03-04T00:00:00Z"), Ok(()));
    assert_eq!(range("2026-03-04T00:00:01Z").unwrap_err(), "`a` and `b` may lie 31 days apart at most");
    assert!(holds(days.clone(), json!({"a": "2026-02-01", "b": "2026-03-04"})).is_ok());
    assert!(holds(days, json!({"a": "2026-02-01", "b": "2026-03-05"})).is_err());
}

#[test]
fn a_day_that_does_not_exist_is_none() {
    let span = json!({"kind": "span", "argument": "a", "other": "b", "months": 6});
    for (arguments, name) in [
        (json!({"a": "2026-02-30"}), "a"),
        (json!({"a": "2026-13"}), "a"),
        (json!({"a": "2026-01-01", "b": "2026-02-29"}), "b"),
    ] {
        let fault = holds(span.clone(), arguments.clone()).unwrap_err();
        assert_eq!(fault, format!("`{name}` is not a day, month or year that exists"), "{arguments}");
    }
    assert!(holds(span, json!({"a": "2024-02-29", "b": "2024-03"})).is_ok());
}

#[test]
fn a_length_counts_the_characters_of_names_and_texts() {
    let length = json!({"kind": "length", "argument": "a", "max": 8});
    for good in [json!({"äbc": "défgh"}), json!("12345678"), json!({"a": ["b", {"c": 12345}]}), json!({}), json!(null)]
    {
        assert_eq!(holds(length.clone(), json!({"a": good})), Ok(()), "{good}");
    }
    for bad in [json!({"äbc": "défghi"}), json!("123456789"), json!({"a": ["b", {"c": 123_456}]})] {
        let fault = holds(length.clone(), json!({"a": bad})).unwrap_err();
        assert_eq!(fault, "`a` holds 9 characters in all, names included; 8 are allowed", "{bad}");
    }
    assert!(holds(length, json!({})).is_ok());
}

#[test]
fn each_item_has_one_of_the_members_that_go_with_what_it_is() {
    let variant = json!({"kind": "variant", "argument": "a", "by": "type",
        "members": {"team": ["id", "name"], "user": ["id", "username"]}});
    for good in [
        json!([]),
        json!([{"type": "team", "name": "t"}, {"type": "user", "username": "u"}, {"type": "user", "id": "1"}]),
        json!([{"type": "other", "name": "left to the schema"}]),
    ] {
        assert_eq!(holds(variant.clone(), json!({"a": good})), Ok(()), "{good}");
    }
    for bad in [
        json!([{"type": "user", "name": "u"}]),
        json!([{"type": "user"}]),
        json!([{"type": "user", "id": "1", "username": "u"}]),
        json!([{"type": "user", "id": "1", "name": "u"}]),
    ] {
        let fault = holds(variant.clone(), json!({"a": bad})).unwrap_err();
        let due = "`a/0`: with `type`: \"user\" give exactly one of `id` or `username`, and no other";
        assert_eq!(fault, due, "{bad}");
    }
    let second = json!([{"type": "team", "id": "1"}, {"type": "team", "username": "t"}]);
    assert!(holds(variant, json!({"a": second})).unwrap_err().starts_with("`a/1`: with `type`: \"team\""));
}

#[test]
fn a_text_of_its_own_takes_the_place_of_the_sentence() {
    let stated = json!({"kind": "exclusive", "arguments": ["a", "b"], "when": {"b": false}, "text": "`a` needs `b`"});
    assert_eq!(holds(stated, json!({"a": 1, "b": false})).unwrap_err(), "`a` needs `b`");
}

#[test]
fn times_are_compared_as_times_and_not_as_text() {
    let before = json!({"kind": "before", "argument": "a", "other": "b"});
    assert!(holds(before.clone(), json!({"a": "2026-01-01T12:00:00+02:00", "b": "2026-01-01T11:00:00Z"})).is_ok());
    assert!(holds(before.clone(), json!({"a": "2026-01-01T11:00:00Z", "b": "2026-01-01T12:00:00+02:00"})).is_err());
    assert!(holds(before.clone(), json!({"a": "2026-01-02", "b": "2026-01-01"})).is_err());
    assert!(holds(before, json!({"a": "2026-01-02"})).is_ok());
    let future = json!({"kind": "future", "argument": "a"});
    assert!(holds(future.clone(), json!({"a": "2026-11-21T11:30:00+01:00"})).is_ok());
    assert!(holds(future, json!({"a": "2026-11-21T09:59:59Z"})).is_err());
    let past = json!({"kind": "past", "argument": "a"});
    for good in ["2026-11-21T10:00:00Z", "2026-11-21", "2020-02-29", "whenever"] {
        assert!(holds(past.clone(), json!({"a": good})).is_ok(), "{good}");
    }
    for bad in ["2026-11-21T10:00:01Z", "2026-11-22"] {
        assert!(
            holds(past.clone(), json!({"a": bad})).unwrap_err().contains("`a` must not lie in the future"),
            "{bad}"
        );
    }
}

#[test]
fn a_span_counts_calendar_months_from_the_first_day_to_the_last() {
    let span = json!({"kind": "span", "argument": "a", "other": "b", "months": 6});
    for (start, end) in
        [("2026-01-01", "2026-07-01"), ("2026-03", "2026-08"), ("2025-08-31", "2026-02-28"), ("2026-05", "2026-05")]
    {
        assert_eq!(holds(span.clone(), json!({"a": start, "b": end})), Ok(()), "{start} {end}");
    }
    for (start, end) in [("2026-01-01", "2026-07-02"), ("2026-01", "2026-07"), ("2026", "2026"), ("1970", "2026-01-01")]
    {
        let fault = holds(span.clone(), json!({"a": start, "b": end})).unwrap_err();
        assert_eq!(fault, "`a` and `b` may lie 6 calendar months apart at most", "{start} {end}");
    }
    let fault = holds(span.clone(), json!({"a": "2026-02-02", "b": "2026-02-01"})).unwrap_err();
    assert_eq!(fault, "`a` must not lie after `b`");
    // Without an end the range ends today, 21 November; without a start there is nothing to measure.
    assert!(holds(span.clone(), json!({"a": "2026-05-21"})).is_ok());
    assert!(holds(span.clone(), json!({"a": "2026-05-20"})).is_err());
    assert!(holds(span.clone(), json!({"a": "2026-11-22"})).unwrap_err().contains("future"));
    assert!(holds(span, json!({"b": "1980"})).is_ok());
}

#[test]
fn an_age_is_counted_wherever_the_times_stand() {
    let day = 24 * 60 * 60;
    let now = 1_795_255_200; // 2026-11-21T10:00:00Z
    let plain = json!({"kind": "age", "argument": "a", "days": 28});
    assert!(holds(plain.clone(), json!({"a": now - 28 * day})).is_ok());
    assert!(holds(plain.clone(), json!({"a": now + 3600})).is_ok());
    let fault = holds(plain, json!({"a": now - 28 * day - 1})).unwrap_err();
    assert_eq!(fault, "`a` holds a time that lies more than 28 days back");
    let nested = json!({"kind": "age", "argument": "a", "at": "/*/*/timestamp", "days": 28});
    let points = |second: i64| json!({"a": {"m": [{"timestamp": now}, {"timestamp": second}]}});
    assert!(holds(nested.clone(), points(now - day)).is_ok());
    assert!(holds(nested, points(0)).is_err());
}

#[test]
fn numbers_grow_strictly_whether_listed_or_spelt_out() {
    let growing = json!({"kind": "growing", "argument": "a"});
    for good in [json!("[1,5,7]"), json!("[]"), json!("4"), json!([1, 2.5]), json!("words"), json!(null)] {
        assert!(holds(growing.clone(), json!({"a": good})).is_ok(), "{good}");
    }
    for bad in [json!("[1,1]"), json!("[3, 2]"), json!([2, 2])] {
        assert!(holds(growing.clone(), json!({"a": bad})).unwrap_err().contains("must grow"), "{bad}");
    }
}

#[test]
fn a_condition_limits_the_rule_to_the_values_it_names() {
    let stated = json!({"kind": "requires", "argument": "status", "needs": ["a"], "when": {"status": ["x", "y"]}});
    assert!(holds(stated.clone(), json!({"status": "z"})).is_ok());
    let error = holds(stated, json!({"status": "y"})).unwrap_err();
    assert_eq!(error, "`status` needs `a` when `status` is \"x\" or \"y\"");
    let stated = json!({"kind": "exclusive", "arguments": ["a", "b"], "when": {"a": true}});
    assert!(holds(stated.clone(), json!({"a": false, "b": 1})).is_ok());
    assert!(holds(stated, json!({"a": true, "b": 1})).is_err());
}

#[test]
fn a_check_that_makes_no_sense_is_an_error() {
    for (stated, part) in [
        (json!({"kind": "exclusive", "arguments": ["a"]}), "at least two"),
        (json!({"kind": "any_of", "arguments": ["a"]}), "at least two"),
        (json!({"kind": "requires", "argument": "a"}), "needs"),
        (json!({"kind": "before", "argument": "a"}), "other"),
        (json!({"kind": "less", "argument": "a"}), "other"),
        (json!({"kind": "span", "argument": "a", "other": "b"}), "months"),
        (json!({"kind": "span", "argument": "a", "other": "b", "months": 1, "days": 1}), "`months` or `days`"),
        (json!({"kind": "age", "argument": "a"}), "days"),
        (json!({"kind": "age", "argument": "a", "days": 1, "at": "x"}), "`at: x`"),
        (json!({"kind": "growing", "argument": "nope"}), "`nope`"),
        (json!({"kind": "future", "argument": "nope"}), "`nope`"),
        (json!({"kind": "past", "argument": "a", "is": true}), "`is`"),
        (json!({"kind": "length", "argument": "a"}), "max"),
        (json!({"kind": "variant", "argument": "a", "by": "type"}), "members"),
        (json!({"kind": "variant", "argument": "a", "by": "type", "members": {"x": []}}), "members"),
        (json!({"kind": "variant", "argument": "a", "members": {"x": ["id"]}}), "by"),
        (json!({"kind": "future", "argument": "a", "when": {"nope": 1}}), "`nope`"),
    ] {
        let error = check(stated.clone()).unwrap_err();
        assert!(error.contains(part), "{stated}: {error}");
    }
    let stated: CheckGovern = serde_json::from_value(json!({"kind": "any_of"})).unwrap();
    assert!(
        Check::parse(&stated, Arguments { all: &ALL, changes: &[], send: &BTreeMap::new() })
            .unwrap_err()
            .contains("body")
    );
}
