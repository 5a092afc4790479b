//! The remote time series: the documented API against a small fake, and a real VictoriaMetrics.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod contract;
mod fake;
mod support;
mod tls;
mod victoria;
