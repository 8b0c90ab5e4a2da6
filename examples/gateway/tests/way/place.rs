//! Where the gateway keeps its state.

use stand_ins::postgres::Cluster;

use crate::{
    operator::Operator,
    world::{Gateway, Site},
};

/// A site whose people are offered whatever is approved, and the store that the gateway and the operator share.
pub(crate) struct Place {
    pub(crate) site: Site,
    pub(crate) operator: Operator,
    url: String,
}

impl Place {
    /// A file in the site's folder; the gateway makes the keys beside it.
    pub(crate) async fn sqlite() -> Self {
        let site = site().await;
        let url = format!("sqlite:{}", site.path().join("store.db").display());
        Self { site, operator: Operator::on(&url), url }
    }

    /// A database of its own; nothing where PostgreSQL is not installed. The operator makes the keys, which every node needs.
    pub(crate) async fn postgres() -> Option<Self> {
        let url = Cluster::shared()?.database();
        let site = site().await;
        let operator = Operator::on(&url);
        for kind in ["vault", "audit"] {
            let file = site.path().join(format!("{kind}.key"));
            operator.done(&["keys", kind, &file.display().to_string()]).await;
        }
        site.add("[store]\nvault_keys = { file = \"vault.key\" }\naudit_key = { file = \"audit.key\" }\n");
        Some(Self { site, operator, url })
    }

    /// Starts the gateway.
    pub(crate) async fn start(&self) -> Gateway {
        Gateway::start(&[&self.site.flag(), "--store", &self.url], &[]).await
    }
}

async fn site() -> Site {
    let site = Site::new().await;
    site.change("tools = [\"status/list_pages\", \"status/list_components\"]", "follows = { server = \"status\" }");
    site
}
