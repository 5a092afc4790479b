// What an account may do, as far as pages are shown or left out by it: the same lists as in the gateway's table of
// access, which judges.

const holds = (allowed: string[]) => (roles: string[]): boolean => roles.some((role) => allowed.includes(role));

/** Every role, in the order in which a case meets them. */
export const ROLES = ["acceptor", "duty_officer", "dispatcher", "handler", "verifier", "shift_leader", "evaluator", "engineer", "administrator"] as const;

export const maySilence = holds(["duty_officer", "shift_leader", "administrator"]);
/** Silence what is wide or long; keep rosters, chains and contacts of others. */
export const leads = holds(["shift_leader", "administrator"]);
export const mayReport = holds(["acceptor", "duty_officer", "verifier", "shift_leader", "administrator"]);
export const mayPublish = holds(["engineer", "administrator"]);
/** Run a draft over the archive. */
export const mayTry = holds(["shift_leader", "engineer", "administrator"]);
/** Pause a rule, or let it judge again. */
export const mayPause = holds(["shift_leader", "engineer", "administrator"]);
export const mayEvaluate = holds(["duty_officer", "shift_leader", "evaluator", "engineer", "administrator"]);
export const mayHandOver = holds(["duty_officer", "shift_leader", "administrator"]);
/** Take a case over: whoever has a part in the workflow. */
export const mayTakeOver = holds(["acceptor", "duty_officer", "dispatcher", "handler", "verifier", "shift_leader"]);
/** Change the register. */
export const mayRegister = holds(["engineer", "administrator"]);
export const mayCommand = holds(["duty_officer", "shift_leader", "engineer", "administrator"]);
export const mayPutPlaces = holds(["engineer", "administrator"]);
export const maySetProfile = holds(["administrator"]);
export const mayManageUsers = holds(["administrator"]);
export const mayAudit = holds(["shift_leader", "evaluator", "administrator"]);
export const mayReadMessages = holds(["duty_officer", "shift_leader", "evaluator", "engineer", "administrator"]);
export const mayRedecode = holds(["engineer", "administrator"]);
