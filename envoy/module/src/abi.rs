//! The part of Envoy's dynamic module ABI that a network filter and a bootstrap extension need, declared by hand.
//!
//! Source: `source/extensions/dynamic_modules/abi/abi.h` of envoyproxy/envoy at the ABI version of Envoy 1.40. The SDK
//! crate is not published, and its generated bindings would bring a C toolchain into the build for some thirty functions.

use std::ffi::{c_char, c_void};

/// What `envoy_dynamic_module_on_program_init` returns.
pub const VERSION: &std::ffi::CStr = c"v0.2.0";

/// Envoy's object behind a filter configuration.
pub type ConfigEnvoyPtr = *mut c_void;
/// Our object behind a filter configuration.
pub type ConfigModulePtr = *const c_void;
/// Envoy's object behind a connection's filter.
pub type FilterEnvoyPtr = *mut c_void;
/// Our object behind a connection's filter.
pub type FilterModulePtr = *const c_void;
/// Envoy's object that posts to a filter's worker.
pub type SchedulerPtr = *mut c_void;
/// Envoy's object behind a bootstrap extension's configuration, and behind the extension.
pub type BootstrapEnvoyPtr = *mut c_void;
/// Ours behind either.
pub type BootstrapModulePtr = *const c_void;
/// Envoy's timer on its main thread.
pub type TimerPtr = *mut c_void;
/// Tells Envoy that what it waits for is done; called once, with the context that came with it.
pub type Completion = unsafe extern "C" fn(*mut c_void);

/// Bytes of Envoy's, lent for the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct EnvoyBuffer {
    pub ptr: *const c_char,
    pub length: usize,
}

impl EnvoyBuffer {
    /// No bytes.
    pub const EMPTY: Self = Self { ptr: std::ptr::null(), length: 0 };
}

/// Bytes of ours, lent for the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ModuleBuffer {
    pub ptr: *const c_char,
    pub length: usize,
}

impl ModuleBuffer {
    /// Lends `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr().cast(), length: bytes.len() }
    }
}

/// A header that we send.
#[repr(C)]
pub struct ModuleHttpHeader {
    pub key_ptr: *const c_char,
    pub key_length: usize,
    pub value_ptr: *const c_char,
    pub value_length: usize,
}

/// A header that we were sent.
#[repr(C)]
pub struct EnvoyHttpHeader {
    pub key_ptr: *const c_char,
    pub key_length: usize,
    pub value_ptr: *const c_char,
    pub value_length: usize,
}

/// `envoy_dynamic_module_type_on_network_filter_data_status`
pub const CONTINUE: u32 = 0;
pub const STOP_ITERATION: u32 = 1;

/// `envoy_dynamic_module_type_network_connection_event`
pub const REMOTE_CLOSE: u32 = 0;
pub const LOCAL_CLOSE: u32 = 1;

/// `envoy_dynamic_module_type_network_connection_close_type`
pub const FLUSH_WRITE: u32 = 0;
pub const NO_FLUSH: u32 = 1;

/// `envoy_dynamic_module_type_http_callout_init_result`, `…_http_callout_result`, `…_metrics_result`
pub const SUCCESS: u32 = 0;

/// `envoy_dynamic_module_type_http_callout_init_result`
pub const CLUSTER_NOT_FOUND: u32 = 2;
pub const CANNOT_CREATE_REQUEST: u32 = 4;

/// `envoy_dynamic_module_type_http_callout_result`
pub const RESET: u32 = 1;

/// `envoy_dynamic_module_type_attribute_id`: the SHA-256 digest of the peer's certificate.
pub const PEER_CERTIFICATE_DIGEST: u32 = 38;

/// `envoy_dynamic_module_type_log_level`
pub const LOG_INFO: u32 = 2;
pub const LOG_WARN: u32 = 3;
pub const LOG_ERROR: u32 = 4;

