//! What Envoy shows of the filter: counters, gauges, a histogram, and facts for its access logs.

use super::Host;
use crate::abi::{self, ConfigEnvoyPtr, ModuleBuffer};
use fix_authz_core::command::Fact;
use std::marker::PhantomData;

/// The namespace of dynamic metadata that facts are noted in.
const METADATA: &str = "fix_authz";
/// The namespace of the session's secret name. It is not that of the facts, because an access log may print the facts.
const PROOF: &str = "fix_authz.proof";

/// Where a listener's metrics are defined, for the time of the hook that reads its configuration.
#[derive(Clone, Copy)]
pub struct Registry<'hook> {
    raw: ConfigEnvoyPtr,
    hook: PhantomData<&'hook ()>,
}

/// Envoy's callback that defines a counter, a gauge or a histogram.
type Define = unsafe extern "C" fn(ConfigEnvoyPtr, ModuleBuffer, *mut usize) -> u32;

impl Registry<'_> {
    /// # Safety
    /// `raw` must be the pointer of the hook that is running, and the value must not outlive that hook.
    pub unsafe fn new(raw: ConfigEnvoyPtr) -> Self {
        Self { raw, hook: PhantomData }
    }

    /// The id of a new counter; `None`: it cannot be defined.
    pub fn counter(self, name: &str) -> Option<usize> {
        self.define(abi::envoy_dynamic_module_callback_network_filter_config_define_counter, name)
    }

    /// The same of a gauge.
    pub fn gauge(self, name: &str) -> Option<usize> {
        self.define(abi::envoy_dynamic_module_callback_network_filter_config_define_gauge, name)
    }

    /// The same of a histogram.
    pub fn histogram(self, name: &str) -> Option<usize> {
        self.define(abi::envoy_dynamic_module_callback_network_filter_config_define_histogram, name)
    }

    fn define(self, define: Define, name: &str) -> Option<usize> {
        let mut id = 0;
        // SAFETY: the pointer is the running hook's, and Envoy copies the name.
        let result = unsafe { define(self.raw, ModuleBuffer::of(name.as_bytes()), &raw mut id) };
        (result == abi::SUCCESS).then_some(id)
    }
}

impl Host<'_> {
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

    /// Notes a fact in the connection's dynamic metadata, which access logs carry.
    pub fn note(self, key: &str, fact: &Fact) {
        let namespace = if matches!(fact, Fact::Proof(_)) { PROOF } else { METADATA };
        let (namespace, key) = (ModuleBuffer::of(namespace.as_bytes()), ModuleBuffer::of(key.as_bytes()));
        // SAFETY: the pointer is the running hook's, and Envoy copies the texts.
        unsafe {
            match fact {
                Fact::Name(value) | Fact::Proof(value) => {
                    abi::envoy_dynamic_module_callback_network_set_dynamic_metadata_string(
                        self.raw,
                        namespace,
                        key,
                        ModuleBuffer::of(value.as_bytes()),
                    )
                }
                // Exact up to 2^53, which no session counts to.
                Fact::Count(n) => abi::envoy_dynamic_module_callback_network_set_dynamic_metadata_number(
                    self.raw, namespace, key, *n as f64,
                ),
            }
        }
    }
}
