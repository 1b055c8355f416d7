// What package tools read that no watch covers: files that are not watched, with the reason, and options and settings that name
// code or decide what is trusted, each with the rule that reads it. The watched files are in collectors/watched/watched-paths.ts,
// the variables in collectors/packages/environment-variables.ts; docs/code-paths.md shows all of them.

import type { CodeEffect, CodeReader } from './code-readers.ts';

interface Input {
  reader: CodeReader;
  effect: CodeEffect;
  /** The manual page, or the package or file that says so. */
  source: string;
}

/** A file that is read, and whose changes are no events. */
export interface UnwatchedFile extends Input {
  path: string;
  reason: string;
}

/** The files. `NAME` stands for any name. */
export const unwatchedFiles: readonly UnwatchedFile[] = [
  {
    reader: 'apt',
    path: '/var/lib/apt/lists/*',
    effect: 'trusts',
    source: 'apt-get(8)',
    reason:
      'each `apt-get update` writes them, and apt verifies them by the keys; `package-file-not-in-lists` compares archives with them',
  },
  {
    reader: 'apt',
    path: '/var/lib/apt/extended_states',
    effect: 'configures',
    source: 'apt-mark(8)',
    reason: 'says which packages were installed automatically; each installation writes it',
  },
  {
    reader: 'apt',
    path: '/var/lib/apt/cdroms.list',
    effect: 'trusts',
    source: 'apt-cdrom(8)',
    reason: 'names disks only; a source for one is in sources.list',
  },
  {
    reader: 'apt',
    path: '/var/cache/apt/archives/*',
    effect: 'trusts',
    source: 'apt-get(8)',
    reason: 'each download writes there; `package-file-not-in-lists` has what was installed',
  },
  {
    reader: 'aptitude',
    path: '/var/lib/aptitude/pkgstates',
    effect: 'configures',
    source: 'aptitude(8)',
    reason: 'each run writes the selected packages there',
  },
  {
    reader: 'dpkg',
    path: '/var/lib/dpkg/info/*',
    effect: 'executes',
    source: 'dpkg(1)',
    reason: 'is the package database, which has a watch and rules of its own',
  },
  {
    reader: 'dpkg',
    path: '/var/lib/dpkg/triggers/*',
    effect: 'executes',
    source: 'deb-triggers(5)',
    reason: 'is the package database, which has a watch and rules of its own',
  },
  {
    reader: 'debconf',
    path: '/var/cache/debconf/*.dat',
    effect: 'loads',
    source: 'package debconf',
    reason: 'each installation writes them; the answer to debconf/frontend names a Perl module that debconf evaluates',
  },
  {
    reader: 'rpm',
    path: '/var/lib/rpm/*',
    effect: 'executes',
    source: 'rpm(8)',
    reason: 'is the package database with the scripts and the keys, which has a watch and rules of its own',
  },
  {
    reader: 'rpm',
    path: '/usr/lib/rpm/NAME',
    effect: 'executes',
    source: 'rpmbuild(8)',
    reason: 'programs that rpmbuild runs for the packages that it builds',
  },
  {
    reader: 'rpm',
    path: '~/.gnupg/*',
    effect: 'trusts',
    source: 'rpmsign(8)',
    reason: 'only rpmsign reads it; gpg itself writes it',
  },
  {
    reader: 'dnf',
    path: '/var/cache/dnf/*',
    effect: 'trusts',
    source: 'dnf(8)',
    reason: 'each run writes the metadata of repositories there',
  },
  {
    reader: 'dnf',
    path: '/usr/lib/python3/dist-packages/dnf/*',
    effect: 'loads',
    source: 'package python3-dnf',
    reason: 'is the program itself; `dpkg --verify` and `rpm -V` compare it',
  },
  {
    reader: 'zypper',
    path: 'zypper-NAME in PATH',
    effect: 'executes',
    source: 'zypper(8)',
    reason:
      'any directory of PATH; `package-tool-ran-unowned-program` reports one that no package lists when zypper runs it',
  },
  {
    reader: 'zypper',
    path: '/etc/sysconfig/proxy',
    effect: 'configures',
    source: 'package libzypp1722',
    reason: 'names a proxy; packages are verified by their signatures',
  },
  {
    reader: 'packagekit',
    path: '/var/lib/PackageKit/prepared-update',
    effect: 'configures',
    source: 'package packagekit',
    reason: 'names the packages of the next offline update',
  },
  {
    reader: 'scripts',
    path: '/usr/local/sbin/*, /usr/local/bin/*',
    effect: 'executes',
    source: 'package dpkg',
    reason:
      'administrators install programs there; `package-tool-ran-unowned-program` reports one that a package tool runs',
  },
  {
    reader: 'scripts',
    path: '/usr/local/share/perl/VERSION/**, /usr/local/lib/ARCHITECTURE/perl/VERSION/**',
    effect: 'loads',
    source: 'package perl-base',
    reason: 'modules from CPAN are installed there',
  },
  {
    reader: 'any',
    path: '/etc/ld.so.cache',
    effect: 'loads',
    source: 'ld.so(8)',
    reason: 'ldconfig writes it at most installations, from directories that are watched',
  },
  {
    reader: 'any',
    path: '/etc/ssl/certs/*, /etc/pki/ca-trust/extracted/**',
    effect: 'trusts',
    source: 'update-ca-certificates(8)',
    reason: 'is made of the watched files',
  },
];

