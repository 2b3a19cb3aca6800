//! Tables: to the terminal as they come, and into a document between two comments that name the table.

use crate::Failure;
use std::fmt::Write;
use std::path::Path;

/// A table with what is to be known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// The place in the document.
    pub(crate) name: &'static str,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// A line each, below it.
    pub(crate) notes: Vec<String>,
}

impl Table {
    pub(crate) fn new(name: &'static str, head: &[&str]) -> Self {
        Self { name, head: head.iter().map(ToString::to_string).collect(), rows: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn note(&mut self, line: impl Into<String>) {
        self.notes.push(line.into());
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        let mut line = |cells: &[String]| {
            let _written = writeln!(text, "| {} |", cells.join(" | "));
        };
        line(&self.head);
        // Texts to the left, figures to the right.
        let is_figure = |nth: usize| self.rows.iter().all(|row| row.get(nth).is_none_or(|it| is_figure(it)));
        let rules: Vec<_> =
            (0..self.head.len()).map(|nth| if is_figure(nth) { "---:" } else { "---" }.to_owned()).collect();
        line(&rules);
        self.rows.iter().for_each(|row| line(row));
        for note in &self.notes {
            let _written = write!(text, "\n{note}\n");
        }
        text
    }
}

/// Shares of a load are a part of its name.
fn is_figure(cell: &str) -> bool {
    cell.is_empty() || !cell.contains('%') && cell.starts_with(|it: char| it.is_ascii_digit() || it == '-')
}

/// Puts a text between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`, in the place of what is there.
pub(crate) fn put(document: &str, name: &str, text: &str) -> Result<String, Failure> {
    let (open, close) = (format!("<!-- bench:{name} -->"), format!("<!-- /bench:{name} -->"));
    let missing = || format!("the document has no place for the table {name}: {open} and {close}");
    let (before, rest) = document.split_once(&open).ok_or_else(missing)?;
    let (_old, after) = rest.split_once(&close).ok_or_else(missing)?;
    Ok(format!("{before}{open}\n{}\n{close}{after}", text.trim_end()))
}

/// The same in a file.
pub(crate) fn write(path: &Path, texts: &[(&str, String)]) -> Result<(), Failure> {
    let mut document = std::fs::read_to_string(path)?;
    for (name, text) in texts {
        document = put(&document, name, text)?;
    }
    Ok(std::fs::write(path, document)?)
}

/// A number with its thousands apart: 1,428,602.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    if number <= -0.5 { format!("-{shown}") } else { shown }
}

/// Microseconds as milliseconds, as many digits as mean something.
pub(crate) fn millis(us: f64) -> String {
    match us {
        us if us < 10_000.0 => format!("{:.2}", us / 1000.0),
        us if us < 100_000.0 => format!("{:.1}", us / 1000.0),
        us => format!("{:.0}", us / 1000.0),
    }
}

/// The middle one; of an even number the mean of the middle two; nothing of nothing.
pub(crate) fn median(of: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = of.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        length if length % 2 == 1 => sorted[middle],
        _even => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        for (of, median_of) in
            [(vec![], 0.0), (vec![7.0], 7.0), (vec![9.0, 1.0, 2.0], 2.0), (vec![4.0, 1.0, 100.0, 2.0], 3.0)]
        {
            assert_eq!(median(of), median_of);
        }
    }

    #[test]
    fn a_table_is_markdown_with_its_figures_on_the_right() {
        let mut table = Table::new("some", &["what", "rate"]);
        table.row(["asking".to_owned(), "1,200".to_owned()]);
        table.row(["telling".to_owned(), String::new()]);
        table.note("A note.");
        assert_eq!(
            table.markdown(),
            "| what | rate |\n| --- | ---: |\n| asking | 1,200 |\n| telling |  |\n\nA note.\n"
        );
    }

    #[test]
    fn a_table_goes_into_its_place_and_the_rest_stays() {
        let document = "a\n<!-- bench:one -->\nold\n<!-- /bench:one -->\nb\n<!-- bench:two --><!-- /bench:two -->\nc\n";
        let once = put(document, "one", "new\n").unwrap();
        assert_eq!(once, document.replace("old", "new"));
        assert_eq!(put(&once, "one", "new").unwrap(), once);
        let both = put(&once, "two", "x").unwrap();
        assert!(both.ends_with("b\n<!-- bench:two -->\nx\n<!-- /bench:two -->\nc\n"), "{both}");
        assert!(put(document, "three", "x").unwrap_err().to_string().contains("three"));
    }

    #[test]
    fn numbers_are_grouped_and_times_shortened() {
        for (number, shown) in [(0.4, "0"), (999.0, "999"), (1000.0, "1,000"), (-1_428_602.0, "-1,428,602")] {
            assert_eq!(grouped(number), shown);
        }
        for (us, shown) in [(120.0, "0.12"), (9_999.0, "10.00"), (12_340.0, "12.3"), (250_000.0, "250")] {
            assert_eq!(millis(us), shown);
        }
    }
}
