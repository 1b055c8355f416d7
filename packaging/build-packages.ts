// `npm run package [-- --arch amd64|arm64] [deb|rpm...]`: builds the packages of this checkout into dist/.

import '../agent/locked-node.ts';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { version } from '../agent/version.ts';
import { readHunts, shippedHunts } from '../detectors/hunts/load-hunts.ts';
import { readRules } from '../detectors/rules/load-rules.ts';
import { buildDeb } from './build-deb.ts';
import { buildRpm } from './build-rpm.ts';
import { bundle, checkout, inNative, native } from './bundle.ts';
import { catalogText } from './catalog.ts';
import { changesFile, debChangelog, rpmChangelog } from './changelog.ts';
import { copyrightText } from './copyright.ts';
import { type Need, readNeeds, tooNew } from './elf-needs.ts';
import { type Architecture, architectures, emptyDirectories, type PackagedFile, packagedFiles } from './files.ts';
import { installedPage, installedPaths, isPage } from './installed-pages.ts';
import { manPages } from './man-pages.ts';
import { run } from './run.ts';
import { sampleConfiguration } from './sample-configuration.ts';

/**
 * The time of every packaged file, in seconds since 1970, so that the same checkout makes the same package: the time of
 * the commit or, without git, of the files.
 */
async function epoch(): Promise<number> {
  if (process.env.SOURCE_DATE_EPOCH !== undefined) return Number(process.env.SOURCE_DATE_EPOCH);
  try {
    return Number(await run('git', ['-C', checkout, 'log', '-1', '--format=%ct']));
  } catch {
    return Math.floor(fs.statSync(path.join(checkout, 'package.json')).mtimeMs / 1000);
  }
}

/** A hash of all sources of the packages. */
function stateOfSources(seconds: number): string {
  const single = ['package.json', 'package-lock.json', 'CHANGELOG.md', 'LICENSE'];
  const directories = ['agent', 'collectors', 'detectors', 'docs', 'packaging', 'storage', 'systemd'];
  const inside = directories.flatMap((directory) =>
    fs
      .readdirSync(path.join(checkout, directory), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(checkout, path.join(entry.parentPath, entry.name))),
  );
  const hash = createHash('sha256').update(String(seconds));
  for (const name of [...single, ...inside].sort()) {
    hash.update(`\0${name}\0`).update(fs.readFileSync(path.join(checkout, name)));
  }
  return hash.digest('hex');
}

/** Reports the current step on stderr; stdout has the paths of the packages. */
const report = (step: string): void => console.error(step);

/**
 * The modules for an architecture. For another one than this machine's, npm fetches and verifies the packages of the
 * lock file.
 */
async function modulesFor({ node }: Architecture): Promise<string> {
  if (node === process.arch) return path.join(checkout, 'node_modules');
  report(`fetching the npm packages for ${node}`);
  const directory = path.join(checkout, 'dist/modules', node);
  fs.mkdirSync(directory, { recursive: true });
  for (const name of ['package.json', 'package-lock.json']) {
    fs.copyFileSync(path.join(checkout, name), path.join(directory, name));
  }
  const options = ['--omit=dev', '--ignore-scripts', '--os=linux', `--cpu=${node}`, '--no-audit', '--no-fund'];
  await run('npm', ['ci', '--prefix', directory, ...options]);
  return path.join(directory, 'node_modules');
}

/** Copies the files below `root`, with modes and times. Returns the needs of the compiled files. */
async function stage(
  files: readonly PackagedFile[],
  root: string,
  { compilers }: Architecture,
  seconds: number,
): Promise<Need[]> {
  const needs: Need[] = [];
  const installedPath = installedPaths(files);
  for (const directory of emptyDirectories) fs.mkdirSync(path.join(root, directory), { recursive: true, mode: 0o755 });
  for (const file of files) {
    const { to, from, mode, compiled } = file;
    const target = path.join(root, to);
    fs.mkdirSync(path.dirname(target), { recursive: true, mode: 0o755 });
    if (isPage(file)) fs.writeFileSync(target, installedPage(fs.readFileSync(from, 'utf8'), file, installedPath));
    else fs.copyFileSync(from, target);
    if (compiled) {
      await run(`${compilers}strip`, ['--strip-unneeded', target]);
      const fileNeeds = readNeeds(target);
      const refused = tooNew(fileNeeds).map((need) => need.version);
      if (refused.length > 0) throw new Error(`${to} needs a newer system than supported: ${refused.join(', ')}`);
      needs.push(...fileNeeds);
    }
    fs.chmodSync(target, mode);
  }
  for (const entry of fs.readdirSync(root, { recursive: true, withFileTypes: true })) {
    fs.utimesSync(path.join(entry.parentPath, entry.name), seconds, seconds);
  }
  fs.utimesSync(root, seconds, seconds);
  return needs;
}

