// The steps of a case as the console groups them.

/** What a step carries beside its name. */
export type StepBody = Record<string, string | number>;

/** Taking over with a limit of one's own: the step `acknowledge` with a field. */
export const WITHIN = "acknowledge_within";
/** Steps that close or undo things: never a lone click. */
export const GRAVE = ["reject", "cancel", "force_close", "merge"];
/** Steps that are folded away, so that the usual ones are found at a glance. */
export const RARE = [...GRAVE, "supervise", "suspend", WITHIN];
/** Steps whose form has a field besides the note. */
export const WITH_FIELD = ["assign", "dispatch", "close", "merge", WITHIN];
