//! What posting an update does: it is added, components change, and subscribers are told.

use serde_json::{Map, Value};

use super::fields::{flag, ids, text};
use super::incident::Incident;
use super::mail::{Mail, MailKind};
use super::page::Page;
use super::update::{Affected, Update};
use crate::moment::Moment;

impl Page {
    /// Attaches components, sets their status, and posts the update; the mail is what went out for it.
    pub(super) fn post_update(
        &mut self,
        incident: &mut Incident,
        fields: &Map<String, Value>,
        id: String,
        now: Moment,
    ) -> Option<Mail> {
        let affected = self.attach(incident, fields, now);
        let delivered = flag(fields, "deliver_notifications").unwrap_or(true) && !incident.backfilled;
        let body = text(fields, "body").unwrap_or_default();
        let mut update = Update::new(id, &incident.status, body, now);
        (update.delivered, update.affected) = (delivered, affected);
        incident.updates.insert(0, update);
        let recipients = self.mail_recipients(incident);
        delivered.then(|| Mail::to_all(MailKind::Incident, &self.id, &incident.id, &incident.status, recipients))
    }

    /// INVARIANT: the status of a component changes only when the body's map names it; resolving alone changes none
    /// (`resolving_an_incident_leaves_the_components_as_they_are`).
    pub(super) fn attach(
        &mut self,
        incident: &mut Incident,
        fields: &Map<String, Value>,
        now: Moment,
    ) -> Vec<Affected> {
        if let Some(ids) = ids(fields, "component_ids") {
            incident.components = ids;
        }
        let mut affected = Vec::new();
        let statuses = fields.get("components").and_then(Value::as_object);
        for (id, status) in statuses.into_iter().flatten() {
            if !incident.components.contains(id) {
                incident.components.push(id.clone());
            }
            let status = status.as_str().filter(|status| !status.is_empty());
            if let (Ok(component), Some(status)) = (self.component_mut(id), status) {
                let before = std::mem::replace(&mut component.status, status.to_owned());
                component.updated = now;
                affected.push(Affected {
                    id: id.clone(),
                    name: component.name.clone(),
                    before,
                    after: status.to_owned(),
                });
            }
        }
        self.settle();
        incident.assess(&self.components);
        affected
    }

    /// How many get a mail about an incident: the active e-mail subscribers of the page who follow one of its
    /// components, and those of the incident itself.
    pub(super) fn mail_recipients(&self, incident: &Incident) -> usize {
        let of_page = self.subscribers.iter().filter(|subscriber| {
            let followed = subscriber.components.as_ref();
            followed.is_none_or(|followed| followed.iter().any(|id| incident.components.contains(id)))
        });
        of_page
            .chain(&incident.subscribers)
            .filter(|subscriber| subscriber.state == "active" && subscriber.mode == "email")
            .count()
    }
}
