// The one table of package tools; and of each package manager its script phases, its names of package files and its directories.

export type PackageManager = 'dpkg' | 'rpm';

type ToolRole =
  /** Installs what it is given, and runs the packages' scripts. */
  | 'manager'
  /** Carries out what its caller asks, by a manager or by a library. */
  | 'front end'
  /** Installs when its timer says so. */
  | 'updater'
  /** Installs for clients that ask by D-Bus: its parent is not who asked. */
  | 'daemon'
  /** Starts front ends, managers or packages' scripts for its caller, and may wait for its user for most of its life. */
  | 'wrapper'
  /** Changes the database or packages' files, and installs nothing. */
  | 'maintenance'
  /** Reads, unpacks or is called by scripts. */
  | 'helper';

/**
 * A tool counts by the name of its program; by `paths` where its name says too little, or where it lies outside the directories of programs.
 * Which of these files is trusted, as which package's, is another question: users read the answer in detectors/rules/known-terms.toml.
 */
interface PackageTool {
  names: readonly string[];
  paths?: readonly string[];
  managers: readonly PackageManager[];
  role: ToolRole;
  /** It has librpm in its process, and writes rpm's database itself. */
  librpm?: true;
  /** The program whose arguments are read at its entry point. */
  probed?: string;
}

/** Fedora and SUSE have several generations of a program beside each other: `dnf-3`, `dnf4`, `dnf5`. */
const numbered = (name: string, separators: readonly string[]): string[] => [
  name,
  ...separators.flatMap((separator) => [...'0123456789'].map((digit) => `${name}${separator}${digit}`)),
];

const dpkg: readonly PackageManager[] = ['dpkg'];
const rpm: readonly PackageManager[] = ['rpm'];

export const packageTools: readonly PackageTool[] = [
  // Debian and Ubuntu
  { names: ['dpkg'], managers: dpkg, role: 'manager', probed: '/usr/bin/dpkg' },
  { names: ['apt', 'apt-get'], managers: dpkg, role: 'front end' },
  { names: ['aptitude', 'aptitude-curses', 'nala', 'synaptic'], managers: dpkg, role: 'front end' },
  { names: ['gdebi'], paths: ['/usr/share/gdebi/gdebi'], managers: dpkg, role: 'front end' },
  { names: ['dpkg-reconfigure'], managers: dpkg, role: 'front end' },
  // apt's daily job decides when.
  { names: ['unattended-upgrade', 'unattended-upgrades'], managers: dpkg, role: 'front end' },
  { names: ['aptd'], managers: dpkg, role: 'daemon' },
  { names: ['dpkg-preconfigure', 'dselect', 'tasksel'], managers: dpkg, role: 'wrapper' },
  { names: [], paths: ['/usr/share/debconf/frontend'], managers: dpkg, role: 'wrapper' },
  {
    names: [],
    paths: ['file', 'ftp', 'media'].map((method) => `/usr/lib/dpkg/methods/${method}/install`),
    managers: dpkg,
    role: 'wrapper',
  },
  {
    names: ['dpkg-deb', 'dpkg-divert', 'dpkg-maintscript-helper', 'dpkg-query', 'dpkg-split', 'dpkg-trigger'],
    managers: dpkg,
    role: 'helper',
  },

  // Fedora, RHEL, Amazon and SUSE
  { names: ['rpm'], managers: rpm, role: 'manager', librpm: true, probed: '/usr/bin/rpm' },
  { names: ['rpmdb'], managers: rpm, role: 'maintenance', librpm: true },
  { names: numbered('dnf', ['', '-']), managers: rpm, role: 'front end', librpm: true },
  { names: ['microdnf', 'tdnf', 'yum', 'zypper'], managers: rpm, role: 'front end', librpm: true },
  { names: numbered('dnf-automatic', ['-']), managers: rpm, role: 'updater', librpm: true },

  // Both
  { names: ['packagekitd'], managers: ['dpkg', 'rpm'], role: 'daemon', librpm: true },
];

export const toolsOf = (...roles: readonly ToolRole[]): PackageTool[] =>
  packageTools.filter(({ role }) => roles.includes(role));

export const namesOf = (tools: readonly PackageTool[]): ReadonlySet<string> =>
  new Set(tools.flatMap(({ names }) => names));

export const probedPrograms: readonly string[] = packageTools.flatMap(({ probed }) => probed ?? []);

/** Phases of maintainer scripts (deb-preinst(5) and the like). The names of rpm's scriptlets do not say theirs. */
export const scriptPhases: readonly string[] = ['preinst', 'postinst', 'prerm', 'postrm', 'config'];

export const dpkgDirectory = '/var/lib/dpkg';
const dpkgDirectoryStart = `${dpkgDirectory}/`;
export const isInDpkgDirectory = (file: string): boolean => file.startsWith(dpkgDirectoryStart);
/** Scripts and file lists of what is installed. */
export const dpkgInfoDirectory = `${dpkgDirectory}/info`;
/** dpkg(1) unpacks a package's control files here, in its directory, and runs the preinst from here. */
export const unpackDirectory = 'tmp.ci';
/** Where rpm has its database by its own default, the older one first; distributions link one to the other. */
export const rpmDirectories: readonly string[] = ['/var/lib/rpm', '/usr/lib/sysimage/rpm'];
/** rpm writes a scriptlet into a file of such a name, runs it and removes it. */
export const scriptletPrefix = 'rpm-tmp.';

/** What the name of a package file says. */
export interface PackageFile {
  package: string;
  /** `[EPOCH:]VERSION[-REVISION]`. */
  version?: string;
  architecture?: string;
}

/** As deb-control(5) has it; single letters count too. */
const debName = '[a-z0-9][a-z0-9+.-]*';
/** dpkg-name(1): `NAME_VERSION_ARCH.deb`. Files are renamed: what does not have that form still begins with the name. */
const debFile = new RegExp(`^(${debName})(?:_(?:([^_]+)(?:_([^_]*))?|.*))?\\.deb$`, 's');
const rpmFile = /^(.+?)(?:-([^-]+-[^-]+)\.(\w+))?\.rpm$/s;
/** `libc6:amd64.list`: of a package that can be installed for several architectures the name has it. */
const infoFile = new RegExp(`^(${debName})(?::[a-z0-9-]+)?\\.([^.]+)$`);

/** The name of a file cannot be longer (NAME_MAX). */
const maxNameChars = 255;

/** Matches the last part of a path with a pattern of at most three groups. */
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

/** apt writes what a version has and a file's name should not have as `%3a`: an epoch's colon. */
const unescaped = (version: string): string =>
  version.replaceAll(/%([2-7][0-9a-f])/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));

/** Undefined: it is not called like a .deb, or its name cannot begin with a package's. */
export const parseDebFile = (file: string): PackageFile | undefined => partsOf(debFile, file);

/** Undefined: it is not called like an .rpm. */
export const parseRpmFile = (file: string): PackageFile | undefined => partsOf(rpmFile, file);

/** `NAME[:ARCH].KIND` in dpkg's info directory. Undefined: dpkg gives no file such a name. */
export function parseInfoFile(name: string): { package: string; kind: string } | undefined {
  const [, owner, kind] = name.length > maxNameChars ? [] : (infoFile.exec(name) ?? []);
  return owner === undefined || kind === undefined ? undefined : { package: owner, kind };
}