/** How a program reads its options. */
export const optionGrammars = {
  apt: '`-oV`, `-o V`, `-o=V`, behind other letters, `--option=V`, `--option V`; letters of a long name count in either case',
  getopt: '`-oV`, `-o V`, behind other letters, `--option=V`, `--option V`; a long name can be abbreviated',
  dpkg: '`--option=V`, `--option V`; no abbreviation',
  popt: '`-oV`, `-o V`, `-o=V`, behind other letters, `--option=V`, `--option V`; no abbreviation',
  argparse: '`-oV`, `-o V`, `-o=V`, behind other letters, `--option=V`, `--option V`; a long name can be abbreviated',
  dnf5: '`--option=V`, `--option V`; no abbreviation',
} as const;

/** How a program reads its options. */
type OptionGrammar = keyof typeof optionGrammars;

/** An option of a command line. */
export interface ToolOption extends Input {
  /** The programs that take it, separated by spaces. */
  programs: string;
  grammar: OptionGrammar;
  long?: string;
  /** The shortest beginning of the long name that the program takes. */
  shortest?: string;
  short?: string;
  /** A letter without a value, behind which the short option may stand. */
  flag?: string;
  /** A value that names code or an origin. Absent: the option has no value. */
  value?: string;
  /** Other words that the command line needs. */
  words?: readonly string[];
  /** The rule that reads the option. */
  rule?: string;
  /** Why no rule does. The option is recorded in `process.args`. */
  reason?: string;
}

/** All spellings of an option with its value, as words of a command line. */
export function spellingsOf({ grammar, long, shortest, short, flag = 'y', value }: ToolOption): string[][] {
  const names = long === undefined ? [] : [long, ...(shortest === undefined ? [] : [shortest])];
  if (value === undefined)
    return [...names.map((name) => [`--${name}`]), ...(short === undefined ? [] : [[`-${short}`]])];
  const spellings = names.flatMap((name) => [[`--${name}=${value}`], [`--${name}`, value]]);
  if (grammar === 'apt') spellings.push(...names.map((name) => [`--${name.toUpperCase()}=${value}`]));
  if (short === undefined) return spellings;
  spellings.push([`-${short}${value}`], [`-${short}`, value], [`-${flag}${short}${value}`]);
  if (grammar !== 'getopt') spellings.push([`-${short}=${value}`]);
  return spellings;
}

const aptPrograms =
  'apt apt-get apt-cache apt-cdrom apt-config apt-mark apt-ftparchive apt-sortpkgs apt-extracttemplates apt-helper';
const rpmPrograms = 'rpm rpmdb rpmkeys rpmsign rpmquery rpmverify rpmgraph';
const given = 'package-tool-given-command';
const off = 'package-verification-off';
const outside = 'package-installed-outside-database';
const anotherRoot = 'works on another root, which `stepparent.package.root` names';
const judgedByLists =
  'the packages that it brings are compared with the lists of the host: `package-file-not-in-lists`';

