//! Envoy's callbacks, played for the tests: enough of a connection to run every hook, under Miri too.
//!
//! What Envoy lends is a fresh allocation for each hook and freed with it, so that whoever keeps it is found out.

use crate::abi::{self, EnvoyBuffer, ModuleBuffer, ModuleHttpHeader};
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Schedulers that are alive, and how often one was used.
pub static SCHEDULERS: AtomicUsize = AtomicUsize::new(0);
pub static WAKES: AtomicUsize = AtomicUsize::new(0);
/// How often the main thread was.
pub static MAIN_WAKES: AtomicUsize = AtomicUsize::new(0);
/// How often it was asked to tell of listeners.
pub static LISTENERS_TOLD: AtomicUsize = AtomicUsize::new(0);

/// A connection as Envoy has it.
#[derive(Default)]
pub struct Envoy {
    pub buffers: [Vec<Vec<u8>>; 2],
    pub sent: [Vec<u8>; 2],
    pub calls: Vec<Vec<u8>>,
    pub closed: Option<String>,
    /// And what waits for the client was given up.
    pub closed_at_once: bool,
    /// Envoy does not read from the client.
    pub held_up: bool,
    pub limit: u32,
    pub gauges: HashMap<usize, u64>,
    /// No call can be made.
    pub cut_off: bool,
    /// The connection closes, and its buffers are gone, with the next bytes that this filter passes on to the venue.
    pub closes: Option<abi::FilterModulePtr>,
}

/// The main thread as Envoy has it.
#[derive(Default)]
pub struct Main {
    pub ready: bool,
    pub calls: Vec<Vec<u8>>,
    /// How often its timer was set.
    pub timed: usize,
    pub counters: HashMap<usize, u64>,
    pub gauges: HashMap<usize, u64>,
    /// A call is answered before it returns, as Envoy does where it has no host: with this module's configuration.
    pub cut_off: Option<abi::BootstrapModulePtr>,
}

fn text(buffer: ModuleBuffer) -> Vec<u8> {
    // SAFETY: the module lends the bytes for the call.
    unsafe { crate::host::bytes(EnvoyBuffer { ptr: buffer.ptr, length: buffer.length }) }.to_vec()
}

/// # Safety
/// `filter` is the pointer that a test handed to the running hook.
unsafe fn envoy<'a>(filter: *mut c_void) -> &'a mut Envoy {
    // SAFETY: the caller's promise; no two callbacks run at once.
    unsafe { &mut *filter.cast::<Envoy>() }
}

/// # Safety
/// `config` is the pointer that a test handed to the running hook.
unsafe fn main<'a>(config: *mut c_void) -> &'a mut Main {
    // SAFETY: the caller's promise; no two callbacks run at once.
    unsafe { &mut *config.cast::<Main>() }
}

fn lend(chunk: &[u8]) -> EnvoyBuffer {
    EnvoyBuffer { ptr: chunk.as_ptr().cast(), length: chunk.len() }
}

/// # Safety
/// `out` has room for all.
unsafe fn fill(chunks: &[Vec<u8>], out: *mut EnvoyBuffer) -> bool {
    for (index, chunk) in chunks.iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe { out.add(index).write(lend(chunk)) };
    }
    true
}

/// As Envoy does: whole slices go, of one the head.
fn drain(chunks: &mut Vec<Vec<u8>>, mut length: usize) {
    while let Some(chunk) = chunks.first_mut() {
        if chunk.len() > length {
            chunk.drain(..length);
            return;
        }
        length -= chunk.len();
        chunks.remove(0);
    }
}

macro_rules! callbacks {
    ($(fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block)*) => {
        $(#[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($arg: $type),*) $(-> $result)? {
            // SAFETY: called by the module with what it was handed.
            #[allow(unused_unsafe)]
            unsafe { $body }
        })*
    };
}

