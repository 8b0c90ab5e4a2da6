//! Does a credential work, whose is it, what may it do?

use std::{borrow::Cow, sync::LazyLock};

use mcp_govern_core::{
    CallContext, CallRules, Credential, CredentialFacts, CredentialReport, CredentialVerdict, NoObserver, ProbeContext,
    ProviderError, ProviderErrorKind, Sent,
};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{OpenApiServer, authorize::Scheme, held::Held, reach::Seen};
use crate::{
    decode::{Kept, decode},
    plan::{Fact, ProbePlan, Row},
    redact::Redactor,
    send::Answer,
    text::one_line,
};

/// Facts are cut to so many characters.
const LONGEST_FACT: usize = 200;

/// Facts that say whom the vendor sees, the best one first.
const IDENTITY: [&str; 7] = ["authorized_as", "user_email", "email", "user_name", "user", "account", "organization"];

/// A probe is made for the people who govern, with arguments that the document states: it is within the server's limits, and no rule
/// of a caller's path applies to it.
static NO_CALL: LazyLock<CallRules> = LazyLock::new(CallRules::default);

/// What the reads of one scheme say together.
enum Verdict {
    Accepted,
    Rejected(String),
    /// It works, but may do none of the reads.
    Limited(String),
}

/// What is said about a credential is short: a longer answer is not looked through.
const MOST_PROBED: usize = 1 << 20;

impl OpenApiServer {
    /// Asks the document's probe reads, one group per scheme; the first success proves a group's key.
    pub(crate) async fn prove(&self, cx: ProbeContext<'_>) -> Result<CredentialReport, ProviderError> {
        let credential = cx.credential;
        let deadline = self.deadline(cx.deadline);
        let mut facts = CredentialFacts::new();
        facts.fields = credential.fields().keys().cloned().collect();
        facts.region.clone_from(&self.region);
        let groups = self.groups(credential);
        if groups.is_empty() {
            let text = "the document names no read that could prove a credential of this method";
            return Err(ProviderError::new(ProviderErrorKind::Config, text));
        }
        let mut remarks = Vec::new();
        let (mut accepted, mut rejected) = (false, false);
        for (scheme, plans) in &groups {
            if let Some(missing) = self.unfilled(*scheme, credential) {
                remarks.push(format!("`{missing}` is not filled in."));
                continue;
            }
            match self.prove_group(*scheme, plans, credential, deadline, &mut facts, &mut remarks).await? {
                Verdict::Accepted => accepted = true,
                Verdict::Limited(text) => {
                    accepted = true;
                    remarks.push(text);
                }
                Verdict::Rejected(text) => {
                    rejected = true;
                    remarks.push(text);
                }
            }
        }
        if accepted && !rejected {
            self.ask_more(credential, deadline, &mut facts, &mut remarks).await;
        }
        let verdict = if accepted && !rejected { CredentialVerdict::Accepted } else { CredentialVerdict::Rejected };
        facts.authorized_as = IDENTITY.iter().find_map(|name| facts.more.get(*name).cloned());
        let report = CredentialReport::new(verdict, facts);
        Ok(remarks.into_iter().fold(report, CredentialReport::with_remark))
    }

    /// The probes of this server's auth method, by scheme, in the order of the document.
    fn groups(&self, credential: &Credential) -> Vec<(Option<usize>, Vec<&ProbePlan>)> {
        let mut groups: Vec<(Option<usize>, Vec<&ProbePlan>)> = Vec::new();
        for plan in self.plans(credential).filter(|plan| !plan.more) {
            match groups.iter_mut().find(|(scheme, _)| *scheme == plan.scheme) {
                Some((_, plans)) => plans.push(plan),
                None => groups.push((plan.scheme, vec![plan])),
            }
        }
        groups
    }

    /// The probes that this server can make with its auth method.
    fn plans(&self, credential: &Credential) -> impl Iterator<Item = &ProbePlan> {
        let document = &self.shared.document;
        document.probes.iter().filter(move |plan| {
            let fits = plan.when.as_ref().is_none_or(|method| method == credential.method());
            let scheme = plan.scheme.and_then(|index| document.schemes.list.get(index));
            let row = document.row(&plan.row);
            let open =
                row.is_some_and(|row| row.is_open_to(&document.schemes.list, &self.method) && self.reach.offers(row));
            fits && open && scheme.is_none_or(|scheme| scheme.method == self.method)
        })
    }

    /// What else there is to know once the key is proved. What cannot be read is reported and settles nothing.
    async fn ask_more(
        &self,
        credential: &Credential,
        deadline: Instant,
        facts: &mut CredentialFacts,
        remarks: &mut Vec<String>,
    ) {
        let cx = CallContext::new(&NoObserver).with_credential(Some(credential));
        let redactor = Redactor::new(Some(credential));
        for plan in self.plans(credential).filter(|plan| plan.more) {
            let Some(row) = self.shared.document.row(&plan.row) else { continue };
            // Where the configuration does not fill it in there is nothing to ask.
            let Ok(arguments) = self.hold(row, Cow::Borrowed(&plan.arguments), &NO_CALL) else { continue };
            if row.required.iter().any(|argument| !arguments.as_map().contains_key(argument)) {
                continue;
            }
            let scheme = plan.scheme.map_or(Scheme::Own, Scheme::Only);
            let told = match self.request(row, &arguments, &cx, scheme, deadline).await {
                Ok(answer) if answer.status.is_success() => {
                    self.learn(plan, row, &arguments, &answer, redactor, facts).map(|told| remarks.extend(told))
                }
                Ok(answer) => Err(self.refusal(row, answer, redactor)),
                Err(error) => Err(error),
            };
            remarks.extend(told.err().map(|error| error.to_string()));
        }
    }

