//! How long to wait before the next attempt: exponential, with a jitter that is derived from the
//! item's id, so that a run can be repeated and many gateways or items still do not come at once.

use gengfu_model::EffectId;

/// Waits that double from `first_ms` up to `most_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure, in milliseconds.
    pub first_ms: i64,
    /// The longest wait, in milliseconds (before the jitter).
    pub most_ms: i64,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { first_ms: 1_000, most_ms: 300_000 }
    }
}

impl Backoff {
    /// The wait after the `failures`-th failure in a row (from 1), in milliseconds: a quarter more
    /// or less than the doubled one.
    pub(crate) fn wait_ms(self, id: EffectId, failures: u32) -> i64 {
        let doubled = self.first_ms.saturating_mul(1_i64 << failures.saturating_sub(1).min(30));
        let wait = doubled.clamp(1, self.most_ms.max(1));
        let spread = u64::try_from(wait / 2).unwrap_or(0);
        let jitter = mix(id, failures).checked_rem(spread + 1).unwrap_or(0);
        (wait - wait / 4).saturating_add(i64::try_from(jitter).unwrap_or(0))
    }
}

/// A well-spread number of the id and the count (the finalizer of SplitMix64).
fn mix(id: EffectId, failures: u32) -> u64 {
    let mut z = id.seq.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ u64::from(id.ordinal).wrapping_mul(0xd1b5_4a32_d192_ed03)
        ^ u64::from(failures).wrapping_mul(0x8cb9_2ba7_2f3d_8dd7);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gengfu_model::Seq;

    #[test]
    fn waits_double_up_to_the_longest_within_a_quarter() {
        let backoff = Backoff::default();
        for seq in 0..200 {
            let id = EffectId { seq: Seq(seq), ordinal: 1 };
            for (failures, expected) in
                [(1, 1_000), (2, 2_000), (5, 16_000), (9, 256_000), (10, 300_000), (u32::MAX, 300_000)]
            {
                let wait = backoff.wait_ms(id, failures);
                assert!((expected * 3 / 4..=expected * 5 / 4).contains(&wait), "{failures}: {wait}");
                assert_eq!(wait, backoff.wait_ms(id, failures), "the same id waits the same");
            }
        }
    }

    #[test]
    fn ids_spread() {
        let waits: std::collections::BTreeSet<i64> =
            (0..100).map(|seq| Backoff::default().wait_ms(EffectId { seq: Seq(seq), ordinal: 0 }, 5)).collect();
        assert!(waits.len() > 90, "{}", waits.len());
    }
}
