//! Headers that arguments fill in.

use http::HeaderValue;
use serde_json::Value;

use crate::{header::check_header_value, plan::HeaderParam, text::scalar_text};

impl HeaderParam {
    pub(crate) fn bind(&self, value: &Value) -> Result<HeaderValue, String> {
        let argument = &self.argument;
        let text = match value {
            Value::Array(items) => {
                let items: Option<Vec<_>> = items.iter().map(scalar_text).collect();
                let items = items.filter(|items| !items.is_empty() && !items.iter().any(|item| item.contains(',')));
                items.map(|items| items.join(","))
            }
            value => scalar_text(value).map(std::borrow::Cow::into_owned),
        };
        let text = text.ok_or_else(|| format!("`{argument}` has a form that a header cannot hold"))?;
        check_header_value(&text).map_err(|fault| format!("`{argument}` {fault}"))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_cannot_end_the_header() {
        let param = HeaderParam { name: HeaderName::from_static("x-a"), argument: "a".into() };
        for value in ["a\r\nX: y", "a\n", "\0", "é", "", " a", "a\t"] {
            assert!(param.bind(&json!(value)).is_err(), "`{value:?}` was bound");
        }
        assert_eq!(param.bind(&json!("a b")).unwrap(), "a b");
        assert_eq!(param.bind(&json!(["a", 1])).unwrap(), "a,1");
        assert!(param.bind(&json!(["a,b"])).is_err());
        assert!(param.bind(&json!({"a": 1})).is_err());
    }
}
