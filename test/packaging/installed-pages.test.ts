import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkout } from '../../packaging/bundle.ts';
import { architectures, type PackagedFile, packagedFiles } from '../../packaging/files.ts';
import { installedPage, installedPaths, isPage } from '../../packaging/installed-pages.ts';
import { linkedPaths } from './linked-paths.ts';

/** The manifest for this machine's architecture, without the bundle and what the build generates: no page links these. */
function manifest(): PackagedFile[] {
  const scratch = mkdtempSync(join(tmpdir(), 'stepparent-pages-'));
  try {
    const [bundled, generated] = [join(scratch, 'bundled'), join(scratch, 'generated')];
    for (const directory of [join(bundled, 'agent'), generated]) mkdirSync(directory, { recursive: true });
    const architecture = architectures.find(({ node }) => node === process.arch);
    if (architecture === undefined) throw new Error(`no packages for ${process.arch}`);
    return packagedFiles(architecture, { bundled, generated, modules: join(checkout, 'node_modules') });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const files = manifest();
const installedPath = installedPaths(files);
const onHost = new Set<string>();
for (const { to } of files) {
  for (let path = to; path !== '/'; path = dirname(path)) onHost.add(path);
}

const pages = files.filter(isPage);

describe('the pages that the packages bring', () => {
  test('are all pages of docs/', () => {
    expect(pages.length).toBeGreaterThan(40);
  });

  test.each(pages.map((page) => [page.to, page] as const))('%s: each link leads to an installed file', (to, page) => {
    const text = installedPage(readFileSync(page.from, 'utf8'), page, installedPath);
    expect(linkedPaths(text, to).filter((path) => !onHost.has(path))).toEqual([]);
  });

  test.each([
    ['another page', '[limits](../limitations.md#containers)', '[limits](../limitations.md#containers)'],
    ['a heading of the page itself', '[above](#context)', '[above](#context)'],
    ['the web', '[it](https://example.org/a#b)', '[it](https://example.org/a#b)'],
    [
      'a file that is installed elsewhere',
      '[the unit](../../systemd/stepparent.service)',
      '[the unit](/usr/lib/systemd/system/stepparent.service)',
    ],
    ['an example', '[`a`](../../packaging/examples/vector/vector.toml)', '[`a`](../examples/vector/vector.toml)'],
    ['a directory of examples', '[all](../../packaging/examples)', '[all](../examples)'],
    [
      'a rule',
      '[file](../../detectors/rules/known-terms.toml)',
      '[file](/usr/lib/stepparent/detectors/rules/known-terms.toml)',
    ],
    ['a directory that keeps no place', '[daemon](../../agent/daemon)', 'daemon'],
    ['a source that is not installed', 'in [`main.ts`](../../agent/main.ts), too', 'in `main.ts`, too'],
    ['a page that is not installed', '[test](../../test/README.md#stories)', 'test'],
  ])('a link to %s', (_name, written, expected) => {
    const page = { from: join(checkout, 'docs/notes/a.md'), to: '/usr/share/doc/stepparent/notes/a.md' };
    expect(installedPage(written, page, installedPath)).toBe(expected);
  });
});
