//! Lists: where they are in an answer and how they go on.

use crate::pointer::Pointer;

/// Where the list is in the answer and how it goes on.
#[derive(Debug)]
pub(crate) struct ListPlan {
    pub(crate) items: Pointer,
    pub(crate) page: Paging,
    /// A boolean that says whether there is more.
    pub(crate) more: Option<Pointer>,
    /// Something that is there while there is more; the cursor itself for [`Paging::Cursor`].
    pub(crate) next: Option<Pointer>,
    /// How many there are in all, when the vendor says.
    pub(crate) total: Option<Pointer>,
}

/// How a vendor pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Paging {
    /// Everything at once.
    None,
    /// Pages by number. `usual` is how many the vendor gives, by its own schema, where no size is sent.
    Number { page: String, size: String, first: u64, usual: Option<u64> },
    /// So many from so far on; `window` is what offset and limit may reach together.
    Offset { offset: String, limit: String, window: Option<u64>, usual: Option<u64> },
    /// From a mark on that the page before gave; `text` says that the argument is one, whatever the answer writes.
    Cursor { cursor: String, text: bool },
}

impl Paging {
    /// The argument that says how many items a page has.
    pub(crate) fn size(&self) -> Option<&str> {
        match self {
            Self::Number { size, .. } | Self::Offset { limit: size, .. } => Some(size),
            Self::None | Self::Cursor { .. } => None,
        }
    }
}
