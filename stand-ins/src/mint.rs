//! Identifiers in the vendors' forms, the same in every run.

/// A deterministic source of identifiers (`SplitMix64`).
#[derive(Debug, Clone)]
pub(crate) struct Mint {
    state: u64,
}

impl Mint {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Lower-case letters and digits, as Statuspage spells its ids.
    pub(crate) fn lower(&mut self, length: usize) -> String {
        self.text(length, b"0123456789abcdefghijklmnopqrstuvwxyz")
    }

    /// Upper-case letters and digits, as PagerDuty spells its ids.
    pub(crate) fn upper(&mut self, length: usize) -> String {
        self.text(length, b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    }

    /// The shape of a version 4 UUID, as Opsgenie spells its ids.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }

    fn text(&mut self, length: usize, alphabet: &[u8]) -> String {
        (0..length)
            .map(|_| {
                let size = u64::try_from(alphabet.len()).unwrap_or(1).max(1);
                let at = usize::try_from(self.next() % size).unwrap_or_default();
                alphabet.get(at).copied().map_or('0', char::from)
            })
            .collect()
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids_and_they_differ_from_each_other() {
        let (mut one, mut two) = (Mint::new(7), Mint::new(7));
        let ids: Vec<String> = (0..50).map(|_| one.lower(12)).collect();
        assert_eq!(ids, (0..50).map(|_| two.lower(12)).collect::<Vec<_>>());
        let distinct: std::collections::HashSet<&String> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        assert_eq!(one.upper(13).len(), 13);
    }

    #[test]
    fn a_uuid_has_the_usual_groups() {
        let id = Mint::new(1).uuid();
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    }
}
