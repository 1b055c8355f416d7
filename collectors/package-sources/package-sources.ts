// The package sources and keys that one file configures, for apt, dnf, yum and zypper, and what keeps updates of these out.

import { createHash } from 'node:crypto';
import { redactCredentials } from '../event/redact-credentials.ts';
import { keyringKeys } from '../provenance/signature-keys.ts';
import { type AptSource, parseAptLines, parseAptStanzas } from './parse-apt.ts';
import { isNo, parseIni } from './parse-ini.ts';
import { type AptPin, parseBlocks, type UpdateBlock } from './update-blocks.ts';

/** A package source in force, a key that is trusted, or a pin or lock that keeps updates out. */
export interface PackageSource {
  /**
   * Site and suite, site and id of a repository, or `key` and a fingerprint; then the options that turn verification
   * off, in brackets. Of a pin or lock `pin` or `lock`, and its text.
   */
  name: string;
  kind: 'apt' | 'dnf' | 'zypp' | 'key' | 'pin' | 'lock';
  /** The file that configures it, or that has the key. */
  file: string;
  /** The suite or repository, if it brings security updates. */
  security: string | undefined;
  /** Of a lock the repository that it is for; none: all. */
  components: readonly string[];
}

/** What a file configures. */
export interface SourceFile {
  sources: PackageSource[];
  /** The pins among the sources, in their order. */
  pins: AptPin[];
  /** Paths of the files with the keys of these sources. */
  keyFiles: string[];
}

/** Whether repositories of dnf are enabled, by their ids, as its own files of overrides say. */
export type Overrides = ReadonlyMap<string, boolean>;

/** Maximum number of sources and keys of one file, and of all files; further ones are left out. */
export const maxSources = 4096;
const maxNameChars = 256;
const maxKeysOfFile = 256;

export const aptFile = '/etc/apt/sources.list';
export const aptDirectory = '/etc/apt/sources.list.d';
export const dnfDirectories: readonly string[] = ['/etc/yum.repos.d', '/etc/yum/repos.d', '/etc/distro.repos.d'];
export const dnfOverrides = '/etc/dnf/repos.override.d';
export const zyppDirectory = '/etc/zypp/repos.d';
export const aptKeyring = '/etc/apt/trusted.gpg';
export const aptKeyrings = '/etc/apt/trusted.gpg.d';

/** Where a change can change the sources or keys, also by the removal of a directory. */
const concerned =
  /^\/etc(?:\/apt(?:\/(?:sources\.list|sources\.list\.d|preferences|preferences\.d|trusted\.gpg|trusted\.gpg\.d|keyrings)(?:\/.*)?)?|\/(?:yum|dnf|zypp|distro)(?:[./].*)?|\/yum\.repos\.d.*|\/pki\/rpm-gpg\/.*)?$|^\/usr\/share\/keyrings\//;

export const concernsSources = (path: string): boolean => concerned.test(path);

/** apt ignores files with other names. */
const aptName = /^[\w:-][\w:.-]*$/;

interface ParsedSource extends Omit<PackageSource, 'file'> {
  /** Paths and URLs of keys, or the text of a key. */
  signedBy: string;
}

/** How a file is read, by its path; undefined: it configures no package source. */
function parserOf(path: string): ((text: string, overrides: Overrides) => Generator<ParsedSource>) | undefined {
  const end = path.lastIndexOf('/');
  const [directory, name] = [path.slice(0, end), path.slice(end + 1)];
  if (path === aptFile) return (text) => sourcesOfApt(parseAptLines(text));
  if (directory === aptDirectory && aptName.test(name)) {
    if (name.endsWith('.list')) return (text) => sourcesOfApt(parseAptLines(text));
    if (name.endsWith('.sources')) return (text) => sourcesOfApt(parseAptStanzas(text));
  }
  if (!name.endsWith('.repo')) return undefined;
  if (dnfDirectories.includes(directory)) return (text, overrides) => repositories('dnf', text, overrides);
  return directory === zyppDirectory ? (text) => repositories('zypp', text, new Map()) : undefined;
}

/** Whether a file of this path configures package sources. */
export const isSourceFile = (path: string): boolean => parserOf(path) !== undefined;

/** Parses the text of a file, by its path. */
export function parseSourceFile(path: string, text: string, overrides: Overrides = new Map()): SourceFile {
  const sources = new Map<string, PackageSource>();
  const keyFiles = new Set<string>();
  for (const { signedBy, ...source } of parserOf(path)?.(text, overrides) ?? []) {
    if (sources.size >= maxSources) break;
    const components = [...(sources.get(source.name)?.components ?? []), ...source.components];
    sources.set(source.name, { ...source, file: path, components: [...new Set(components)] });
    if (signedBy.includes('-----BEGIN ')) {
      for (const key of parseKeyring(path, Buffer.from(armorOf(signedBy)))) sources.set(key.name, key);
      continue;
    }
    for (const word of signedBy.split(/[\s,]+/)) {
      const file = /^(?:file:\/\/)?(\/[^$]*)$/.exec(word)?.[1];
      if (file !== undefined && keyFiles.size < maxSources) keyFiles.add(file);
      else if (word.includes(':')) sources.set(word, keyNamed(word, path));
    }
  }
  const blocks = parseBlocks(path, text);
  return {
    sources: [...[...sources.values()].slice(0, maxSources), ...blocks.map((block) => blockIn(path, block))],
    pins: blocks.flatMap(({ pin }) => pin ?? []),
    keyFiles: [...keyFiles],
  };
}

