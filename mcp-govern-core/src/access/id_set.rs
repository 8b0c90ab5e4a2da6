//! A set of interned ids: a list while it is sparse, a bitset once that is smaller.

/// How many ids are kept without a box of their own: most tools are in a handful of profiles, and admission is then spared a
/// look at memory that is far away.
const INLINE: usize = 11;

/// No id: limits are lengths of arrays, and no array is that long.
const NONE: u32 = u32::MAX;

/// A set of ids below a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum IdSet {
    /// Ids next to whatever owns the set; the places left are [`NONE`].
    Inline([u32; INLINE]),
    /// Sorted ids.
    Few(Box<[u32]>),
    /// One bit for each id.
    Many(Box<[u64]>),
}

impl IdSet {
    /// The form that suits the ids.
    pub(super) fn of(bits: &Bits) -> Self {
        let count = bits.len();
        if count <= INLINE {
            let mut ids = [NONE; INLINE];
            ids.iter_mut().zip(bits.iter()).for_each(|(place, id)| *place = id);
            Self::Inline(ids)
        } else if count < bits.words.len() * 2 {
            // A listed id costs as much as 32 bits.
            Self::Few(bits.iter().collect())
        } else {
            Self::Many(bits.words.clone().into_boxed_slice())
        }
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        match self {
            Self::Inline(ids) => id != NONE && ids.contains(&id),
            Self::Few(ids) => ids.binary_search(&id).is_ok(),
            Self::Many(words) => has_bit(words, id),
        }
    }

    /// Adds every id to `bits`.
    pub(super) fn add_to(&self, bits: &mut Bits) {
        match self {
            Self::Inline(ids) => ids.iter().for_each(|id| bits.insert(*id)),
            Self::Few(ids) => ids.iter().for_each(|id| bits.insert(*id)),
            Self::Many(words) => bits.words.iter_mut().zip(words).for_each(|(to, from)| *to |= from),
        }
    }
}

/// A plain bitset over ids below a limit: what sets are built and joined in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// The empty set over ids below `limit`.
    pub(super) fn new(limit: usize) -> Self {
        Self { words: vec![0; limit.div_ceil(64)] }
    }

    /// Adds an id; one at or above the limit is left out.
    pub(super) fn insert(&mut self, id: u32) {
        if let Some(word) = self.words.get_mut(id as usize / 64) {
            *word |= 1 << (id % 64);
        }
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        has_bit(&self.words, id)
    }

    /// Empties the set.
    pub(super) fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Adds what is in `other`.
    pub(super) fn add(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(to, from)| *to |= from);
    }

    /// Keeps what is in `other` too.
    pub(super) fn keep(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(to, with)| *to &= with);
    }

    /// How many ids it holds.
    pub(super) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The ids in order.
    pub(super) fn iter(&self) -> Ids<'_> {
        self.iter_from(0)
    }

    /// The ids from this one on, in order.
    pub(super) fn iter_from(&self, first: u32) -> Ids<'_> {
        let begin = first / 64;
        let mut words = self.words.get(begin as usize..).unwrap_or_default().iter();
        let word = words.next().map_or(0, |word| word & (u64::MAX << (first % 64)));
        Ids { words, word, after: (begin + 1).saturating_mul(64) }
    }
}

/// The ids of a bitset in order.
#[derive(Debug)]
pub(super) struct Ids<'a> {
    words: std::slice::Iter<'a, u64>,
    /// What is left of the word at hand.
    word: u64,
    /// The first id beyond that word.
    after: u32,
}

impl Iterator for Ids<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        while self.word == 0 {
            self.word = *self.words.next()?;
            self.after += 64;
        }
        let id = self.after - 64 + self.word.trailing_zeros();
        self.word &= self.word - 1;
        Some(id)
    }
}

fn has_bit(words: &[u64], id: u32) -> bool {
    words.get(id as usize / 64).is_some_and(|word| word & (1 << (id % 64)) != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_forms_hold_exactly_what_was_put_in(ids in proptest::collection::btree_set(0_u32..500, 0..400)) {
            let mut bits = Bits::new(500);
            for id in &ids {
                bits.insert(*id);
            }
            prop_assert_eq!(bits.iter().collect::<Vec<_>>(), ids.iter().copied().collect::<Vec<_>>());
            for first in [0, 1, 63, 64, 65, 250, 499, 500, 600, NONE] {
                let left = ids.range(first..).copied().collect::<Vec<_>>();
                prop_assert_eq!(bits.iter_from(first).collect::<Vec<_>>(), left);
            }
            let set = IdSet::of(&bits);
            let mut back = Bits::new(500);
            set.add_to(&mut back);
            prop_assert_eq!(&back, &bits);
            for id in 0..520 {
                prop_assert_eq!(set.contains(id), ids.contains(&id));
                prop_assert_eq!(bits.contains(id), ids.contains(&id));
            }
        }
    }

    #[test]
    fn an_id_beyond_the_limit_is_never_in_the_set() {
        let mut bits = Bits::new(10);
        bits.insert(64);
        bits.insert(NONE);
        assert_eq!(bits.len(), 0);
        assert!(!IdSet::of(&bits).contains(64) && !IdSet::of(&bits).contains(NONE));
    }
}
