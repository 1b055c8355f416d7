// Bundles the sources into one directory of JavaScript, which the packages install instead of the checkout.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';

/** The absolute path of the repository. */
export const checkout: string = resolve(import.meta.dirname, '..');

/** Programs that are started by path. */
const entryPoints: Record<string, string> = {
  'agent/main': 'agent/main.ts',
  'agent/query-worker': 'agent/query/query-worker.ts',
  'agent/dnf-history-worker': 'collectors/provenance/dnf-history-worker.ts',
  'agent/remove-tracing': 'agent/daemon/remove-tracing.ts',
};
/** Packages with a compiled part that they find beside their own files. */
export const native: readonly string[] = ['better-sqlite3', 'koffi'];
/** Packages whose code is in these compiled parts. */
export const inNative: readonly string[] = ['node-addon-api'];

/**
 * Rewrites `import.meta.url`, so that a module finds the files beside its source from `agent/`, where all modules are
 * bundled.
 */
const keepModuleUrls: Plugin = {
  name: 'keep-places',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      const modulePath = relative(checkout, path);
      if (modulePath.startsWith('node_modules') || !/^#!|import\.meta\.url/.test(source)) return undefined;
      const contents = source
        .replace(/^#!.*/, '')
        // In the package all programs that are started by path are in one directory.
        .replaceAll(/'([\w-]+)\.ts', import\.meta\.url/g, "'$1.js', import.meta['url']")
        .replaceAll('import.meta.url', `new URL(${JSON.stringify(`../${modulePath}`)}, import.meta.url)`);
      return { contents, loader: 'ts' };
    });
  },
};

/** Escapes characters that are not ASCII: one of them, even in a comment, doubles the memory for a module's text. */
const asciiText = (text: string): string =>
  text.replaceAll(/[^\0-\x7f]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Writes `agent/*.js` below `directory`. Returns the names of the packages whose code is in the bundle. */
export async function bundle(directory: string): Promise<string[]> {
  const { metafile, outputFiles } = await build({
    write: false,
    absWorkingDir: checkout,
    entryPoints,
    outdir: directory,
    chunkNames: 'agent/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    minifySyntax: true,
    // Licences are in the copyright file.
    legalComments: 'none',
    external: [...native],
    metafile: true,
    logLevel: 'warning',
    plugins: [keepModuleUrls],
    // Some libraries load Node's modules with require().
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  for (const { path, text } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, asciiText(text));
  }
  const inside = Object.keys(metafile.inputs).flatMap(
    (file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? [],
  );
  return [...new Set(inside)].sort();
}
