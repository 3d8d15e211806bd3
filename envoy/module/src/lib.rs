//! The Envoy dynamic module: the hooks that Envoy calls.
//!
//! This crate is the shell around [`fix_authz_core`], and the only place with `unsafe`. A panic never crosses into Envoy:
//! `guarded` stands around every hook of a connection's, and a panic closes the connection.

mod abi;
mod bootstrap;
mod call;
mod config;
mod connection;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod fake;
mod filter;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod hooks_test;
mod host;
mod journal;
mod life;
mod listeners;
mod outgoing;
mod reports;
mod timer;

use abi::{EnvoyBuffer, EnvoyHttpHeader, FilterEnvoyPtr, FilterModulePtr};
use config::Config;
use filter::Filter;
use fix_authz_core::command::Direction;
use fix_authz_core::failure::Failure;
use host::{Host, Registry};
use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Says which ABI this module speaks.
#[unsafe(no_mangle)]
pub extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    abi::VERSION.as_ptr()
}

/// Reads a listener's configuration; null refuses it, and Envoy does not start.
///
/// # Safety
/// Called by Envoy with buffers that it lends for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_network_filter_config_new(
    config: abi::ConfigEnvoyPtr,
    _name: EnvoyBuffer,
    json: EnvoyBuffer,
) -> abi::ConfigModulePtr {
    let made = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: Envoy lends the configuration for the call, and the pointer is this hook's.
        let (json, registry) = unsafe { (host::bytes(json), Registry::new(config)) };
        Config::new(json, registry)
    }));
    match made {
        Ok(Ok(config)) => Arc::into_raw(Arc::new(config)).cast(),
        Ok(Err(error)) => {
            host::log_error(&error);
            std::ptr::null()
        }
        Err(_) => std::ptr::null(),
    }
}

/// # Safety
/// Called by Envoy with what `…_config_new` returned, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_network_filter_config_destroy(config: abi::ConfigModulePtr) {
    // SAFETY: the count that `…_config_new` gave away comes back; filters hold counts of their own.
    drop(unsafe { Arc::from_raw(config.cast::<Config>()) });
}

/// # Safety
/// Called by Envoy with what `…_config_new` returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_network_filter_new(
    config: abi::ConfigModulePtr,
    _filter: FilterEnvoyPtr,
) -> FilterModulePtr {
    let made = catch_unwind(AssertUnwindSafe(|| {
        let config = config.cast::<Config>();
        // SAFETY: Envoy keeps the configuration alive; the filter gets a count of its own.
        let config = unsafe {
            Arc::increment_strong_count(config);
            Arc::from_raw(config)
        };
        Filter::new(config)
    }));
    match made {
        Ok(Some(filter)) => Box::into_raw(Box::new(filter)).cast_const().cast(),
        _ => std::ptr::null(),
    }
}

/// # Safety
/// Called by Envoy with what `…_filter_new` returned, once, and last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_network_filter_destroy(filter: FilterModulePtr) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the box that `…_filter_new` gave away comes back.
        drop(unsafe { Box::from_raw(filter.cast::<Filter>().cast_mut()) });
    }));
}

/// Runs `hook` on the filter; a panic closes the connection and answers `broken`.
///
/// # Safety
/// Both pointers must be those of the hook that is running.
unsafe fn guarded<T>(
    envoy: FilterEnvoyPtr,
    filter: FilterModulePtr,
    broken: T,
    hook: impl FnOnce(&Filter, Host<'_>) -> T,
) -> T {
    // SAFETY: Envoy hands back the filter that `…_filter_new` made; it is only ever shared.
    let filter = unsafe { &*filter.cast::<Filter>() };
    // SAFETY: the pointer is the running hook's.
    let host = unsafe { Host::new(envoy) };
    catch_unwind(AssertUnwindSafe(|| hook(filter, host))).unwrap_or_else(|_| {
        let _ = catch_unwind(AssertUnwindSafe(|| filter.broken(host)));
        broken
    })
}

/// # Safety
/// Called by Envoy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_network_filter_new_connection(
    envoy: FilterEnvoyPtr,
    filter: FilterModulePtr,
) -> u32 {
    // SAFETY: Envoy's promise.
    unsafe { guarded(envoy, filter, (), |filter, host| filter.opened(host)) };
    abi::CONTINUE
}

/// # Safety
/// Called by Envoy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_network_filter_read(
    envoy: FilterEnvoyPtr,
    filter: FilterModulePtr,
    length: usize,
    end: bool,
) -> u32 {
    // SAFETY: Envoy's promise.
    unsafe { data(envoy, filter, Direction::Inbound, length, end) }
}

/// # Safety
/// Called by Envoy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_network_filter_write(
    envoy: FilterEnvoyPtr,
    filter: FilterModulePtr,
    length: usize,
    end: bool,
) -> u32 {
    // SAFETY: Envoy's promise.
    unsafe { data(envoy, filter, Direction::Outbound, length, end) }
}

