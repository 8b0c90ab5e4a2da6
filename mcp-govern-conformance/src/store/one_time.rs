//! Checks of the [`OneTime`](mcp_govern_core::ports::OneTime) port.

use std::{sync::Arc, time::Duration};

use mcp_govern_core::ports::{OneTimeValue, StoreErrorKind};

use super::{Storage, open};
use crate::failure::{Failure, Verdict, ensure};

const TENANT: &str = "acme";
const HOUR: Duration = Duration::from_secs(3600);

/// Of sixteen takers on two nodes, one gets the value.
///
/// # Errors
///
/// What is wrong.
pub async fn a_value_is_taken_once_by_one_of_many(storage: &dyn Storage) -> Verdict {
    let nodes = [open(storage, TENANT).await?.one_time, open(storage, TENANT).await?.one_time];
    nodes[0].put("state-1", OneTimeValue::new(*b"\x00value\xff"), HOUR).await?;
    let mut tasks = Vec::new();
    for number in 0..16 {
        let one_time = Arc::clone(&nodes[number % 2]);
        tasks.push(tokio::spawn(async move { one_time.take("state-1").await }));
    }
    let mut taken = Vec::new();
    for task in tasks {
        taken.extend(task.await.map_err(|error| Failure::new(error.to_string()))??);
    }
    ensure!(taken == [OneTimeValue::new(*b"\x00value\xff")], "{} takers got a value", taken.len());
    Ok(())
}

/// A key in use is refused; the value that is there stays.
///
/// # Errors
///
/// What is wrong.
pub async fn a_key_in_use_is_refused(storage: &dyn Storage) -> Verdict {
    let one_time = open(storage, TENANT).await?.one_time;
    one_time.put("state-1", OneTimeValue::new("first"), HOUR).await?;
    match one_time.put("state-1", OneTimeValue::new("second"), HOUR).await {
        Err(error) if error.kind() == StoreErrorKind::Conflict => {}
        other => return Err(Failure::new(format!("a second put answered {other:?}"))),
    }
    ensure!(one_time.take("state-1").await? == Some(OneTimeValue::new("first")), "the first value was lost");
    one_time.put("state-1", OneTimeValue::new("third"), HOUR).await?;
    Ok(())
}

/// A value past its time is not given, and its key is free.
///
/// # Errors
///
/// What is wrong.
pub async fn a_value_past_its_time_is_not_given(storage: &dyn Storage) -> Verdict {
    let one_time = open(storage, TENANT).await?.one_time;
    one_time.put("state-1", OneTimeValue::new("old"), Duration::ZERO).await?;
    ensure!(one_time.take("state-1").await?.is_none(), "a value past its time was given");
    one_time.put("state-2", OneTimeValue::new("old"), Duration::ZERO).await?;
    one_time.put("state-2", OneTimeValue::new("new"), HOUR).await?;
    ensure!(one_time.take("state-2").await? == Some(OneTimeValue::new("new")), "the new value was lost");
    Ok(())
}

/// A key that nobody put has no value.
///
/// # Errors
///
/// What is wrong.
pub async fn an_unknown_key_has_no_value(storage: &dyn Storage) -> Verdict {
    let one_time = open(storage, TENANT).await?.one_time;
    ensure!(one_time.take("nobody").await?.is_none(), "an unknown key has a value");
    Ok(())
}
