//! End to end: one binary, one file per promise.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod advisories;
mod arrows;
mod attachments;
mod backtest;
mod backtest_groups;
mod backup;
mod bad_input;
mod browser;
mod clean_stop;
mod clients;
mod clock;
mod command_line;
mod commands;
mod console;
mod console_duty;
mod console_life;
mod console_pages;
mod console_rules;
mod console_tools;
mod disk_full;
mod docs;
mod duty;
mod feed;
mod harness;
mod influx;
mod kill;
mod kill_sessions;
mod line;
mod midnight;
mod places;
mod power_cut;
mod quarantine;
mod reference;
mod refusals;
mod register;
mod replay;
mod restart;
mod rule_questions;
mod rule_tests;
mod storm;
mod tiers;
mod versions;
mod webhook;
mod workflow;
