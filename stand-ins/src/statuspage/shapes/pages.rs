//! Pages and the window on other sites.

use crate::check::{Field, Shape, TEXT};

/// `PATCH` of a page.
pub(in super::super) const PAGE: Shape = Shape::Object(&[Field::required(
    "page",
    Shape::Object(&[
        Field::optional("name", TEXT),
        Field::optional("domain", TEXT),
        Field::optional("subdomain", TEXT),
        Field::optional("url", TEXT),
        Field::optional("branding", Shape::OneOf(&["basic", "premium"])),
        Field::optional("time_zone", TEXT),
        Field::optional("hidden_from_search", Shape::Flag),
        Field::optional("viewers_must_be_team_members", Shape::Flag),
        Field::optional("allow_page_subscribers", Shape::Flag),
        Field::optional("allow_incident_subscribers", Shape::Flag),
        Field::optional("allow_email_subscribers", Shape::Flag),
        Field::optional("allow_sms_subscribers", Shape::Flag),
        Field::optional("allow_rss_atom_feeds", Shape::Flag),
        Field::optional("allow_webhook_subscribers", Shape::Flag),
        Field::optional("notifications_from_email", TEXT),
        Field::optional("notifications_email_footer", TEXT),
        Field::optional("css_body_background_color", TEXT),
        Field::optional("css_font_color", TEXT),
        Field::optional("css_light_font_color", TEXT),
        Field::optional("css_greens", TEXT),
        Field::optional("css_yellows", TEXT),
        Field::optional("css_oranges", TEXT),
        Field::optional("css_reds", TEXT),
        Field::optional("css_blues", TEXT),
        Field::optional("css_border_color", TEXT),
        Field::optional("css_graph_color", TEXT),
        Field::optional("css_link_color", TEXT),
        Field::optional("css_no_data", TEXT),
    ]),
)]);

/// `PATCH` of the window's settings.
pub(in super::super) const EMBED: Shape = Shape::Object(&[Field::required(
    "status_embed_config",
    Shape::Object(&[
        Field::optional("position", TEXT),
        Field::optional("incident_background_color", TEXT),
        Field::optional("incident_text_color", TEXT),
        Field::optional("maintenance_background_color", TEXT),
        Field::optional("maintenance_text_color", TEXT),
    ]),
)]);
