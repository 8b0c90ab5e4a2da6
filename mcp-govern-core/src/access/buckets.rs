//! Hash buckets that are shared between versions: changing one bucket copies 64 + 64 pointers and that bucket.

use std::sync::Arc;

/// How many buckets there are on each of the two levels.
const FAN: usize = 64;

/// An array of 4,096 immutable buckets, shared between its versions.
#[derive(Debug, Clone)]
pub(super) struct Buckets<T> {
    rows: Box<[Row<T>]>,
}

/// Buckets that are shared as one.
type Row<T> = Arc<[Arc<[T]>]>;

impl<T> Buckets<T> {
    /// How many buckets there are.
    pub(super) const COUNT: u16 = 4096;

    /// Buckets from a list of their contents.
    pub(super) fn from_contents(contents: Vec<Vec<T>>) -> Self {
        let none: Arc<[T]> = Arc::from(Vec::new());
        let mut buckets: Vec<Arc<[T]>> = contents
            .into_iter()
            .map(|items| if items.is_empty() { Arc::clone(&none) } else { Arc::from(items) })
            .collect();
        buckets.resize(usize::from(Self::COUNT), none);
        Self { rows: buckets.chunks(FAN).map(Arc::from).collect() }
    }

    /// No contents yet, one list for each bucket.
    pub(super) fn empty_contents() -> Vec<Vec<T>> {
        (0..Self::COUNT).map(|_| Vec::new()).collect()
    }

    /// The bucket that a hash falls into.
    pub(super) fn bucket_of(hash: u64) -> u16 {
        // The upper 12 bits, so that the lower ones can tell entries of one bucket apart.
        u16::try_from(hash >> 52).unwrap_or_default()
    }

    /// A bucket's contents.
    pub(super) fn bucket(&self, bucket: u16) -> &[T] {
        let row = self.rows.get(usize::from(bucket) / FAN);
        row.and_then(|row| row.get(usize::from(bucket) % FAN)).map_or(&[], |items| items)
    }

    /// Replaces a bucket; earlier clones keep theirs.
    pub(super) fn replace(&mut self, bucket: u16, items: Vec<T>) {
        let Some(row) = self.rows.get_mut(usize::from(bucket) / FAN) else {
            return;
        };
        if let Some(place) = Arc::make_mut(row).get_mut(usize::from(bucket) % FAN) {
            *place = Arc::from(items);
        }
    }

    /// Everything in all buckets.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.rows.iter().flat_map(|row| row.iter()).flat_map(|bucket| bucket.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_bucket_is_seen_by_the_new_version_alone() {
        let mut contents = Buckets::<u32>::empty_contents();
        contents[7] = vec![1, 2];
        let old = Buckets::from_contents(contents);
        let mut new = old.clone();
        new.replace(7, vec![3]);
        new.replace(4095, vec![4]);
        assert_eq!(old.bucket(7), [1, 2]);
        assert_eq!(new.bucket(7), [3]);
        assert_eq!(new.iter().copied().collect::<Vec<_>>(), [3, 4]);
        assert_eq!(old.iter().count(), 2);
    }

    #[test]
    fn every_hash_has_a_bucket() {
        let buckets = Buckets::from_contents(vec![Vec::<u8>::new()]);
        for hash in [0, 1, u64::MAX, 1 << 52, (1 << 52) - 1] {
            assert!(Buckets::<u8>::bucket_of(hash) < Buckets::<u8>::COUNT);
            assert!(buckets.bucket(Buckets::<u8>::bucket_of(hash)).is_empty());
        }
    }
}
