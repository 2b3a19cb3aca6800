//! Latencies, counted in buckets that grow with the value: below 1 % off, whatever the length of a run.

/// Buckets for each doubling of the value.
const BUCKETS_PER_DOUBLING_BITS: u32 = 7;
const BUCKETS_PER_DOUBLING: u64 = 1 << BUCKETS_PER_DOUBLING_BITS;
/// Longer latencies count as this one: about 19 hours.
const VALUE_US_MAX: u64 = (1 << 36) - 1;

/// Latencies in microseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max_us: u64,
}

impl Histogram {
    pub(crate) fn record(&mut self, value_us: u64) {
        let bucket = bucket(value_us.min(VALUE_US_MAX));
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.total += 1;
        self.max_us = self.max_us.max(value_us);
    }

    /// How many there are.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The latency that so many of a thousand do not exceed; at most 1 % too high, and never above the longest.
    pub(crate) fn quantile_us(&self, of_thousand: u64) -> u64 {
        let wanted = (self.total * of_thousand).div_ceil(1000).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return highest(bucket).min(self.max_us);
            }
        }
        0
    }

    pub(crate) fn max_us(&self) -> u64 {
        self.max_us
    }
}

/// Values below 128 have a bucket each; above, 128 buckets share each doubling.
fn bucket(value: u64) -> usize {
    let shift = (63 - (value | 1).leading_zeros()).saturating_sub(BUCKETS_PER_DOUBLING_BITS);
    (u64::from(shift) * BUCKETS_PER_DOUBLING + (value >> shift)) as usize
}

/// The highest value of a bucket.
fn highest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * BUCKETS_PER_DOUBLING {
        return bucket;
    }
    let shift = bucket / BUCKETS_PER_DOUBLING - 1;
    let in_doubling = bucket % BUCKETS_PER_DOUBLING + BUCKETS_PER_DOUBLING;
    ((in_doubling + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_a_bucket_whose_highest_value_is_less_than_a_hundredth_above_it() {
        let powers = (0..36).flat_map(|power| [(1_u64 << power) - 1, 1 << power, (1 << power) + 1]);
        for value in (0..5_000).chain(powers).chain([VALUE_US_MAX]) {
            let highest = highest(bucket(value));
            assert!(highest >= value && highest - value <= value / 100, "{value} is told as {highest}");
        }
    }

    #[test]
    fn buckets_follow_one_another_without_a_hole() {
        for value in 0..100_000_u64 {
            let step = bucket(value + 1) - bucket(value);
            assert!(step <= 1, "{step} buckets between {value} and the next");
        }
    }

    #[test]
    fn quantiles_of_a_hundred_values_are_the_values_at_their_places() {
        let mut histogram = Histogram::default();
        (1..=100).rev().for_each(|value| histogram.record(value));
        for (of_thousand, value) in [(0, 1), (10, 1), (500, 50), (990, 99), (1000, 100)] {
            assert_eq!(histogram.quantile_us(of_thousand), value, "{of_thousand} of a thousand");
        }
        assert_eq!((histogram.total(), histogram.max_us()), (100, 100));
    }

    #[test]
    fn nothing_recorded_is_told_as_nothing() {
        let empty = Histogram::default();
        assert_eq!((empty.quantile_us(500), empty.max_us(), empty.total()), (0, 0, 0));
    }

    #[test]
    fn a_quantile_is_never_above_the_longest() {
        let mut histogram = Histogram::default();
        histogram.record(1_000_001);
        assert_eq!(histogram.quantile_us(999), 1_000_001);
    }
}
