// What keeps package managers from installing updates: pins of apt, excludes and version locks of dnf and yum, locks of zypper.

import { createHash } from 'node:crypto';
import { parseStanzas } from './parse-apt.ts';
import { isNo, parseIni } from './parse-ini.ts';

/** One package, or pattern of packages, of a stanza of apt_preferences(5). */
export interface AptPin {
  /** `PACKAGE TYPE DATA PRIORITY`, shortened. The same pin in another file has the same name. */
  name: string;
  /** A name, `*`, a glob, or `/regular expression/`; of source packages behind `src:`. */
  package: string;
  type: 'version' | 'release' | 'origin';
  /** What follows the type: `a=stable,o=Debian`, a host, or a version. */
  data: string;
  /** Not 0. */
  priority: number;
}

/** A pin, an exclude or a lock. */
export interface UpdateBlock {
  name: string;
  kind: 'pin' | 'lock';
  /** Id of the repository of dnf whose packages are excluded. Undefined: all repositories. */
  repository: string | undefined;
  /** Undefined of other managers than apt. */
  pin: AptPin | undefined;
}

/** Further pins and locks of one file, and pins of all files, are left out. */
export const maxBlocks = 1024;
const maxNameChars = 256;
const digestChars = 16;

const aptPreferences = '/etc/apt/preferences';
const aptPreferencesDirectory = `${aptPreferences}.d`;
/** apt ignores files with other names. */
const preferencesName = /^(?:[\w-]+|[\w.-]+\.pref)$/;
const dnfMainFiles: readonly string[] = ['/etc/dnf/dnf.conf', '/etc/yum.conf'];
const dnfDropIns = '/etc/dnf/libdnf5.conf.d';
const repositoryFile = /^\/etc\/(?:yum\.repos\.d|yum\/repos\.d|distro\.repos\.d|dnf\/repos\.override\.d)\/[^/]+\.repo$/;
const versionLocks: readonly string[] = ['/etc/dnf/plugins/versionlock.list', '/etc/yum/pluginconf.d/versionlock.list'];
const dnf5VersionLocks = '/etc/dnf/versionlock.toml';
const zyppLocks = '/etc/zypp/locks';

/** The files that contain nothing else. Those of apt come first, in the order in which apt reads them. */
export const blockFiles: readonly string[] = [
  aptPreferences,
  ...dnfMainFiles,
  ...versionLocks,
  dnf5VersionLocks,
  zyppLocks,
];
export const blockDirectories: readonly string[] = [aptPreferencesDirectory, dnfDropIns];

type Parser = (text: string) => Generator<UpdateBlock>;

/** How a file is read, by its path; undefined: it blocks nothing. */
function parserOf(path: string): Parser | undefined {
  const end = path.lastIndexOf('/');
  const [directory, name] = [path.slice(0, end), path.slice(end + 1)];
  if (path === aptPreferences) return pinsIn;
  if (directory === aptPreferencesDirectory) return preferencesName.test(name) ? pinsIn : undefined;
  if (path === zyppLocks) return zyppLocksIn;
  if (path === dnf5VersionLocks) return dnf5LocksIn;
  if (versionLocks.includes(path)) return versionLocksIn;
  if (repositoryFile.test(path)) return (text) => excludesIn(text, (section) => section !== 'main');
  const isMain = dnfMainFiles.includes(path) || (directory === dnfDropIns && name.endsWith('.conf'));
  return isMain ? (text) => excludesIn(text, (section) => section === 'main') : undefined;
}

/** Whether a file of this path can have pins, excludes or locks. */
export const isBlockFile = (path: string): boolean => parserOf(path) !== undefined;

/** What a file blocks, by its path: each block once, in its order. */
export function parseBlocks(path: string, text: string): UpdateBlock[] {
  const blocks = new Map<string, UpdateBlock>();
  for (const block of parserOf(path)?.(text) ?? []) {
    if (blocks.size >= maxBlocks) break;
    if (!blocks.has(block.name)) blocks.set(block.name, block);
  }
  return [...blocks.values()];
}

