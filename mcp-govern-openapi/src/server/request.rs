//! One request of a row: bound, authorised, sent.

use http::Uri;
use mcp_govern_core::{CallContext, Credential, ProviderError, ProviderErrorKind};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{OpenApiServer, authorize::Scheme, held::Held, invalid};
use crate::{
    bind::{BoundRequest, Site, bind, instead, judge},
    plan::Row,
    redact::Redactor,
    send::{Answer, Outgoing, Permission, Sender},
};

impl OpenApiServer {
    /// Sends one request of a row; the answer may have any status.
    pub(crate) async fn request(
        &self,
        row: &Row,
        arguments: &Held<'_>,
        cx: &CallContext<'_>,
        scheme: Scheme,
        deadline: Instant,
    ) -> Result<Answer, ProviderError> {
        let mut out = self.outgoing(row, arguments, cx.credential, scheme)?;
        out.rate = out.rate.map(|rate| rate.among(cx.nodes));
        if let Some(trace) = cx.trace {
            tracing::debug!(trace = trace.trace_id(), tool = %row.name, "calling the vendor");
        }
        let sender = Sender {
            transport: &*self.shared.transport,
            limiter: &self.shared.limiter,
            limits: &self.shared.limits,
            policy: &self.shared.document.policy,
            redactor: Redactor::new(cx.credential),
            person: self.shared.limiter.person(cx.user),
        };
        // Boxed: two pieces of memory that an allocator has at hand cost less than a large one that it has to look for.
        Box::pin(sender.exchange(&out, cx.observer, deadline)).await
    }

    /// The request of a row, bound and authorised.
    fn outgoing<'a>(
        &self,
        row: &'a Row,
        arguments: &Held<'_>,
        credential: Option<&Credential>,
        scheme: Scheme,
    ) -> Result<Outgoing<'a>, ProviderError> {
        let mut bound = self.bind(row, arguments)?;
        let arguments = arguments.as_map();
        let others = bound.headers.len();
        self.authorize(row, credential, scheme, &mut bound.headers)?;
        let secrets = bound.headers.get(others..).unwrap_or_default();
        let site = self.site_of(row, arguments).map_err(|text| invalid(row, text))?;
        let rate_bucket = self.shared.limiter.key(site.base, secrets, &row.rate_domain);
        let body = bound.body();
        let uri = Uri::try_from(bound.url).map_err(|_| invalid(row, "the address of the request would be too long"))?;
        Ok(Outgoing {
            method: &row.method,
            uri,
            headers: bound.headers,
            body,
            template: row.path.template(),
            permission: Permission { repeat: row.repeat.allows(arguments), throttled: row.throttled },
            rate_bucket,
            rate: self.shared.document.policy.rates.get(&row.rate_domain).copied(),
        })
    }

    /// Where a row's requests go.
    pub(super) fn site_of(&self, row: &Row, arguments: &Map<String, Value>) -> Result<Site<'_>, &'static str> {
        let base = match &row.origin {
            None => &self.base,
            Some(role) => self.reach.base(role, arguments).ok_or("no host is named")?,
        };
        Ok(Site { base, segments: &self.segments })
    }

    /// Judges and binds the arguments.
    pub(crate) fn bind(&self, row: &Row, arguments: &Held<'_>) -> Result<BoundRequest, ProviderError> {
        let judged = judge(row, arguments.as_map(), self.shared.clock.now());
        let looked_up = arguments.looked_up();
        let mut arguments = judged.map_err(|faults| invalid(row, &faults.join("; ")))?;
        if !looked_up.is_empty() {
            if let Some(given) = looked_up.keys().find(|name| arguments.contains_key(*name)) {
                return Err(invalid(row, &format!("`{given}` is not an argument: it is looked up")));
            }
            arguments.to_mut().extend(looked_up.clone());
        }
        let site = self.site_of(row, &arguments).map_err(|text| invalid(row, text))?;
        let arguments = instead::sent(&row.instead, &arguments);
        let mut bound = bind(row, &arguments, site).map_err(|text| invalid(row, &text))?;
        for header in &row.config_headers {
            if header.when.as_ref().is_some_and(|method| *method != self.method) {
                continue;
            }
            match self.config.get(&header.key) {
                Some(value) => bound.headers.push((header.name.clone(), value.clone())),
                None if header.required => {
                    let text = format!("`{}` needs `{}` in the server's configuration", row.name, header.key);
                    return Err(ProviderError::new(ProviderErrorKind::Config, text));
                }
                None => {}
            }
        }
        Ok(bound)
    }
}
