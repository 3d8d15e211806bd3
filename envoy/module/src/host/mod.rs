//! Envoy's callbacks behind safe methods. With the hooks themselves, the only `unsafe` code there is.
//!
//! Safety rests on one promise of the ABI: the pointer that a hook is handed is valid until that hook returns, and what
//! Envoy lends is valid until the next call that changes it. So a [`Host`] lives no longer than a hook, and lent bytes are
//! handed to a closure that cannot call back.

mod buffer;
mod log;
mod main_thread;
mod metrics;
mod peers;
mod waker;

pub use buffer::Lent;
pub use log::{log, log_error};
pub use main_thread::{MainHost, MainThread, MainTimer};
pub use metrics::Registry;
pub use waker::Waker;

use crate::abi::{self, EnvoyBuffer, ModuleBuffer, ModuleHttpHeader};
use fix_authz_core::failure::Failure;
use std::ffi::c_void;
use std::marker::PhantomData;

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

    /// Sends a POST. Returns the id of the call, or why it could not be made.
    pub fn callout(
        self,
        cluster: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        timeout_ms: u32,
    ) -> Result<u64, Failure> {
        let send = abi::envoy_dynamic_module_callback_network_filter_http_callout;
        // SAFETY: the pointer is the running hook's.
        let failure = match unsafe { call_out(send, self.raw, cluster, headers, body, timeout_ms) } {
            Ok(id) => return Ok(id),
            Err(failure) => failure,
        };
        // Envoy does not tell a full circuit breaker from a cluster without a healthy host.
        let is_healthy = self.healthy_hosts(cluster) > 0;
        Err(if failure == Failure::Unreachable && is_healthy { Failure::BreakerFull } else { failure })
    }

    /// How many healthy hosts the cluster has.
    fn healthy_hosts(self, cluster: &str) -> usize {
        let (mut total, mut healthy, mut degraded) = (0, 0, 0);
        // SAFETY: the pointer is the running hook's, and the places are ours.
        let is_known = unsafe {
            abi::envoy_dynamic_module_callback_network_filter_get_cluster_host_count(
                self.raw,
                ModuleBuffer::of(cluster.as_bytes()),
                0,
                &raw mut total,
                &raw mut healthy,
                &raw mut degraded,
            )
        };
        if is_known { healthy } else { 0 }
    }

    /// Flushes what was written to the client, then closes.
    pub fn close(self, details: &str) {
        self.close_by(abi::FLUSH_WRITE, details);
    }

    /// Closes, and gives up what could not be written to the client.
    pub fn close_at_once(self, details: &str) {
        self.close_by(abi::NO_FLUSH, details);
    }

    fn close_by(self, kind: u32, details: &str) {
        let details = ModuleBuffer::of(details.as_bytes());
        // SAFETY: the pointer is the running hook's, and Envoy copies the text.
        unsafe {
            abi::envoy_dynamic_module_callback_network_filter_close_with_details(self.raw, kind, details);
        }
    }

    /// Whether Envoy reads from the client. It does not while a filter has paused the reads, or while the venue takes nothing.
    pub fn reads(self) -> bool {
        // SAFETY: the pointer is the running hook's.
        unsafe { abi::envoy_dynamic_module_callback_network_filter_read_enabled(self.raw) }
    }

    /// Something that can wake this filter from any thread.
    pub fn waker(self) -> Waker {
        // SAFETY: the pointer is the running hook's; the result is ours to delete.
        Waker(unsafe { abi::envoy_dynamic_module_callback_network_filter_scheduler_new(self.raw) })
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
}

/// Envoy's callback that sends a request, of a filter or of the bootstrap extension.
type CallOut = unsafe extern "C" fn(
    *mut c_void,
    *mut u64,
    ModuleBuffer,
    *const ModuleHttpHeader,
    usize,
    ModuleBuffer,
    u64,
) -> u32;

/// Sends a request by `send`. Returns the id of the call, or why it could not be made.
///
/// # Safety
/// `raw` must be the pointer of the hook that is running, and of the kind that `send` takes.
unsafe fn call_out(
    send: CallOut,
    raw: *mut c_void,
    cluster: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    timeout_ms: u32,
) -> Result<u64, Failure> {
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
    let (cluster, body) = (ModuleBuffer::of(cluster.as_bytes()), ModuleBuffer::of(body));
    // SAFETY: the caller's promise, and Envoy copies all that is lent.
    let result =
        unsafe { send(raw, &raw mut id, cluster, headers.as_ptr(), headers.len(), body, timeout_ms.into()) };
    match result {
        abi::SUCCESS => Ok(id),
        abi::CLUSTER_NOT_FOUND => Err(Failure::NoCluster),
        abi::CANNOT_CREATE_REQUEST => Err(Failure::Unreachable),
        _ => Err(Failure::NotSent),
    }
}

/// The bytes of a buffer.
///
/// # Safety
/// The buffer must be lent by Envoy and not change while the result lives.
pub unsafe fn bytes<'a>(buffer: EnvoyBuffer) -> &'a [u8] {
    if buffer.ptr.is_null() || buffer.length == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(buffer.ptr.cast(), buffer.length) }
}