/** The name of a pin or lock among the sources. */
export const blockName = (kind: UpdateBlock['kind'], name: string): string => `${kind} ${name}`;

const blockIn = (file: string, { name, kind, repository }: UpdateBlock): PackageSource => ({
  name: blockName(kind, name),
  kind,
  file,
  security: undefined,
  components: repository === undefined ? [] : [repository],
});

/** In a stanza a line of a key is indented, and an empty one is a dot. */
const armorOf = (field: string): string => field.replaceAll(/^[ \t]+/gm, '').replaceAll(/^\.\r?$/gm, '');

const keyNamed = (name: string, file: string): PackageSource => ({
  name: nameOf(`key ${name}`),
  kind: 'key',
  file,
  security: undefined,
  components: [],
});

/** The keys in a file. One that is no keyring counts with its content. */
export function parseKeyring(file: string, bytes: Buffer): PackageSource[] {
  if (bytes.length === 0) return [];
  const keys = keyringKeys(bytes, maxKeysOfFile);
  const digest = (): string => `${file} sha256 ${createHash('sha256').update(bytes).digest('hex')}`;
  return (keys.length > 0 ? keys : [digest()]).map((name) => keyNamed(name, file));
}

/** Whether dnf's files of overrides enable repositories, by id. */
export const parseOverrides = (text: string): [id: string, isEnabled: boolean][] =>
  [...parseIni(text)].flatMap(([id, options]): [string, boolean][] => {
    const enabled = options.get('enabled');
    return enabled === undefined ? [] : [[id, !isNo(enabled)]];
  });

const unverifiedOptions = ['trusted', 'allow-insecure', 'allow-weak', 'allow-downgrade-to-insecure'] as const;

/** `bookworm-security`, `jammy-apps-security`, `buster/updates` before Debian 11, and the sites of security archives. */
const securitySuite = /-security$|^[^/]+\/updates$/;
const securitySite = /^security\.|[-/]security(?:\/|$)/;

function* sourcesOfApt(parsed: Iterable<AptSource>): Generator<ParsedSource> {
  for (const { uri, suite, components, enabled, signedBy } of parsed) {
    const site = siteOf(uri);
    yield {
      name: nameOf(
        `${site} ${suite}`,
        unverifiedOptions.flatMap((option) => (enabled.has(option) ? `${option}=yes` : [])),
      ),
      kind: 'apt',
      security: securitySuite.test(suite) || securitySite.test(site) ? suite.slice(0, maxNameChars) : undefined,
      components: components.slice(0, maxComponents).map((component) => component.slice(0, maxNameChars)),
      signedBy,
    };
  }
}

const maxComponents = 32;

/** Repositories for debugging, of sources and of tests bring no updates. */
const withoutUpdates = /(?:^|[-_.:])(?:debug(?:info)?|sources?|src|testing)(?:[-_.:]|$)/i;

function* repositories(kind: 'dnf' | 'zypp', text: string, overrides: Overrides): Generator<ParsedSource> {
  for (const [id, options] of parseIni(text)) {
    const isEnabled = overrides.get(id) ?? overrides.get('*') ?? !isNo(options.get('enabled') ?? '1');
    const urls = ['baseurl', 'mirrorlist', 'metalink'].map((key) => options.get(key) ?? '').find(Boolean);
    if (id === 'main' || !isEnabled || urls === undefined) continue;
    const unverified = ['gpgcheck', 'pkg_gpgcheck'].flatMap((key) => (isNo(options.get(key) ?? '') ? `${key}=0` : []));
    for (const url of urls.split(/[\s,]+/)) {
      if (url === '') continue;
      yield {
        name: nameOf(`${siteOf(url)} ${id}`, unverified),
        kind,
        security: withoutUpdates.test(id) ? undefined : id.slice(0, maxNameChars),
        components: [],
        signedBy: options.get('gpgkey') ?? '',
      };
    }
  }
}

/** The address of a repository without its scheme, the name and password of an account, and slashes at the end. */
const siteOf = (uri: string): string =>
  uri
    .replace(/\/+$/, '')
    .replace(/^[^:/]*:(?:\/\/)?/, '')
    .replace(/^[^/]*@/, '');

const nameOf = (text: string, options: readonly string[] = []): string =>
  `${redactCredentials(text).slice(0, maxNameChars)}${options.length === 0 ? '' : ` [${options.join(' ')}]`}`;

/** The options in a name that turn verification off. Undefined: it has no such option. */
export const unverifiedBy = (name: string): string | undefined => /\[([^[\]]*)\]$/.exec(name)?.[1];