/// Bytes are taken over and go on by injection, but where all of them go on as they stand.
///
/// # Safety
/// Both pointers must be those of the hook that is running.
unsafe fn data(
    envoy: FilterEnvoyPtr,
    filter: FilterModulePtr,
    direction: Direction,
    length: usize,
    end: bool,
) -> u32 {
    // SAFETY: the caller's promise.
    let passes = unsafe {
        guarded(envoy, filter, false, |filter, host| {
            let passes = filter.data(host, direction, length, end);
            filter.catch_up(host);
            passes
        })
    };
    if passes { abi::CONTINUE } else { abi::STOP_ITERATION }
}

/// # Safety
/// Called by Envoy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_network_filter_event(
    envoy: FilterEnvoyPtr,
    filter: FilterModulePtr,
    event: u32,
) {
    if matches!(event, abi::REMOTE_CLOSE | abi::LOCAL_CLOSE) {
        // SAFETY: Envoy's promise.
        unsafe { guarded(envoy, filter, (), |filter, host| filter.gone(host)) };
    }
}

/// # Safety
/// Called by Envoy with headers and chunks that it lends for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_network_filter_http_callout_done(
    envoy: FilterEnvoyPtr,
    filter: FilterModulePtr,
    callout: u64,
    result: u32,
    headers: *const EnvoyHttpHeader,
    headers_size: usize,
    chunks: *const EnvoyBuffer,
    chunks_size: usize,
) {
    // SAFETY: Envoy's promise.
    unsafe {
        guarded(envoy, filter, (), |filter, host| {
            let answer = answer_of(result, headers, headers_size, chunks, chunks_size);
            filter.answered(host, callout, answer);
        });
    }
}

/// The body of the answer to a call, or why there is none.
///
/// # Safety
/// Headers and chunks must be lent by Envoy for the running hook; empty lists may be null.
unsafe fn answer_of(
    result: u32,
    headers: *const EnvoyHttpHeader,
    headers_size: usize,
    chunks: *const EnvoyBuffer,
    chunks_size: usize,
) -> Result<Vec<u8>, Failure> {
    // SAFETY: the caller's promise.
    unsafe {
        let headers = if headers.is_null() { &[] } else { std::slice::from_raw_parts(headers, headers_size) };
        let chunks = if chunks.is_null() { &[] } else { std::slice::from_raw_parts(chunks, chunks_size) };
        answer(result, headers)?;
        Ok(chunks.iter().flat_map(|chunk| host::bytes(*chunk)).copied().collect())
    }
}

/// Whether a call ended in a way that can hold an answer.
///
/// # Safety
/// The headers must be lent by Envoy for the running hook.
unsafe fn answer(result: u32, headers: &[EnvoyHttpHeader]) -> Result<(), Failure> {
    let header = |name: &str| {
        // SAFETY: the caller's promise.
        let text = |ptr, length| unsafe { host::bytes(EnvoyBuffer { ptr, length }) };
        headers
            .iter()
            .find(|header| text(header.key_ptr, header.key_length) == name.as_bytes())
            .map(|header| text(header.value_ptr, header.value_length))
    };
    match result {
        abi::SUCCESS => {}
        abi::RESET => return Err(Failure::Reset),
        _ => return Err(Failure::Undecodable), // The answer is longer than Envoy's buffer.
    }
    let number = |name: &str| header(name).and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
    let (status, grpc_status) = (number(":status").unwrap_or_default(), number("grpc-status"));
    match (status, grpc_status) {
        (200, None | Some(0)) => Ok(()),
        // Envoy's own answer, in the place of the service's.
        _ if header("x-envoy-upstream-service-time").is_none() => Err(own_failure(
            header("x-envoy-overloaded").is_some(),
            header("grpc-message").unwrap_or_default(),
        )),
        (200, Some(code)) => Err(Failure::Grpc(u8::try_from(code).ok())),
        (status, _) => Err(Failure::Http(status)),
    }
}

/// Why Envoy itself answered, by the words that it has for it.
fn own_failure(is_overloaded: bool, words: &[u8]) -> Failure {
    let says = |part: &[u8]| words.windows(part.len()).any(|window| window == part);
    if is_overloaded {
        Failure::BreakerFull
    } else if says(b"timeout") && !says(b"connection timeout") {
        Failure::NoAnswer
    } else if says(b"connection termination") || says(b"remote reset") || says(b"protocol error") {
        Failure::Reset
    } else {
        Failure::Unreachable
    }
}

/// # Safety
/// Called by Envoy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_network_filter_scheduled(
    envoy: FilterEnvoyPtr,
    filter: FilterModulePtr,
    _event_id: u64,
) {
    // SAFETY: Envoy's promise.
    unsafe { guarded(envoy, filter, (), |filter, host| filter.ticked(host)) };
}

/// # Safety
/// Called by Envoy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_network_filter_config_scheduled(
    _config: abi::ConfigModulePtr,
    _event_id: u64,
) {
}

/// Nothing to do: `tcp_proxy` hears of it too, and stops reading from the other side.
///
/// # Safety
/// Called by Envoy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_network_filter_above_write_buffer_high_watermark(
    _envoy: FilterEnvoyPtr,
    _filter: FilterModulePtr,
) {
}

/// # Safety
/// Called by Envoy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_network_filter_below_write_buffer_low_watermark(
    _envoy: FilterEnvoyPtr,
    _filter: FilterModulePtr,
) {
}
