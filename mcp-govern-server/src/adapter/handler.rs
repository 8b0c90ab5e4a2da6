//! The protocol's methods, for one caller.

use std::{future::Future, sync::Arc};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CompleteRequestMethod, CompleteRequestParams, CompleteResult,
        InitializeRequestParams, InitializeResult, ListPromptsRequestMethod, ListPromptsResult,
        ListResourceTemplatesRequestMethod, ListResourceTemplatesResult, ListResourcesRequestMethod,
        ListResourcesResult, ListToolsResult, PaginatedRequestParams, ServerConfig, SubscriptionFilter, Tool,
    },
    service::{NotificationContext, RequestContext, SubscriptionContext},
};

use super::{Adapter, era};
use crate::request_context::{Caller, Transport};

/// The protocol's methods, for one caller. Over HTTP one is made for each request, by the task that has authenticated it.
#[derive(Debug, Clone)]
pub(crate) struct Handler {
    adapter: Arc<Adapter>,
    caller: Arc<Caller>,
}

impl Handler {
    pub(crate) fn new(adapter: Arc<Adapter>, caller: Arc<Caller>) -> Self {
        Self { adapter, caller }
    }
}

/// What is not declared answers as what does not exist: an empty list would be a declaration.
macro_rules! undeclared {
    ($($name:ident($params:ty) -> $result:ty = $method:ty;)*) => {
        $(fn $name(
            &self,
            _request: $params,
            _context: RequestContext<RoleServer>,
        ) -> impl Future<Output = Result<$result, ErrorData>> + Send + '_ {
            std::future::ready(Err(ErrorData::method_not_found::<$method>()))
        })*
    };
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        self.adapter.info.clone()
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        self.adapter.handshakes.note(&self.caller.principal, &request);
        let mut result = self.negotiate_initialize(&request)?;
        // Over HTTP a handshake client has no stream on which it could be told.
        if let (Transport::Http(..), Some(tools)) = (&self.caller.transport, result.capabilities.tools.as_mut()) {
            tools.list_changed = None;
        }
        Ok(result)
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        if let Transport::Stream(gone) = &self.caller.transport {
            let adapter = Arc::clone(&self.adapter);
            tokio::spawn(adapter.follow(Arc::clone(&self.caller), context.peer, gone.clone()));
        }
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.adapter.list(&self.caller.principal, request, era::is_modern(&context))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.adapter.call(&self.caller, request, &context).await
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.adapter.tool(&self.caller.principal, name)
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        // Larger than every other answer: without this each of them would be moved about in that size.
        Box::pin(self.adapter.listen(&self.caller, context)).await
    }

    undeclared! {
        complete(CompleteRequestParams) -> CompleteResult = CompleteRequestMethod;
        list_prompts(Option<PaginatedRequestParams>) -> ListPromptsResult = ListPromptsRequestMethod;
        list_resources(Option<PaginatedRequestParams>) -> ListResourcesResult = ListResourcesRequestMethod;
        list_resource_templates(Option<PaginatedRequestParams>) -> ListResourceTemplatesResult
            = ListResourceTemplatesRequestMethod;
    }
}
