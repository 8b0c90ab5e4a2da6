//! `tools/list`, and the one tool that header checks look at.

use mcp_govern_core::{
    Denial, Principal, ServerId, ToolId, ToolName,
    access::{Snapshot, ToolView},
    governor::{ListedTool, Listing},
};
use rmcp::{
    ErrorData,
    model::{CacheScope, ErrorCode, ListToolsResult, MetaObject, PaginatedRequestParams, Tool},
};

use super::{
    Adapter, DENIED,
    access::REQUEST_ACCESS,
    cursor, header,
    naming::{self, Naming},
    refusal,
};

impl Adapter {
    /// A page of the caller's tools, ordered by name.
    pub(super) fn list(
        &self,
        principal: &Principal,
        request: Option<PaginatedRequestParams>,
        modern: bool,
    ) -> Result<ListToolsResult, ErrorData> {
        self.metrics.listed();
        let after = match request.and_then(|request| request.cursor) {
            Some(cursor) => Some(cursor::open(&self.sealer, principal, &cursor)?),
            None => None,
        };
        let tools = self.governor.listing(principal).map_err(|denial| refused(&denial))?;
        let left = tools.after(after.as_deref());
        // The server's own tool stands where its name belongs, so that pages of one list never overlap.
        let own = self.access_tool(principal).filter(|_| after.as_deref().is_none_or(|after| after < REQUEST_ACCESS));
        let mut page: Vec<Tool> = Vec::with_capacity(self.options.page_size.min(tools.len().saturating_add(1)));
        let (mut own, mut left) = (own, left.peekable());
        while page.len() < self.options.page_size {
            let own_is_next = own.is_some() && left.peek().is_none_or(|tool| tool.name.as_str() > REQUEST_ACCESS);
            let next = if own_is_next { own.take() } else { left.next().map(|tool| self.show(&tool, &tools, modern)) };
            match next {
                Some(tool) => page.push(tool),
                None => break,
            }
        }
        let more = own.is_some() || left.peek().is_some();
        let next_cursor =
            page.last().filter(|_| more).and_then(|last| cursor::seal(&self.sealer, principal, &last.name));
        let mut result = ListToolsResult::with_all_items(page);
        result.next_cursor = next_cursor;
        if modern {
            result.cache_scope = Some(CacheScope::Private);
            result.ttl_ms = Some(u64::try_from(self.options.list_ttl.as_millis()).unwrap_or(u64::MAX));
            result.meta = Some(self.result_meta());
        }
        Ok(result)
    }

    /// The arguments of a tool of the caller's list, where some of them stand in headers too. What the caller may not know of is
    /// not here, whatever its headers say.
    ///
    /// Asked for with every call: a tool without such arguments costs no more than a look at their names.
    pub(super) fn tool(&self, principal: &Principal, name: &str) -> Option<Tool> {
        let snapshot = self.governor.snapshot();
        let view = snapshot.tool_named(name).and_then(|tool| snapshot.view(tool))?;
        if !header::is_named(&view.definition().input_schema) {
            return None;
        }
        let tool = self.governor.describe(principal, name).ok()?;
        Some(self.shapes.shown(&tool, self.access_requests(), true, &|_| Naming::None))
    }

    /// A tool of the caller's list.
    fn show(&self, tool: &ListedTool, list: &Listing, modern: bool) -> Tool {
        let snapshot = self.governor.snapshot();
        let resolve = |word: &str| {
            let named = named(&snapshot, tool.id.server(), word).map(|view| view.exposed_name());
            named.map_or(Naming::None, |name| {
                if list.contains(name) { Naming::Shown(name.to_owned()) } else { Naming::Lacking }
            })
        };
        self.shapes.shown(tool, self.access_requests(), modern, &resolve)
    }

    /// A text of a server, with its tools named as the caller sees them.
    pub(super) fn told(&self, principal: &Principal, server: &ServerId, text: &str) -> String {
        let snapshot = self.governor.snapshot();
        let resolve = |word: &str| match named(&snapshot, server, word) {
            None => Naming::None,
            Some(view) => match self.governor.describe(principal, view.id()) {
                Ok(tool) => Naming::Shown(tool.name),
                Err(_) => Naming::Lacking,
            },
        };
        naming::told(text, &resolve).into_owned()
    }

    /// `_meta` of a result, with our own name in it.
    pub(super) fn result_meta(&self) -> MetaObject {
        let mut meta = MetaObject::new();
        meta.insert("io.modelcontextprotocol/serverInfo".to_owned(), self.server_info.clone());
        meta
    }
}

/// The tool of a server that a word names.
fn named<'s>(snapshot: &'s Snapshot, server: &ServerId, word: &str) -> Option<ToolView<'s>> {
    let tool = ToolId::new(server.clone(), ToolName::new(word).ok()?);
    snapshot.tool(&tool).and_then(|tool| snapshot.view(tool))
}

/// A list that is refused says why: an empty one would be taken for the truth.
pub(super) fn refused(denial: &Denial) -> ErrorData {
    ErrorData::new(ErrorCode(DENIED), denial.message().to_owned(), Some(refusal::facts(denial)))
}
