//! One-time values in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;

use super::lock;
use crate::{
    ports::{OneTime, OneTimeValue, StoreError, StoreErrorKind},
    vocabulary::{Clock, Time, Timestamp},
};

/// Values that are taken once, in memory.
#[derive(Debug)]
pub struct MemoryOneTime {
    time: Time,
    values: Mutex<HashMap<String, (Timestamp, OneTimeValue)>>,
}

impl MemoryOneTime {
    /// Holds nothing; values end by this clock, and stay ended when it jumps back.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { time: Time::new(clock), values: Mutex::default() }
    }
}

#[async_trait]
impl OneTime for MemoryOneTime {
    async fn put(&self, key: &str, value: OneTimeValue, ttl: Duration) -> Result<(), StoreError> {
        let now = self.time.now();
        let mut values = lock(&self.values);
        values.retain(|_, (ends, _)| now < *ends);
        if values.contains_key(key) {
            return Err(StoreError::new(StoreErrorKind::Conflict, "the key is in use"));
        }
        values.insert(key.to_owned(), (now.plus(ttl), value));
        Ok(())
    }

    async fn take(&self, key: &str) -> Result<Option<OneTimeValue>, StoreError> {
        let now = self.time.now();
        let taken = lock(&self.values).remove(key);
        Ok(taken.filter(|(ends, _)| now < *ends).map(|(_, value)| value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::ManualClock;

    #[tokio::test]
    async fn a_value_is_taken_once_and_never_after_its_time() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000)));
        let one_time = MemoryOneTime::new(clock.clone());
        let minute = Duration::from_secs(60);
        one_time.put("a", OneTimeValue::new("x"), minute).await.unwrap();
        assert_eq!(one_time.take("a").await.unwrap(), Some(OneTimeValue::new("x")));
        assert_eq!(one_time.take("a").await.unwrap(), None);
        one_time.put("b", OneTimeValue::new("y"), minute).await.unwrap();
        clock.advance(minute);
        one_time.put("c", OneTimeValue::new("z"), minute).await.unwrap();
        clock.set(Timestamp::from_millis(1_000));
        assert_eq!(one_time.take("b").await.unwrap(), None);
        assert_eq!(one_time.take("c").await.unwrap(), Some(OneTimeValue::new("z")));
    }

    #[tokio::test]
    async fn a_key_in_use_is_refused_and_an_ended_one_is_free_again() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000)));
        let one_time = MemoryOneTime::new(clock.clone());
        one_time.put("a", OneTimeValue::new("x"), Duration::from_secs(1)).await.unwrap();
        let error = one_time.put("a", OneTimeValue::new("y"), Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Conflict);
        clock.advance(Duration::from_secs(1));
        one_time.put("a", OneTimeValue::new("y"), Duration::from_secs(1)).await.unwrap();
        assert_eq!(one_time.take("a").await.unwrap(), Some(OneTimeValue::new("y")));
    }
}