callbacks! {
    fn envoy_dynamic_module_callback_network_set_dynamic_metadata_string(_filter: *mut c_void, namespace: ModuleBuffer, key: ModuleBuffer, value: ModuleBuffer) {
        drop((text(namespace), text(key), text(value)));
    }
    fn envoy_dynamic_module_callback_network_set_dynamic_metadata_number(_filter: *mut c_void, namespace: ModuleBuffer, key: ModuleBuffer, _value: f64) {
        drop((text(namespace), text(key)));
    }
    fn envoy_dynamic_module_callback_log(_level: u32, message: ModuleBuffer) {
        drop(text(message));
    }
    fn envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks_size(filter: *mut c_void) -> usize {
        envoy(filter).buffers[0].len()
    }
    fn envoy_dynamic_module_callback_network_filter_get_write_buffer_chunks_size(filter: *mut c_void) -> usize {
        envoy(filter).buffers[1].len()
    }
    fn envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks(filter: *mut c_void, out: *mut EnvoyBuffer) -> bool {
        fill(&envoy(filter).buffers[0], out)
    }
    fn envoy_dynamic_module_callback_network_filter_get_write_buffer_chunks(filter: *mut c_void, out: *mut EnvoyBuffer) -> bool {
        fill(&envoy(filter).buffers[1], out)
    }
    fn envoy_dynamic_module_callback_network_filter_drain_read_buffer(filter: *mut c_void, length: usize) -> bool {
        drain(&mut envoy(filter).buffers[0], length);
        true
    }
    fn envoy_dynamic_module_callback_network_filter_drain_write_buffer(filter: *mut c_void, length: usize) -> bool {
        drain(&mut envoy(filter).buffers[1], length);
        true
    }
    fn envoy_dynamic_module_callback_network_filter_inject_read_data(filter: *mut c_void, data: ModuleBuffer, _end: bool) {
        let connection = envoy(filter);
        connection.sent[0].extend(text(data));
        if let Some(module) = connection.closes.take() {
            connection.buffers[0].clear();
            crate::envoy_dynamic_module_on_network_filter_event(filter, module, abi::REMOTE_CLOSE);
        }
    }
    fn envoy_dynamic_module_callback_network_filter_inject_write_data(filter: *mut c_void, data: ModuleBuffer, _end: bool) {
        envoy(filter).sent[1].extend(text(data));
    }
    fn envoy_dynamic_module_callback_network_filter_close_with_details(filter: *mut c_void, kind: u32, details: ModuleBuffer) {
        envoy(filter).closed_at_once |= kind == abi::NO_FLUSH;
        envoy(filter).closed = Some(String::from_utf8_lossy(&text(details)).into_owned());
    }
    fn envoy_dynamic_module_callback_network_filter_read_disable(_filter: *mut c_void, _disable: bool) -> u32 { 0 }
    fn envoy_dynamic_module_callback_network_filter_read_enabled(filter: *mut c_void) -> bool { !envoy(filter).held_up }
    fn envoy_dynamic_module_callback_network_filter_get_buffer_limit(filter: *mut c_void) -> u32 { envoy(filter).limit }
    fn envoy_dynamic_module_callback_network_filter_set_buffer_limits(filter: *mut c_void, limit: u32) {
        envoy(filter).limit = limit;
    }
    fn envoy_dynamic_module_callback_network_filter_get_remote_address(_filter: *mut c_void, address: *mut EnvoyBuffer, port: *mut u32) -> bool {
        address.write(lend(b"127.0.0.1"));
        port.write(5001);
        true
    }
    fn envoy_dynamic_module_callback_network_filter_get_local_address(_filter: *mut c_void, _address: *mut EnvoyBuffer, _port: *mut u32) -> bool { false }
    fn envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans_size(_filter: *mut c_void) -> usize { 2 }
    fn envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans(_filter: *mut c_void, out: *mut EnvoyBuffer) -> bool {
        out.write(lend(b"spiffe://a"));
        out.add(1).write(EnvoyBuffer::EMPTY);
        true
    }
    fn envoy_dynamic_module_callback_network_filter_get_ssl_dns_sans_size(_filter: *mut c_void) -> usize { 1 }
    fn envoy_dynamic_module_callback_network_filter_get_ssl_dns_sans(_filter: *mut c_void, _out: *mut EnvoyBuffer) -> bool { false }
    fn envoy_dynamic_module_callback_network_filter_get_ssl_subject(_filter: *mut c_void, _out: *mut EnvoyBuffer) -> bool { false }
    fn envoy_dynamic_module_callback_network_filter_get_attribute_string(_filter: *mut c_void, _attribute: u32, out: *mut EnvoyBuffer) -> bool {
        out.write(lend(b"abcdef"));
        true
    }
    fn envoy_dynamic_module_callback_network_filter_http_callout(
        filter: *mut c_void, id: *mut u64, cluster: ModuleBuffer, headers: *const ModuleHttpHeader, headers_size: usize,
        body: ModuleBuffer, _timeout: u64,
    ) -> u32 {
        drop(text(cluster));
        for header in std::slice::from_raw_parts(headers, headers_size) {
            drop(text(ModuleBuffer { ptr: header.key_ptr, length: header.key_length }));
            drop(text(ModuleBuffer { ptr: header.value_ptr, length: header.value_length }));
        }
        let envoy = envoy(filter);
        if envoy.cut_off {
            return 4;
        }
        envoy.calls.push(text(body));
        id.write(envoy.calls.len() as u64);
        abi::SUCCESS
    }
    fn envoy_dynamic_module_callback_network_filter_get_cluster_host_count(
        _filter: *mut c_void, cluster: ModuleBuffer, _priority: u32, total: *mut usize, healthy: *mut usize, degraded: *mut usize,
    ) -> bool {
        drop(text(cluster));
        total.write(1);
        healthy.write(1);
        degraded.write(0);
        true
    }
    fn envoy_dynamic_module_callback_network_filter_config_define_counter(_config: *mut c_void, name: ModuleBuffer, id: *mut usize) -> u32 {
        id.write(text(name).len());
        abi::SUCCESS
    }
    fn envoy_dynamic_module_callback_network_filter_config_define_histogram(_config: *mut c_void, name: ModuleBuffer, id: *mut usize) -> u32 {
        id.write(text(name).len());
        abi::SUCCESS
    }
    fn envoy_dynamic_module_callback_network_filter_config_define_gauge(_config: *mut c_void, name: ModuleBuffer, id: *mut usize) -> u32 {
        id.write(text(name).len());
        abi::SUCCESS
    }
    fn envoy_dynamic_module_callback_network_filter_increment_gauge(filter: *mut c_void, id: usize, value: u64) -> u32 {
        *envoy(filter).gauges.entry(id).or_default() += value;
        abi::SUCCESS
    }
    fn envoy_dynamic_module_callback_network_filter_decrement_gauge(filter: *mut c_void, id: usize, value: u64) -> u32 {
        *envoy(filter).gauges.entry(id).or_default() -= value;
        abi::SUCCESS
    }
    fn envoy_dynamic_module_callback_bootstrap_extension_config_signal_init_complete(config: *mut c_void) {
        main(config).ready = true;
    }
    fn envoy_dynamic_module_callback_bootstrap_extension_enable_listener_lifecycle(_config: *mut c_void) -> bool {
        LISTENERS_TOLD.fetch_add(1, Ordering::SeqCst);
        true
    }
    fn envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_new(_config: *mut c_void) -> *mut c_void {
        SCHEDULERS.fetch_add(1, Ordering::SeqCst);
        Box::into_raw(Box::new(7_u64)).cast()
    }
    fn envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_commit(scheduler: *mut c_void, _event: u64) {
        assert!(*scheduler.cast::<u64>() == 7);
        MAIN_WAKES.fetch_add(1, Ordering::SeqCst);
    }
    fn envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_delete(scheduler: *mut c_void) {
        SCHEDULERS.fetch_sub(1, Ordering::SeqCst);
        drop(Box::from_raw(scheduler.cast::<u64>()));
    }
    fn envoy_dynamic_module_callback_bootstrap_extension_http_callout(
        config: *mut c_void, id: *mut u64, cluster: ModuleBuffer, headers: *const ModuleHttpHeader, headers_size: usize,
        body: ModuleBuffer, _timeout: u64,
    ) -> u32 {
        assert_eq!(text(cluster), b"authz");
        for header in std::slice::from_raw_parts(headers, headers_size) {
            drop(text(ModuleBuffer { ptr: header.key_ptr, length: header.key_length }));
            drop(text(ModuleBuffer { ptr: header.value_ptr, length: header.value_length }));
        }
        let body = text(body);
        if let Some(module) = main(config).cut_off {
            crate::bootstrap::envoy_dynamic_module_on_bootstrap_extension_http_callout_done(
                config, module, 99, abi::SUCCESS, std::ptr::null(), 0, std::ptr::null(), 0,
            );
            return 4;
        }
        main(config).calls.push(body);
        id.write(main(config).calls.len() as u64);
        abi::SUCCESS
    }
    fn envoy_dynamic_module_callback_bootstrap_extension_timer_new(config: *mut c_void) -> *mut c_void {
        SCHEDULERS.fetch_add(1, Ordering::SeqCst);
        Box::into_raw(Box::new(config)).cast()
    }
    fn envoy_dynamic_module_callback_bootstrap_extension_timer_enable(timer: *mut c_void, _delay: u64) {
        main(*timer.cast::<*mut c_void>()).timed += 1;
    }
    fn envoy_dynamic_module_callback_bootstrap_extension_timer_delete(timer: *mut c_void) {
        SCHEDULERS.fetch_sub(1, Ordering::SeqCst);
        drop(Box::from_raw(timer.cast::<*mut c_void>()));
    }
    fn envoy_dynamic_module_callback_bootstrap_extension_config_define_counter(
        _config: *mut c_void, name: ModuleBuffer, _labels: *const ModuleBuffer, labels_size: usize, id: *mut usize,
    ) -> u32 {
        assert_eq!(labels_size, 0);
        id.write(text(name).len());
        abi::SUCCESS
    }
    fn envoy_dynamic_module_callback_bootstrap_extension_config_define_gauge(
        _config: *mut c_void, name: ModuleBuffer, _labels: *const ModuleBuffer, labels_size: usize, id: *mut usize,
    ) -> u32 {
        assert_eq!(labels_size, 0);
        id.write(text(name).len());
        abi::SUCCESS
    }
    fn envoy_dynamic_module_callback_bootstrap_extension_config_increment_counter(
        config: *mut c_void, id: usize, _labels: *const ModuleBuffer, _labels_size: usize, value: u64,
    ) -> u32 {
        *main(config).counters.entry(id).or_default() += value;
        abi::SUCCESS
    }
    fn envoy_dynamic_module_callback_bootstrap_extension_config_set_gauge(
        config: *mut c_void, id: usize, _labels: *const ModuleBuffer, _labels_size: usize, value: u64,
    ) -> u32 {
        main(config).gauges.insert(id, value);
        abi::SUCCESS
    }
    fn envoy_dynamic_module_callback_network_filter_increment_counter(_filter: *mut c_void, _id: usize, _value: u64) -> u32 { 0 }
    fn envoy_dynamic_module_callback_network_filter_record_histogram_value(_filter: *mut c_void, _id: usize, _value: u64) -> u32 { 0 }
    fn envoy_dynamic_module_callback_network_filter_scheduler_new(_filter: *mut c_void) -> *mut c_void {
        SCHEDULERS.fetch_add(1, Ordering::SeqCst);
        Box::into_raw(Box::new(7_u64)).cast()
    }
    fn envoy_dynamic_module_callback_network_filter_scheduler_commit(scheduler: *mut c_void, _event: u64) {
        assert!(*scheduler.cast::<u64>() == 7);
        WAKES.fetch_add(1, Ordering::SeqCst);
    }
    fn envoy_dynamic_module_callback_network_filter_scheduler_delete(scheduler: *mut c_void) {
        SCHEDULERS.fetch_sub(1, Ordering::SeqCst);
        drop(Box::from_raw(scheduler.cast::<u64>()));
    }
}
