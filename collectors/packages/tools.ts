// The table of package tools, and for each package manager the phases of its scripts, the grammar of its file names and
// its directories.

import path from 'node:path';

/** A package manager by the format of its database. apt belongs to `dpkg`; dnf, which uses librpm, belongs to `rpm`. */
export type PackageManager = 'dpkg' | 'rpm';

type ToolRole =
  /** Installs package files, and runs the scripts of packages. */
  | 'manager'
  /** Installs packages for its caller, by a manager or a library. */
  | 'front end'
  /** Installs packages when its timer is due. */
  | 'updater'
  /** Installs packages for D-Bus clients, so that its parent is not the initiator. */
  | 'daemon'
  /** Starts front ends, managers or package scripts for its caller, and may wait for its user most of the time. */
  | 'wrapper'
  /** Changes the database or files of packages, and installs nothing. */
  | 'maintenance'
  /** Only reads or unpacks, or is called by scripts. */
  | 'helper';

/**
 * One tool. It is recognized by the name of its program, or by `paths` if the name is ambiguous or the program is
 * outside of the usual directories. Which of these files are trusted, as files of which packages, is listed in
 * detectors/rules/known-terms.toml.
 */
interface PackageTool {
  names: readonly string[];
  paths?: readonly string[];
  managers: readonly PackageManager[];
  role: ToolRole;
  /** The tool uses librpm, and so writes the database of rpm in its own process. */
  librpm?: true;
  /** Path of a program whose arguments the entry probe reads. */
  probed?: string;
}

/**
 * The names with a digit: Fedora and SUSE install several generations of a program side by side (`dnf-3`, `dnf4`,
 * `dnf5`).
 */
const numbered = (name: string, separators: readonly string[]): string[] => [
  name,
  ...separators.flatMap((separator) => [...'0123456789'].map((digit) => `${name}${separator}${digit}`)),
];

const dpkg: readonly PackageManager[] = ['dpkg'];
const rpm: readonly PackageManager[] = ['rpm'];

/** The tools of all supported distributions. Each name and each path occurs once. */
export const packageTools: readonly PackageTool[] = [
  // Debian and Ubuntu
  { names: ['dpkg'], managers: dpkg, role: 'manager', probed: '/usr/bin/dpkg' },
  { names: ['apt', 'apt-get'], managers: dpkg, role: 'front end' },
  { names: ['aptitude', 'aptitude-curses', 'cupt', 'nala', 'synaptic'], managers: dpkg, role: 'front end' },
  {
    names: ['gdebi', 'gdebi-gtk'],
    paths: ['/usr/share/gdebi/gdebi', '/usr/share/gdebi/gdebi-gtk'],
    managers: dpkg,
    role: 'front end',
  },
  { names: ['dpkg-reconfigure'], managers: dpkg, role: 'front end' },
  // No updater: the daily timer of apt starts it.
  { names: ['unattended-upgrade', 'unattended-upgrades'], managers: dpkg, role: 'front end' },
  { names: ['aptd', 'qaptworker3'], managers: dpkg, role: 'daemon' },
  { names: ['apt-mark', 'dpkg-preconfigure', 'dselect', 'tasksel'], managers: dpkg, role: 'wrapper' },
  { names: [], paths: ['/usr/share/debconf/frontend'], managers: dpkg, role: 'wrapper' },
  {
    names: [],
    paths: ['file', 'ftp', 'media'].map((method) => `/usr/lib/dpkg/methods/${method}/install`),
    managers: dpkg,
    role: 'wrapper',
  },
  {
    names: [
      ...['dpkg-deb', 'dpkg-divert', 'dpkg-maintscript-helper', 'dpkg-query', 'dpkg-split', 'dpkg-statoverride'],
      ...['dpkg-trigger', 'update-alternatives'],
    ],
    managers: dpkg,
    role: 'helper',
  },

  // Fedora, RHEL, Amazon and SUSE
  { names: ['rpm'], managers: rpm, role: 'manager', librpm: true, probed: '/usr/bin/rpm' },
  { names: ['rpmdb'], managers: rpm, role: 'maintenance', librpm: true },
  { names: numbered('dnf', ['', '-']), managers: rpm, role: 'front end', librpm: true },
  { names: ['microdnf', 'tdnf', 'yum', 'zypper'], managers: rpm, role: 'front end', librpm: true },
  { names: numbered('dnf-automatic', ['-']), managers: rpm, role: 'updater', librpm: true },
  { names: ['dnf5daemon-server'], managers: rpm, role: 'daemon', librpm: true },

  // Both
  { names: ['packagekitd'], managers: ['dpkg', 'rpm'], role: 'daemon', librpm: true },
  // The same back ends in a process of their own.
  { names: ['packagekit-direct'], managers: ['dpkg', 'rpm'], role: 'front end', librpm: true },
];

/** The tools that have one of the roles, in the order of the table. */
export const toolsOf = (...roles: readonly ToolRole[]): PackageTool[] =>
  packageTools.filter(({ role }) => roles.includes(role));

