//! What flows through a connection's filter: bytes that Envoy has buffered, and bytes that go on.
//!
//! Bytes in the buffer are lent; where all of them may go on, they stay there.

use super::{Host, bytes};
use crate::abi::{self, EnvoyBuffer, ModuleBuffer};
use fix_authz_core::command::Direction;
use std::cell::Cell;

/// A slice of Envoy's buffer, lent until it is drained or the connection closes.
pub struct Lent<'buffer> {
    raw: EnvoyBuffer,
    gone: &'buffer Cell<bool>,
    /// No slice comes behind it.
    pub is_last: bool,
    /// And none before it.
    pub is_only: bool,
}

impl Lent<'_> {
    /// Its length; none once the connection is closed.
    pub fn length(&self) -> usize {
        if self.gone.get() { 0 } else { self.raw.length }
    }

    /// Hands the bytes to `read`, which has no host to call; none once the connection is closed.
    pub fn read<T>(&self, read: impl FnOnce(&[u8]) -> T) -> T {
        // SAFETY: Envoy lends the slices of its buffer until they are drained, which is done once all were taken, or until
        // the connection closes, which `gone` tells of.
        read(if self.gone.get() { &[] } else { unsafe { bytes(self.raw) } })
    }
}

impl Host<'_> {
    /// Hands the buffered bytes of a direction to `take`, slice by slice, and drains them; but where `take` says `true` of
    /// the only slice, that stays where it is, and the result is `true`. `gone` must tell of a close as soon as Envoy does.
    ///
    /// A few slices at a time: what is read next then takes the memory of those just drained, which is still at hand.
    pub fn take_buffer(
        self,
        direction: Direction,
        length: usize,
        gone: &Cell<bool>,
        mut take: impl FnMut(&Lent<'_>) -> bool,
    ) -> bool {
        const AT_ONCE: usize = 4;
        let mut rest = length;
        loop {
            let mut slices = self.slices(direction);
            if slices.is_empty() {
                slices.push(EnvoyBuffer::EMPTY);
            }
            let is_only = slices.len() == 1 && rest == length;
            let mut taken = 0;
            for raw in slices.iter().take(AT_ONCE) {
                taken += raw.length;
                let lent = Lent { raw: *raw, gone, is_last: taken >= rest, is_only };
                if take(&lent) && is_only {
                    return true;
                }
            }
            // After a close there may be no slices any more, though there is a rest.
            let taken = if taken == 0 || gone.get() { rest } else { taken };
            self.drain(direction, taken);
            rest = rest.saturating_sub(taken);
            if rest == 0 {
                return false;
            }
        }
    }

    fn drain(self, direction: Direction, length: usize) {
        // SAFETY: the pointer is the running hook's.
        unsafe {
            match direction {
                Direction::Inbound => {
                    abi::envoy_dynamic_module_callback_network_filter_drain_read_buffer(self.raw, length)
                }
                Direction::Outbound => {
                    abi::envoy_dynamic_module_callback_network_filter_drain_write_buffer(self.raw, length)
                }
            }
        };
    }

    fn slices(self, direction: Direction) -> Vec<EnvoyBuffer> {
        use abi::{
            envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks as read_chunks,
            envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks_size as read_size,
            envoy_dynamic_module_callback_network_filter_get_write_buffer_chunks as write_chunks,
            envoy_dynamic_module_callback_network_filter_get_write_buffer_chunks_size as write_size,
        };
        match direction {
            Direction::Inbound => self.list(read_size, read_chunks),
            Direction::Outbound => self.list(write_size, write_chunks),
        }
    }

    /// Passes bytes on behind this filter; `end` also passes a half-close on.
    pub fn inject(self, direction: Direction, data: &[u8], end: bool) {
        let data = ModuleBuffer::of(data);
        // SAFETY: the pointer is the running hook's, and Envoy copies the bytes before it does anything else.
        unsafe {
            match direction {
                Direction::Inbound => {
                    abi::envoy_dynamic_module_callback_network_filter_inject_read_data(self.raw, data, end);
                }
                Direction::Outbound => {
                    abi::envoy_dynamic_module_callback_network_filter_inject_write_data(self.raw, data, end);
                }
            }
        }
    }

    /// Stops or starts reading from the client; Envoy counts, so the calls must pair.
    pub fn read_disable(self, disable: bool) {
        // SAFETY: the pointer is the running hook's.
        unsafe { abi::envoy_dynamic_module_callback_network_filter_read_disable(self.raw, disable) };
    }

    /// The bytes of a buffer at which Envoy stops the other side from writing more.
    pub fn buffer_limit(self) -> u32 {
        // SAFETY: the pointer is the running hook's.
        unsafe { abi::envoy_dynamic_module_callback_network_filter_get_buffer_limit(self.raw) }
    }

    /// See [`Host::buffer_limit`].
    pub fn set_buffer_limit(self, limit: u32) {
        // SAFETY: the pointer is the running hook's.
        unsafe { abi::envoy_dynamic_module_callback_network_filter_set_buffer_limits(self.raw, limit) };
    }
}
