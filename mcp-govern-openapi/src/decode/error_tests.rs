use http::{HeaderName, HeaderValue};
use mcp_govern_core::{AuthMethodId, Credential, Secret};

use super::*;

fn pointers(texts: &[&str]) -> Vec<Pointer> {
    texts.iter().map(|text| Pointer::parse(text).unwrap()).collect()
}

fn plan() -> ErrorPlan {
    ErrorPlan {
        message: pointers(&["/error/message", "/message", "/error", "/errors"]),
        code: pointers(&["/error/code", "/code"]),
        details: pointers(&["/error/errors", "/errors"]),
        scopes: pointers(&["/error/required_scopes"]),
        request_id_headers: vec![HeaderName::from_static("x-request-id")],
        request_id_body: pointers(&["/requestId"]),
    }
}

fn read_body(status: u16, body: &str, remedies: &[RemedyRule]) -> Refusal {
    let status = StatusCode::from_u16(status).unwrap();
    read(&plan(), remedies, false, status, &HeaderMap::new(), body.as_bytes(), Redactor::new(None))
}

#[test]
fn the_shapes_of_the_three_vendors_are_all_understood() {
    let shapes = [
        (r#"{"error":"Could not authenticate"}"#, "Could not authenticate"),
        (r#"{"error":["Name can't be blank","Body is too long"]}"#, "Name can't be blank; Body is too long"),
        (r#"{"message":"Not found"}"#, "Not found"),
        (
            r#"{"error":{"message":"Invalid Input Provided","code":2001,"errors":["Title cannot be empty."]}}"#,
            "Invalid Input Provided",
        ),
        (r#"{"error":{"message":"x","errors":"one text"}}"#, "x"),
        (r#"{"errors":{"name":["is too long","is bad"]}}"#, "name: is too long; is bad"),
        (r#"{"message":null,"error":"second"}"#, "second"),
    ];
    for (body, message) in shapes {
        assert_eq!(read_body(400, body, &[]).vendor.message.as_deref(), Some(message), "{body}");
    }
    let refusal = read_body(403, r#"{"code":40301,"message":"No.","requestId":"r-1","took":0.1}"#, &[]);
    assert_eq!(refusal.vendor.code.as_deref(), Some("40301"));
    assert_eq!(refusal.vendor.request_id.as_deref(), Some("r-1"));
    assert_eq!(refusal.text, "answered 403 (code 40301): No.");
    let refusal = read_body(403, r#"{"error":{"message":"Denied","required_scopes":"a.read, b.read"}}"#, &[]);
    assert_eq!(refusal.vendor.missing_scopes, ["a.read", "b.read"]);
    let refusal = read_body(400, r#"{"error":{"message":"Bad","errors":[{"field":"a"},"b"]}}"#, &[]);
    assert_eq!(refusal.vendor.details, ["field: a", "b"]);
}

#[test]
fn html_and_nonsense_leave_only_the_status() {
    for body in ["<html><body>Bad gateway</body></html>", "", "\u{0}\u{1}", "{\"error\":", "[]", "{\"error\":true}"] {
        let refusal = read_body(502, body, &[]);
        assert_eq!(refusal.kind, ProviderErrorKind::VendorFailure);
        assert!(refusal.text.starts_with("answered 502") && !refusal.text.contains("html"), "{}", refusal.text);
    }
    assert_eq!(read_body(401, "Access denied.\r\n", &[]).vendor.message.as_deref(), Some("Access denied."));
}

#[test]
fn every_status_has_a_kind() {
    use ProviderErrorKind as K;
    let table = [
        (301, K::BadAnswer),
        (400, K::InvalidArguments),
        (401, K::Unauthorized),
        (402, K::PlanLimit),
        (403, K::Forbidden),
        (404, K::NotFound),
        (405, K::Internal),
        (408, K::VendorFailure),
        (409, K::Conflict),
        (410, K::NotFound),
        (413, K::InvalidArguments),
        (415, K::Internal),
        (418, K::BadAnswer),
        (422, K::InvalidArguments),
        (428, K::Conflict),
        (429, K::RateLimited),
        (500, K::VendorFailure),
        (503, K::VendorFailure),
        (599, K::VendorFailure),
    ];
    for (status, kind) in table {
        assert_eq!(kind_of(StatusCode::from_u16(status).unwrap(), false), kind, "{status}");
    }
    assert_eq!(kind_of(StatusCode::from_u16(420).unwrap(), true), K::RateLimited);
}

#[test]
fn the_first_remedy_whose_marks_are_all_there_is_told() {
    let rule = |contains: Option<&str>, header: Option<&str>, remedy: &str| RemedyRule {
        status: Some(403),
        code: Some("40301".into()),
        contains: contains.map(str::to_owned),
        header: header.map(|value| (HeaderName::from_static("x-kind"), Some(value.to_owned()))),
        kind: Some(ProviderErrorKind::Conflict),
        remedy: remedy.into(),
        without_message: None,
    };
    let rules =
        [rule(None, Some("Special"), "special"), rule(Some("api integration"), None, "key"), rule(None, None, "right")];
    let read = |message: &str, header: Option<&'static str>| {
        let mut headers = HeaderMap::new();
        header.map(|value| headers.insert("x-kind", HeaderValue::from_static(value)));
        let body = format!(r#"{{"message":"{message}","code":40301}}"#);
        read(&plan(), &rules, false, StatusCode::FORBIDDEN, &headers, body.as_bytes(), Redactor::new(None))
    };
    assert!(read("Use an API Integration", None).text.ends_with("Use an API Integration. key"));
    assert!(read("other.", None).text.ends_with("other. right"));
    assert!(read("other", Some("SPECIAL")).text.ends_with(" special"));
    assert_eq!(read("other", None).kind, ProviderErrorKind::Conflict);
}

#[test]
fn a_message_is_one_bounded_line_and_repeats_no_secret() {
    let body = format!("{{\"message\":\"key tops3cret bad\\r\\nX: {}\"}}", "x".repeat(5_000));
    let credential = Credential::new(AuthMethodId::new("api_key").unwrap());
    let credential = credential.with_field("api_key", Secret::new("tops3cret"));
    let redactor = Redactor::new(Some(&credential));
    let refusal = read(&plan(), &[], false, StatusCode::UNAUTHORIZED, &HeaderMap::new(), body.as_bytes(), redactor);
    assert!(refusal.text.chars().count() < 1_100 && !refusal.text.contains('\n'));
    assert!(refusal.text.contains("key *** bad") && !refusal.text.contains("tops3cret"));
}

#[test]
fn a_refusal_without_a_known_member_is_told_all_the_same() {
    for (body, text) in [
        (r#"{"title":"Bad","detail":"The name is too long."}"#, "answered 400: Bad: The name is too long."),
        (r#"{"detail":"Too long"}"#, "answered 400: Too long"),
        (r#"{"fault":{"why":"it is full"}}"#, "answered 400: fault: why: it is full"),
        (r#"{"ok":false}"#, r#"answered 400: {"ok":false}"#),
        ("{}", "answered 400"),
    ] {
        assert_eq!(read_body(400, body, &[]).text, text, "{body}");
    }
    let rule = || RemedyRule { without_message: Some("Compare them.".into()), ..nothing_there("https://a.example") };
    assert!(read_body(400, r#"{"message":"No"}"#, &[rule()]).text.contains("names nothing"));
    assert_eq!(read_body(400, "", &[rule()]).text, "answered 400. Compare them.");
    assert!(read_body(415, "", &[]).text.contains("not the arguments"));
}

#[test]
fn what_is_not_seen_or_turns_a_text_around_is_taken_out_of_a_vendors_words() {
    let said = "pay \u{202e}gnihton\u{202c} \u{2066}now\u{2069}\u{200b}\u{feff}\u{e0041}, please\u{2028}!";
    let refusal = read_body(400, &serde_json::json!({"message": said, "error": {"errors": [said]}}).to_string(), &[]);
    assert_eq!(refusal.vendor.message.as_deref(), Some("pay gnihton now, please !"));
    assert_eq!(refusal.vendor.details, ["pay gnihton now, please !"]);
    assert_eq!(one_line("abc", 3), "abc");
    assert_eq!(one_line("abc\u{200b}", 3), "abc");
    assert_eq!(one_line("abcd", 3), "abc…");
    // Words of other scripts stay as they are.
    assert_eq!(one_line("שגיאה: مرحبا — größer 漢字", 80), "שגיאה: مرحبا — größer 漢字");
}
