// Serves the console as it is in src/, built anew at each change, before a gateway that runs: what is no file of the
// console goes there. `npm run dev -- http://127.0.0.1:8080 [PORT]`
import { context } from "esbuild";
import { createReadStream, existsSync } from "node:fs";
import { createServer, request } from "node:http";
import { extname, join, normalize } from "node:path";
import { bundle } from "./build.mjs";

const [gateway = "http://127.0.0.1:8080", port = "0"] = process.argv.slice(2);
const TYPES = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html" };

// Beside dist/, which cargo embeds: what is tried here must not find its way into a build that runs.
const OUT = "build/dev";
const built = await context({ ...bundle, outdir: OUT, minify: false, sourcemap: "inline" });
await built.rebuild();
await built.watch();

createServer((asked, answer) => {
  const path = normalize(new URL(asked.url, gateway).pathname);
  // The page and its icon are in the folder itself.
  const file = [join(OUT, path), join(".", path === "/" ? "index.html" : path)].find((each) => extname(each) !== "" && extname(each) in TYPES && existsSync(each));
  if (file === undefined) {
    const headers = { ...asked.headers, host: new URL(gateway).host };
    const forward = request(new URL(asked.url, gateway), { method: asked.method, headers }, (given) => {
      answer.writeHead(given.statusCode ?? 502, given.headers);
      given.pipe(answer);
    });
    forward.on("error", () => answer.destroy());
    answer.on("close", () => forward.destroy());
    asked.pipe(forward);
    return;
  }
  answer.writeHead(200, { "Content-Type": `${TYPES[extname(file)] ?? "text/plain"}; charset=utf-8`, "Cache-Control": "no-store" });
  createReadStream(file).pipe(answer);
}).listen(Number(port), "127.0.0.1", function () {
  console.log(`http://127.0.0.1:${this.address().port}/ before ${gateway}`);
});
