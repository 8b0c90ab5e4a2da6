//! Runs work that would hold up all others on the runtime's threads.

use std::{
    future::Future,
    task::{Context, Poll, Waker},
};

use crate::message::behind_string;

/// How many values a body may hold. A value of two bytes takes fifty in memory.
pub(super) const MOST_VALUES: usize = 50_000;

/// Runs a future whose first step is long (the parsing of a body that is there already): that step on a thread for blocking work, the rest
/// here. None when the runtime ends, or the step panicked.
pub(super) async fn first_step_aside<F>(future: F) -> Option<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let mut future = Box::pin(future);
    let begun = tokio::task::spawn_blocking(move || {
        // The waker is the next poll's, which follows at once.
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Begun::Done(output),
            Poll::Pending => Begun::Goes(future),
        }
    });
    match begun.await.ok()? {
        Begun::Done(output) => Some(output),
        Begun::Goes(future) => Some(future.await),
    }
}

enum Begun<F, T> {
    Done(T),
    Goes(F),
}

/// Whether a text of JSON holds no more values than a body may, found without building them. The parser refuses what is not JSON.
pub(super) fn holds_few_values(text: &[u8]) -> bool {
    let (mut rest, mut values) = (text, 1_usize);
    while let Some((byte, behind)) = rest.split_first() {
        rest = match byte {
            b'"' => behind_string(behind),
            b',' | b'[' | b'{' => {
                values += 1;
                behind
            }
            _ => behind,
        };
        if values > MOST_VALUES {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn values_are_counted_wherever_they_stand_and_text_is_none() {
        let list = |of: &str, times: usize| format!("[{}]", vec![of; times].join(","));
        for (text, few) in [
            (String::new(), true),
            (list("1", MOST_VALUES - 2), true),
            (list("1", MOST_VALUES), false),
            (list("[]", MOST_VALUES / 2), false),
            (list(r#"{"a":1}"#, MOST_VALUES / 2), false),
            ("[".repeat(MOST_VALUES), false),
            (format!(r#"{{"text":"{}"}}"#, r#"[,{\"\\"#.repeat(MOST_VALUES)), true),
            (format!("\"{}", ",".repeat(MOST_VALUES)), true),
        ] {
            assert_eq!(holds_few_values(text.as_bytes()), few, "{}", &text[..text.len().min(40)]);
        }
    }

    #[tokio::test]
    async fn the_first_step_is_taken_on_another_thread_and_the_rest_on_this_one() {
        let here = thread::current().id();
        let (first, second) = first_step_aside(async {
            let first = thread::current().id();
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            (first, thread::current().id())
        })
        .await
        .unwrap();
        assert_ne!(first, here);
        assert_eq!(second, here);
        assert_eq!(first_step_aside(async { 7 }).await, Some(7));
        assert_eq!(first_step_aside(async { panic!("a fault") }).await, None::<()>);
    }
}
