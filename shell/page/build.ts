/**
 * `deno task page`: bundles `app/` into `assets.ts`, which the daemon serves. The result is kept in the
 * repository, so that a clone runs and compiles without a build step; a test builds it again and compares.
 */

const APP = new URL("app/", import.meta.url);
const TARGET = new URL("assets.ts", import.meta.url);

/** The text of `assets.ts`. */
export async function buildAssets(): Promise<string> {
  const assets = {
    "/": ["text/html; charset=utf-8", await Deno.readTextFile(new URL("index.html", APP))],
    "/app.js": ["text/javascript; charset=utf-8", await bundle()],
    "/style.css": [
      "text/css; charset=utf-8",
      minifyCss(await Deno.readTextFile(new URL("style.css", APP))),
    ],
    "/icon.svg": ["image/svg+xml", await Deno.readTextFile(new URL("icon.svg", APP))],
  };
  const lines = Object.entries(assets).map(([path, [type, body]]) =>
    `  ${JSON.stringify(path)}: { type: ${JSON.stringify(type)}, body: ${JSON.stringify(body)} },`
  );
  return `/** Made by \`deno task page\`; edit \`app/\` instead. */\n` +
    `export const PAGE_ASSETS: Readonly<Record<string, { type: string; body: string }>> = {\n` +
    `${lines.join("\n")}\n};\n`;
}

async function bundle(): Promise<string> {
  const folder = await Deno.makeTempDir();
  const out = `${folder}/app.js`;
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["bundle", "--quiet", "--platform", "browser", "--minify", "--output", out, "main.tsx"],
      cwd: APP,
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return await Deno.readTextFile(out);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function minifyCss(text: string): string {
  return text.replace(/\s*\n\s*/g, "\n").replace(/: /g, ":").trim();
}

if (import.meta.main) await Deno.writeTextFile(TARGET, await buildAssets());
