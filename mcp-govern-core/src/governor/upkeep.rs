//! What this node keeps in order beside its calls.

use tokio::sync::watch;

use super::{background_tasks::BackgroundTasks, heads::Heads, keep::MaintenanceState, nodes::Nodes, space::Room};
use crate::ports::WriterId;

/// Work that waits, and how far each kind of it has come.
#[derive(Debug)]
pub(crate) struct Upkeep {
    /// Whose chain of audit records this node writes.
    pub(crate) writer: WriterId,
    pub(crate) background_tasks: BackgroundTasks,
    pub(crate) maintenance: MaintenanceState,
    pub(crate) nodes: Nodes,
    pub(crate) heads: Heads,
    pub(crate) room: Room,
    /// Says that the driver has ended.
    pub(crate) ended: watch::Sender<bool>,
}

impl Upkeep {
    pub(super) fn new(writer: WriterId, maintenance: MaintenanceState, heads: Heads) -> Self {
        Self {
            writer,
            background_tasks: BackgroundTasks::default(),
            maintenance,
            nodes: Nodes::default(),
            heads,
            room: Room::new(),
            ended: watch::Sender::new(false),
        }
    }
}
