// What is used now and then: the register as a file, the city's places and its profile, the two sheets of a day, a
// backtest that takes too long, and the sound. lib.mjs says how a script asks and answers.
import { ask, go, login, open, play, texts } from "./lib.mjs";

const file = (name, text) => ({ name, mimeType: "text/plain", buffer: Buffer.from(text) });

async function register(page, csv) {
  await go(page, "#/devices");
  const choose = page.locator(".bar input[type=file]");
  await choose.setInputFiles(file("register.csv", csv));
  const group = page.getByRole("group", { name: "导入登记册" });
  await group.getByText("可登记").waitFor();
  const looked = await group.innerText();
  await group.getByRole("button", { name: "登记", exact: true }).click();
  await page.locator(".toast", { hasText: "已登记" }).waitFor();
  await page.locator(".grid tbody tr", { hasText: "cover-7" }).waitFor();
  return { looked, row: await page.locator(".grid tbody tr", { hasText: "cover-7" }).innerText() };
}

async function places(page, { bad, good }) {
  await go(page, "#/city/places");
  const before = await page.locator(".sheet").innerText();
  const choose = page.locator(".step-form input[type=file]");
  await page.locator(".step-form select").selectOption("gcj02");
  await choose.setInputFiles(file("bad.geojson", bad));
  await page.locator(".step-form .refused li").first().waitFor();
  const refused = await page.locator(".step-form").innerText();
  const closed = await page.getByRole("button", { name: "替换全部地点" }).isDisabled();
  await choose.setInputFiles(file("places.geojson", good));
  await page.locator(".step-form", { hasText: "没有错误" }).waitFor();
  await page.getByRole("button", { name: "替换全部地点" }).click();
  await page.locator(".places tbody tr").first().waitFor();
  return { before, refused, closed, rows: await texts(page, ".places tbody tr"), by: await page.locator(".sheet > .dim").innerText() };
}

async function profile(page, { bad, good }) {
  await go(page, "#/city/profile");
  await page.locator(".profile .section").first().waitFor();
  const shown = await page.locator(".profile").innerText();
  await page.getByRole("searchbox").fill("单盏不亮");
  await page.locator("details[open] tbody tr").first().waitFor();
  const found = await texts(page, "details[open] tbody tr");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "导出 TOML" }).click()]);
  const chunks = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk);
  const choose = page.locator(".bar input[type=file]");
  await choose.setInputFiles(file("bad.toml", bad));
  const group = page.getByRole("group", { name: "选择 TOML 文件" });
  await group.locator(".refused li").first().waitFor();
  const refused = await group.innerText();
  await choose.setInputFiles(file("good.toml", good));
  await group.getByText("没有错误").waitFor();
  await group.getByRole("button", { name: "启用此配置" }).click();
  await page.locator(".section", { hasText: "消退 20 分钟" }).waitFor();
  return { shown, found, exported: Buffer.concat(chunks).toString("utf8"), refused };
}

async function sheets(page) {
  await go(page, "#/admin/sheets");
  await page.locator(".worst tbody tr", { hasText: "cover-1" }).waitFor();
  const all = await page.locator(".sheet").innerText();
  await page.locator("select").selectOption("bin");
  await page.getByText("当天没有重复").waitFor();
  return { all, bins: await page.locator(".sheet").innerText() };
}

async function cancelling(page) {
  const id = await ask("backtest");
  await go(page, `#/trials/${id}`);
  await page.getByRole("button", { name: "取消回测" }).click();
  await page.locator(".card .card-title", { hasText: "已取消" }).waitFor();
  return { card: await page.locator(".card .card-title").innerText(), listed: await texts(page, ".cases .case .left-time") };
}

/** The window counts the tones that it would play. */
async function listening(page) {
  const tones = () => page.evaluate(() => window.tones);
  const silent = await tones();
  await page.getByRole("button", { name: "提示音已关" }).click();
  const on = await tones();
  await ask("alarm");
  // A call is three pairs of tones, beside those that tell of news.
  await page.waitForFunction((before) => window.tones.length - before.length >= 6, on);
  const called = (await tones()).slice(on.length);
  await page.getByRole("button", { name: "提示音已开" }).click();
  const off = (await tones()).length;
  await ask("alarm");
  await page.locator(".alarm-line").getByText("1").first().waitFor();
  await page.reload();
  await page.locator(".live.live").waitFor();
  return { silent, on, called, after: (await tones()).length, off };
}

await play(async (browser, seen) => {
  const page = await open(browser, seen);
  await page.addInitScript(() => {
    window.tones = [];
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (when) {
      window.tones.push(this.frequency.value);
      return start.call(this, when);
    };
  });
  await page.reload();
  await login(page, "admin");
  await page.locator(".live.live").waitFor();
  const files = await ask("files");
  return {
    register: await register(page, files.register),
    places: await places(page, files.places),
    profile: await profile(page, files.profile),
    sheets: await sheets(page),
    cancelling: await cancelling(page),
    listening: await listening(page),
  };
});
