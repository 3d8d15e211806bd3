//! Envoy's log.

use crate::abi::{self, ModuleBuffer};
use fix_authz_core::command::Level;

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
