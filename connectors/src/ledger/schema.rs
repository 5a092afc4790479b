//! The ledger's tables: the one visible list of migrations.
//!
//! A migration is never changed once it has been released; a change is a new entry at the end.
//! Key columns are typed and are what lists filter and sort by; `body` is the entity as JSON.
//! Ids are the two numbers of an effect's id, so they sort as numbers and never as text. Append-only
//! tables with large rows keep SQLite's rowid; nothing ever reads it.

use std::path::Path;

use rusqlite::Connection;

use crate::LedgerError;
use crate::sqlite;

/// Every migration in order; a file's schema version is how many of them it has seen.
const MIGRATIONS: [&str; 1] = [FIRST];

const FIRST: &str = "
INSERT INTO meta (name, value) VALUES ('position', 0), ('time', 0);

CREATE TABLE incident (
    seq INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    state TEXT NOT NULL, kind TEXT NOT NULL, rule TEXT NOT NULL, device TEXT NOT NULL, key TEXT NOT NULL,
    district TEXT NOT NULL, condition TEXT NOT NULL, severity TEXT NOT NULL, opened INTEGER NOT NULL,
    parent_seq INTEGER, parent_ordinal INTEGER,
    body TEXT NOT NULL,
    PRIMARY KEY (seq, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_opened ON incident (opened, seq, ordinal);
CREATE INDEX incident_state ON incident (state, opened, seq, ordinal);
CREATE INDEX incident_kind ON incident (kind, opened, seq, ordinal);
CREATE INDEX incident_rule ON incident (rule, opened, seq, ordinal);
CREATE INDEX incident_device ON incident (device, opened, seq, ordinal);
CREATE INDEX incident_parent ON incident (parent_seq, parent_ordinal, opened) WHERE parent_seq IS NOT NULL;
CREATE INDEX incident_open_severity ON incident (severity) WHERE state = 'open';

CREATE TABLE explanation (
    seq INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    incident_seq INTEGER NOT NULL, incident_ordinal INTEGER NOT NULL,
    change TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (seq, ordinal)
) STRICT;
CREATE INDEX explanation_incident ON explanation (incident_seq, incident_ordinal, seq, ordinal);

CREATE TABLE case_file (
    seq INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    state TEXT NOT NULL, final INTEGER NOT NULL, overdue INTEGER NOT NULL,
    district TEXT NOT NULL, class TEXT NOT NULL, asset TEXT NOT NULL, assignee TEXT, opened INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (seq, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX case_file_opened ON case_file (opened, seq, ordinal);
CREATE INDEX case_file_final ON case_file (final, opened, seq, ordinal);
CREATE INDEX case_file_state ON case_file (state, opened, seq, ordinal);
CREATE INDEX case_file_asset ON case_file (asset, opened, seq, ordinal);
CREATE INDEX case_file_assignee ON case_file (assignee, opened, seq, ordinal) WHERE assignee IS NOT NULL;

CREATE TABLE decision (
    seq INTEGER NOT NULL, ordinal INTEGER NOT NULL, time INTEGER NOT NULL,
    incident_seq INTEGER, incident_ordinal INTEGER, case_seq INTEGER, case_ordinal INTEGER,
    rule TEXT NOT NULL, asset TEXT NOT NULL, device TEXT, district TEXT NOT NULL,
    what TEXT NOT NULL, who TEXT, why TEXT NOT NULL, note TEXT NOT NULL, refs TEXT NOT NULL,
    PRIMARY KEY (seq, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX decision_time ON decision (time, seq, ordinal);
CREATE INDEX decision_incident ON decision (incident_seq, incident_ordinal, time) WHERE incident_seq IS NOT NULL;
CREATE INDEX decision_case ON decision (case_seq, case_ordinal, time) WHERE case_seq IS NOT NULL;
CREATE INDEX decision_asset ON decision (asset, time, seq, ordinal);
CREATE INDEX decision_device ON decision (device, time, seq, ordinal) WHERE device IS NOT NULL;
CREATE INDEX decision_who ON decision (who, time, seq, ordinal) WHERE who IS NOT NULL;

CREATE TABLE silence (
    seq INTEGER NOT NULL, ordinal INTEGER NOT NULL, state TEXT NOT NULL, work_order TEXT, body TEXT NOT NULL,
    PRIMARY KEY (seq, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX silence_state ON silence (state, seq, ordinal);
CREATE INDEX silence_work_order ON silence (work_order, seq, ordinal) WHERE work_order IS NOT NULL;

CREATE TABLE case_event (
    seq INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    case_seq INTEGER NOT NULL, case_ordinal INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (seq, ordinal)
) STRICT;
CREATE INDEX case_event_case ON case_event (case_seq, case_ordinal, seq, ordinal);

CREATE TABLE outbox (
    seq INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    topic TEXT NOT NULL, time INTEGER NOT NULL, body TEXT NOT NULL,
    case_seq INTEGER, case_ordinal INTEGER, withdrawn_seq INTEGER, withdrawn_ordinal INTEGER,
    PRIMARY KEY (seq, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_case ON outbox (case_seq, case_ordinal, seq, ordinal) WHERE case_seq IS NOT NULL;
-- The console's list of what a person was told.
CREATE INDEX outbox_user ON outbox (json_extract(body, '$.user'), seq, ordinal) WHERE topic = 'notification.console';

CREATE TABLE reducer_state (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE device (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, district TEXT NOT NULL, life TEXT NOT NULL,
    name TEXT NOT NULL, asset_code TEXT NOT NULL, body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX device_kind ON device (kind, id);
CREATE INDEX device_district ON device (district, id);
CREATE INDEX device_life ON device (life, id);
CREATE INDEX device_text ON device (id, name, asset_code);

CREATE TABLE command (
    seq INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    device TEXT NOT NULL, state TEXT NOT NULL, created INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (seq, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX command_created ON command (created, seq, ordinal);
CREATE INDEX command_device ON command (device, created, seq, ordinal);
CREATE INDEX command_open ON command (seq, ordinal) WHERE state = 'queued';

CREATE TABLE mqtt_session (device TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE user_account (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE pack (
    seq INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    version TEXT NOT NULL, activated_by TEXT NOT NULL, time INTEGER NOT NULL, note TEXT NOT NULL, files TEXT NOT NULL,
    PRIMARY KEY (seq, ordinal)
) STRICT;

CREATE TABLE finding (
    seq INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    device TEXT NOT NULL, rule TEXT NOT NULL, key TEXT NOT NULL, district TEXT NOT NULL, opened INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (device, rule, key, opened)
) STRICT, WITHOUT ROWID;
CREATE INDEX finding_opened ON finding (opened, seq, ordinal);

CREATE TABLE shadow (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL) STRICT;

CREATE TABLE profile (id INTEGER PRIMARY KEY CHECK (id = 1), text TEXT NOT NULL) STRICT;

CREATE TABLE places (
    seq INTEGER NOT NULL, ordinal INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (seq, ordinal)
) STRICT;

CREATE TABLE parameter (
    rule TEXT NOT NULL, name TEXT NOT NULL, scope TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (rule, name, scope)
) STRICT, WITHOUT ROWID;

-- `committed` is the journal time of the commit that brought the row: it may lie a moment after the
-- request, and differ between a live run and a replay, so it is not dumped.
CREATE TABLE audit (
    seq INTEGER NOT NULL, ordinal INTEGER NOT NULL, committed INTEGER NOT NULL,
    user TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL, verdict TEXT NOT NULL,
    PRIMARY KEY (seq, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE disposition (
    seq INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    message_seq INTEGER NOT NULL, device TEXT NOT NULL, time INTEGER NOT NULL, kind TEXT NOT NULL,
    detail TEXT NOT NULL, payload BLOB, source TEXT, redecoded TEXT, waits INTEGER NOT NULL,
    PRIMARY KEY (seq, ordinal)
) STRICT;
CREATE INDEX disposition_waits ON disposition (time, seq, ordinal) WHERE waits = 1;
CREATE INDEX disposition_time ON disposition (time, seq, ordinal);
CREATE INDEX disposition_device ON disposition (device, time, seq, ordinal);
CREATE INDEX disposition_kind ON disposition (kind, time, seq, ordinal);

CREATE TABLE day_sheet (
    device TEXT NOT NULL, day TEXT NOT NULL, counts TEXT NOT NULL,
    PRIMARY KEY (device, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX day_sheet_day ON day_sheet (day, device);

CREATE TABLE stream_event (
    seq INTEGER NOT NULL, ordinal INTEGER NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (seq, ordinal)
) STRICT, WITHOUT ROWID;
";

/// Brings a file to this program's schema.
///
/// # Errors
/// [`LedgerError::Newer`] for a file of a newer program, else what SQLite says.
pub(crate) fn migrate(conn: &mut Connection, path: &Path) -> Result<(), LedgerError> {
    sqlite::migrate(conn, &MIGRATIONS).map_err(|error| LedgerError::opening(path, error))
}