    /// Reads a good answer; the remarks that it gives occasion to.
    fn learn(
        &self,
        plan: &ProbePlan,
        row: &Row,
        arguments: &Held<'_>,
        answer: &Answer,
        redactor: Redactor<'_>,
        facts: &mut CredentialFacts,
    ) -> Result<Vec<String>, ProviderError> {
        // A page with status 200, such as a network's login page, proves nothing about a key.
        let (status, headers, body) = (answer.status, &answer.headers, &answer.body);
        let broken = |text: String| {
            let error = ProviderError::new(ProviderErrorKind::BadAnswer, format!("probing: {text}"));
            error.with_sent(Sent::Yes).with_exchanges(vec![answer.exchange.clone()])
        };
        if body.len() > MOST_PROBED {
            return Err(broken(format!("the vendor sent more than {MOST_PROBED} bytes about the credential")));
        }
        let seen = Seen { reach: &self.reach, rules: &NO_CALL };
        let kept = Kept { filter: &seen, values: self.shared.limits.response_values };
        decode(row, arguments.as_map(), status, headers, body, redactor, kept).map_err(broken)?;
        let text = String::from_utf8_lossy(&answer.body);
        let missing = self.reach.missing(row, &text);
        let remarks = missing.iter().map(|(argument, value)| {
            format!("The credential does not see the `{argument}` `{value}`, to which the server is limited.")
        });
        let remarks = remarks.chain(plan.remark.clone()).collect();
        let text =
            self.reach.keep(row, &NO_CALL, &text).map_err(broken)?.map_or_else(|| text.into_owned(), |kept| kept.text);
        for (name, fact) in &plan.facts {
            if let Some(value) = fact.text(&text).filter(|value| !value.is_empty()) {
                facts.more.insert(name.clone(), one_line(&redactor.clean(value), LONGEST_FACT));
            }
        }
        facts.scopes.extend(plan.grants.iter().cloned());
        Ok(remarks)
    }

    /// The field of a scheme that the credential does not have itself; a fallback proves nothing about it.
    fn unfilled(&self, scheme: Option<usize>, credential: &Credential) -> Option<String> {
        let field = self.shared.document.schemes.list.get(scheme?)?.own_field();
        let filled = credential.field(field).is_some_and(|secret| !secret.is_empty());
        (!filled).then(|| field.to_owned())
    }

    async fn prove_group(
        &self,
        scheme: Option<usize>,
        plans: &[&ProbePlan],
        credential: &Credential,
        deadline: Instant,
        facts: &mut CredentialFacts,
        remarks: &mut Vec<String>,
    ) -> Result<Verdict, ProviderError> {
        let cx = CallContext::new(&NoObserver).with_credential(Some(credential));
        let redactor = Redactor::new(Some(credential));
        let mut limited = None;
        let mut unsettled = None;
        for plan in plans {
            let Some(row) = self.shared.document.row(&plan.row) else { continue };
            let arguments = self.hold(row, Cow::Borrowed(&plan.arguments), &NO_CALL)?;
            let answer = self.request(row, &arguments, &cx, scheme.map_or(Scheme::Own, Scheme::Only), deadline).await;
            let answer = match answer {
                Err(error) if error.kind() == ProviderErrorKind::Unauthorized => {
                    return Ok(Verdict::Rejected(error.to_string()));
                }
                // What the vendor has said of the key already stands, whatever keeps us from asking for more.
                Err(error) if limited.is_some() || unsettled.is_some() => {
                    remarks.push(error.to_string());
                    break;
                }
                answer => answer?,
            };
            if answer.status.is_success() {
                remarks.extend(self.learn(plan, row, &arguments, &answer, redactor, facts)?);
                return Ok(Verdict::Accepted);
            }
            let refusal = self.refusal(row, answer, redactor);
            match refusal.kind() {
                ProviderErrorKind::Unauthorized => return Ok(Verdict::Rejected(refusal.to_string())),
                ProviderErrorKind::Forbidden | ProviderErrorKind::PlanLimit => limited = Some(refusal.to_string()),
                ProviderErrorKind::InvalidArguments | ProviderErrorKind::NotFound | ProviderErrorKind::Conflict => {
                    unsettled = Some(refusal);
                }
                _ => return Err(refusal),
            }
        }
        match (limited, unsettled) {
            (Some(text), _) => Ok(Verdict::Limited(text)),
            (None, Some(error)) => Err(error),
            (None, None) => Err(ProviderError::new(ProviderErrorKind::Config, "no read could be tried")),
        }
    }
}

impl Fact {
    /// The fact's text, where the answer holds it.
    pub(crate) fn text(&self, answer: &str) -> Option<String> {
        match self {
            Self::At(pointer) => pointer.text(answer),
            Self::Each { list, item } => {
                let items: Vec<&RawValue> = serde_json::from_str(list.find(answer).ok()??).ok()?;
                let texts: Vec<String> = items.iter().filter_map(|found| item.text(found.get())).collect();
                Some(texts.join(", "))
            }
        }
    }
}
