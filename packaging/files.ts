// The manifest of the packages: one list of installed files for .deb and .rpm, on x86-64 and arm64.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkout } from './bundle.ts';

/** An architecture with its names in npm, dpkg, rpm and the toolchain. */
export interface Architecture {
  node: 'x64' | 'arm64';
  deb: 'amd64' | 'arm64';
  rpm: 'x86_64' | 'aarch64';
  /** Prefix of the names of its compiler and binutils. */
  compilers: string;
}

/** The architectures that packages are built for. */
export const architectures: readonly Architecture[] = [
  { node: 'x64', deb: 'amd64', rpm: 'x86_64', compilers: 'x86_64-linux-gnu-' },
  { node: 'arm64', deb: 'arm64', rpm: 'aarch64', compilers: 'aarch64-linux-gnu-' },
];

/** A file of the package. */
export interface PackagedFile {
  /** Absolute path on the host. */
  to: string;
  /** Path of the source: in the checkout, in the modules, or made for the package. */
  from: string;
  mode: number;
  /** A compiled file: its debugging symbols are removed, and its needs are checked. */
  compiled?: true;
}

/** Directories of packaged files that are not in the checkout. */
export interface BuiltFiles {
  /** The directory that `bundle` wrote. */
  bundled: string;
  /** Generated files, laid out as on the host; modes are kept. */
  generated: string;
  /** node_modules with the runtime of the architecture. */
  modules: string;
}

const home = '/usr/lib/stepparent';

/** Whether an upgrade keeps an administrator's changes of the file. */
export const isConfiguration = ({ to }: PackagedFile): boolean => to.startsWith('/etc/');

/** Whether the .rpm marks the file as documentation, which `rpm --excludedocs` omits. */
export const isDocumentation = ({ to }: PackagedFile): boolean => /^\/usr\/share\/(?:doc|man)\//.test(to);

/** Whether only the .deb has the file. */
export const isDebOnly = ({ to }: PackagedFile): boolean => to.startsWith('/usr/share/lintian/');

/** Directories for files of the administrator, empty in the package. */
export const emptyDirectories = ['conf.d', 'rules.d', 'hunts.d'].map((name) => `/etc/stepparent/${name}`);

/** The directories that only this package owns, parents first. */
export function ownedDirectories(files: readonly PackagedFile[]): string[] {
  const found = new Set(emptyDirectories);
  for (const { to } of [...files, ...emptyDirectories.map((directory) => ({ to: directory }))]) {
    for (let directory = dirname(to); directory !== '/'; directory = dirname(directory)) {
      if (directory.split('/').includes('stepparent')) found.add(directory);
    }
  }
  return [...found].sort();
}

/** Completion files by their path below /usr/share. zsh of Debian has another search path than zsh of other systems. */
const completions: Readonly<Record<string, string>> = {
  'bash-completion/completions/stepparent': 'stepparent.bash',
  'zsh/vendor-completions/_stepparent': '_stepparent',
  'zsh/site-functions/_stepparent': '_stepparent',
  'fish/vendor_completions.d/stepparent.fish': 'stepparent.fish',
};

const all = (directory: string, pattern: RegExp, to: string): PackagedFile[] =>
  readdirSync(directory)
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => ({ to: join(to, name), from: join(directory, name), mode: 0o644 }));

/** All files below `directory`, with the same names below `to`. */
const tree = (directory: string, to = ''): PackagedFile[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((from) => ({ to: `${to}${from.slice(directory.length)}`, from, mode: statSync(from).mode & 0o777 }));

/** The manifest. Throws if a source file is missing. */
export function packagedFiles({ node }: Architecture, { bundled, generated, modules }: BuiltFiles): PackagedFile[] {
  const bindings = join(checkout, 'node_modules/better-sqlite3');
  const koffi = join(checkout, 'node_modules/koffi');
  const koffiCompiled = `@koromix/koffi-linux-${node}`;
  const files: PackagedFile[] = [
    { to: '/usr/bin/stepparent', from: join(checkout, 'packaging/root/stepparent'), mode: 0o755 },
    { to: `${home}/start`, from: join(checkout, 'packaging/root/start'), mode: 0o755 },
    { to: `${home}/runtime.sh`, from: join(checkout, 'agent/daemon/runtime.sh'), mode: 0o644 },
    { to: `${home}/bin/node`, from: join(modules, `node-linux-${node}/bin/node`), mode: 0o755, compiled: true },
    { to: `${home}/package.json`, from: join(checkout, 'package.json'), mode: 0o644 },
    ...all(join(bundled, 'agent'), /\.js$/, `${home}/agent`),
    ...all(join(checkout, 'detectors/rules'), /\.toml$/, `${home}/detectors/rules`),
    ...all(join(checkout, 'detectors/hunts'), /\.toml$/, `${home}/detectors/hunts`),

    ...all(bindings, /^package\.json$/, `${home}/node_modules/better-sqlite3`),
    ...all(join(bindings, 'lib'), /\.js$/, `${home}/node_modules/better-sqlite3/lib`),
    ...all(join(bindings, 'lib/methods'), /\.js$/, `${home}/node_modules/better-sqlite3/lib/methods`),
    {
      to: `${home}/node_modules/better-sqlite3/prebuilds/linux-${node}.node`,
      from: join(bindings, `prebuilds/linux-${node}.node`),
      mode: 0o644,
      compiled: true,
    },
    ...all(koffi, /^(?:package\.json|(?:index|indirect)\.c?js)$/, `${home}/node_modules/koffi`),
    ...all(join(koffi, 'src/koffi'), /\.c?js$/, `${home}/node_modules/koffi/src/koffi`),
    ...all(join(koffi, 'src/koffi/src'), /^static\.c?js$/, `${home}/node_modules/koffi/src/koffi/src`),
    ...all(join(modules, koffiCompiled), /^(?:package\.json|.*\.c?js)$/, `${home}/node_modules/${koffiCompiled}`),
    {
      to: `${home}/node_modules/${koffiCompiled}/linux_${node}/koffi.node`,
      from: join(modules, `${koffiCompiled}/linux_${node}/koffi.node`),
      mode: 0o644,
      compiled: true,
    },

    { to: `${home}/on-alert`, from: join(checkout, 'packaging/root/on-alert'), mode: 0o755 },
    ...all(join(checkout, 'systemd'), /\.(?:service|socket)$/, '/usr/lib/systemd/system'),
    { to: '/etc/logrotate.d/stepparent', from: join(checkout, 'packaging/root/logrotate'), mode: 0o644 },
    {
      to: '/usr/share/lintian/overrides/stepparent',
      from: join(checkout, 'packaging/deb/stepparent.lintian-overrides'),
      mode: 0o644,
    },
    ...Object.entries(completions).map(([to, name]) => ({
      to: `/usr/share/${to}`,
      from: join(checkout, 'packaging/completions', name),
      mode: 0o644,
    })),
    ...tree(join(checkout, 'docs'), '/usr/share/doc/stepparent').filter(({ to }) => /\.(?:md|svg)$/.test(to)),
    ...tree(join(checkout, 'packaging/examples'), '/usr/share/doc/stepparent/examples'),
    ...tree(generated),
  ];
  const missing = files.filter(({ from }) => !existsSync(from));
  if (missing.length > 0) throw new Error(`missing for ${node}: ${missing.map(({ from }) => from).join(', ')}`);
  return files;
}
