// Uses the console in a real browser as staff do; lib.mjs says how a script asks and answers.
//
// `{"do":"tip"}` asks for a tipped cover to be reported, answered by `{"puback_ms":…}`, the moment the gateway had
// the report on its disk.
import { ask, base, login, open, play, texts } from "./lib.mjs";

const TIPPED = "人民路3号雨水井盖";

async function entering(page) {
  await login(page, "duty", "not the password");
  const refusal = await page.locator("[role=alert]").innerText();
  await login(page, "duty");
  await page.locator(".live.live").waitFor();
  await page.locator(".cases .case").first().waitFor();
  return {
    refusal,
    lang: await page.evaluate(() => document.documentElement.lang),
    pages: await texts(page, "nav a"),
    tabs: await texts(page, ".tabs [role=tab]"),
    rows: await texts(page, ".cases .case"),
  };
}

/** A cover tips over while the page is open. The page itself writes down when the row is in it. */
async function arriving(page) {
  await page.evaluate((name) => {
    window.untouched = true;
    const look = () => {
      const rows = [...document.querySelectorAll(".cases .case")];
      if (window.arrived === undefined && rows.some((row) => row.innerText.includes(name))) window.arrived = Date.now();
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  }, TIPPED);
  const { puback_ms } = await ask("tip");
  await page.waitForFunction(() => window.arrived !== undefined);
  const { arrived, untouched } = await page.evaluate(() => ({ arrived: window.arrived, untouched: window.untouched }));
  return { after_puback_ms: arrived - puback_ms, without_reload: untouched };
}

async function explaining(page) {
  const row = page.locator(".cases .case", { hasText: TIPPED });
  await row.click();
  await page.locator(".card .rule-line").waitFor();
  await page.locator(".card .chart canvas").waitFor();
  const shown = await page.locator(".card").innerText();
  await page.locator(".card .why details > summary").click();
  return {
    shown,
    rule: await page.locator(".rule-line").innerText(),
    source: await page.locator("pre.source").innerText(),
    steps: await page.locator(".card .why details").innerText(),
    buttons: await texts(page, ".card .actions button"),
  };
}

async function acknowledging(page) {
  await page.keyboard.press("A");
  await page.locator(".facts", { hasText: "duty" }).waitFor();
  await page.reload();
  await page.locator(".facts", { hasText: "duty" }).waitFor();
  await page.getByRole("tab", { name: "我的" }).click();
  return { facts: await page.locator(".facts").first().innerText(), mine: await texts(page, ".cases .case") };
}

/** Pixels of the plot in the ink of its line, which neither grid nor axes have. */
async function plotting(page) {
  await page.locator(".section a[href^='#/devices/']").first().click();
  const canvas = page.locator(".chart canvas");
  await canvas.waitFor();
  const inked = await canvas.evaluate((plot) => {
    const { data } = plot.getContext("2d").getImageData(0, 0, plot.width, plot.height);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) {
      const near = Math.abs(data[at] - 159) < 8 && Math.abs(data[at + 1] - 180) < 8 && Math.abs(data[at + 2] - 199) < 8;
      if (near && data[at + 3] > 200) count += 1;
    }
    return count;
  });
  return { inked, values: await page.locator(".card .grid").first().innerText(), page: await page.locator(".card").innerText() };
}

async function switching(page) {
  await page.goto(`${base}/#/work`);
  await page.getByRole("button", { name: "English" }).click();
  await page.locator("nav a", { hasText: "Devices" }).waitFor();
  // The page's language is set in an effect after the texts are painted.
  await page.waitForFunction(() => document.documentElement.lang === "en");
  return {
    lang: await page.evaluate(() => document.documentElement.lang),
    pages: await texts(page, "nav a"),
    tabs: await texts(page, ".tabs [role=tab]"),
  };
}

/** Somebody who may only look. */
async function looking(page, device) {
  await login(page, "evaluator");
  await page.locator(".cases .case, .cases li").first().waitFor();
  await page.getByRole("tab", { name: "处理中" }).click();
  await page.locator(".cases .case", { hasText: TIPPED }).click();
  await page.locator(".card .rule-line").waitFor();
  const buttons = await texts(page, ".card .actions button");
  await page.goto(`${base}/#/devices/${device}`);
  await page.locator(".card h2").waitFor();
  return { buttons, device_buttons: await texts(page, ".card-head button") };
}

await play(async (browser, seen) => {
  const page = await open(browser, seen);
  const saw = {};
  saw.entering = await entering(page);
  saw.arriving = await arriving(page);
  saw.explaining = await explaining(page);
  saw.acknowledging = await acknowledging(page);
  saw.plotting = await plotting(page);
  saw.device_buttons = await texts(page, ".card-head button");
  saw.switching = await switching(page);
  saw.looking = await looking(await open(browser, seen), "cover-tips");
  return saw;
});
