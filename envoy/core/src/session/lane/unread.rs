//! Bytes of one direction that are not read as messages yet.
//!
//! What was taken from their head is only noted, and moved over once it is the larger half: moving the rest up for every message would
//! cost the square of what waits.

/// Bytes that wait.
#[derive(Debug, Default)]
pub(in crate::session) struct Unread {
    bytes: Vec<u8>,
    taken: usize,
}

impl Unread {
    /// What still waits.
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds bytes behind the others.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Forgets all that waits, keeping the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.taken = 0;
    }

    /// Notes that so many bytes of the rest are dealt with.
    pub fn take(&mut self, length: usize) {
        self.taken += length;
        if self.taken * 2 >= self.bytes.len() {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_leaves_the_head_and_what_is_added_comes_last() {
        let mut unread = Unread::default();
        unread.extend_from_slice(b"abcdef");
        for (taken, rest) in [(1, "bcdef"), (1, "cdef"), (2, "ef")] {
            unread.take(taken);
            assert_eq!((unread.rest(), unread.len()), (rest.as_bytes(), rest.len()));
        }
        unread.extend_from_slice(b"gh");
        assert_eq!(unread.rest(), b"efgh");
        unread.take(4);
        assert!(unread.is_empty());
        unread.extend_from_slice(b"ij");
        unread.take(1);
        unread.clear();
        assert!(unread.is_empty() && unread.rest().is_empty());
    }

    #[test]
    fn memory_is_moved_once_most_of_it_is_taken() {
        let mut unread = Unread::default();
        unread.extend_from_slice(&[0; 10]);
        unread.take(4);
        assert_eq!((unread.bytes.len(), unread.taken), (10, 4));
        unread.take(1);
        assert_eq!((unread.bytes.len(), unread.taken), (5, 0));
    }
}
