// What the browser scripts share: starting the browser, windows of their own, and talking with the Rust test that plays
// the script. A script gets BASE PASSWORD and prints one line of JSON with what it saw, which the test judges.
//
// Before that line it may ask for something by a line of its own, and waits for an answer on its input:
// `{"do":"tip"}` asks for what the test knows by that name, and is answered by one line of JSON.
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";

const CHROMIUM = process.env.GENGFU_CHROMIUM ?? "/usr/bin/chromium";
/** How long one thing may take, and all of them, in milliseconds. Generous: only a hang is a failure. */
const STEP_MS = 30_000;
const WHOLE_MS = 300_000;

export const [base, password] = process.argv.slice(2);

const say = (answer) => console.log(JSON.stringify(answer));
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Asks the test for something and waits for its answer. */
export async function ask(what) {
  say({ do: what });
  return JSON.parse((await answers.next()).value);
}

/** A window of its own: its own cookies, in a place far from the bureau's time zone. */
export async function open(browser, seen) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, timezoneId: "America/New_York" });
  context.setDefaultTimeout(STEP_MS);
  const page = await context.newPage();
  page.on("request", (request) => seen.hosts.add(new URL(request.url()).host));
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  await page.goto(base);
  return page;
}

export async function login(page, user, word = password) {
  await page.fill("input[name=user]", user);
  await page.fill("input[name=password]", word);
  await page.click("button.main");
}

/** A window in which that account is logged in. */
export async function enter(browser, seen, user) {
  const page = await open(browser, seen);
  await login(page, user);
  await page.locator(".live.live").waitFor();
  return page;
}

/** Goes to an address of the console without loading it anew. */
export async function go(page, to) {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, to);
}

export const texts = (page, selector) => page.locator(selector).evaluateAll((found) => found.map((one) => one.innerText.trim()));

/** What keeps the browser from starting, in words that name the package; else the browser. */
async function launch() {
  let playwright;
  try {
    playwright = await import("playwright-core");
  } catch (error) {
    return { missing: `the package playwright-core: \`npm ci\` in tests/browser, or \`bash tests/setup.sh\` (${error.message})` };
  }
  if (!existsSync(CHROMIUM)) {
    return { missing: `the package chromium: \`bash tests/setup.sh\`, or name the browser in GENGFU_CHROMIUM (no ${CHROMIUM})` };
  }
  const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"];
  return { browser: await playwright.chromium.launch({ executablePath: CHROMIUM, headless: true, args }) };
}

/** Plays a story and says what it saw, or how it failed; then the process ends. */
export async function play(story) {
  const over = setTimeout(() => {
    say({ failed: `not done after ${WHOLE_MS} ms` });
    process.exit(1);
  }, WHOLE_MS);
  const seen = { hosts: new Set(), errors: [] };
  let browser;
  try {
    const launched = await launch();
    browser = launched.browser;
    say(browser === undefined ? launched : { ...(await story(browser, seen)), hosts: [...seen.hosts], errors: seen.errors });
  } catch (error) {
    say({ failed: String(error.stack ?? error), errors: seen.errors });
  } finally {
    clearTimeout(over);
    await browser?.close();
    process.exit(0);
  }
}
