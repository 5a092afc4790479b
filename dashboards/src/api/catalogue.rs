//! The catalogue of kinds and fields.

use axum::Json;
use gengfu_model::catalogue::KINDS;

use crate::views::{CatalogueView, KindView};

/// Every kind with its fields and attributes.
pub(crate) async fn catalogue() -> Json<CatalogueView> {
    Json(CatalogueView { kinds: KINDS.iter().map(KindView::from).collect() })
}
