//! The contract with the decision service: `envoy.service.auth.v3.Authorization/Check`, as `proto/README.md` lays it out.
//!
//! [`request`] builds Checks, [`batch`] Checks about several messages, and [`certificate`] the headers about the client's
//! certificate. [`response`] reads answers, and [`caching`] for how long an answer holds. [`identity`] compares a message's
//! ids with the Logon's. [`wire`] has the part of Envoy's messages that is used, and [`grpc`] their framing. An answer that
//! cannot be understood is a [`crate::failure::Failure`].

pub mod batch;
pub mod caching;
pub mod certificate;
pub mod grpc;
pub mod identity;
pub mod request;
pub mod response;
pub mod wire;
