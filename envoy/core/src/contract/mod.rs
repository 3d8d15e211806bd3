//! The contract with the decision service: `envoy.service.auth.v3.Authorization/Check`, as `proto/README.md` lays it out.
//!
//! [`request`] builds what is asked, [`batch`] what is asked about several messages at once, [`certificate`] what it says of the client's certificate, [`response`] reads what is
//! answered, [`caching`] how long that holds, [`identity`] holds a message's ids against the Logon's, [`wire`] has the part of Envoy's messages that is used, and [`grpc`] the
//! framing around both. Whatever is not understood is a [`crate::failure::Failure`].

pub mod batch;
pub mod caching;
pub mod certificate;
pub mod grpc;
pub mod identity;
pub mod request;
pub mod response;
pub mod wire;
