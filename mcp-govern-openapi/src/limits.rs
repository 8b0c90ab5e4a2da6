//! How long, how much, how often.

use std::time::Duration;

/// The bounds of every call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// From the start of a call to its end, waiting and retries included. 30 seconds.
    pub deadline: Duration,
    /// The largest body of an answer that is read, in bytes. 8 MiB.
    pub response_bytes: usize,
    /// How many values (texts, numbers, lists, objects and their like) an answer may hold that is read, as a list with one of them
    /// takes fifty times its bytes in memory. 200,000.
    pub response_values: usize,
    /// How many bytes of long answers, those beyond 64 KiB, all servers of a provider decode at once; further ones wait within
    /// their deadline. 64 MiB.
    pub decoding_bytes: usize,
    /// The largest result that is handed on, in bytes; a longer one is cut, with a note. 96 KiB.
    pub output_bytes: usize,
    /// How many times a request is sent at most. 4.
    pub attempts: u32,
    /// The first pause between two attempts; each further one is twice as long. 250 ms.
    pub first_pause: Duration,
    /// The longest pause that is our own choice; what the vendor asks for is honoured beyond it. 8 seconds.
    pub longest_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            response_bytes: 8 << 20,
            response_values: 200_000,
            decoding_bytes: 64 << 20,
            output_bytes: 96 << 10,
            attempts: 4,
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(8),
        }
    }
}

impl Limits {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// With another total deadline.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// With another cap on the bytes of an answer.
    #[must_use]
    pub fn with_response_bytes(mut self, bytes: usize) -> Self {
        self.response_bytes = bytes;
        self
    }

    /// With another cap on the values of an answer.
    #[must_use]
    pub fn with_response_values(mut self, values: usize) -> Self {
        self.response_values = values;
        self
    }

    /// With other room for long answers that are decoded at once.
    #[must_use]
    pub fn with_decoding_bytes(mut self, bytes: usize) -> Self {
        self.decoding_bytes = bytes;
        self
    }

    /// With another size beyond which a result is cut.
    #[must_use]
    pub fn with_output_bytes(mut self, bytes: usize) -> Self {
        self.output_bytes = bytes;
        self
    }

    /// With another number of attempts; 1 means no retries, and 0 counts as 1.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// With other pauses between attempts.
    #[must_use]
    pub fn with_pauses(mut self, first: Duration, longest: Duration) -> Self {
        self.first_pause = first;
        self.longest_pause = longest;
        self
    }
}
