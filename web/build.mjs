// Builds the page into src/emovox/server/page; --check compares what is there with a fresh build; --test builds the tests.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

const OUT = new URL("../src/emovox/server/page/", import.meta.url);
const TESTS = new URL("node_modules/.emovox-tests/", import.meta.url);
const read = (path) => readFileSync(new URL(path, import.meta.url));
const bundle = async (files, options) =>
  (
    await build({
      entryPoints: files.map((file) => new URL(file, import.meta.url).pathname),
      bundle: true,
      format: "esm",
      target: "es2022",
      outdir: OUT.pathname,
      write: false,
      legalComments: "none",
      logLevel: "warning",
      ...options,
    })
  ).outputFiles.map(({ path, contents }) => [path.split("/").pop(), Buffer.from(contents)]);

if (process.argv.includes("--test")) {
  const names = readdirSync(new URL("test/", import.meta.url)).map((name) => `test/${name}`);
  rmSync(TESTS, { recursive: true, force: true });
  mkdirSync(TESTS, { recursive: true });
  const files = await bundle(names, { platform: "node", outExtension: { ".js": ".mjs" } });
  for (const [name, contents] of files) writeFileSync(new URL(name, TESTS), contents);
  process.exit();
}

const runtime = read("node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm");
const font = "node_modules/@fontsource-variable/newsreader/";
const built = new Map([
  ...(await bundle(["src/page.ts", "src/worker.ts", "src/capture.ts"], { minify: true })),
  ["index.html", read("src/index.html")],
  ["page.css", read("src/page.css")],
  ["icon.svg", read("src/icon.svg")],
  ["newsreader.woff2", read(`${font}files/newsreader-latin-wght-normal.woff2`)],
  ["runtime.wasm.gz", runtime],
  [
    "licences.txt",
    ["onnxruntime-web (runtime.wasm.gz, worker.js)", read("licences/onnxruntime.txt"),
      "Newsreader (newsreader.woff2)", read(`${font}LICENSE`)].join("\n\n"),
  ],
]);

if (process.argv.includes("--check")) {
  const there = (name) => {
    const contents = readFileSync(new URL(name, OUT));
    return name.endsWith(".gz") ? gunzipSync(contents) : contents; // what gzip makes of it depends on its version
  };
  const old = [...built].filter(([name, contents]) => !Buffer.from(contents).equals(there(name))).map(([name]) => name);
  if (old.length) {
    console.error(`src/emovox/server/page is out of date (${old.join(", ")}); run make page`);
    process.exit(1);
  }
} else {
  for (const [name, contents] of built) {
    writeFileSync(new URL(name, OUT), name.endsWith(".gz") ? gzipSync(contents, { level: 9 }) : contents);
  }
}
