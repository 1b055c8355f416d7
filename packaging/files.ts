// What the packages put where: one manifest for .deb and .rpm, on x86-64 and arm64.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from './bundle.ts';

/** An architecture under the names that each of the worlds has for it. */
export interface Architecture {
  node: 'x64' | 'arm64';
  deb: 'amd64' | 'arm64';
  rpm: 'x86_64' | 'aarch64';
}

export const architectures: readonly Architecture[] = [
  { node: 'x64', deb: 'amd64', rpm: 'x86_64' },
  { node: 'arm64', deb: 'arm64', rpm: 'aarch64' },
];

/** A file of the package. */
export interface PackagedFile {
  /** Absolute, on the host. */
  to: string;
  /** In the checkout or the bundle. */
  from: string;
  mode: number;
  /** Kept when an administrator has changed it. */
  conffile?: true;
  /** Debugging symbols go. */
  strip?: true;
}

const home = '/usr/lib/stepparent';

const all = (folder: string, pattern: RegExp, to: string): PackagedFile[] =>
  readdirSync(folder)
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => ({ to: join(to, name), from: join(folder, name), mode: 0o644 }));

/** The manifest. `bundled`: the folder that `bundle` wrote. Throws where a compiled part for the architecture is not installed. */
export function packagedFiles(bundled: string, { node }: Architecture): PackagedFile[] {
  const modules = join(checkout, 'node_modules');
  const files: PackagedFile[] = [
    { to: '/usr/bin/stepparent', from: join(checkout, 'packaging/root/stepparent'), mode: 0o755 },
    { to: `${home}/start`, from: join(checkout, 'packaging/root/start'), mode: 0o755 },
    { to: `${home}/bin/node`, from: join(modules, `node-linux-${node}/bin/node`), mode: 0o755, strip: true },
    { to: `${home}/package.json`, from: join(checkout, 'package.json'), mode: 0o644 },
    ...all(join(bundled, 'agent'), /\.js$/, `${home}/agent`),
    ...all(join(checkout, 'detectors/rules'), /\.toml$/, `${home}/detectors/rules`),
    ...all(join(checkout, 'detectors/hunts'), /\.toml$/, `${home}/detectors/hunts`),

    ...all(join(modules, 'better-sqlite3'), /^(?:package\.json|LICENSE)$/, `${home}/node_modules/better-sqlite3`),
    ...all(join(modules, 'better-sqlite3/lib'), /\.js$/, `${home}/node_modules/better-sqlite3/lib`),
    ...all(join(modules, 'better-sqlite3/lib/methods'), /\.js$/, `${home}/node_modules/better-sqlite3/lib/methods`),
    {
      to: `${home}/node_modules/better-sqlite3/prebuilds/linux-${node}.node`,
      from: join(modules, `better-sqlite3/prebuilds/linux-${node}.node`),
      mode: 0o644,
      strip: true,
    },
    ...all(join(modules, 'koffi'), /^(?:package\.json|LICENSE\.txt|.*\.c?js)$/, `${home}/node_modules/koffi`),
    ...all(join(modules, 'koffi/src/koffi'), /\.c?js$/, `${home}/node_modules/koffi/src/koffi`),
    ...all(join(modules, 'koffi/src/koffi/src'), /\.c?js$/, `${home}/node_modules/koffi/src/koffi/src`),
    ...all(
      join(modules, `@koromix/koffi-linux-${node}`),
      /^(?:package\.json|.*\.c?js)$/,
      `${home}/node_modules/@koromix/koffi-linux-${node}`,
    ),
    {
      to: `${home}/node_modules/@koromix/koffi-linux-${node}/linux_${node}/koffi.node`,
      from: join(modules, `@koromix/koffi-linux-${node}/linux_${node}/koffi.node`),
      mode: 0o644,
      strip: true,
    },

    {
      to: '/etc/stepparent/config.toml',
      from: join(bundled, 'generated/config.toml'),
      mode: 0o600,
      conffile: true,
    },
    {
      to: '/usr/lib/systemd/catalog/stepparent.catalog',
      from: join(bundled, 'generated/stepparent.catalog'),
      mode: 0o644,
    },
    {
      to: '/usr/lib/systemd/system/stepparent.service',
      from: join(checkout, 'systemd/stepparent.service'),
      mode: 0o644,
    },
  ];
  const missing = files.filter(({ from }) => !existsSync(from));
  if (missing.length > 0) {
    throw new Error(`missing for ${node}: ${missing.map(({ from }) => from).join(', ')}; run npm ci on such a machine`);
  }
  return files;
}
