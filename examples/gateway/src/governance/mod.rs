//! Bringing the file's governance about, and telling what that changes for whom.

mod access;
mod enact;

pub(crate) use self::{
    access::AccessChange,
    enact::{Enacted, administrator, enact},
};
