//! What left the stand-in for the people outside: messages to subscribers, and tweets.

/// A notification that went out to one or all subscribers, by mail, text message or webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    kind: MailKind,
    page: String,
    incident: String,
    status: String,
    recipients: usize,
    address: String,
}

/// Why a notification went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MailKind {
    /// An incident was posted, updated, or one of its updates edited.
    Incident,
    /// A postmortem was published.
    Postmortem,
    /// A new or unconfirmed subscriber is asked to confirm.
    Confirmation,
    /// A subscription was changed or revived.
    Subscription,
    /// A subscription ended.
    Unsubscription,
}

/// A message on the page's Twitter account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tweet {
    page: String,
    incident: String,
    text: String,
}

impl Mail {
    pub(super) fn to_all(kind: MailKind, page: &str, incident: &str, status: &str, recipients: usize) -> Self {
        Self {
            kind,
            page: page.to_owned(),
            incident: incident.to_owned(),
            status: status.to_owned(),
            recipients,
            address: String::new(),
        }
    }

    pub(super) fn to_one(kind: MailKind, page: &str, incident: &str, address: &str) -> Self {
        Self {
            kind,
            page: page.to_owned(),
            incident: incident.to_owned(),
            status: String::new(),
            recipients: 1,
            address: address.to_owned(),
        }
    }

    /// Why it went out.
    pub fn kind(&self) -> MailKind {
        self.kind
    }

    /// The page's id.
    pub fn page(&self) -> &str {
        &self.page
    }

    /// The incident's id; empty when it is about a subscription to the whole page.
    pub fn incident(&self) -> &str {
        &self.incident
    }

    /// The incident's status that the mail announced; empty when it announced none.
    pub fn status(&self) -> &str {
        &self.status
    }

    /// How many subscribers got it: of an incident or a postmortem the active e-mail ones, otherwise one.
    pub fn recipients(&self) -> usize {
        self.recipients
    }

    /// The one subscriber's address, number or endpoint; empty when it went to all.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Tweet {
    pub(super) fn new(page: &str, incident: &str, text: &str) -> Self {
        Self { page: page.to_owned(), incident: incident.to_owned(), text: text.to_owned() }
    }

    /// The page's id.
    pub fn page(&self) -> &str {
        &self.page
    }

    /// The incident's id.
    pub fn incident(&self) -> &str {
        &self.incident
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }
}
