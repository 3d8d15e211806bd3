//! gRPC's length-prefixed messages: one byte of flags, four of length, the message.
//!
//! Source: the gRPC over HTTP/2 protocol ("Length-Prefixed-Message"). Envoy gives the filter no
//! trailers, and so no status that follows the message. Exactly one whole frame is therefore the only sign of success
//! (`proto/README.md`, "The status of the call").

use crate::failure::Failure;
use prost::Message;

/// The path of the call.
pub const PATH: &str = "/envoy.service.auth.v3.Authorization/Check";

/// The path of the question about a service's health (`grpc.health.v1`), and the question about the whole service.
pub const HEALTH_PATH: &str = "/grpc.health.v1.Health/Check";
/// See [`HEALTH_PATH`].
pub const HEALTH_QUESTION: &[u8] = &[0; PREFIX];

const PREFIX: usize = 5;

/// One uncompressed message as a frame.
pub fn frame(message: &impl Message) -> Vec<u8> {
    frame_parts([message])
}

/// The message that protobuf merges these parts to, as a frame.
pub fn frame_parts<'a, M: Message + 'a, const N: usize>(parts: [&'a M; N]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.encoded_len()).sum();
    let mut frame = Vec::with_capacity(PREFIX + len);
    frame.push(0);
    // A request holds one FIX message, which is bounded far below 4 GiB.
    frame.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
    for part in parts {
        part.encode_raw(&mut frame);
    }
    frame
}

/// The message inside exactly one uncompressed frame.
///
/// # Errors
/// [`Failure::Grpc`] for an empty body, which is how an error arrives; else [`Failure::Undecodable`].
pub fn unframe<M: Message + Default>(body: &[u8]) -> Result<M, Failure> {
    if body.is_empty() {
        return Err(Failure::Grpc(None));
    }
    let (prefix, message) = body.split_first_chunk::<PREFIX>().ok_or(Failure::Undecodable)?;
    let [compressed, length @ ..] = *prefix;
    if compressed != 0 || usize::try_from(u32::from_be_bytes(length)).ok() != Some(message.len()) {
        return Err(Failure::Undecodable);
    }
    M::decode(message).map_err(|_| Failure::Undecodable)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::contract::wire::{CheckResponse, Status};

    #[test]
    fn takes_exactly_one_whole_frame() {
        let response = CheckResponse { status: Some(Status { code: 7 }), ..Default::default() };
        let bytes = frame(&response);
        assert_eq!(unframe::<CheckResponse>(&bytes), Ok(response));
        for end in 1..bytes.len() {
            assert_eq!(unframe::<CheckResponse>(&bytes[..end]), Err(Failure::Undecodable), "{end}");
        }
        assert_eq!(unframe::<CheckResponse>(b""), Err(Failure::Grpc(None)));
        let trailing = [&bytes[..], b"x"].concat();
        assert_eq!(unframe::<CheckResponse>(&trailing), Err(Failure::Undecodable));
        let mut compressed = bytes.clone();
        compressed[0] = 1;
        assert_eq!(unframe::<CheckResponse>(&compressed), Err(Failure::Undecodable));
    }
}