const ofApt = { reader: 'apt', grammar: 'apt', source: 'apt-get(8)' } as const;
const ofDpkg = { reader: 'dpkg', programs: 'dpkg', grammar: 'dpkg', source: 'dpkg(1)' } as const;
const ofRpm = { reader: 'rpm', programs: rpmPrograms, grammar: 'popt', source: 'rpm(8)' } as const;
const ofDnf = { reader: 'dnf', programs: 'dnf dnf-3 yum', grammar: 'argparse', source: 'dnf(8)' } as const;
const ofDnf5 = { reader: 'dnf5', programs: 'dnf5', grammar: 'dnf5', source: 'dnf5(8)' } as const;
const ofZypper = { reader: 'zypper', programs: 'zypper', grammar: 'getopt', source: 'zypper(8)' } as const;

const flags = (base: Omit<ToolOption, 'long'>, ...names: readonly string[]): ToolOption[] =>
  names.map((long) => ({ ...base, long }));

/** The options that name code, or decide which code or origin is trusted. */
export const toolOptions: readonly ToolOption[] = [
  {
    ...ofApt,
    programs: aptPrograms,
    long: 'option',
    short: 'o',
    flag: 'q',
    value: 'DPkg::Pre-Invoke::=/tmp/x',
    effect: 'configures',
    rule: given,
  },
  {
    ...ofApt,
    programs: aptPrograms,
    long: 'config-file',
    short: 'c',
    flag: 'q',
    value: '/tmp/x',
    effect: 'configures',
    rule: given,
  },
  ...['solver', 'planner'].map(
    (long): ToolOption => ({
      ...ofApt,
      programs: 'apt apt-get',
      long,
      value: '../../../tmp/x',
      effect: 'executes',
      source: 'package apt',
      rule: given,
    }),
  ),
  ...flags(
    { ...ofApt, programs: 'apt apt-get', effect: 'trusts', rule: off },
    ...['allow-unauthenticated', 'allow-insecure-repositories', 'allow-weak-repositories', 'force-yes'],
  ),
  {
    ...ofApt,
    programs: 'apt apt-get',
    long: 'allow-releaseinfo-change',
    effect: 'trusts',
    source: 'apt-secure(8)',
    reason: 'accepts another name of a repository, whose signature is still verified',
  },
  {
    ...ofApt,
    programs: 'apt apt-get',
    long: 'target-release',
    short: 't',
    flag: 'q',
    value: 'experimental',
    effect: 'trusts',
    reason: 'chooses between configured sources',
  },
  {
    ...ofApt,
    programs: 'apt-key',
    long: 'keyring',
    value: '/tmp/x.gpg',
    effect: 'trusts',
    source: 'apt-key(8)',
    reason: 'names the file that is changed: a change of a watched file of keys is an event',
  },
  {
    reader: 'aptitude',
    programs: 'aptitude aptitude-curses',
    grammar: 'getopt',
    short: 'o',
    value: 'DPkg::Pre-Invoke::=/tmp/x',
    effect: 'configures',
    source: 'aptitude(8)',
    rule: given,
  },
  {
    reader: 'aptitude',
    programs: 'aptitude aptitude-curses',
    grammar: 'getopt',
    long: 'allow-untrusted',
    shortest: 'allow-u',
    effect: 'trusts',
    source: 'aptitude(8)',
    rule: off,
  },
  ...['pre-invoke', 'post-invoke', 'status-logger'].map(
    (long): ToolOption => ({ ...ofDpkg, long, value: '/tmp/x', effect: 'executes', rule: given }),
  ),
  { ...ofDpkg, long: 'force-bad-verify', words: ['-i', 'x.deb'], effect: 'trusts', rule: off },
  { ...ofDpkg, long: 'no-debsig', words: ['-i', 'x.deb'], effect: 'trusts', rule: off },
  {
    ...ofDpkg,
    long: 'force-script-chrootless',
    effect: 'executes',
    reason: 'runs the scripts of packages of another root on the host; each such script is an event',
  },
  { ...ofDpkg, long: 'admindir', value: '/tmp/x', words: ['-i', 'x.deb'], effect: 'trusts', rule: outside },
  ...['root', 'instdir'].map(
    (long): ToolOption => ({ ...ofDpkg, long, value: '/tmp/x', effect: 'configures', reason: anotherRoot }),
  ),
  {
    reader: 'debconf',
    programs: 'dpkg-reconfigure dpkg-preconfigure debconf',
    grammar: 'getopt',
    long: 'frontend',
    shortest: 'fr',
    short: 'f',
    flag: 'u',
    value: 'Noninteractive; system("/tmp/x")',
    effect: 'loads',
    source: 'package debconf',
    rule: given,
  },
  ...['define', 'predefine'].map(
    (long): ToolOption => ({
      ...ofRpm,
      long,
      ...(long === 'define' && { short: 'D', flag: 'v' }),
      value: '_tmppath %(/tmp/x)',
      effect: 'configures',
      ...(long === 'predefine' && { source: 'rpm-misc(8)' }),
      rule: given,
    }),
  ),
  {
    ...ofRpm,
    long: 'define',
    short: 'D',
    flag: 'v',
    value: '__transaction_x /tmp/x.so',
    effect: 'loads',
    source: 'rpm-plugins(8)',
    rule: given,
  },
  { ...ofRpm, long: 'eval', short: 'E', flag: 'v', value: '%(/tmp/x)', effect: 'executes', rule: given },
  { ...ofRpm, long: 'load', value: '/tmp/x', effect: 'configures', rule: given },
  { ...ofRpm, long: 'macros', value: '/usr/lib/rpm/macros:/tmp/x', effect: 'configures', rule: given },
  { ...ofRpm, long: 'rcfile', value: '/tmp/x', effect: 'configures', rule: given },
  { ...ofRpm, long: 'pipe', value: '/tmp/x', effect: 'executes', rule: given },
  ...flags(
    { ...ofRpm, programs: 'rpm', words: ['-i', 'x.rpm'], effect: 'trusts', rule: off },
    ...['nosignature', 'nodigest', 'noverify'],
  ),
  {
    ...ofRpm,
    programs: 'rpm',
    long: 'import',
    value: '/tmp/x.asc',
    effect: 'trusts',
    source: 'rpmkeys(8)',
    reason: 'the key goes into the database of rpm, written by rpm itself',
  },
  {
    ...ofRpm,
    programs: 'rpm',
    long: 'dbpath',
    value: '/tmp/x',
    words: ['-i', 'x.rpm'],
    effect: 'trusts',
    rule: outside,
  },
  {
    ...ofRpm,
    programs: 'rpm',
    long: 'define',
    short: 'D',
    flag: 'v',
    value: '_dbpath /tmp/x',
    words: ['-i', 'x.rpm'],
    effect: 'trusts',
    rule: outside,
  },
  {
    ...ofRpm,
    programs: 'rpm',
    long: 'root',
    short: 'r',
    flag: 'v',
    value: '/tmp/x',
    effect: 'configures',
    reason: anotherRoot,
  },
  {
    ...ofRpm,
    programs: 'rpmbuild rpmspec',
    long: 'define',
    short: 'D',
    flag: 'v',
    value: '_tmppath %(/tmp/x)',
    effect: 'configures',
    source: 'rpmbuild(8)',
    reason: 'the specification that they read runs code by itself, and they install nothing',
  },
  {
    ...ofDnf,
    long: 'setopt',
    shortest: 'set',
    value: 'pluginpath=/tmp/x',
    effect: 'loads',
    source: 'dnf.conf(5)',
    rule: given,
  },
  {
    ...ofDnf,
    long: 'setopt',
    shortest: 'set',
    value: 'main.pluginconfpath=/tmp/x',
    effect: 'configures',
    source: 'dnf.conf(5)',
    rule: given,
  },
  { ...ofDnf, long: 'config', shortest: 'con', short: 'c', value: '/tmp/x', effect: 'configures', rule: given },
  { ...ofDnf, long: 'nogpgcheck', shortest: 'nog', effect: 'trusts', rule: off },
  { ...ofDnf, long: 'setopt', shortest: 'set', value: 'gpgcheck=0', effect: 'trusts', rule: off },
  { ...ofDnf, long: 'repofrompath', value: 'x,/tmp/x', effect: 'trusts', reason: judgedByLists },
  { ...ofDnf, long: 'setopt', value: 'reposdir=/tmp/x', effect: 'trusts', reason: judgedByLists },
  {
    ...ofDnf,
    long: 'setopt',
    value: 'varsdir=/tmp/x',
    effect: 'trusts',
    reason: 'changes the addresses of configured sources',
  },
  {
    ...ofDnf,
    long: 'enableplugin',
    value: 'x',
    effect: 'loads',
    reason: 'turns on a plugin that is in a watched directory',
  },
  {
    ...ofDnf,
    long: 'installroot',
    value: '/tmp/x',
    effect: 'configures',
    reason: 'works on another root, with the configuration that it finds there',
  },
  {
    ...ofDnf5,
    long: 'setopt',
    value: 'pluginpath=/tmp/x',
    effect: 'loads',
    source: 'dnf5-libdnf5.conf(5)',
    rule: given,
  },
  { ...ofDnf5, long: 'config', value: '/tmp/x', effect: 'configures', rule: given },
  { ...ofDnf5, long: 'no-gpgchecks', effect: 'trusts', rule: off },
  { ...ofDnf5, long: 'setopt', value: 'pkg_gpgcheck=0', effect: 'trusts', rule: off },
  { ...ofDnf5, long: 'repofrompath', value: 'x,/tmp/x', effect: 'trusts', reason: judgedByLists },
  {
    ...ofDnf5,
    long: 'enable-plugin',
    value: 'x',
    effect: 'loads',
    reason: 'turns on a plugin that is in a watched directory',
  },
  {
    ...ofDnf5,
    long: 'setvar',
    value: 'releasever=x',
    effect: 'trusts',
    reason: 'changes the addresses of configured sources',
  },
  { ...ofZypper, long: 'no-gpg-checks', shortest: 'no-g', effect: 'trusts', rule: off },
  { ...ofZypper, long: 'allow-unsigned-rpm', shortest: 'allow-u', effect: 'trusts', rule: off },
  {
    ...ofZypper,
    long: 'gpg-auto-import-keys',
    effect: 'trusts',
    reason: 'accepts the key of a repository that is configured: `package-source-added`',
  },
  {
    ...ofZypper,
    long: 'config',
    short: 'c',
    flag: 'n',
    value: '/tmp/x',
    effect: 'configures',
    reason: 'its settings name no code',
  },
  {
    ...ofZypper,
    long: 'reposd-dir',
    short: 'D',
    flag: 'n',
    value: '/tmp/x',
    effect: 'trusts',
    reason: 'its repositories are not compared with those of the host',
  },
  {
    ...ofZypper,
    long: 'plus-repo',
    short: 'p',
    flag: 'n',
    value: '/tmp/x',
    effect: 'trusts',
    reason: 'its repositories are not compared with those of the host',
  },
  {
    reader: 'packagekit',
    programs: 'pkcon',
    grammar: 'getopt',
    long: 'allow-untrusted',
    effect: 'trusts',
    source: 'package packagekit-tools',
    reason: 'is asked of the daemon by D-Bus, and polkit decides',
  },
];

