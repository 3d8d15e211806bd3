//! Bytes that go on, gathered, so that Envoy is called once for many messages: for few, the call costs more than they do.

use crate::host::Host;
use fix_authz_core::command::Direction;
use std::cell::Cell;

/// As many bytes as Envoy is handed at once; one piece that is longer goes whole.
const MOST: usize = 64 * 1_024;

thread_local! {
    /// Room for one connection's bytes at a time: all that a hook gathers is gone when it returns.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What goes on next, in one direction.
#[derive(Default)]
pub struct Outgoing {
    waiting: Option<(Direction, Vec<u8>)>,
}

impl Outgoing {
    /// Where `length` bytes are to be appended that go on in this direction. What has no room beside them goes on now, and
    /// what Envoy lent may be gone with that.
    pub fn room(&mut self, host: Host<'_>, direction: Direction, length: usize) -> &mut Vec<u8> {
        if let Some((to, bytes)) = &self.waiting
            && (*to != direction || bytes.len() + length > MOST)
        {
            self.send(host);
        }
        &mut self.waiting.get_or_insert_with(|| (direction, ROOM.take())).1
    }

    /// All that waits goes on.
    pub fn send(&mut self, host: Host<'_>) {
        if let Some((direction, mut bytes)) = self.waiting.take() {
            if !bytes.is_empty() {
                host.inject(direction, &bytes, false);
            }
            bytes.clear();
            bytes.shrink_to(MOST);
            ROOM.set(bytes);
        }
    }
}
