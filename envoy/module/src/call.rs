//! The headers of a gRPC call.

/// Hands the headers of a call to `send`.
pub fn with_headers<T>(
    path: &str,
    authority: &str,
    timeout_ms: u32,
    send: impl FnOnce(&[(&str, &str)]) -> T,
) -> T {
    // "TimeoutValue TimeoutUnit" of gRPC over HTTP/2: at most eight digits, which an hour in milliseconds keeps to.
    let grpc_timeout = format!("{timeout_ms}m");
    send(&[
        (":method", "POST"),
        (":path", path),
        (":scheme", "http"),
        ("host", authority),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("grpc-timeout", &grpc_timeout),
    ])
}
