// Bundles the console into dist/ (or, with --tests, the tests into build/test/).

import { build } from "esbuild";
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const common = {
  bundle: true,
  charset: "utf8",
  format: "esm",
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
};

/** The console's pages. */
export const bundle = {
  ...common,
  entryPoints: { app: "src/main.tsx" },
  outdir: "dist",
  platform: "browser",
  target: "es2022",
  minify: true,
  legalComments: "eof",
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main();
}

async function main() {
  if (process.argv.includes("--tests")) {
    rmSync("build", { recursive: true, force: true });
    const files = readdirSync("test").filter((name) => name.endsWith(".test.ts"));
    await build({
      ...common,
      entryPoints: files.map((name) => `test/${name}`),
      outdir: "build/test",
      platform: "node",
      target: "node20",
    });
    return;
  }
  rmSync("dist", { recursive: true, force: true });
  mkdirSync("dist");
  await build(bundle);
  cpSync("index.html", "dist/index.html");
  cpSync("icon.svg", "dist/icon.svg");
}
