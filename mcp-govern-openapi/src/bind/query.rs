//! The query: arrays and objects in the style that the document states.

use serde_json::Value;

use crate::{
    plan::{QueryParam, QueryStyle},
    steps,
    text::{percent, scalar_text},
};

impl QueryParam {
    /// Writes the parameter behind the text of `target`, whose path ends at `path`.
    pub(crate) fn write(&self, value: &Value, target: &mut String, path: usize) -> Result<(), String> {
        let argument = &self.argument;
        match (value, self.style) {
            // An empty list would be left out, and the vendor would answer unfiltered.
            (Value::Array(items), _) if items.is_empty() => {
                Err(format!("`{argument}` is empty: leave it out, or give at least one element"))
            }
            (Value::Array(items), QueryStyle::Separated(separator)) => {
                self.write_separated(items, separator, target, path)
            }
            (Value::Array(items), QueryStyle::Repeat) => {
                items.iter().try_for_each(|item| self.pair(&self.name, item, target, path))
            }
            (Value::Object(members), QueryStyle::Deep) if !members.is_empty() => {
                members.iter().try_for_each(|(key, item)| {
                    if key.contains(['[', ']']) {
                        return Err(format!("`{argument}`: no name may hold `[` or `]`"));
                    }
                    self.pair(&format!("{}[{key}]", self.name), item, target, path)
                })
            }
            (Value::Array(_) | Value::Object(_), _) => {
                Err(format!("`{argument}` has a form that its place cannot hold"))
            }
            (Value::Null, _) => Err(format!("`{argument}` is null: leave it out instead")),
            (value, _) => self.pair(&self.name, value, target, path),
        }
    }

    fn write_separated(
        &self,
        items: &[Value],
        separator: char,
        target: &mut String,
        path: usize,
    ) -> Result<(), String> {
        let argument = &self.argument;
        start(&self.name, target, path);
        for (index, item) in items.iter().enumerate() {
            steps::tick();
            let text =
                scalar_text(item).ok_or_else(|| format!("`{argument}` holds an element that is not a plain value"))?;
            if text.contains(separator) || text.is_empty() {
                return Err(format!(
                    "`{argument}`: no element may be empty or hold `{separator}`, which separates them"
                ));
            }
            if index > 0 {
                // A comma may stand in a query as it is; space and pipe may not.
                if separator == ',' {
                    target.push(',');
                } else {
                    target.extend(percent(separator.encode_utf8(&mut [0; 4])));
                }
            }
            target.extend(percent(&text));
        }
        Ok(())
    }

    fn pair(&self, name: &str, value: &Value, target: &mut String, path: usize) -> Result<(), String> {
        steps::ticks(name.len());
        let text = scalar_text(value);
        let text = text.ok_or_else(|| format!("`{}` holds an element that is not a plain value", self.argument))?;
        start(name, target, path);
        target.extend(percent(&text));
        Ok(())
    }
}

fn start(name: &str, target: &mut String, path: usize) {
    target.push(if target.len() == path { '?' } else { '&' });
    target.extend(percent(name));
    target.push('=');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn write(name: &str, style: QueryStyle, value: Value) -> Result<String, String> {
        let param = QueryParam { name: name.into(), argument: "a".into(), style };
        let mut target = String::from("/p");
        param.write(&value, &mut target, 2)?;
        Ok(target)
    }

    #[test]
    fn each_style_writes_lists_and_objects_in_its_own_way() {
        assert_eq!(write("s[]", QueryStyle::Repeat, json!(["a", "b&c"])).unwrap(), "/p?s%5B%5D=a&s%5B%5D=b%26c");
        assert_eq!(write("s", QueryStyle::Separated(','), json!(["a", 1])).unwrap(), "/p?s=a,1");
        assert_eq!(write("s", QueryStyle::Separated('|'), json!(["a", "b"])).unwrap(), "/p?s=a%7Cb");
        assert_eq!(write("f", QueryStyle::Deep, json!({"x": 1, "y": "z"})).unwrap(), "/p?f%5Bx%5D=1&f%5By%5D=z");
        assert_eq!(write("q", QueryStyle::Repeat, json!("a b+c")).unwrap(), "/p?q=a%20b%2Bc");
    }

    #[test]
    fn an_empty_list_is_refused_because_it_would_widen_the_question() {
        for style in [QueryStyle::Repeat, QueryStyle::Separated(',')] {
            assert!(write("s", style, json!([])).unwrap_err().contains("leave it out"));
        }
        assert!(write("s", QueryStyle::Deep, json!({})).is_err());
        assert!(write("s", QueryStyle::Repeat, json!(null)).is_err());
    }

    #[test]
    fn an_element_cannot_become_two() {
        assert!(write("s", QueryStyle::Separated(','), json!(["a,b"])).is_err());
        assert!(write("s", QueryStyle::Separated('|'), json!(["a|b"])).is_err());
        assert!(write("s", QueryStyle::Separated(','), json!([["a"]])).is_err());
        assert!(write("s", QueryStyle::Repeat, json!([{"a": 1}])).is_err());
        assert!(write("f", QueryStyle::Deep, json!({"a][b": 1})).is_err());
    }
}
