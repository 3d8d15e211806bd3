//! What wakes a filter from another thread.

use crate::abi;

/// Wakes a filter: `on_scheduled` runs on its worker, if it is still alive by then.
pub struct Waker(pub(super) abi::SchedulerPtr);

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
