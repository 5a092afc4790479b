// What an account may do, as far as pages are shown or left out by it: the same lists as in the gateway's table of
// access, which judges.

const holds = (allowed: string[]) => (roles: string[]): boolean => roles.some((role) => allowed.includes(role));

export const maySilence = holds(["duty_officer", "shift_leader", "administrator"]);
/** Silence what is wide or long. */
export const leads = holds(["shift_leader", "administrator"]);
export const mayReport = holds(["acceptor", "duty_officer", "verifier", "shift_leader", "administrator"]);
export const mayPublish = holds(["engineer", "administrator"]);
export const mayEvaluate = holds(["duty_officer", "shift_leader", "evaluator", "engineer", "administrator"]);
