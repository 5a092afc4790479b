// Talks to the API with the session's cookie. Every failure is an ApiFailure with the server's words.

import type { Page } from "./types.ts";

export class ApiFailure extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field: string | null,
    readonly hint: string | null,
    /** What stands against it, one by one, where it is blocked. */
    readonly against: string[] = [],
  ) {
    super(message);
  }
}

/** What the gateway says of a failure. */
interface ErrorDetail {
  code: string;
  message: string;
  field: string | null;
  hint: string | null;
  against?: string[];
}

/** Told when a request finds that the session is over. */
let onSessionOver: () => void = () => undefined;

export function whenSessionIsOver(listener: () => void): void {
  onSessionOver = listener;
}

/** A body that goes out as it is. */
class Upload {
  constructor(
    readonly file: Blob,
    readonly type: string,
  ) {}
}

async function request(method: string, path: string, body?: unknown, timeoutMs?: number): Promise<Response> {
  const headers: Record<string, string> = { "X-Requested-With": "console" };
  const file = body instanceof Upload ? body : null;
  if (body !== undefined) headers["Content-Type"] = file?.type ?? "application/json";
  const init: RequestInit = { method, headers, credentials: "same-origin" };
  if (body !== undefined) init.body = file?.file ?? JSON.stringify(body);
  if (timeoutMs !== undefined) init.signal = AbortSignal.timeout(timeoutMs);
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new ApiFailure(0, "unreachable", "unreachable", null, null);
  }
  if (response.ok) return response;
  const failure = await failureOf(response);
  if (failure.code === "unauthenticated") onSessionOver();
  throw failure;
}

async function failureOf(response: Response): Promise<ApiFailure> {
  try {
    const { error } = (await response.json()) as { error: ErrorDetail };
    return new ApiFailure(response.status, error.code, error.message, error.field, error.hint, error.against ?? []);
  } catch {
    return new ApiFailure(response.status, "internal", `HTTP ${response.status}`, null, null);
  }
}

/** `timeoutMs`: an answer that takes longer counts as unreachable. */
export async function get<T>(path: string, timeoutMs?: number): Promise<T> {
  return (await (await request("GET", path, undefined, timeoutMs)).json()) as T;
}

export async function post<T>(path: string, body: unknown): Promise<T | null> {
  const response = await request("POST", path, body);
  return response.status === 204 ? null : ((await response.json()) as T);
}

export async function put<T>(path: string, body: unknown): Promise<T> {
  return (await (await request("PUT", path, body)).json()) as T;
}

/** Sends a file as it is. */
export async function upload<T>(path: string, type: string, file: Blob): Promise<T> {
  return (await (await request("POST", path, new Upload(file, type))).json()) as T;
}

/** Sends a file in the place of what is there. */
export async function replace<T>(path: string, type: string, file: Blob): Promise<T> {
  return (await (await request("PUT", path, new Upload(file, type))).json()) as T;
}

export async function patch<T>(path: string, body: unknown): Promise<T> {
  return (await (await request("PATCH", path, body)).json()) as T;
}

export async function remove<T>(path: string): Promise<T> {
  return (await (await request("DELETE", path)).json()) as T;
}

/** Path with a query of what is not empty. */
export function query(path: string, parameters: Record<string, string | number | boolean | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text === "" ? path : `${path}?${text}`;
}

/** All pages of a list, at most `maxPages`. */
export async function all<T>(path: string, parameters: Record<string, string | number>, maxPages: number): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < maxPages; page += 1) {
    const answer: Page<T> = await get(query(path, { ...parameters, cursor }));
    items.push(...answer.items);
    cursor = answer.cursor;
    if (cursor === null) break;
  }
  return items;
}