const { values, positionals: wanted } = parseArgs({
  args: process.argv.slice(2),
  options: { arch: { type: 'string' }, into: { type: 'string' } },
  allowPositionals: true,
});
const architecture = architectures.find(({ deb, node }) =>
  values.arch === undefined ? node === process.arch : [deb, node].includes(values.arch as typeof deb | typeof node),
);
if (!architecture) throw new Error(`packages are built only for ${architectures.map(({ deb }) => deb).join(' and ')}`);

const outputDirectory = values.into ?? path.join(checkout, 'dist');
fs.mkdirSync(outputDirectory, { recursive: true });
const seconds = await epoch();
const state = stateOfSources(seconds);
const built = {
  deb: path.join(outputDirectory, `stepparent_${version}_${architecture.deb}.deb`),
  rpm: path.join(outputDirectory, `stepparent-${version}-1.${architecture.rpm}.rpm`),
};
/** The file beside a package that holds the state of its sources. A package of the same sources is not built again. */
const stateFile = (file: string): string => path.join(outputDirectory, `.${path.basename(file)}.from`);
const isBuilt = (file: string): boolean =>
  fs.existsSync(file) && fs.existsSync(stateFile(file)) && fs.readFileSync(stateFile(file), 'utf8') === state;
const asked = (['deb', 'rpm'] as const).filter((kind) => wanted.length === 0 || wanted.includes(kind));
for (const file of asked.map((kind) => built[kind]).filter(isBuilt)) console.log(`${file} (up to date)`);
const missing = asked.filter((kind) => !isBuilt(built[kind]));
if (missing.length === 0) process.exit(0);

const work = fs.mkdtempSync(path.join(tmpdir(), 'stepparent-package-'));
try {
  const bundled = path.join(work, 'bundle');
  const generated = path.join(work, 'generated');
  const put = (file: string, content: string | Buffer, mode = 0o644): void => {
    fs.mkdirSync(path.dirname(path.join(generated, file)), { recursive: true });
    fs.writeFileSync(path.join(generated, file), content, { mode });
  };
  report(`bundling the agent for ${architecture.node}`);
  const [modules, inside] = await Promise.all([modulesFor(architecture), bundle(bundled)]);

  report('writing configuration, man pages and documents');
  const { rules } = readRules([path.join(checkout, 'detectors/rules')]);
  const date = new Date(seconds * 1000);
  put('/etc/stepparent/config.toml', sampleConfiguration(), 0o600);
  for (const { name, text } of manPages(seconds)) {
    put(`/usr/share/man/man${name.at(-1)}/${name}.gz`, gzipSync(text, { level: 9 }));
  }
  put('/usr/lib/systemd/catalog/stepparent.catalog', catalogText(rules, readHunts([shippedHunts]).hunts));
  put(
    '/usr/share/doc/stepparent/copyright',
    copyrightText(inside, [...native, ...inNative], {
      name: `node-linux-${architecture.node}`,
      modules,
    }),
  );
  put('/usr/share/doc/stepparent/changelog.gz', gzipSync(debChangelog(date), { level: 9 }));
  put(changesFile, gzipSync(fs.readFileSync(path.join(checkout, 'CHANGELOG.md')), { level: 9 }));

  report('laying out the files and stripping the compiled ones');
  const root = path.join(work, architecture.deb);
  const files = packagedFiles(architecture, { bundled, generated, modules });
  const needs = await stage(files, root, architecture, seconds);
  const made = (kind: 'deb' | 'rpm'): string => path.join(work, path.basename(built[kind]));
  const building = (kind: 'deb' | 'rpm'): void => report(`building ${path.basename(built[kind])}`);
  if (missing.includes('deb')) {
    building('deb');
    await buildDeb(files, root, architecture, made('deb'), seconds);
  }
  if (missing.includes('rpm')) {
    building('rpm');
    await buildRpm(files, root, needs, rpmChangelog(date), architecture, made('rpm'), seconds);
  }
  for (const kind of missing) {
    const file = built[kind];
    // A rename replaces the package at once, so that a reader never sees a part of it.
    fs.copyFileSync(made(kind), `${file}.part`);
    fs.renameSync(`${file}.part`, file);
    fs.writeFileSync(stateFile(file), state);
    console.log(file);
  }
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}
