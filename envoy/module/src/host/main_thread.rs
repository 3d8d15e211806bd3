//! Envoy's main thread, on which the hooks of the bootstrap extension run.

use super::call_out;
use crate::abi::{self, BootstrapEnvoyPtr, ModuleBuffer, SchedulerPtr, TimerPtr};
use fix_authz_core::failure::Failure;
use std::marker::PhantomData;
use std::time::Duration;

/// The bootstrap extension's configuration in Envoy, for the time of one of its hooks.
#[derive(Clone, Copy)]
pub struct MainHost<'hook> {
    raw: BootstrapEnvoyPtr,
    hook: PhantomData<&'hook ()>,
}

/// Envoy's callback that defines a counter or a gauge.
type Define =
    unsafe extern "C" fn(BootstrapEnvoyPtr, ModuleBuffer, *const ModuleBuffer, usize, *mut usize) -> u32;

impl MainHost<'_> {
    /// # Safety
    /// `raw` must be the configuration's pointer of the hook that is running, and the value must not outlive that hook.
    pub unsafe fn new(raw: BootstrapEnvoyPtr) -> Self {
        Self { raw, hook: PhantomData }
    }

    /// Tells Envoy that the extension is ready; Envoy listens to nobody before this.
    pub fn signal_ready(self) {
        // SAFETY: the pointer is the running hook's.
        unsafe {
            abi::envoy_dynamic_module_callback_bootstrap_extension_config_signal_init_complete(self.raw)
        };
    }

    /// Has Envoy tell of changed listeners from now on.
    pub fn hear_of_listeners(self) {
        // SAFETY: the pointer is the running hook's.
        unsafe { abi::envoy_dynamic_module_callback_bootstrap_extension_enable_listener_lifecycle(self.raw) };
    }

    /// Something that can call the main thread from any thread.
    pub fn main_thread(self) -> MainThread {
        // SAFETY: the pointer is the running hook's; the result is ours to delete.
        MainThread(unsafe {
            abi::envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_new(self.raw)
        })
    }

    /// A timer, which is not set.
    pub fn timer(self) -> MainTimer {
        // SAFETY: the pointer is the running hook's; the result is ours to delete.
        MainTimer(unsafe { abi::envoy_dynamic_module_callback_bootstrap_extension_timer_new(self.raw) })
    }

    /// Sends a POST. Returns the id of the call, or why it could not be made.
    pub fn callout(
        self,
        cluster: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        timeout_ms: u32,
    ) -> Result<u64, Failure> {
        let send = abi::envoy_dynamic_module_callback_bootstrap_extension_http_callout;
        // SAFETY: the pointer is the running hook's.
        unsafe { call_out(send, self.raw, cluster, headers, body, timeout_ms) }
    }

    /// The id of a new counter, or `None` if it cannot be defined.
    pub fn define_counter(self, name: &str) -> Option<usize> {
        self.define(abi::envoy_dynamic_module_callback_bootstrap_extension_config_define_counter, name)
    }

    /// The same of a gauge.
    pub fn define_gauge(self, name: &str) -> Option<usize> {
        self.define(abi::envoy_dynamic_module_callback_bootstrap_extension_config_define_gauge, name)
    }

    fn define(self, define: Define, name: &str) -> Option<usize> {
        let mut id = 0;
        let name = ModuleBuffer::of(name.as_bytes());
        // SAFETY: the pointer is the running hook's, and Envoy copies the name. There are no labels.
        let result = unsafe { define(self.raw, name, std::ptr::null(), 0, &raw mut id) };
        (result == abi::SUCCESS).then_some(id)
    }

    /// Adds to a counter.
    pub fn count(self, id: usize, n: u64) {
        // SAFETY: the pointer is the running hook's. There are no labels.
        unsafe {
            abi::envoy_dynamic_module_callback_bootstrap_extension_config_increment_counter(
                self.raw,
                id,
                std::ptr::null(),
                0,
                n,
            )
        };
    }

    /// Sets a gauge.
    pub fn set(self, id: usize, level: u64) {
        // SAFETY: the pointer is the running hook's. There are no labels.
        unsafe {
            abi::envoy_dynamic_module_callback_bootstrap_extension_config_set_gauge(
                self.raw,
                id,
                std::ptr::null(),
                0,
                level,
            )
        };
    }
}

/// Calls `…_config_scheduled` on Envoy's main thread.
pub struct MainThread(SchedulerPtr);

// SAFETY: Envoy's scheduler may be used and deleted from any thread; that is its purpose.
unsafe impl Send for MainThread {}
// SAFETY: as above; it has no state of ours.
unsafe impl Sync for MainThread {}

impl MainThread {
    /// Calls the main thread, for this reason.
    pub fn call(&self, event: u64) {
        // SAFETY: the scheduler is alive as long as this value.
        unsafe {
            abi::envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_commit(self.0, event);
        };
    }
}

impl Drop for MainThread {
    fn drop(&mut self) {
        // SAFETY: deleted once, here.
        unsafe { abi::envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_delete(self.0) };
    }
}

/// A timer of Envoy's main thread, which calls `…_timer_fired` there. It must be used and dropped on that thread.
pub struct MainTimer(TimerPtr);

// SAFETY: other threads only keep it; see above.
unsafe impl Send for MainTimer {}

impl MainTimer {
    /// Sets the timer, to this time from now; an earlier setting is void.
    pub fn set(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        // SAFETY: the timer is alive as long as this value, and this is the main thread.
        unsafe { abi::envoy_dynamic_module_callback_bootstrap_extension_timer_enable(self.0, millis) };
    }
}

impl Drop for MainTimer {
    fn drop(&mut self) {
        // SAFETY: deleted once, here, on the main thread.
        unsafe { abi::envoy_dynamic_module_callback_bootstrap_extension_timer_delete(self.0) };
    }
}
