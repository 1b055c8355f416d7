// Small harmless packages for tests. They have scripts, and seldom files.

import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

type Script = 'preinst' | 'postinst' | 'prerm' | 'postrm' | 'config' | 'templates';
export type DebScripts = Partial<Record<Script, string>>;

/**
 * Builds NAME.deb, or `file`, in `directory`; returns its path. `conffiles`: the contents of configuration files, by
 * absolute path.
 */
export function buildDeb(
  directory: string,
  name: string,
  options: { version?: string; scripts?: DebScripts; conffiles?: Readonly<Record<string, string>>; file?: string } = {},
): string {
  const { version = '1', scripts = {}, conffiles = {} } = options;
  const tree = mkdtempSync(join(directory, 'tree-'));
  mkdirSync(join(tree, 'DEBIAN'), { mode: 0o755 });
  const control = `Package: ${name}\nVersion: ${version}\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: harmless\n`;
  writeFileSync(join(tree, 'DEBIAN/control'), control);
  for (const [script, text] of Object.entries(scripts)) {
    writeFileSync(join(tree, 'DEBIAN', script), text, { mode: script === 'templates' ? 0o644 : 0o755 });
  }
  for (const [path, text] of Object.entries(conffiles)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true, mode: 0o755 });
    writeFileSync(join(tree, path), text);
    appendFileSync(join(tree, 'DEBIAN/conffiles'), `${path}\n`);
  }
  const file = join(directory, options.file ?? `${name}.deb`);
  execFileSync('dpkg-deb', ['--root-owner-group', '--build', '-Znone', tree, file], { stdio: 'pipe' });
  return file;
}

/**
 * Builds NAME.rpm, or FILE.rpm, in `directory`; returns its path. `pre`, `post`: what its %pre and %post do.
 */
export function buildRpm(
  directory: string,
  name: string,
  {
    version = '1',
    file = name,
    pre,
    post = ':',
  }: { version?: string; file?: string; pre?: string; post?: string } = {},
): string {
  const top = mkdtempSync(join(directory, 'rpmbuild-'));
  const spec = join(top, `${name}.spec`);
  writeFileSync(
    spec,
    `Name: ${name}\nVersion: ${version}\nRelease: 1\nSummary: harmless\nLicense: none\nBuildArch: noarch\n` +
      `%description\nharmless\n${pre === undefined ? '' : `%pre\n${pre}\n`}${post === '' ? '' : `%post\n${post}\n`}%files\n`,
  );
  const macros = { _topdir: top, _rpmdir: directory, _build_name_fmt: `${file}.rpm` };
  const defines = Object.entries(macros).flatMap(([macro, value]) => ['--define', `${macro} ${value}`]);
  execFileSync('rpmbuild', [...defines, '-bb', spec], { stdio: 'pipe' });
  return join(directory, `${file}.rpm`);
}