/** The program names of the tools. A tool that is recognized only by its path has no name. */
export const namesOf = (tools: readonly PackageTool[]): ReadonlySet<string> =>
  new Set(tools.flatMap(({ names }) => names));

const toolNames = namesOf(packageTools);
const toolPaths: ReadonlySet<string> = new Set(packageTools.flatMap(({ paths }) => paths ?? []));

/** Whether the program is a package tool, by its name or path. */
export const isPackageTool = (executable: string): boolean =>
  toolNames.has(path.basename(executable)) || toolPaths.has(executable);

/** Paths of the programs whose arguments the entry probe reads: /usr/bin/dpkg and /usr/bin/rpm. */
export const probedPrograms: readonly string[] = packageTools.flatMap(({ probed }) => probed ?? []);

/** Programs that every host has some of, and whose dynamic linkers therefore begin nearly all of its programs. */
export const linkedPrograms: readonly string[] = ['/proc/self/exe', '/proc/1/exe', '/bin/sh', ...probedPrograms];

/**
 * Phases of maintainer scripts (deb-preinst(5) and the like). The file names of rpm's scriptlets do not contain a
 * phase.
 */
export const scriptPhases: readonly string[] = ['preinst', 'postinst', 'prerm', 'postrm', 'config'];

/** Administrative directory of dpkg (dpkg(1), `--admindir`), at its default place. */
export const dpkgDirectory = '/var/lib/dpkg';
const dpkgDirectoryStart = `${dpkgDirectory}/`;
/** Whether the path is below the directory of dpkg, at any depth. Symlinks are not resolved. */
export const isInDpkgDirectory = (file: string): boolean => file.startsWith(dpkgDirectoryStart);
/** Directory of the scripts and file lists of installed packages. */
export const dpkgInfoDirectory = `${dpkgDirectory}/info`;
/** Directory of the interests of packages in triggers: by these, dpkg runs the postinst of a package again. */
export const dpkgTriggersDirectory = `${dpkgDirectory}/triggers`;
/**
 * Name of the directory, below that of dpkg, into which dpkg unpacks the control files of a package, and from which it
 * runs the preinst.
 */
export const unpackDirectory = 'tmp.ci';
/** Default directories of the rpm database, the older one first. Distributions make one a link to the other. */
export const rpmDirectories: readonly string[] = ['/var/lib/rpm', '/usr/lib/sysimage/rpm'];
/** rpm writes a scriptlet into a file with this prefix, runs it and removes it. */
export const scriptletPrefix = 'rpm-tmp.';

/** The parts of the name of a package file. */
export interface PackageFile {
  package: string;
  /** `[EPOCH:]VERSION[-REVISION]`. */
  version?: string;
  architecture?: string;
}

/** A package name by deb-control(5), but also with a single letter. */
const debName = '[a-z0-9][a-z0-9+.-]*';
/** `NAME_VERSION_ARCH.deb` (dpkg-name(1)). Of a renamed file that has not this form only the name is used. */
const debFile = new RegExp(`^(${debName})(?:_(?:([^_]+)(?:_([^_]*))?|.*))?\\.deb$`, 's');
const rpmFile = /^(.+?)(?:-([^-]+-[^-]+)\.(\w+))?\.rpm$/s;
/** `NAME[:ARCH].KIND`, such as `libc6:amd64.list`. Only names of multi-arch packages contain the architecture. */
const infoFile = new RegExp(`^(${debName})(?::[a-z0-9-]+)?\\.([^.]+)$`);

/** Maximum length of a file name (NAME_MAX). */
const maxNameChars = 255;

/** Matches the last part of a path against a pattern whose groups are name, version and architecture. */
function partsOf(pattern: RegExp, file: string): PackageFile | undefined {
  const start = file.lastIndexOf('/') + 1;
  if (file.length - start > maxNameChars) return undefined;
  const [, name, version, architecture] = pattern.exec(file.slice(start)) ?? [];
  return name === undefined
    ? undefined
    : {
        package: name,
        ...(version === undefined ? {} : { version: unescaped(version) }),
        ...(architecture ? { architecture } : {}),
      };
}

/** Decodes percent signs: apt writes the colon after an epoch as `%3a` in a file name. */
const unescaped = (version: string): string =>
  version.replaceAll(/%([2-7][0-9a-f])/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));

/** Parses the path of a .deb file. Undefined: it has another suffix, or does not begin with a package name. */
export const parseDebFile = (file: string): PackageFile | undefined => partsOf(debFile, file);

/** Parses the path of an .rpm file. Undefined: it has another suffix. */
export const parseRpmFile = (file: string): PackageFile | undefined => partsOf(rpmFile, file);

/** Parses the name of a file in the info directory of dpkg. Undefined: dpkg gives no file such a name. */
export function parseInfoFile(name: string): { package: string; kind: string } | undefined {
  const [, owner, kind] = name.length > maxNameChars ? [] : (infoFile.exec(name) ?? []);
  return owner === undefined || kind === undefined ? undefined : { package: owner, kind };
}
