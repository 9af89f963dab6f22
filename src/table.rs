//! Tables for people: columns as wide as they have to be, the last one as wide as the terminal lets it.

use std::fmt::{self, Display, Formatter};

use console::{Term, measure_text_width, pad_str, truncate_str};

/// Rows of `N` cells under a header. Cells are of one line, without control characters but for colours.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    header: [&'static str; N],
    rows: Vec<[String; N]>,
    /// Columns of the terminal; none if it is none, and nothing is cut off.
    columns: Option<usize>,
}

impl<const N: usize> Table<N> {
    /// For standard output.
    pub(crate) fn new(header: [&'static str; N]) -> Self {
        let term = Term::stdout();
        let columns = term.is_term().then(|| usize::from(term.size().1));
        Self { header, rows: Vec::new(), columns }
    }

    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    fn line(&self, f: &mut Formatter<'_>, cells: &[&str], widths: &[usize]) -> fmt::Result {
        let Some((last, first)) = cells.split_last() else { return Ok(()) };
        let mut used = 0;
        for (cell, &width) in first.iter().zip(widths) {
            write!(f, "{}  ", pad_str(cell, width, console::Alignment::Left, None))?;
            used += width + 2;
        }
        match self.columns {
            // So narrow a terminal breaks lines anyway.
            Some(columns) if columns > used + 10 => writeln!(f, "{}", truncate_str(last, columns - used, "…")),
            _ => writeln!(f, "{last}"),
        }
    }
}

impl<const N: usize> Display for Table<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut widths = self.header.map(measure_text_width);
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(measure_text_width(cell));
            }
        }
        self.line(f, &self.header, &widths)?;
        self.rows.iter().try_for_each(|row| self.line(f, &row.each_ref().map(String::as_str), &widths))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_be_as_wide_as_it_has_to_be_and_no_wider_than_the_terminal() {
        let table = |columns| {
            let mut table = Table { header: ["CODE", "TITLE"], rows: Vec::new(), columns };
            table.row(["A-1".to_owned(), "Ñandú 🎫".to_owned()]);
            table.row(["LONG-17".to_owned(), "The login page cuts off long names".to_owned()]);
            table.to_string()
        };
        let whole = "CODE     TITLE\nA-1      Ñandú 🎫\nLONG-17  The login page cuts off long names\n";
        assert_eq!(table(None), whole);
        assert_eq!(table(Some(80)), whole);
        assert_eq!(table(Some(25)).lines().last(), Some("LONG-17  The login page …"));
        assert_eq!(table(Some(12)), whole);
    }
}