/** A setting of apt, in a file, in the file of APT_CONFIG or behind `-o`. */
export interface AptSetting {
  name: string;
  /** A value that names code or an origin. */
  value: string;
  effect: CodeEffect;
  source: string;
  rule?: string;
  reason?: string;
}

const settings = (names: string, row: Omit<AptSetting, 'name'>): AptSetting[] =>
  names.split(' ').map((name) => ({ name, ...row }));

/** The settings. A rule on a command line is `package-tool-given-command`, in a file `package-tool-hook-added`. */
export const aptSettings: readonly AptSetting[] = [
  ...settings('DPkg::Pre-Invoke:: DPkg::Post-Invoke:: DPkg::Pre-Install-Pkgs::', {
    value: '/tmp/x',
    effect: 'executes',
    source: 'apt.conf(5)',
    rule: given,
  }),
  ...settings(
    'APT::Update::Pre-Invoke:: APT::Update::Post-Invoke:: APT::Update::Post-Invoke-Success:: APT::Update::Post-Invoke-Stats:: APT::Install::Pre-Invoke:: APT::Install::Post-Invoke-Success:: AptCli::Hooks::Install:: AptCli::Hooks::Upgrade:: AptCli::Hooks::Search::',
    { value: '/tmp/x', effect: 'executes', source: 'package apt', rule: given },
  ),
  ...settings(
    'Dir::Bin::dpkg Dir::Bin::dpkg-source Dir::Bin::dpkg-buildpackage Dir::Bin::apt-key Dir::Bin::ischroot Dir::Bin::gzip Dir::Bin::bzip2 Dir::Bin::xz Dir::Bin::lz4 Dir::Bin::zstd Dir::Bin::lzma Dir::Bin::uncompressed Dir::Bin::Pager Dir::Bin::Editor Dir::Bin::methods Dir::Bin::solvers:: Dir::Bin::planners::',
    { value: '/tmp/x', effect: 'executes', source: 'package apt', rule: given },
  ),
  ...settings('APT::Solver APT::Planner', {
    value: '../../../tmp/x',
    effect: 'executes',
    source: 'package apt',
    rule: given,
  }),
  ...settings('APT::Key::gpgvcommand APT::Key::gpgcommand', {
    value: '/tmp/x',
    effect: 'trusts',
    source: 'apt-key(8)',
    rule: given,
  }),
  ...settings('APT::Compressor::x::Binary', {
    value: '/tmp/x',
    effect: 'executes',
    source: 'package apt',
    rule: given,
  }),
  ...settings('Acquire::http::Proxy-Auto-Detect Acquire::https::ProxyAutoDetect', {
    value: '/tmp/x',
    effect: 'executes',
    source: 'apt.conf(5)',
    rule: given,
  }),
  ...settings('Acquire::cdrom::/media/cdrom/::Mount Acquire::cdrom::/media/cdrom/::UMount', {
    value: '/tmp/x',
    effect: 'executes',
    source: 'apt.conf(5)',
    rule: given,
  }),
  ...settings('DPkg::Options::', {
    value: '--pre-invoke=/tmp/x',
    effect: 'configures',
    source: 'apt.conf(5)',
    rule: given,
  }),
  ...settings('DPkg::Path DPkg::Chroot-Directory', {
    value: '/tmp/x',
    effect: 'executes',
    source: 'apt.conf(5)',
    rule: given,
  }),
  ...settings('Dir::Etc::main Dir::Etc::parts #include', {
    value: '/tmp/x',
    effect: 'configures',
    source: 'apt.conf(5)',
    rule: given,
  }),
  ...settings('Aptitude::Get-Root-Command', {
    value: 'su:/tmp/x',
    effect: 'executes',
    source: 'package aptitude',
    rule: given,
  }),
  ...settings('RootDir Dir Dir::Etc', {
    value: '/tmp/x',
    effect: 'configures',
    source: 'apt.conf(5)',
    reason:
      'usual for images and scratch roots; in the file of APT_CONFIG it also moves apt.conf.d, which is not followed',
  }),
  ...settings('Dir::Etc::sourcelist Dir::Etc::sourceparts Dir::State::lists', {
    value: '/tmp/x',
    effect: 'trusts',
    source: 'apt.conf(5)',
    reason: judgedByLists,
  }),
  ...settings('Dir::Etc::trusted Dir::Etc::trustedparts', {
    value: '/tmp/x',
    effect: 'trusts',
    source: 'package apt',
    reason: judgedByLists,
  }),
  ...settings('Dir::Etc::preferences Dir::Etc::preferencesparts APT::Default-Release', {
    value: '/tmp/x',
    effect: 'trusts',
    source: 'apt_preferences(5)',
    reason: 'chooses between configured sources',
  }),
  ...settings('Dir::Etc::netrc Dir::Etc::netrcparts', {
    value: '/tmp/x',
    effect: 'configures',
    source: 'apt_auth.conf(5)',
    reason: 'names passwords only',
  }),
  ...settings(
    'APT::Get::AllowUnauthenticated Acquire::AllowInsecureRepositories Acquire::AllowWeakRepositories Acquire::AllowDowngradeToInsecureRepositories',
    { value: 'true', effect: 'trusts', source: 'apt.conf(5)', rule: off },
  ),
  ...settings('Acquire::https::Verify-Peer Acquire::https::CaInfo', {
    value: 'false',
    effect: 'trusts',
    source: 'apt-transport-https(1)',
    reason: 'apt verifies the lists by their signature, whatever the server is',
  }),
];
