//! Lines of bounded length.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// A line of input without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// The line.
    Whole(&'a [u8]),
    /// It was longer than allowed; all of it has been read past.
    TooLong,
}

/// Reads lines, and never holds more than one of the longest length.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    longest: usize,
    line: Vec<u8>,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(crate) fn new(reader: R, longest: usize) -> Self {
        Self { reader, longest, line: Vec::new() }
    }

    /// The next line; none at the end of the input. The last line may lack its end.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        // A long line's memory is given back with the next one.
        self.line.shrink_to(64 << 10);
        let (mut began, mut too_long) = (false, false);
        loop {
            let chunk = self.reader.fill_buf().await?;
            if chunk.is_empty() {
                break;
            }
            began = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or(chunk);
            too_long = too_long || self.line.len() + part.len() > self.longest;
            if !too_long {
                self.line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        Ok(match (began, too_long) {
            (false, _) => None,
            (true, true) => Some(Line::TooLong),
            (true, false) => Some(Line::Whole(&self.line)),
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, BufReader};

    use super::*;

    async fn read(text: &[u8], longest: usize) -> Vec<Option<String>> {
        // A small buffer, so that lines come in several parts.
        let mut lines = Lines::new(BufReader::with_capacity(3, text), longest);
        let mut seen = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            seen.push(match line {
                Line::Whole(line) => Some(String::from_utf8(line.to_vec()).unwrap()),
                Line::TooLong => None,
            });
        }
        seen
    }

    /// Lines as they are read; a longer one is none.
    fn lines(due: &[Option<&str>]) -> Vec<Option<String>> {
        due.iter().map(|line| line.map(str::to_owned)).collect()
    }

    #[tokio::test]
    async fn every_line_is_read_the_empty_and_the_unended_one_too() {
        assert_eq!(read(b"one\n\nthree", 10).await, lines(&[Some("one"), Some(""), Some("three")]));
        assert_eq!(read(b"", 10).await, lines(&[]));
        assert_eq!(read(b"\n", 10).await, lines(&[Some("")]));
    }

    #[tokio::test]
    async fn a_line_of_the_longest_length_passes_and_a_longer_one_is_read_past() {
        assert_eq!(read(b"1234567\n12345678\nok\n", 7).await, lines(&[Some("1234567"), None, Some("ok")]));
        assert_eq!(read(b"12345678", 7).await, lines(&[None]));
    }

    #[tokio::test]
    async fn a_line_without_end_holds_no_more_memory_than_the_longest_line() {
        let endless = BufReader::new(tokio::io::repeat(b'x').take(16 << 20));
        let mut lines = Lines::new(endless, 1 << 10);
        assert_eq!(lines.next().await.unwrap(), Some(Line::TooLong));
        assert!(lines.line.capacity() <= 64 << 10, "{}", lines.line.capacity());
        assert_eq!(lines.next().await.unwrap(), None);
    }
}
