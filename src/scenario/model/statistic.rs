//! Figures that many measurements come to.

/// A statistic of latencies: `min mean max p50 p90 p95 p99 p999`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// The shortest.
    Min,
    /// The mean.
    Mean,
    /// The longest.
    Max,
    /// `p99` is 99.0, `p999` is 99.9.
    Percentile(f64),
}
