//! Numbers about numbers.

/// A count as a real number.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53, and what is divided by it is a measurement"
)]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}

/// The lower quartile, the median and the upper quartile; not a number where there are no values.
pub(crate) fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return [f64::NAN; 3] };
    [1, 2, 3].map(|quarters| {
        let (place, beyond) = (quarters * last / 4, quarters * last % 4);
        let (below, above) = (values[place], values[(place + 1).min(last)]);
        below + (above - below) * real(beyond as u64) / 4.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_values() {
        assert_eq!(
            quartiles(vec![4.0, 1.0, 3.0, 2.0]).map(|value| format!("{value:.2}")),
            ["1.75", "2.50", "3.25"]
        );
        assert_eq!(quartiles(vec![7.0]).map(|value| format!("{value:.2}")), ["7.00"; 3]);
        assert!(quartiles(Vec::new()).into_iter().all(f64::is_nan));
    }
}
