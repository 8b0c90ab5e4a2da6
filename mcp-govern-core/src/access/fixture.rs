//! Small things that unit tests of this module are made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use crate::{
    journal::{Tool, ToolState},
    vocabulary::{
        Annotations, Binding, CatalogueVersion, Effect, OperationBinding, Risk, ServerId, Timestamp, ToolDefinition,
        ToolId, ToolName,
    },
};

pub(super) fn server(id: &str) -> ServerId {
    ServerId::new(id).unwrap()
}

pub(super) fn tool(server_id: &str, name: &str) -> ToolId {
    ToolId::new(server(server_id), ToolName::new(name).unwrap())
}

pub(super) fn version(number: u64) -> CatalogueVersion {
    CatalogueVersion(number)
}

pub(crate) fn definition(name: &str, schema: &Value) -> ToolDefinition {
    ToolDefinition {
        name: ToolName::new(name).unwrap(),
        title: name.to_owned(),
        description: String::new(),
        input_schema: Arc::new(schema.clone()),
        output_schema: None,
        annotations: Annotations::of(Effect::Read, true),
        effect: Effect::Read,
        risk: Risk::None,
        risk_reason: None,
        notifies: None,
        scopes: Vec::new(),
        deprecated: false,
        area: None,
        binding: Binding::Operation(OperationBinding {
            method: "GET".into(),
            origin: "api".into(),
            path: format!("/{name}"),
            arguments: Vec::new(),
            fixed: Vec::new(),
            send: BTreeMap::new(),
            security: Vec::new(),
            content_type: None,
            destination: None,
        }),
    }
}

/// A tool that waits for review.
pub(super) fn pending(name: &str) -> Tool {
    let definition = Arc::new(definition(name, &serde_json::json!({"type": "object"})));
    Tool {
        state: ToolState::PendingReview,
        digest: definition.digest().unwrap(),
        definition,
        approvals: BTreeSet::new(),
        reviewed: None,
        staged: BTreeMap::new(),
        arguments_seen: BTreeSet::new(),
        effect: None,
        risk: None,
        client_types: None,
        changed_at: Timestamp::default(),
        reviewed_by: None,
        reviewed_at: None,
    }
}
