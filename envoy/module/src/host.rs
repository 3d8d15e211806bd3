//! Envoy's callbacks behind safe methods. With `hooks`, the only `unsafe` code there is.
//!
//! Safety rests on one promise of the ABI: the pointer that a hook is handed is valid until that hook returns, and what
//! Envoy lends is valid until the next call that changes it. So a [`Host`] lives no longer than a hook, and lent bytes are
//! handed to a closure that cannot call back.

use crate::abi::{self, EnvoyBuffer, ModuleBuffer, ModuleHttpHeader};
use fix_authz_core::command::{Direction, Fact, Level};
use fix_authz_core::contract::certificate::Certificate;
use fix_authz_core::contract::request::Peers;
use std::cell::Cell;
use std::marker::PhantomData;

/// The namespace of dynamic metadata that facts are noted in.
const METADATA: &str = "fix_authz";

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

/// A connection's filter in Envoy, for the time of one hook.
#[derive(Clone, Copy)]
pub struct Host<'hook> {
    raw: abi::FilterEnvoyPtr,
    hook: PhantomData<&'hook ()>,
}

impl Host<'_> {
    /// # Safety
    /// `raw` must be the pointer of the hook that is running, and the value must not outlive that hook.
    pub unsafe fn new(raw: abi::FilterEnvoyPtr) -> Self {
        Self { raw, hook: PhantomData }
    }

    /// Hands the buffered bytes of a direction to `take`, slice by slice, and drains them; but where `take` says `true` of
    /// the only slice, that stays where it is, and the result is `true`. `gone` must tell of a close as soon as Envoy does.
    ///
    /// A few slices at a time: what is passed on then takes the memory of those just drained, which is still at hand.
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

    /// A list that Envoy fills after it told the size.
    fn list(
        self,
        size: unsafe extern "C" fn(abi::FilterEnvoyPtr) -> usize,
        fill: unsafe extern "C" fn(abi::FilterEnvoyPtr, *mut EnvoyBuffer) -> bool,
    ) -> Vec<EnvoyBuffer> {
        // SAFETY: the pointer is the running hook's.
        let mut list = vec![EnvoyBuffer::EMPTY; unsafe { size(self.raw) }];
        // SAFETY: as above; the vector has room for what Envoy just counted.
        if list.is_empty() || !unsafe { fill(self.raw, list.as_mut_ptr()) } {
            list.clear();
        }
        list
    }

    /// Passes a range of a slice of the buffer's on behind this filter.
    pub fn inject_lent(self, direction: Direction, lent: &Lent<'_>, start: usize, end: usize) {
        let part = lent.read(|bytes| ModuleBuffer::of(bytes.get(start..end).unwrap_or_default()));
        if part.length > 0 {
            self.inject_raw(direction, part, false);
        }
    }

    /// Passes bytes on behind this filter; `end` also passes a half-close on.
    pub fn inject(self, direction: Direction, data: &[u8], end: bool) {
        self.inject_raw(direction, ModuleBuffer::of(data), end);
    }

    fn inject_raw(self, direction: Direction, data: ModuleBuffer, end: bool) {
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

    /// Notes a fact in the connection's dynamic metadata, which access logs carry.
    pub fn note(self, key: &str, fact: &Fact) {
        let (namespace, key) = (ModuleBuffer::of(METADATA.as_bytes()), ModuleBuffer::of(key.as_bytes()));
        // SAFETY: the pointer is the running hook's, and Envoy copies the texts.
        unsafe {
            match fact {
                Fact::Name(value) => abi::envoy_dynamic_module_callback_network_set_dynamic_metadata_string(
                    self.raw,
                    namespace,
                    key,
                    ModuleBuffer::of(value.as_bytes()),
                ),
                // Exact up to 2^53, which no session counts to.
                Fact::Count(n) => abi::envoy_dynamic_module_callback_network_set_dynamic_metadata_number(
                    self.raw, namespace, key, *n as f64,
                ),
            }
        }
    }

    /// Flushes what was written to the client, then closes.
    pub fn close(self, details: &str) {
        let details = ModuleBuffer::of(details.as_bytes());
        // SAFETY: the pointer is the running hook's, and Envoy copies the text.
        unsafe {
            abi::envoy_dynamic_module_callback_network_filter_close_with_details(
                self.raw,
                abi::FLUSH_WRITE,
                details,
            );
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

    /// Sends a POST; the id of the call, or `None` if it could not be made.
    pub fn callout(
        self,
        cluster: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        timeout_ms: u32,
    ) -> Option<u64> {
        let headers: Vec<ModuleHttpHeader> = headers
            .iter()
            .map(|(key, value)| ModuleHttpHeader {
                key_ptr: key.as_ptr().cast(),
                key_length: key.len(),
                value_ptr: value.as_ptr().cast(),
                value_length: value.len(),
            })
            .collect();
        let mut id = 0;
        // SAFETY: the pointer is the running hook's, and Envoy copies all that is lent.
        let result = unsafe {
            abi::envoy_dynamic_module_callback_network_filter_http_callout(
                self.raw,
                &raw mut id,
                ModuleBuffer::of(cluster.as_bytes()),
                headers.as_ptr(),
                headers.len(),
                ModuleBuffer::of(body),
                timeout_ms.into(),
            )
        };
        (result == abi::SUCCESS).then_some(id)
    }

    /// Adds to a counter.
    pub fn count(self, id: usize, n: u32) {
        // SAFETY: the pointer is the running hook's.
        unsafe {
            abi::envoy_dynamic_module_callback_network_filter_increment_counter(self.raw, id, n.into())
        };
    }

    /// Moves a gauge by the difference of what this connection adds to it.
    pub fn level(self, id: usize, before: u64, after: u64) {
        // SAFETY: the pointer is the running hook's.
        unsafe {
            if after > before {
                abi::envoy_dynamic_module_callback_network_filter_increment_gauge(
                    self.raw,
                    id,
                    after - before,
                );
            } else {
                abi::envoy_dynamic_module_callback_network_filter_decrement_gauge(
                    self.raw,
                    id,
                    before - after,
                );
            }
        };
    }

    /// Records a value in a histogram.
    pub fn record(self, id: usize, value: u64) {
        // SAFETY: the pointer is the running hook's.
        unsafe {
            abi::envoy_dynamic_module_callback_network_filter_record_histogram_value(self.raw, id, value)
        };
    }

    /// Something that can wake this filter from any thread.
    pub fn waker(self) -> Waker {
        // SAFETY: the pointer is the running hook's; the result is ours to delete.
        Waker(unsafe { abi::envoy_dynamic_module_callback_network_filter_scheduler_new(self.raw) })
    }

    /// The client's address and port, known before its first byte.
    pub fn source(self) -> (String, u32) {
        self.address(abi::envoy_dynamic_module_callback_network_filter_get_remote_address)
    }

    /// Who is at the two ends.
    pub fn peers(self) -> Peers {
        let (principal, certificate) = self.certificate();
        Peers {
            source: self.source(),
            destination: self.address(abi::envoy_dynamic_module_callback_network_filter_get_local_address),
            principal,
            certificate,
        }
    }

    fn address(
        self,
        get: unsafe extern "C" fn(abi::FilterEnvoyPtr, *mut EnvoyBuffer, *mut u32) -> bool,
    ) -> (String, u32) {
        let (mut address, mut port) = (EnvoyBuffer::EMPTY, 0);
        // SAFETY: the pointer is the running hook's, and both places are ours.
        if !unsafe { get(self.raw, &raw mut address, &raw mut port) } {
            return (String::new(), 0);
        }
        // SAFETY: Envoy lends the address for the length of the hook.
        (String::from_utf8_lossy(unsafe { bytes(address) }).into_owned(), port)
    }

    /// The client's certificate, and the name in it: URI SAN, else DNS SAN, else subject.
    fn certificate(self) -> (String, Certificate) {
        use abi::{
            envoy_dynamic_module_callback_network_filter_get_attribute_string as get_attribute,
            envoy_dynamic_module_callback_network_filter_get_ssl_dns_sans as dns,
            envoy_dynamic_module_callback_network_filter_get_ssl_dns_sans_size as dns_size,
            envoy_dynamic_module_callback_network_filter_get_ssl_subject as get_subject,
            envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans as uri,
            envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans_size as uri_size,
        };
        let (mut subject, mut digest) = (EnvoyBuffer::EMPTY, EnvoyBuffer::EMPTY);
        // SAFETY: the pointer is the running hook's, and the places are ours.
        let (has_subject, has_digest) = unsafe {
            (
                get_subject(self.raw, &raw mut subject),
                get_attribute(self.raw, abi::PEER_CERTIFICATE_DIGEST, &raw mut digest),
            )
        };
        // SAFETY: Envoy lends the certificate's parts for the length of the hook.
        let lent = |buffer: EnvoyBuffer, there: bool| if there { unsafe { bytes(buffer) } } else { &[] };
        let (subject, digest) = (lent(subject, has_subject), lent(digest, has_digest));
        let (uris, names) = (self.list(uri_size, uri), self.list(dns_size, dns));
        let uris = || uris.iter().map(|uri| lent(*uri, true));
        let names = || names.iter().map(|name| lent(*name, true));
        let principal = uris().chain(names()).chain([subject]).find(|name| !name.is_empty());
        let principal = principal.map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default();
        (principal, Certificate::new(digest, uris(), names(), subject))
    }
}

/// Wakes a filter: `on_scheduled` runs on its worker, if it is still alive by then.
pub struct Waker(abi::SchedulerPtr);

// SAFETY: Envoy's scheduler may be used and deleted from any thread; that is its purpose.
unsafe impl Send for Waker {}

impl Waker {
    /// Wakes the filter.
    pub fn wake(&self) {
        // SAFETY: the scheduler is alive as long as this value.
        unsafe { abi::envoy_dynamic_module_callback_network_filter_scheduler_commit(self.0, 0) };
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        // SAFETY: deleted once, here.
        unsafe { abi::envoy_dynamic_module_callback_network_filter_scheduler_delete(self.0) };
    }
}

/// Writes a line to Envoy's log.
pub fn log(level: Level, line: &str) {
    let level = match level {
        Level::Info => abi::LOG_INFO,
        Level::Warn => abi::LOG_WARN,
    };
    log_at(level, line);
}

/// Writes an error to Envoy's log.
pub fn log_error(line: &str) {
    log_at(abi::LOG_ERROR, line);
}

fn log_at(level: u32, line: &str) {
    let line = format!("fix_authz: {line}");
    // SAFETY: Envoy copies the line.
    unsafe { abi::envoy_dynamic_module_callback_log(level, ModuleBuffer::of(line.as_bytes())) };
}

/// # Safety
/// The buffer must be lent by Envoy and not change while the result lives.
pub unsafe fn bytes<'a>(buffer: EnvoyBuffer) -> &'a [u8] {
    if buffer.ptr.is_null() || buffer.length == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(buffer.ptr.cast(), buffer.length) }
}
