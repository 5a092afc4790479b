//! The shipped rules: the one visible list.
