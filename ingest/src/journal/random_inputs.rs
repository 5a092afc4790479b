//! Random inputs of this crate's properties.

use proptest::test_runner::{Config, RngSeed};

/// So many random inputs, the same at every run. `PROPTEST_CASES` asks for more of them, and `PROPTEST_RNG_SEED` (a
/// number, 0 if it is not set) for others. A test that fails prints both, and the smallest input that fails.
pub(crate) fn random(cases: u32) -> Config {
    let told = |name| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    let cases = told("PROPTEST_CASES").and_then(|cases| u32::try_from(cases).ok()).unwrap_or(cases);
    let seed = told("PROPTEST_RNG_SEED").unwrap_or(0);
    #[expect(clippy::print_stderr, reason = "shown with a test that fails")]
    {
        eprintln!("again: PROPTEST_RNG_SEED={seed} PROPTEST_CASES={cases}");
    }
    Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() }
}
