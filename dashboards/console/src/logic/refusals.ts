// Who was refused at the door, as people say it.

/** How often one was refused at one listener for one reason. */
export interface Refusal {
  device: string | null;
  registered: boolean;
  listener: string;
  reason: string;
  count: number;
  first: string;
  last: string;
  from: string | null;
}

/** The word of why: that of a credential which does not fit depends on whether the register has the name. */
export function wordOfReason(row: Refusal): string {
  const isCredential = row.reason === "bad_credentials" || row.reason === "login_bad_credentials";
  if (!isCredential || row.device === null) return row.reason;
  return row.registered ? "wrong_key" : "not_registered";
}

/** All of one device's refusals together; `null` if there are none. The rows come with the last first. */
export function together(rows: Refusal[]): { count: number; since: string; last: Refusal } | null {
  const last = rows[0];
  if (last === undefined) return null;
  const since = rows.reduce((first, row) => (Date.parse(row.first) < Date.parse(first) ? row.first : first), last.first);
  return { count: rows.reduce((sum, row) => sum + row.count, 0), since, last };
}