/** A text in one line. A long one is cut, with a digest of the whole. */
function nameOf(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  if (line.length <= maxNameChars) return line;
  const digest = createHash('sha256').update(line).digest('hex').slice(0, digestChars);
  return `${line.slice(0, maxNameChars - digestChars - 8)} sha256 ${digest}`;
}

const lockNamed = (text: string, repository?: string): UpdateBlock => ({
  name: nameOf(text),
  kind: 'lock',
  repository,
  pin: undefined,
});

const pinTypes: readonly string[] = ['version', 'release', 'origin'] satisfies AptPin['type'][];
const isPinType = (text: string): text is AptPin['type'] => pinTypes.includes(text);
/** The lowest priority, which `never` stands for, and the highest one. */
const [lowest, highest] = [-32_768, 32_767];

function* pinsIn(text: string): Generator<UpdateBlock> {
  for (const fields of parseStanzas(text)) {
    const pin = (fields.get('pin') ?? '').trim();
    const [typeName = ''] = pin.split(/\s/, 1);
    const type = typeName.toLowerCase();
    const packages = (fields.get('package') ?? '').trim();
    const priority = priorityOf((fields.get('pin-priority') ?? '').trim(), packages === '*');
    if (!isPinType(type) || priority === 0) continue;
    const data = pin.slice(typeName.length).trim();
    for (const name of packages.split(/\s+/)) {
      if (name === '') continue;
      const block = nameOf(`${name} ${type} ${data} ${priority}`);
      yield {
        name: block,
        kind: 'pin',
        repository: undefined,
        pin: { name: block, package: name, type, data, priority },
      };
    }
  }
}

/** 0: apt rejects the stanza, as `never` for less than all packages. */
function priorityOf(text: string, isForAll: boolean): number {
  if (text === 'never') return isForAll ? lowest : 0;
  const value = Number(/^[+-]?\d{1,6}/.exec(text)?.[0] ?? 0);
  return value < lowest || value > highest ? 0 : value;
}

function* excludesIn(text: string, isWanted: (section: string) => boolean): Generator<UpdateBlock> {
  for (const [id, options] of parseIni(text)) {
    if (!isWanted(id) || isNo(options.get('enabled') ?? '1')) continue;
    const [repository, where] = id === 'main' ? [undefined, ''] : [id, ` of ${id}`];
    for (const key of ['exclude', 'excludepkgs']) {
      for (const pattern of (options.get(key) ?? '').split(/[\s,]+/)) {
        if (pattern !== '') yield lockNamed(`exclude ${pattern}${where}`, repository);
      }
    }
    if ((options.get('includepkgs') ?? '') !== '') yield lockNamed(`includepkgs${where}`, repository);
  }
}

function* versionLocksIn(text: string): Generator<UpdateBlock> {
  for (const line of text.split('\n')) {
    const entry = line.trim();
    if (entry !== '' && !entry.startsWith('#')) yield lockNamed(`versionlock ${entry}`);
  }
}

/** A table of packages: each has a name, and conditions that its version must meet. */
function* dnf5LocksIn(text: string): Generator<UpdateBlock> {
  let entry: string[] = [];
  for (const line of text.split('\n')) {
    if (/^\s*(?:#|comment\b)/.test(line)) continue;
    for (const [, key, value = ''] of line.matchAll(/\b(name|comparator|value)\s*=\s*["']([^"']{0,256})["']/g)) {
      if (key === 'name') {
        if (entry.length > 0) yield lockNamed(`versionlock ${entry.join(' ')}`);
        entry = [];
      }
      if (entry.length < maxConditions) entry.push(value);
    }
  }
  if (entry.length > 0) yield lockNamed(`versionlock ${entry.join(' ')}`);
}

const maxConditions = 32;

function* zyppLocksIn(text: string): Generator<UpdateBlock> {
  for (const fields of parseStanzas(text)) {
    const value = (key: string): string => (fields.get(key) ?? '').trim();
    const [name, type, repository] = [value('solvable_name'), value('type'), value('repo')];
    if (name === '' && type === '' && repository === '') continue;
    const prefix = type === '' || type === 'package' ? '' : `${type}:`;
    const parts = [`${prefix}${name || '*'}`, value('version'), repository && `of ${repository}`];
    yield lockNamed(`zypper lock ${parts.filter(Boolean).join(' ')}`);
  }
}