macro_rules! callbacks {
    ($($name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        unsafe extern "C" {
            $(pub fn $name($($arg: $type),*) $(-> $result)?;)*
        }
    };
}

callbacks! {
    envoy_dynamic_module_callback_log(level: u32, message: ModuleBuffer);
    envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks_size(filter: FilterEnvoyPtr) -> usize;
    envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks(filter: FilterEnvoyPtr, out: *mut EnvoyBuffer) -> bool;
    envoy_dynamic_module_callback_network_filter_drain_read_buffer(filter: FilterEnvoyPtr, length: usize) -> bool;
    envoy_dynamic_module_callback_network_filter_get_write_buffer_chunks_size(filter: FilterEnvoyPtr) -> usize;
    envoy_dynamic_module_callback_network_filter_get_write_buffer_chunks(filter: FilterEnvoyPtr, out: *mut EnvoyBuffer) -> bool;
    envoy_dynamic_module_callback_network_filter_drain_write_buffer(filter: FilterEnvoyPtr, length: usize) -> bool;
    envoy_dynamic_module_callback_network_filter_inject_read_data(filter: FilterEnvoyPtr, data: ModuleBuffer, end_stream: bool);
    envoy_dynamic_module_callback_network_filter_inject_write_data(filter: FilterEnvoyPtr, data: ModuleBuffer, end_stream: bool);
    envoy_dynamic_module_callback_network_filter_close_with_details(filter: FilterEnvoyPtr, close_type: u32, details: ModuleBuffer);
    envoy_dynamic_module_callback_network_filter_read_disable(filter: FilterEnvoyPtr, disable: bool) -> u32;
    envoy_dynamic_module_callback_network_filter_read_enabled(filter: FilterEnvoyPtr) -> bool;
    envoy_dynamic_module_callback_network_filter_get_buffer_limit(filter: FilterEnvoyPtr) -> u32;
    envoy_dynamic_module_callback_network_filter_set_buffer_limits(filter: FilterEnvoyPtr, limit: u32);
    envoy_dynamic_module_callback_network_filter_get_remote_address(filter: FilterEnvoyPtr, address: *mut EnvoyBuffer, port: *mut u32) -> bool;
    envoy_dynamic_module_callback_network_filter_get_local_address(filter: FilterEnvoyPtr, address: *mut EnvoyBuffer, port: *mut u32) -> bool;
    envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans_size(filter: FilterEnvoyPtr) -> usize;
    envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans(filter: FilterEnvoyPtr, out: *mut EnvoyBuffer) -> bool;
    envoy_dynamic_module_callback_network_filter_get_ssl_dns_sans_size(filter: FilterEnvoyPtr) -> usize;
    envoy_dynamic_module_callback_network_filter_get_ssl_dns_sans(filter: FilterEnvoyPtr, out: *mut EnvoyBuffer) -> bool;
    envoy_dynamic_module_callback_network_filter_get_ssl_subject(filter: FilterEnvoyPtr, out: *mut EnvoyBuffer) -> bool;
    envoy_dynamic_module_callback_network_filter_get_attribute_string(filter: FilterEnvoyPtr, attribute: u32, out: *mut EnvoyBuffer) -> bool;
    envoy_dynamic_module_callback_network_set_dynamic_metadata_string(filter: FilterEnvoyPtr, namespace: ModuleBuffer, key: ModuleBuffer, value: ModuleBuffer);
    envoy_dynamic_module_callback_network_set_dynamic_metadata_number(filter: FilterEnvoyPtr, namespace: ModuleBuffer, key: ModuleBuffer, value: f64);
    envoy_dynamic_module_callback_network_filter_http_callout(
        filter: FilterEnvoyPtr, id: *mut u64, cluster: ModuleBuffer, headers: *const ModuleHttpHeader, headers_size: usize,
        body: ModuleBuffer, timeout_milliseconds: u64
    ) -> u32;
    envoy_dynamic_module_callback_network_filter_get_cluster_host_count(
        filter: FilterEnvoyPtr, cluster: ModuleBuffer, priority: u32, total: *mut usize, healthy: *mut usize, degraded: *mut usize
    ) -> bool;
    envoy_dynamic_module_callback_network_filter_config_define_counter(config: ConfigEnvoyPtr, name: ModuleBuffer, id: *mut usize) -> u32;
    envoy_dynamic_module_callback_network_filter_config_define_histogram(config: ConfigEnvoyPtr, name: ModuleBuffer, id: *mut usize) -> u32;
    envoy_dynamic_module_callback_network_filter_config_define_gauge(config: ConfigEnvoyPtr, name: ModuleBuffer, id: *mut usize) -> u32;
    envoy_dynamic_module_callback_network_filter_increment_gauge(filter: FilterEnvoyPtr, id: usize, value: u64) -> u32;
    envoy_dynamic_module_callback_network_filter_decrement_gauge(filter: FilterEnvoyPtr, id: usize, value: u64) -> u32;
    envoy_dynamic_module_callback_network_filter_increment_counter(filter: FilterEnvoyPtr, id: usize, value: u64) -> u32;
    envoy_dynamic_module_callback_network_filter_record_histogram_value(filter: FilterEnvoyPtr, id: usize, value: u64) -> u32;
    envoy_dynamic_module_callback_network_filter_scheduler_new(filter: FilterEnvoyPtr) -> SchedulerPtr;
    envoy_dynamic_module_callback_network_filter_scheduler_commit(scheduler: SchedulerPtr, event_id: u64);
    envoy_dynamic_module_callback_network_filter_scheduler_delete(scheduler: SchedulerPtr);
    envoy_dynamic_module_callback_bootstrap_extension_config_signal_init_complete(config: BootstrapEnvoyPtr);
    envoy_dynamic_module_callback_bootstrap_extension_enable_listener_lifecycle(config: BootstrapEnvoyPtr) -> bool;
    envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_new(config: BootstrapEnvoyPtr) -> SchedulerPtr;
    envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_commit(scheduler: SchedulerPtr, event_id: u64);
    envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_delete(scheduler: SchedulerPtr);
    envoy_dynamic_module_callback_bootstrap_extension_http_callout(
        config: BootstrapEnvoyPtr, id: *mut u64, cluster: ModuleBuffer, headers: *const ModuleHttpHeader, headers_size: usize,
        body: ModuleBuffer, timeout_milliseconds: u64
    ) -> u32;
    envoy_dynamic_module_callback_bootstrap_extension_timer_new(config: BootstrapEnvoyPtr) -> TimerPtr;
    envoy_dynamic_module_callback_bootstrap_extension_timer_enable(timer: TimerPtr, delay_milliseconds: u64);
    envoy_dynamic_module_callback_bootstrap_extension_timer_delete(timer: TimerPtr);
    envoy_dynamic_module_callback_bootstrap_extension_config_define_counter(
        config: BootstrapEnvoyPtr, name: ModuleBuffer, labels: *const ModuleBuffer, labels_size: usize, id: *mut usize
    ) -> u32;
    envoy_dynamic_module_callback_bootstrap_extension_config_define_gauge(
        config: BootstrapEnvoyPtr, name: ModuleBuffer, labels: *const ModuleBuffer, labels_size: usize, id: *mut usize
    ) -> u32;
    envoy_dynamic_module_callback_bootstrap_extension_config_increment_counter(
        config: BootstrapEnvoyPtr, id: usize, labels: *const ModuleBuffer, labels_size: usize, value: u64
    ) -> u32;
    envoy_dynamic_module_callback_bootstrap_extension_config_set_gauge(
        config: BootstrapEnvoyPtr, id: usize, labels: *const ModuleBuffer, labels_size: usize, value: u64
    ) -> u32;
}
