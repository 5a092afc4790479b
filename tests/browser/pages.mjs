// Every page in both languages with real data; lib.mjs says how a script asks and answers. A page's text is looked
// through for words of the programs' own: `came_back`, `case.opened` and the like are texts that are missing.
import { ask, enter, go, play } from "./lib.mjs";

/** Where a word of the programs' own has its place: names of rules, files, fields, and what a machine answered. */
const THEIRS = ".mono, .doc, pre, textarea, code, .editor, .cases.files, option, .wrap, .actor, .who .user, td a, .rule-line a, .evaluation, .facts a, .stages";

async function look(page, to, ready) {
  await go(page, to);
  await page.locator(ready).first().waitFor();
  // What is on its way has come when nothing says that it is loading.
  await page.waitForFunction(() => !/正在读取…|Loading…/.test(document.body.innerText));
  return page.evaluate((theirs) => {
    const shown = document.querySelector("#app").cloneNode(true);
    for (const each of shown.querySelectorAll(theirs)) each.remove();
    const words = shown.textContent.match(/\b[a-z]+(?:_[a-z]+)+\b|\{\w+\}|\bundefined\b|\bNaN\b|\[object/g) ?? [];
    const box = document.querySelector(".page").getBoundingClientRect();
    return {
      words: [...new Set(words)],
      length: document.body.innerText.length,
      wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
      height: Math.round(box.height),
    };
  }, THEIRS);
}

/** The network goes away and comes back; what happened meanwhile is there without a reload. */
async function losing(page, places) {
  const card = places.find(([to]) => to.startsWith("#/work/") && to !== "#/work/new");
  await go(page, card[0]);
  await page.locator(card[1]).waitFor();
  await page.context().setOffline(true);
  await page.locator(".alarm-line.lost").waitFor();
  const told = await page.locator(".alarm-line").innerText();
  const live = await page.locator(".live").innerText();
  await ask("meanwhile");
  await page.context().setOffline(false);
  await page.locator(".live.live").waitFor();
  await page.locator(".alarm-line.lost").waitFor({ state: "detached" });
  await page.locator(".card .timeline", { hasText: "said while nobody was connected" }).waitFor();
  return { told, live };
}

await play(async (browser, seen) => {
  const page = await enter(browser, seen, "admin");
  const places = await ask("places");
  const saw = { zh: {}, en: {} };
  for (const lang of ["zh", "en"]) {
    if (lang === "en") {
      await page.getByRole("button", { name: "English" }).click();
      await page.waitForFunction(() => document.documentElement.lang === "en");
    }
    for (const [to, ready] of places) saw[lang][to] = await look(page, to, ready);
  }
  saw.losing = await losing(page, places);
  return saw;
});
