// `npm run package [deb|rpm...]`: builds the packages of this checkout into dist/. Nothing is downloaded or compiled.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { version } from '../agent/version.ts';
import { readHunts, shippedHunts } from '../detectors/hunts/load-hunts.ts';
import { readRules } from '../detectors/rules/load-rules.ts';
import { bundle, checkout } from './bundle.ts';
import { catalogText } from './catalog.ts';
import { type Architecture, architectures, type PackagedFile, packagedFiles } from './files.ts';
import { sampleConfiguration } from './sample-configuration.ts';

const description = {
  summary: 'detects persistence through the package manager',
  text: 'stepparent watches who installs packages with dpkg and rpm, what their scripts start, and what changes in the package databases. It tells in the journal what has not been usual on this host. It needs no server.',
};

const run = (program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string =>
  execFileSync(program, args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C', ...env } });

/** Seconds since 1970 that every file gets: the same checkout makes the same package. */
const epoch = (): number =>
  Number(process.env.SOURCE_DATE_EPOCH ?? run('git', ['-C', checkout, 'log', '-1', '--format=%ct']).trim());

/** Lays the files out below `root`, with modes and times. */
function stage(files: readonly PackagedFile[], root: string, seconds: number): void {
  for (const { to, from, mode, strip } of files) {
    const target = path.join(root, to);
    fs.mkdirSync(path.dirname(target), { recursive: true, mode: 0o755 });
    fs.copyFileSync(from, target);
    if (strip) run('strip', ['--strip-unneeded', target]);
    fs.chmodSync(target, mode);
  }
  for (const entry of fs.readdirSync(root, { recursive: true, withFileTypes: true })) {
    fs.utimesSync(path.join(entry.parentPath, entry.name), seconds, seconds);
  }
}

function buildDeb(files: readonly PackagedFile[], root: string, { deb }: Architecture, into: string, seconds: number) {
  const control = path.join(root, 'DEBIAN');
  fs.mkdirSync(control, { mode: 0o755 });
  const bytes = files.reduce((sum, { to }) => sum + fs.statSync(path.join(root, to)).size, 0);
  const text = `Package: stepparent
Version: ${version}
Architecture: ${deb}
Maintainer: The stepparent developers <stepparent@localhost>
Installed-Size: ${Math.ceil(bytes / 1024)}
Depends: libc6 (>= 2.28), libstdc++6 (>= 8), init-system-helpers
Recommends: systemd
Section: admin
Priority: optional
Description: ${description.summary}
 ${description.text}
`;
  fs.writeFileSync(path.join(control, 'control'), text, { mode: 0o644 });
  const conffiles = files.filter(({ conffile }) => conffile).map(({ to }) => `${to}\n`);
  if (conffiles.length > 0) fs.writeFileSync(path.join(control, 'conffiles'), conffiles.join(''), { mode: 0o644 });
  const sums = files.map(({ to }) => {
    const digest = createHash('md5')
      .update(fs.readFileSync(path.join(root, to)))
      .digest('hex');
    return `${digest}  ${to.slice(1)}\n`;
  });
  fs.writeFileSync(path.join(control, 'md5sums'), sums.join(''), { mode: 0o644 });
  for (const script of ['postinst', 'prerm', 'postrm']) {
    fs.copyFileSync(path.join(checkout, 'packaging/deb', script), path.join(control, script));
    fs.chmodSync(path.join(control, script), 0o755);
  }
  const file = path.join(into, `stepparent_${version}_${deb}.deb`);
  run('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', root, file], { SOURCE_DATE_EPOCH: String(seconds) });
  fs.rmSync(control, { recursive: true });
  return file;
}

function buildRpm(files: readonly PackagedFile[], root: string, { rpm }: Architecture, into: string, seconds: number) {
  const top = fs.mkdtempSync(path.join(tmpdir(), 'stepparent-rpm-'));
  try {
    const listed = files.map(
      ({ to, mode, conffile }) =>
        `${conffile ? '%config(noreplace) ' : ''}%attr(${mode.toString(8)}, root, root) ${to}`,
    );
    const spec = fs
      .readFileSync(path.join(checkout, 'packaging/rpm/stepparent.spec'), 'utf8')
      .replaceAll('@VERSION@', version)
      .replaceAll('@SUMMARY@', description.summary)
      .replaceAll('@DESCRIPTION@', description.text)
      .replaceAll('@ROOT@', root)
      .replaceAll('@FILES@', listed.join('\n'));
    fs.writeFileSync(path.join(top, 'stepparent.spec'), spec);
    const args = ['-bb', '--target', rpm, '--define', `_topdir ${top}`, path.join(top, 'stepparent.spec')];
    run('rpmbuild', args, { SOURCE_DATE_EPOCH: String(seconds) });
    const name = `stepparent-${version}-1.${rpm}.rpm`;
    fs.copyFileSync(path.join(top, 'RPMS', rpm, name), path.join(into, name));
    return path.join(into, name);
  } finally {
    fs.rmSync(top, { recursive: true, force: true });
  }
}

const wanted = process.argv.slice(2);
const isWanted = (kind: string): boolean => wanted.length === 0 || wanted.includes(kind);
const into = path.join(checkout, 'dist');
fs.mkdirSync(into, { recursive: true });
const work = fs.mkdtempSync(path.join(tmpdir(), 'stepparent-package-'));
try {
  const bundled = path.join(work, 'bundle');
  await bundle(bundled);
  fs.mkdirSync(path.join(bundled, 'generated'));
  const { rules } = readRules([path.join(checkout, 'detectors/rules')]);
  fs.writeFileSync(
    path.join(bundled, 'generated/stepparent.catalog'),
    catalogText(rules, readHunts([shippedHunts]).hunts),
  );
  fs.writeFileSync(path.join(bundled, 'generated/config.toml'), sampleConfiguration());
  const seconds = epoch();
  for (const architecture of architectures.filter(({ node }) => node === process.arch)) {
    const root = path.join(work, architecture.deb);
    const files = packagedFiles(bundled, architecture);
    stage(files, root, seconds);
    if (isWanted('deb')) console.log(buildDeb(files, root, architecture, into, seconds));
    if (isWanted('rpm')) console.log(buildRpm(files, root, architecture, into, seconds));
  }
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}
