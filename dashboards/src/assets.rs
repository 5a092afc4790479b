//! The console's files, embedded in the binary: a closed list, so no path can lead anywhere else.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// One embedded file.
pub(crate) struct Asset {
    /// The path it is served at; `/` for the page.
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    /// A quoted hash of the bytes.
    pub(crate) etag: &'static str,
    pub(crate) bytes: &'static [u8],
}

// `ASSETS`, written by build.rs from console/dist.
include!(concat!(env!("OUT_DIR"), "/console_assets.rs"));

/// Answers an asset, or 304 when the client has it.
pub(crate) fn serve(asset: &'static Asset, headers: &HeaderMap) -> Response {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|value| value.split(',')).any(|tag| tag.trim() == asset.etag);
    // `no-cache`: keep it, but ask each time; a new binary's console is there at once.
    let caching = [(header::ETAG, asset.etag), (header::CACHE_CONTROL, "no-cache")];
    if is_known {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(header::CONTENT_TYPE, asset.content_type)], Body::from(asset.bytes)).into_response()
}
