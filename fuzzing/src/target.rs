//! One fuzz target.

use std::{
    collections::HashSet,
    env,
    hash::{DefaultHasher, Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{
    corpus::Corpus,
    mutate::{Chance, mutated, smallest},
};

/// How many mutations an ordinary run of the tests tries.
const CASES: usize = 400;
/// How many inputs are mutated further at most.
const MOST_KNOWN: usize = 2_000;

/// A fuzz target: what is tried, and what it begins with.
#[derive(Debug)]
pub struct Target {
    name: &'static str,
    corpus: Corpus,
    seeds: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
}

impl Target {
    /// A target of this name; `package` is `env!("CARGO_MANIFEST_DIR")`.
    pub fn new(package: &str, name: &'static str) -> Self {
        Self { name, corpus: Corpus::of(package, name), seeds: Vec::new(), words: Vec::new() }
    }

    /// With inputs to begin with, beside those of the corpus.
    #[must_use]
    pub fn with_seeds<S: AsRef<[u8]>>(mut self, seeds: impl IntoIterator<Item = S>) -> Self {
        self.seeds.extend(seeds.into_iter().map(|seed| seed.as_ref().to_vec()));
        self
    }

    /// With words that mean something to what is tried.
    #[must_use]
    pub fn with_words<S: AsRef<[u8]>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.words.extend(words.into_iter().map(|word| word.as_ref().to_vec()));
        self
    }

    /// Tries every kept input, then mutations: some hundred, or for `MCP_GOVERN_FUZZ_SECONDS`. What the trial answers says what
    /// was reached: an input that reaches something new is mutated further.
    ///
    /// # Panics
    ///
    /// When a trial panics; the smallest input that was found for it is kept in the corpus, and the message names its file.
    pub fn run<T: Hash>(self, trial: impl Fn(&[u8]) -> T) {
        let mut reached = HashSet::new();
        let mut known = self.seeds.clone();
        match self.corpus.inputs() {
            Ok(kept) => known.extend(kept.into_iter().map(|(_, input)| input)),
            Err(error) => panic!("the corpus of `{}` cannot be read: {error}", self.name),
        }
        for input in &known {
            reached.insert(self.tried(input, &trial));
        }
        let seconds = env::var("MCP_GOVERN_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
        let mut chance = Chance::new(self.seed(seconds.is_some()));
        let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        let mut cases = 0_usize;
        while end.map_or(cases < CASES, |end| Instant::now() < end) {
            cases += 1;
            let input = {
                let one = chance.one_of(&known).map(Vec::as_slice).unwrap_or_default();
                let other = chance.one_of(&known).map(Vec::as_slice).unwrap_or_default();
                mutated(one, other, &self.words, &mut chance)
            };
            if reached.insert(self.tried(&input, &trial)) && known.len() < MOST_KNOWN {
                known.push(input);
            }
        }
        if seconds.is_some() {
            eprintln!("`{}`: {cases} cases, {} kinds of outcome", self.name, reached.len());
        }
    }

    /// What an input reaches.
    fn tried<T: Hash>(&self, input: &[u8], trial: &impl Fn(&[u8]) -> T) -> u64 {
        let attempt = |input: &[u8]| catch_unwind(AssertUnwindSafe(|| trial(input)));
        if let Ok(outcome) = attempt(input) {
            let mut hasher = DefaultHasher::new();
            outcome.hash(&mut hasher);
            hasher.finish()
        } else {
            let smallest = smallest(input, |input| attempt(input).is_err());
            let shown = String::from_utf8_lossy(&smallest).chars().take(400).collect::<String>();
            match self.corpus.keep(&smallest) {
                Ok(path) => panic!("`{}` fails with {}: {shown:?}", self.name, path.display()),
                Err(error) => panic!("`{}` fails with {shown:?}, which could not be kept: {error}", self.name),
            }
        }
    }

    /// The tests of every day try the same inputs; long runs try others each time, and say which.
    fn seed(&self, is_long: bool) -> u64 {
        let stated = env::var("MCP_GOVERN_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok());
        let drawn = || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let seed = u64::from(now.subsec_nanos()) ^ now.as_secs().rotate_left(32);
            eprintln!("`{}` runs with MCP_GOVERN_FUZZ_SEED={seed}", self.name);
            seed
        };
        stated.unwrap_or_else(|| if is_long { drawn() } else { 20_261_130 })
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf, process};

    use super::*;

    /// A folder that looks like a workspace and is gone with this value.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let folder = env::temp_dir().join(format!("fuzzing-{name}-{}", process::id()));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("Cargo.lock"), "").unwrap();
            Self(folder)
        }

        fn target(&self) -> Target {
            Target::new(self.0.to_str().unwrap(), "words").with_seeds(["hello"]).with_words(["crash"])
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn what_fails_is_kept_and_tried_first_the_next_time() {
        let place = Place::new("kept");
        let fails = |input: &[u8]| assert!(!input.windows(5).any(|word| word == b"crash"));
        assert!(catch_unwind(AssertUnwindSafe(|| place.target().run(fails))).is_err());
        let kept = place.target().corpus.inputs().unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].1, b"crash");
        let again = catch_unwind(AssertUnwindSafe(|| place.target().run(fails)));
        assert!(again.is_err() && place.target().corpus.inputs().unwrap().len() == 1);
    }

    #[test]
    fn a_trial_that_holds_passes() {
        let place = Place::new("holds");
        place.target().run(<[u8]>::len);
        assert!(place.target().corpus.inputs().unwrap().is_empty());
    }
}
