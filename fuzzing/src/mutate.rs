//! Mutations: small changes to what is known, and pieces that parsers stumble over.

/// Longer inputs are cut: what grows too fast shows at this size.
const LONGEST: usize = 16 << 10;

/// Pieces of texts that mean something to some parser.
const PIECES: [&[u8]; 44] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"null",
    b"true",
    b"-0",
    b"1e999",
    b"1.0",
    b"9007199254740993",
    b"\\u0000",
    b"\\ud800",
    b"\\ud83d\\ude00",
    b"\\u002B",
    b"\\\\",
    b"\\",
    b"/",
    b"..",
    b"%",
    b"%25",
    b"%2F",
    b"%2e%2e",
    b"25",
    b"\r\n",
    b"\n\n",
    b"data: ",
    b"event: message",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"\xff",
    b"\xc3\xa9",
    b"*",
    b"**",
    b"$ref",
    b"#/components",
    b"[[[[[[[[",
    b"{\"a\":",
    b"=",
    b".",
    b"- ",
    b"    ",
];

/// Numbers that look random and are the same for the same seed (`SplitMix64`).
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one; 0 below 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let drawn = self.next() % u64::try_from(end.max(1)).unwrap_or(u64::MAX);
        usize::try_from(drawn).unwrap_or_default()
    }

    /// One of several; nothing where there is none.
    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }

    /// A stretch of so many places.
    fn stretch(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = if self.below(4) == 0 { length - start } else { (length - start).min(16) };
        start..start + self.below(most + 1)
    }
}

/// Some changes to an input; `other` is another known one.
pub(crate) fn mutated(input: &[u8], other: &[u8], words: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=chance.below(4) {
        change(&mut bytes, other, words, chance);
        bytes.truncate(LONGEST);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], words: &[Vec<u8>], chance: &mut Chance) {
    let at = chance.below(bytes.len() + 1);
    match chance.below(9) {
        0 => {
            let flip = 1 << chance.below(8);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= flip;
            }
        }
        1 => {
            let byte = u8::try_from(chance.below(256)).unwrap_or_default();
            bytes.insert(at, byte);
        }
        2 => drop(bytes.drain(chance.stretch(bytes.len()))),
        3 | 4 => {
            let piece = chance.one_of(&PIECES).copied().unwrap_or_default();
            bytes.splice(at..at, piece.iter().copied());
        }
        5 => {
            let word = chance.one_of(words).cloned().unwrap_or_default();
            bytes.splice(at..at, word);
        }
        6 => {
            // The same again, many times: what grows too fast shows here.
            let piece = bytes.get(chance.stretch(bytes.len())).unwrap_or_default().to_vec();
            let turns = 1 << chance.below(10);
            let repeated: Vec<u8> = piece.iter().copied().cycle().take((piece.len() * turns).min(LONGEST)).collect();
            bytes.splice(at..at, repeated);
        }
        7 => {
            let piece = other.get(chance.stretch(other.len())).unwrap_or_default();
            bytes.splice(at..at, piece.iter().copied());
        }
        _ => {
            let moved: Vec<u8> = bytes.drain(chance.stretch(bytes.len())).collect();
            let at = chance.below(bytes.len() + 1);
            bytes.splice(at..at, moved);
        }
    }
}

/// Smaller inputs that still fail, found by leaving stretches out.
pub(crate) fn smallest(input: &[u8], fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut smallest = input.to_vec();
    let mut stretch = smallest.len() / 2;
    while stretch > 0 {
        let mut at = 0;
        while at < smallest.len() {
            let mut shorter = smallest.clone();
            shorter.drain(at..(at + stretch).min(smallest.len()));
            if fails(&shorter) {
                smallest = shorter;
            } else {
                at += stretch;
            }
        }
        stretch /= 2;
    }
    smallest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_leads_to_the_same_inputs() {
        let made = |seed| {
            let mut chance = Chance::new(seed);
            (0..50).map(|_| mutated(b"{\"a\":1}", b"[2]", &[b"word".to_vec()], &mut chance)).collect::<Vec<_>>()
        };
        assert_eq!(made(7), made(7));
        assert_ne!(made(7), made(8));
        assert!(made(7).iter().all(|input| input.len() <= LONGEST));
    }

    #[test]
    fn what_fails_is_made_as_small_as_it_can_be() {
        let fails = |input: &[u8]| input.contains(&b'x') && input.contains(&b'y');
        assert_eq!(smallest(b"aaaaxbbbbbbbbybbbb", fails), b"xy");
    }
}
