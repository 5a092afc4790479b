//! Pages of a list: a limit, an opaque cursor, and the query that gives one page.
//!
//! Lists go by key, not by offset: a row that comes or goes between two pages neither repeats nor
//! hides another.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use crate::LedgerError;

/// The most items of one page; a higher limit is taken as this.
pub const MAX_PAGE: usize = 1_000;

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// At most so many items, 1 to [`MAX_PAGE`].
    pub limit: usize,
    /// What the page before gave as `next`; `None` for the first. Opaque text.
    pub cursor: Option<String>,
}

impl Default for Page {
    fn default() -> Page {
        Page { limit: 100, cursor: None }
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page; `None` when this is the last.
    pub next: Option<String>,
}

/// What a list is sorted by, and therefore what its cursor holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// Newest first: a time column, then `seq`, `ordinal`. Cursor: three numbers with dots.
    NewestBy(&'static str),
    /// Newest first by `seq`, `ordinal`. Cursor: two numbers with a dot.
    Newest,
    /// By a text column, smallest first. Cursor: the last text.
    Text(&'static str),
}

/// A list's query while it is put together. The `SELECT` must give the order's columns first.
pub(crate) struct ListQuery {
    sql: String,
    values: Vec<Value>,
    order: Order,
    joint: &'static str,
}

impl ListQuery {
    /// Begins with `SELECT ... FROM ...`, without a `WHERE`.
    pub(crate) fn new(select: &str, order: Order) -> ListQuery {
        ListQuery { sql: select.to_owned(), values: Vec::new(), order, joint: " WHERE " }
    }

    /// Adds a condition with one `?`, if there is a value for it.
    pub(crate) fn and<V: Into<Value>>(&mut self, condition: &str, value: Option<V>) {
        if let Some(value) = value {
            self.condition(condition);
            self.values.push(value.into());
        }
    }

    /// Adds a condition without a value.
    pub(crate) fn condition(&mut self, condition: &str) {
        self.sql.push_str(self.joint);
        self.sql.push_str(condition);
        self.joint = " AND ";
    }

    /// Runs the query for one page. `read` makes an item of a row; the order's columns come first.
    pub(crate) fn run<T>(
        mut self,
        conn: &Connection,
        what: &str,
        page: &Page,
        mut read: impl FnMut(&Row<'_>) -> Result<T, LedgerError>,
    ) -> Result<Listed<T>, LedgerError> {
        let limit = page.limit.clamp(1, MAX_PAGE);
        self.finish(page, limit)?;
        let failed = |error: rusqlite::Error| LedgerError::sqlite(what, &error);
        let mut statement = conn.prepare_cached(&self.sql).map_err(failed)?;
        let mut rows = statement.query(params_from_iter(self.values.iter())).map_err(failed)?;
        let mut listed = Listed { items: Vec::new(), next: None };
        let mut last = String::new();
        while let Some(row) = rows.next().map_err(failed)? {
            if listed.items.len() == limit {
                listed.next = Some(last);
                break;
            }
            listed.items.push(read(row)?);
            last = cursor_of(self.order, row).map_err(failed)?;
        }
        Ok(listed)
    }

    /// Completes the text with the cursor's condition, the order and the limit.
    fn finish(&mut self, page: &Page, limit: usize) -> Result<(), LedgerError> {
        if let Some(cursor) = &page.cursor {
            self.after(cursor)?;
        }
        self.sql.push_str(&match self.order {
            Order::NewestBy(time) => format!(" ORDER BY {time} DESC, seq DESC, ordinal DESC LIMIT ?"),
            Order::Newest => " ORDER BY seq DESC, ordinal DESC LIMIT ?".to_owned(),
            Order::Text(column) => format!(" ORDER BY {column} LIMIT ?"),
        });
        // One more than asked for tells whether there is a next page.
        self.values.push(Value::Integer(i64::try_from(limit + 1).unwrap_or(i64::MAX)));
        Ok(())
    }

    /// How SQLite goes about the query.
    #[cfg(test)]
    pub(crate) fn plan(mut self, conn: &Connection, page: &Page) -> String {
        self.finish(page, 10).unwrap();
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {}", self.sql)).unwrap();
        let steps = statement.query_map(params_from_iter(self.values.iter()), |row| row.get::<_, String>(3)).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    fn after(&mut self, cursor: &str) -> Result<(), LedgerError> {
        let bad = || LedgerError::Cursor(cursor.to_owned());
        let numbers = |count: usize| {
            let numbers: Result<Vec<i64>, _> = cursor.split('.').map(str::parse).collect();
            numbers.ok().filter(|numbers| numbers.len() == count).ok_or_else(bad)
        };
        match self.order {
            Order::NewestBy(time) => {
                let numbers = numbers(3)?;
                self.condition(&format!("({time}, seq, ordinal) < (?, ?, ?)"));
                self.values.extend(numbers.into_iter().map(Value::Integer));
            }
            Order::Newest => {
                let numbers = numbers(2)?;
                self.condition("(seq, ordinal) < (?, ?)");
                self.values.extend(numbers.into_iter().map(Value::Integer));
            }
            Order::Text(column) => self.and(&format!("{column} > ?"), Some(cursor.to_owned())),
        }
        Ok(())
    }
}

fn cursor_of(order: Order, row: &Row<'_>) -> rusqlite::Result<String> {
    let number = |index: usize| row.get::<_, i64>(index);
    Ok(match order {
        Order::NewestBy(_) => format!("{}.{}.{}", number(0)?, number(1)?, number(2)?),
        Order::Newest => format!("{}.{}", number(0)?, number(1)?),
        Order::Text(_) => row.get(0)?,
    })
}
