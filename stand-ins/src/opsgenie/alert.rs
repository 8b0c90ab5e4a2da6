//! An alert and how it changes.

use serde_json::{Map, Value, json};

use crate::moment::Moment;

#[derive(Clone)]
pub(super) struct Alert {
    pub(super) id: String,
    pub(super) tiny_id: String,
    pub(super) alias: String,
    pub(super) message: String,
    pub(super) description: String,
    pub(super) priority: String,
    pub(super) source: String,
    pub(super) entity: String,
    pub(super) tags: Vec<String>,
    pub(super) actions: Vec<String>,
    pub(super) details: Map<String, Value>,
    pub(super) responders: Vec<Value>,
    pub(super) count: u64,
    pub(super) acknowledged_by: Option<(String, Moment)>,
    pub(super) closed_by: Option<(String, Moment)>,
    pub(super) created: Moment,
    pub(super) updated: Moment,
    pub(super) last_occurred: Moment,
    pub(super) notes: Vec<String>,
    pub(super) attachments: Vec<Attachment>,
}

/// A file on an alert.
#[derive(Clone)]
pub(super) struct Attachment {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) size: usize,
}

impl Alert {
    /// An open alert from a body that has passed its check.
    pub(super) fn from_body(id: String, tiny: u64, body: &Value, now: Moment) -> Self {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let list = |name: &str| body.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let texts =
            |name: &str| -> Vec<String> { list(name).iter().filter_map(Value::as_str).map(str::to_owned).collect() };
        let or = |text: String, otherwise: &str| {
            if text.is_empty() { otherwise.to_owned() } else { text }
        };
        Self {
            tiny_id: tiny.to_string(),
            alias: or(text("alias"), &id),
            message: text("message"),
            description: text("description"),
            priority: or(text("priority"), "P3"),
            source: or(text("source"), "127.0.0.1"),
            entity: text("entity"),
            tags: texts("tags"),
            actions: texts("actions"),
            details: body.get("details").and_then(Value::as_object).cloned().unwrap_or_default(),
            responders: list("responders"),
            count: 1,
            acknowledged_by: None,
            closed_by: None,
            created: now,
            updated: now,
            last_occurred: now,
            notes: Some(text("note")).filter(|note| !note.is_empty()).into_iter().collect(),
            attachments: Vec::new(),
            id,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.closed_by.is_none()
    }

    /// Whether an identifier of a type means this alert; an alias finds open alerts alone.
    pub(super) fn is_called(&self, identifier: &str, kind: &str) -> bool {
        match kind {
            "tiny" => self.tiny_id == identifier,
            "alias" => self.is_open() && self.alias == identifier,
            _ => self.id == identifier,
        }
    }

    /// Whether the alert answers a search: terms joined by `AND`, each `field: value` or plain text.
    pub(super) fn answers(&self, query: &str) -> bool {
        query.split(" AND ").map(str::trim).filter(|term| !term.is_empty()).all(|term| self.answers_term(term))
    }

    fn answers_term(&self, term: &str) -> bool {
        let (field, value) = match term.split_once(':') {
            Some((field, value)) => (field.trim(), value.trim().trim_matches('"').to_lowercase()),
            None => ("", term.trim_matches('"').to_lowercase()),
        };
        match field {
            "status" => self.status() == value,
            "acknowledged" => self.acknowledged_by.is_some().to_string() == value,
            "priority" => self.priority.to_lowercase() == value,
            "tag" => self.tags.iter().any(|tag| tag.to_lowercase() == value),
            "alias" => self.alias.to_lowercase() == value,
            "entity" => self.entity.to_lowercase() == value,
            "" | "message" => self.message.to_lowercase().contains(&value),
            _ => false,
        }
    }

    fn status(&self) -> &'static str {
        if self.is_open() { "open" } else { "closed" }
    }

    /// The form of the lists.
    pub(super) fn summary(&self) -> Value {
        let millis = |event: &Option<(String, Moment)>| {
            event.as_ref().map(|(_, at)| at.millis().saturating_sub(self.created.millis()))
        };
        let person = |event: &Option<(String, Moment)>| event.as_ref().map(|(who, _)| who.clone());
        json!({
            "id": self.id,
            "tinyId": self.tiny_id,
            "alias": self.alias,
            "message": self.message,
            "status": self.status(),
            "acknowledged": self.acknowledged_by.is_some(),
            "isSeen": self.acknowledged_by.is_some(),
            "seen": self.acknowledged_by.is_some(),
            "snoozed": false,
            "tags": self.tags,
            "count": self.count,
            "priority": self.priority,
            "source": self.source,
            "owner": person(&self.acknowledged_by).unwrap_or_default(),
            "ownerTeamId": "",
            "responders": self.responders,
            "teams": [],
            "integration": {"id": "b7d2f1a4-integration", "name": "Harbourline monitoring", "type": "API"},
            "report": {
                "ackTime": millis(&self.acknowledged_by),
                "acknowledgedBy": person(&self.acknowledged_by),
                "closeTime": millis(&self.closed_by),
                "closedBy": person(&self.closed_by),
            },
            "createdAt": self.created.to_string(),
            "updatedAt": self.updated.to_string(),
            "lastOccurredAt": self.last_occurred.to_string(),
        })
    }

    /// The form of one alert.
    pub(super) fn detail(&self) -> Value {
        let mut out = self.summary();
        if let Value::Object(members) = &mut out {
            members.insert("description".to_owned(), json!(self.description));
            members.insert("entity".to_owned(), json!(self.entity));
            members.insert("actions".to_owned(), json!(self.actions));
            members.insert("details".to_owned(), Value::Object(self.details.clone()));
        }
        out
    }
}
