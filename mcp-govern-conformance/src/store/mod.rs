//! What every store must do, as checks that can be run one by one.
//!
//! [`store_suite!`](crate::store_suite) turns them into tests of the calling crate; every check starts from empty storage.

pub mod audit_log;
pub mod checkpoints;
pub mod journal;
pub mod lease;
pub mod one_time;
pub mod tenants;
pub mod vault;

use std::sync::Arc;

use async_trait::async_trait;
use mcp_govern_core::{
    TenantId,
    ports::{Stores, TenantStores},
};

use crate::failure::Failure;

/// Makes empty storage for one check.
#[async_trait]
pub trait StorageFactory: Send + Sync {
    /// Empty storage of its own, gone when it is dropped.
    ///
    /// # Errors
    ///
    /// When there is none to be had.
    async fn create(&self) -> Result<Box<dyn Storage>, Failure>;
}

/// Storage that nodes open.
#[async_trait]
pub trait Storage: Send + Sync {
    /// A node's stores on this storage: another call is another node.
    ///
    /// # Errors
    ///
    /// When they cannot be opened.
    async fn node(&self) -> Result<Arc<dyn Stores>, Failure>;
}

/// A tenant's stores on a new node.
pub(crate) async fn open(storage: &dyn Storage, tenant: &str) -> Result<TenantStores, Failure> {
    Ok(storage.node().await?.open(&TenantId::new(tenant)?).await?)
}

/// Expands to one test per check of the store suite. The argument is an expression that gives a
/// [`StorageFactory`](crate::store::StorageFactory); the calling crate needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! store_suite {
    ($factory:expr) => {
        $crate::store_suite! { @each $factory;
            journal: an_empty_journal_stands_at_the_empty_head,
            journal: an_appended_commit_is_read_back_to_the_byte_on_every_node,
            journal: of_many_appends_at_one_head_one_wins,
            journal: an_append_at_an_old_head_changes_nothing,
            journal: reading_starts_after_a_revision_and_keeps_the_limit,
            journal: a_waiting_reader_wakes_when_another_node_appends,
            journal: a_reader_that_is_behind_does_not_wait,
            journal: a_commit_of_a_megabyte_is_kept,
            audit_log: a_new_writer_stands_at_the_empty_head,
            audit_log: a_batch_is_read_back_to_the_byte_on_every_node,
            audit_log: an_append_at_another_head_is_refused_whole,
            audit_log: writers_have_chains_of_their_own,
            audit_log: the_heads_are_those_of_every_writer,
            audit_log: a_person_without_a_hash_is_refused,
            audit_log: the_old_end_of_a_chain_is_dropped_and_the_chain_goes_on,
            audit_log: a_record_that_the_chain_does_not_hold_drops_nothing,
            audit_log: pages_show_every_record_once_newest_first,
            audit_log: every_filter_shows_what_matches_and_nothing_else,
            vault: a_credential_comes_back_as_it_was_put,
            vault: a_put_at_another_version_is_refused,
            vault: of_many_puts_at_one_version_one_wins,
            vault: an_entry_is_found_under_its_own_key_alone,
            vault: the_version_before_is_readable_until_the_next_put,
            vault: a_deleted_credential_is_gone_and_its_versions_go_on,
            vault: the_list_names_keys_and_versions,
            vault: no_debug_and_no_error_shows_a_secret,
            one_time: a_value_is_taken_once_by_one_of_many,
            one_time: a_key_in_use_is_refused,
            one_time: a_value_past_its_time_is_not_given,
            one_time: an_unknown_key_has_no_value,
            lease: a_name_has_one_holder,
            lease: a_lease_past_its_time_is_free,
            lease: a_lease_is_renewed_by_its_holder_alone,
            lease: leases_that_are_held_are_counted_across_nodes,
            lease: leases_of_other_names_are_independent,
            checkpoints: a_checkpoint_is_found_on_every_node_under_its_own_form,
            checkpoints: a_checkpoint_of_no_commit_is_refused,
            tenants: two_tenants_share_nothing,
        }
    };
    (@each $factory:expr; $($module:ident: $check:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                let factory = $factory;
                let storage = $crate::store::StorageFactory::create(&factory).await.expect("empty storage");
                if let Err(failure) = $crate::store::$module::$check(storage.as_ref()).await {
                    panic!("{failure}");
                }
            }
        )*
    };
}
