//! What the simulator promises on the wire, against a server that shares no code with it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod load;
mod play;
mod replay;
mod server;
