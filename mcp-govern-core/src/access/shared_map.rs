//! A hash map whose versions share what did not change.

use std::hash::{BuildHasher as _, Hash, RandomState};

use super::buckets::Buckets;

/// A hash map over shared buckets. The hash is keyed by the process, so that colliding ids cannot be chosen.
#[derive(Debug, Clone)]
pub(super) struct SharedMap<K, V> {
    hasher: RandomState,
    buckets: Buckets<Entry<K, V>>,
}

#[derive(Debug, Clone)]
struct Entry<K, V> {
    hash: u64,
    key: K,
    value: V,
}

impl<K: Hash + Eq + Clone, V: Clone> SharedMap<K, V> {
    /// A map with everything that `items` says of a key folded into one value.
    pub(super) fn folded<T>(items: impl Iterator<Item = (K, T)>, empty: &V, mut fold: impl FnMut(&mut V, T)) -> Self {
        let hasher = RandomState::new();
        let mut contents = Buckets::<Entry<K, V>>::empty_contents();
        for (key, item) in items {
            let hash = hasher.hash_one(&key);
            let Some(bucket) = contents.get_mut(usize::from(Buckets::<Entry<K, V>>::bucket_of(hash))) else {
                continue;
            };
            let known = bucket.iter_mut().find(|entry| entry.hash == hash && entry.key == key);
            if let Some(entry) = known {
                fold(&mut entry.value, item);
            } else {
                let mut value = empty.clone();
                fold(&mut value, item);
                bucket.push(Entry { hash, key, value });
            }
        }
        Self { hasher, buckets: Buckets::from_contents(contents) }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let hash = self.hasher.hash_one(key);
        let mut entries = self.buckets.bucket(Buckets::<Entry<K, V>>::bucket_of(hash)).iter();
        entries.find(|entry| entry.hash == hash && entry.key == *key).map(|entry| &entry.value)
    }

    /// Replaces, adds or (with `None`) removes a key's value. Earlier clones keep theirs.
    pub(super) fn set(&mut self, key: &K, value: Option<V>) {
        let hash = self.hasher.hash_one(key);
        let bucket = Buckets::<Entry<K, V>>::bucket_of(hash);
        let others = self.buckets.bucket(bucket).iter().filter(|entry| entry.hash != hash || entry.key != *key);
        let mut entries: Vec<_> = others.cloned().collect();
        entries.extend(value.map(|value| Entry { hash, key: key.clone(), value }));
        self.buckets.replace(bucket, entries);
    }

    /// The same map with other values.
    pub(super) fn map_values<W>(self, map: impl Fn(V) -> W) -> SharedMap<K, W> {
        let buckets = (0..Buckets::<Entry<K, V>>::COUNT).map(|bucket| {
            let entries = self.buckets.bucket(bucket).iter().cloned();
            entries.map(|Entry { hash, key, value }| Entry { hash, key, value: map(value) }).collect()
        });
        SharedMap { buckets: Buckets::from_contents(buckets.collect()), hasher: self.hasher }
    }

    /// Every value with the bucket that it is found in.
    pub(super) fn iter_buckets(&self) -> impl Iterator<Item = (u16, &V)> {
        (0..Buckets::<Entry<K, V>>::COUNT).flat_map(|at| self.bucket(at).map(move |(_, value)| (at, value)))
    }

    /// The bucket that a key falls into.
    pub(super) fn bucket_of(&self, key: &K) -> u16 {
        Buckets::<Entry<K, V>>::bucket_of(self.hasher.hash_one(key))
    }

    /// What is in a bucket.
    pub(super) fn bucket(&self, bucket: u16) -> impl Iterator<Item = (&K, &V)> {
        self.buckets.bucket(bucket).iter().map(|entry| (&entry.key, &entry.value))
    }

    /// Everything.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.buckets.iter().map(|entry| (&entry.key, &entry.value))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_answers_as_a_plain_map_does_and_old_versions_stay(
            start in proptest::collection::vec((0_u16..300, 0_u8..9), 0..200),
            changes in proptest::collection::vec((0_u16..300, proptest::option::of(0_u8..9)), 0..100),
        ) {
            let mut plain: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
            for (key, item) in &start {
                plain.entry(*key).or_default().push(*item);
            }
            let first = SharedMap::folded(start.into_iter(), &Vec::new(), Vec::push);
            let before = plain.clone();
            let mut map = first.clone();
            for (key, value) in changes {
                let value = value.map(|item| vec![item]);
                map.set(&key, value.clone());
                match value {
                    Some(value) => { plain.insert(key, value); }
                    None => { plain.remove(&key); }
                }
            }
            for key in 0..300 {
                prop_assert_eq!(map.get(&key), plain.get(&key));
                prop_assert_eq!(first.get(&key), before.get(&key));
            }
            prop_assert_eq!(map.iter().count(), plain.len());
        }
    }
}
