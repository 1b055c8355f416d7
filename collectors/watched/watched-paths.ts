// The paths that are watched by default, outside of the package databases: files that make a program run, at each boot,
// login or run of a package tool.

import type { CodeEffect, CodeReader } from '../hooks/code-readers.ts';
import type { ConfigurationSyntax } from '../hooks/configuration-commands.ts';

/** The kinds of watched paths, as `stepparent.file.watched` names them, each with its meaning. */
export const watchedKinds = {
  apt: 'configuration, hooks, sources, keys and methods of apt',
  dpkg: 'configuration of dpkg, which can name commands, and its alternatives',
  debconf: 'configuration of debconf',
  rpm: 'configuration, macros, options and plugins of rpm',
  dnf: 'configuration, repositories, keys and plugins of dnf, yum, microdnf and tdnf',
  zypp: 'configuration, repositories and plugins of zypper',
  packagekit: 'configuration and backends of PackageKit',
  package_hook: 'hooks of needrestart, ucf, etckeeper and of scripts of packages, which run at installations',
  systemd: 'units, generators and settings of systemd, also those of users',
  cron: 'tables and scripts of cron, anacron and at',
  sudo: 'who may use sudo, and how',
  ssh: 'keys that may log in, and the configuration of sshd and ssh',
  linker: 'libraries that are loaded into each program, and where they are searched',
  shell: 'start files of shells and of sessions',
  environment: 'environment variables of sessions and services',
  init: 'scripts of System V init, and rc.local',
  pam: 'modules that handle each login',
  udev: 'rules of udev, which can name commands',
  network: 'scripts that run when the network changes',
  desktop: 'programs that a desktop starts, and services of D-Bus',
  module: 'kernel modules that are loaded, and commands in their place',
  boot: 'hooks of initramfs, kernel and boot loader',
  trust: 'certificate authorities, and settings of TLS and of signatures',
  motd: 'scripts that run at each login to show a message',
  logrotate: 'configuration of logrotate, which can name commands',
  configured: 'paths that the configuration adds',
  parent: 'a directory on the way to watched paths',
} as const;

/** The kind of a watched path. */
export type WatchedKind = keyof typeof watchedKinds;

/** One row of the list. */
export interface WatchedPath {
  kind: WatchedKind;
  /**
   * An absolute path, or one that begins with `~/` and stands for the home of each user. `*` matches any characters of
   * one name; a last `**` matches everything below, up to `maxLevels` deep.
   */
  path: string;
  /** The manual page or the package that says that the file is read. */
  source: string;
  /** The file may contain passwords: its content is not read into events. */
  isSecret?: true;
  /** How a package tool, or a script of a package, reads the file to find code that it runs. Absent: it does not. */
  syntax?: ConfigurationSyntax;
  /** The tool that reads it. Absent: that of the kind. */
  reader?: CodeReader;
  /** What it does. Absent: what its syntax says; without one, it configures its reader. */
  effect?: CodeEffect;
}

const rows = (kind: WatchedKind, source: string, ...paths: readonly string[]): WatchedPath[] =>
  paths.map((path) => ({ kind, path, source }));

const secrets = (kind: WatchedKind, source: string, ...paths: readonly string[]): WatchedPath[] =>
  rows(kind, source, ...paths).map((row) => ({ ...row, isSecret: true }));

/** Rows whose files decide which code package tools run. */
const read = (
  kind: WatchedKind,
  source: string,
  syntax: ConfigurationSyntax,
  ...paths: readonly string[]
): WatchedPath[] => rows(kind, source, ...paths).map((row) => ({ ...row, syntax }));

const asTrusted = (row: WatchedPath): WatchedPath => ({ ...row, effect: 'trusts' });
const asLoaded = (row: WatchedPath): WatchedPath => ({ ...row, effect: 'loads' });

/** Rows whose files decide which code or origin is trusted. */
const trusted = (kind: WatchedKind, source: string, ...paths: readonly string[]): WatchedPath[] =>
  rows(kind, source, ...paths).map(asTrusted);

/** Rows that another tool than that of their kind reads. */
const by = (reader: CodeReader, ...paths: readonly WatchedPath[]): WatchedPath[] =>
  paths.map((row) => ({ ...row, reader }));

/** The path below each directory of libraries. */
const inLibraries = (path: string): string[] =>
  ['', '64', '/x86_64-linux-gnu', '/aarch64-linux-gnu'].map((directory) => `/usr/lib${directory}/${path}`);

/** The file in the directory of each vendor of rpm. */
const vendorFiles = (name: string): string[] =>
  ['redhat', 'suse', 'debian'].map((vendor) => `/usr/lib/rpm/${vendor}/${name}`);

/** Directories of Python modules: of Debian, and by version of the others. */
const pythonPackages: readonly string[] = [
  'python3/dist-packages',
  ...Array.from({ length: 10 }, (_, i) => `python3.${i + 6}/site-packages`),
];

/** Where pip puts modules, some of which bring a path file that imports. */
const sitePackages: readonly string[] = [
  '/usr/lib/python3*/site-packages',
  '/usr/lib64/python3*/site-packages',
  '/usr/local/lib/python3*/dist-packages',
  '/usr/local/lib/python3*/site-packages',
  '~/.local/lib/python3*/site-packages',
];

/** The paths below a directory of configuration, a runtime directory, and the directories of packages. */
const inUnitDirectories = (...names: readonly string[]): string[] =>
  names.flatMap((name) =>
    ['/etc', '/run', '/usr/local/lib', '/usr/lib', '/lib'].map((directory) => `${directory}/systemd/${name}`),
  );

/** The default list. The first row that matches a path gives its kind. */
export const watchedPaths: readonly WatchedPath[] = [
  ...secrets('apt', 'apt_auth.conf(5)', '/etc/apt/auth.conf', '/etc/apt/auth.conf.d/*'),
  ...read('apt', 'apt.conf(5)', 'apt_conf', '/etc/apt/apt.conf', '/etc/apt/apt.conf.d/*'),
  ...by('aptitude', ...read('apt', 'aptitude(8)', 'apt_conf', '~/.aptitude/config')),
  ...trusted('apt', 'sources.list(5)', '/etc/apt/sources.list*', '/etc/apt/sources.list.d/*', '/etc/apt/mirrors/*'),
  ...trusted('apt', 'apt-key(8)', '/etc/apt/trusted.gpg*', '/etc/apt/trusted.gpg.d/*', '/etc/apt/keyrings/*'),
  ...trusted('apt', 'apt_preferences(5)', '/etc/apt/preferences*', '/etc/apt/preferences.d/*'),
  ...rows('apt', 'listchanges.conf(5)', '/etc/apt/listchanges.conf', '/etc/apt/listchanges.conf.d/*'),
  ...read('apt', 'package apt', 'program', '/usr/lib/apt/**'),
  ...trusted('apt', 'package apt', '/usr/share/keyrings/*', '/usr/share/apt/default-sequoia.config'),

  ...read('dpkg', 'dpkg.cfg(5)', 'dpkg_cfg', '/etc/dpkg/dpkg.cfg', '/etc/dpkg/dpkg.cfg.d/*', '~/.dpkg.cfg'),
  ...rows('dpkg', 'package dpkg', '/etc/dpkg/origins/*', '/etc/dpkg/shlibs.*'),
  ...trusted('dpkg', 'debsig-verify(1)', '/etc/debsig/policies/**', '/usr/share/debsig/keyrings/**'),
  ...read('dpkg', 'package dpkg', 'program', '/usr/lib/dpkg/**', '/usr/libexec/dpkg/*'),
  ...read('dpkg', 'dpkg-maintscript-helper(1)', 'module', '/usr/share/dpkg/sh/*'),
  ...trusted('dpkg', 'update-alternatives(1)', '/etc/alternatives/*', '/var/lib/dpkg/alternatives/*'),
  ...read('debconf', 'debconf.conf(5)', 'debconf', '/etc/debconf.conf', '~/.debconfrc'),
  ...read('debconf', 'package debconf', 'module', '/usr/share/debconf/**', '/usr/share/perl5/Debconf/**'),
  ...read('debconf', 'package debconf', 'program', '/usr/lib/cdebconf/debconf'),

  ...read('rpm', 'rpm(8)', 'rpm_macros', '/etc/rpm/macros*', '/etc/rpm/macros.d/*', '/usr/lib/rpm/macros'),
  ...read('rpm', 'rpm(8)', 'rpm_macros', '/usr/lib/rpm/macros.d/*', '/usr/lib/rpm/platform/*/macros'),
  ...read('rpm', 'rpm(8)', 'rpm_macros', ...vendorFiles('macros'), '/usr/lib/rpm/suse_macros', '/etc/rpm/*/macros'),
  ...read('rpm', 'rpm(8)', 'rpm_macros', '/usr/lib/rpm/fileattrs/*.attr'),
  ...read('rpm', 'rpm(8)', 'rpm_macros', '~/.rpmmacros', '~/.config/rpm/macros'),
  ...read('rpm', 'rpm(8)', 'rpmrc', '/etc/rpmrc', '/etc/rpm/rpmrc', '/usr/lib/rpm/rpmrc', ...vendorFiles('rpmrc')),
  ...read('rpm', 'rpm(8)', 'rpmrc', '~/.rpmrc', '~/.config/rpm/rpmrc'),
  ...read('rpm', 'rpm(8)', 'module', '/usr/lib/rpm/lua/**'),
  ...rows('rpm', 'rpm(8)', '/etc/rpm/**', '/usr/lib/rpm/redhat/**', '~/.config/rpm/*'),
  ...by(
    'popt',
    ...read(
      'rpm',
      'popt(3)',
      'popt',
      '/usr/lib/rpm/rpmpopt*',
      '/etc/popt',
      '/etc/popt.d/*',
      '~/.popt',
      '~/.config/popt',
    ),
  ),
  // curl, by which rpm fetches packages.
  ...rows('rpm', 'curl(1)', '~/.curlrc', '~/.config/curlrc'),
  ...read('rpm', 'rpm-plugins(8)', 'module', ...inLibraries('rpm-plugins/*')),

  ...secrets('dnf', 'dnf.conf(5)', '/etc/yum.repos.d/*', '/etc/distro.repos.d/*').map(asTrusted),
  ...secrets('dnf', 'package tdnf', '/etc/tdnf/tdnf.conf'),
  ...read('dnf', 'dnf.conf(5)', 'dnf_conf', '/etc/dnf/*.conf', '/etc/dnf/aliases.d/*', '/etc/dnf/plugins/*.conf'),
  ...by(
    'yum',
    ...read('dnf', 'dnf.conf(5)', 'dnf_conf', '/etc/yum.conf', '/etc/yum/*.conf', '/etc/yum/pluginconf.d/*'),
  ),
  ...by(
    'dnf5',
    ...read('dnf', 'dnf5-libdnf5.conf(5)', 'dnf_conf', '/etc/dnf/libdnf5.conf.d/*', '/etc/dnf/libdnf5-plugins/*.conf'),
    ...read('dnf', 'dnf5-libdnf5.conf(5)', 'dnf_conf', '/usr/share/dnf5/libdnf.conf.d/*'),
    ...read('dnf', 'libdnf5-actions(8)', 'actions', '/etc/dnf/libdnf5-plugins/actions.d/*'),
    ...rows('dnf', 'dnf5-aliases(7)', '/etc/dnf/dnf5-aliases.d/*', '~/.config/dnf5/aliases.d/*'),
  ),
  ...read(
    'dnf',
    'dnf-post-transaction-actions(8)',
    'actions',
    ...['post-transaction', 'pre-transaction'].map((time) => `/etc/dnf/plugins/${time}-actions.d/*`),
  ),
  ...by('yum', ...read('dnf', 'package yum', 'actions', '/etc/yum/post-actions/*')),
  ...trusted('dnf', 'dnf.conf(5)', '/etc/pki/rpm-gpg/*', '/etc/dnf/vars/*', '/etc/yum/vars/*'),
  ...rows('dnf', 'dnf.conf(5)', '/etc/dnf/**', '/etc/yum/**'),
  ...rows('dnf', 'package tdnf', '/etc/tdnf/**'),
  ...by(
    'dnf5',
    ...read('dnf', 'dnf5-libdnf5.conf(5)', 'module', ...inLibraries('libdnf5/plugins/*')),
    ...rows('dnf', 'dnf5-libdnf5.conf(5)', '/usr/share/dnf5/**'),
    ...read('dnf', 'package dnf5', 'module', ...inLibraries('dnf5/plugins/*')),
  ),
  ...read('dnf', 'package dnf', 'module', ...inLibraries('libdnf/plugins/*')),
  ...read('dnf', 'package dnf', 'module', ...pythonPackages.map((packages) => `/usr/lib/${packages}/dnf-plugins/*`)),
  ...by('yum', ...read('dnf', 'package yum', 'module', '/usr/lib/yum-plugins/*', '/usr/share/yum-plugins/*')),
  ...read('dnf', 'package tdnf', 'module', '/usr/lib/tdnf-plugins/*', '/usr/lib64/tdnf-plugins/*'),

  ...secrets('zypp', 'zypper(8)', '/etc/zypp/repos.d/*', '/etc/zypp/services.d/*').map(asTrusted),
  ...secrets('zypp', 'zypper(8)', '/etc/zypp/credentials.d/*'),
  ...rows('zypp', 'zypper(8)', '~/.zypper.conf'),
  ...trusted('zypp', 'zypper(8)', '/etc/zypp/vendors.d/*', '/etc/zypp/vars.d/*', '/etc/products.d/*'),
  ...read('zypp', 'zypper(8)', 'program', '/usr/lib/zypp/plugins/**', '/usr/lib/zypper/commands/*'),
  ...rows('zypp', 'zypper(8)', '/etc/zypp/**'),
  ...read('packagekit', 'package packagekit', 'program', '/etc/PackageKit/events/**'),
  ...rows('packagekit', 'package packagekit', '/etc/PackageKit/**'),
  ...read('packagekit', 'package packagekit', 'module', ...inLibraries('packagekit-backend/*')),
  ...read('packagekit', 'package packagekit', 'module', '/usr/share/PackageKit/helpers/**'),

  ...read(
    'package_hook',
    'package needrestart',
    'program',
    ...['hook.d', 'notify.d', 'restart.d'].map((name) => `/etc/needrestart/${name}/*`),
    '/usr/lib/needrestart/*',
  ),
  ...read('package_hook', 'package needrestart', 'perl', '/etc/needrestart/*.conf', '/etc/needrestart/conf.d/*'),
  ...rows('package_hook', 'package needrestart', '/etc/needrestart/**'),
  ...read('package_hook', 'ucf.conf(5)', 'shell', '/etc/ucf.conf'),
  ...read('package_hook', 'etckeeper(8)', 'shell', '/etc/etckeeper/etckeeper.conf'),
  ...read('package_hook', 'etckeeper(8)', 'program', '/etc/etckeeper/*.d/*'),
  ...rows('package_hook', 'etckeeper(8)', '/etc/etckeeper/**'),
  ...read('package_hook', 'invoke-rc.d(8)', 'program', '/usr/sbin/policy-rc.d'),
  ...read('package_hook', 'update-ca-certificates(8)', 'program', '/etc/ca-certificates/update.d/*'),
  ...read('package_hook', 'package python3-minimal', 'program', '/usr/share/python3/runtime.d/*'),
  ...read('package_hook', 'package emacsen-common', 'program', '/usr/lib/emacsen-common/packages/*/*'),
  // Perl looks here first, also for modules that it brings itself; Python imports these modules at each start.
  ...read(
    'package_hook',
    'package perl-base',
    'module',
    ...['', '*/', '*/*/'].map((level) => `/etc/perl/${level}*.pm`),
  ),
  ...read(
    'package_hook',
    'package libpython3.11-minimal',
    'module',
    '/usr/lib/python3*/sitecustomize.py',
    '/etc/python3*/sitecustomize.py',
  ),
  ...read('package_hook', 'package libpython3.11-minimal', 'module', '/usr/lib/python3/dist-packages/*customize.py'),
  ...read('package_hook', 'package libpython3.11-minimal', 'pth', '/usr/lib/python3/dist-packages/*.pth'),
  ...rows(
    'package_hook',
    'package libpython3.11-minimal',
    ...sitePackages.flatMap((packages) => [`${packages}/*.pth`, `${packages}/*customize.py`]),
  ),

  ...rows('systemd', 'systemd.unit(5)', ...inUnitDirectories('system/**', 'user/**')),
  ...rows('systemd', 'systemd.unit(5)', '/etc/systemd/system.control/**', '/etc/systemd/system.attached/**'),
  ...rows('systemd', 'systemd.unit(5)', '/run/systemd/system.control/**', '/run/systemd/system.attached/**'),
  ...rows('systemd', 'systemd.unit(5)', '~/.config/systemd/user/**', '~/.config/systemd/user.control/**'),
  ...rows('systemd', 'systemd.unit(5)', '~/.local/share/systemd/user/**', '/usr/share/systemd/user/**'),
  ...rows('systemd', 'systemd.generator(7)', ...inUnitDirectories('system-generators/*', 'user-generators/*')),
  ...rows(
    'systemd',
    'systemd.environment-generator(7)',
    ...inUnitDirectories('system-environment-generators/*', 'user-environment-generators/*'),
  ),
  ...rows('systemd', 'systemd.preset(5)', ...inUnitDirectories('system-preset/*', 'user-preset/*')),
  ...rows('systemd', 'systemd-system.conf(5)', '/etc/systemd/*.conf', '/etc/systemd/*.conf.d/*'),
  ...rows('systemd', 'systemd-suspend.service(8)', ...inUnitDirectories('system-sleep/*', 'system-shutdown/*')),
  ...rows('systemd', 'tmpfiles.d(5)', '/etc/tmpfiles.d/*', '/etc/sysusers.d/*', '/etc/binfmt.d/*'),

  ...rows('cron', 'cron(8)', '/etc/crontab', '/etc/cron.d/*', '/etc/cron.allow', '/etc/cron.deny'),
  ...rows(
    'cron',
    'cron(8)',
    ...['hourly', 'daily', 'weekly', 'monthly', 'yearly'].map((name) => `/etc/cron.${name}/*`),
  ),
  ...rows('cron', 'crontab(1)', '/var/spool/cron/*', '/var/spool/cron/crontabs/*', '/var/spool/cron/tabs/*'),
  ...rows('cron', 'anacron(8)', '/etc/anacrontab'),
  ...rows('cron', 'at(1)', '/var/spool/cron/atjobs/*', '/var/spool/at/*', '/etc/at.allow', '/etc/at.deny'),

  ...rows('sudo', 'sudoers(5)', '/etc/sudoers', '/etc/sudoers.d/*', '/etc/sudo.conf', '/etc/doas.conf'),
  ...rows('sudo', 'polkit(8)', '/etc/polkit-1/**', '/usr/share/polkit-1/rules.d/*', '/usr/share/polkit-1/actions/*'),
  ...rows('ssh', 'sshd(8)', '~/.ssh/authorized_keys*', '~/.ssh/rc', '~/.ssh/environment', '/etc/ssh/sshrc'),
  ...rows('ssh', 'sshd_config(5)', '/etc/ssh/sshd_config', '/etc/ssh/sshd_config.d/*', '/etc/ssh/authorized_keys*'),
  ...rows('ssh', 'ssh_config(5)', '/etc/ssh/ssh_config', '/etc/ssh/ssh_config.d/*', '~/.ssh/config'),

  ...by(
    'any',
    ...rows('linker', 'ld.so(8)', '/etc/ld.so.preload', '/etc/ld.so.conf', '/etc/ld.so.conf.d/*').map(asLoaded),
  ),

  ...rows('shell', 'bash(1)', '/etc/profile', '/etc/profile.d/*', '/etc/bash.bashrc', '/etc/bashrc'),
  ...rows('shell', 'bash(1)', '/etc/bash.bash_logout', '/etc/skel/**', '/etc/bash_completion.d/*', '~/.profile'),
  ...rows('shell', 'bash(1)', '~/.bashrc', '~/.bash_profile', '~/.bash_login', '~/.bash_logout', '~/.bash_aliases'),
  ...rows('shell', 'zsh(1)', '/etc/zsh/*', '/etc/zshenv', '/etc/zprofile', '/etc/zshrc', '/etc/zlogin', '/etc/zlogout'),
  ...rows('shell', 'zsh(1)', '~/.zshenv', '~/.zprofile', '~/.zshrc', '~/.zlogin', '~/.zlogout'),
  ...rows('shell', 'fish(1)', '/etc/fish/**', '~/.config/fish/config.fish', '~/.config/fish/conf.d/*'),
  ...rows('shell', 'tcsh(1)', '/etc/csh.cshrc', '/etc/csh.login', '/etc/csh.logout', '/etc/csh/**'),
  ...rows('shell', 'tcsh(1)', '~/.cshrc', '~/.tcshrc', '~/.login', '~/.logout'),
  ...rows('shell', 'ksh(1)', '/etc/ksh.kshrc', '~/.kshrc', '~/.mkshrc'),
  ...rows('shell', 'Xsession(5)', '/etc/X11/Xsession.d/*', '/etc/X11/xinit/**', '~/.xsession', '~/.xsessionrc'),
  ...rows('shell', 'xinit(1)', '~/.xinitrc', '~/.xprofile'),
  ...rows('environment', 'environment(5)', '/etc/environment'),
  ...rows('environment', 'environment.d(5)', '/etc/environment.d/*', '~/.config/environment.d/*'),
  ...rows('environment', 'pam_env.conf(5)', '/etc/security/pam_env.conf', '~/.pam_environment'),

  ...rows('init', 'package init-system-helpers', '/etc/init.d/*', '/etc/rc.local', '/etc/rc.d/**', '/etc/default/*'),
  ...rows(
    'init',
    'package initscripts',
    ...['0', '1', '2', '3', '4', '5', '6', 'S'].map((level) => `/etc/rc${level}.d/*`),
  ),
  ...rows('pam', 'pam.conf(5)', '/etc/pam.conf', '/etc/pam.d/*', '/usr/share/pam-configs/*', '/usr/lib/pam.d/*'),
  ...rows('pam', 'package libpam-modules', ...inLibraries('security/*')),
  ...rows(
    'udev',
    'udev(7)',
    '/etc/udev/rules.d/*',
    '/run/udev/rules.d/*',
    '/usr/lib/udev/rules.d/*',
    '/lib/udev/rules.d/*',
  ),
  ...rows('network', 'NetworkManager-dispatcher(8)', '/etc/NetworkManager/dispatcher.d/**'),
  ...rows('network', 'NetworkManager-dispatcher(8)', '/usr/lib/NetworkManager/dispatcher.d/**'),
  ...rows('network', 'interfaces(5)', '/etc/network/interfaces', '/etc/network/interfaces.d/*'),
  ...rows(
    'network',
    'interfaces(5)',
    ...['up', 'down', 'pre-up', 'post-down'].map((name) => `/etc/network/if-${name}.d/*`),
  ),
  ...rows('network', 'package networkd-dispatcher', '/etc/networkd-dispatcher/**', '/usr/lib/networkd-dispatcher/**'),
  ...rows('network', 'dhclient-script(8)', '/etc/dhcp/dhclient-enter-hooks.d/*', '/etc/dhcp/dhclient-exit-hooks.d/*'),
  ...rows('network', 'pppd(8)', '/etc/ppp/ip-up.d/*', '/etc/ppp/ip-down.d/*'),
  ...rows('desktop', 'package xdg-utils', '/etc/xdg/autostart/*', '~/.config/autostart/*'),
  ...rows('desktop', 'dbus-daemon(1)', '/usr/share/dbus-1/system-services/*', '/usr/share/dbus-1/services/*'),
  ...rows('desktop', 'dbus-daemon(1)', '/etc/dbus-1/system.d/*', '~/.local/share/dbus-1/services/*'),
  ...rows('module', 'modules-load.d(5)', '/etc/modules', '/etc/modules-load.d/*', '/usr/lib/modules-load.d/*'),
  ...rows(
    'module',
    'modprobe.d(5)',
    '/etc/modprobe.d/*',
    '/run/modprobe.d/*',
    '/usr/lib/modprobe.d/*',
    '/lib/modprobe.d/*',
  ),
  ...by(
    'scripts',
    ...read('boot', 'initramfs-tools(7)', 'program', '/etc/initramfs-tools/hooks/*', '/etc/initramfs/post-update.d/*'),
    ...read('boot', 'initramfs-tools(7)', 'program', '/usr/share/initramfs-tools/hooks/*'),
    ...read('boot', 'initramfs.conf(5)', 'shell', '/etc/initramfs-tools/*.conf', '/etc/initramfs-tools/conf.d/*'),
    ...read('boot', 'kernel-install(8)', 'program', '/etc/kernel/*.d/*', '/usr/lib/kernel/install.d/*'),
    ...read('boot', 'package linux-image-amd64', 'program', '/usr/share/kernel/*.d/*'),
    ...rows('boot', 'dkms(8)', '/etc/dkms/**'),
  ),
  ...rows('boot', 'initramfs-tools(7)', '/etc/initramfs-tools/**', '/usr/share/initramfs-tools/**'),
  ...rows('boot', 'dracut(8)', '/etc/dracut.conf', '/etc/dracut.conf.d/*'),
  ...rows('boot', 'kernel-install(8)', '/etc/kernel/**'),
  ...rows('boot', 'grub-mkconfig(8)', '/etc/grub.d/*'),
  ...by(
    'any',
    ...trusted(
      'trust',
      'update-ca-certificates(8)',
      '/usr/local/share/ca-certificates/**',
      '/etc/ca-certificates.conf',
    ),
    ...trusted('trust', 'update-ca-certificates(8)', '/etc/pki/trust/**'),
    ...trusted('trust', 'update-ca-trust(8)', '/etc/pki/ca-trust/source/**'),
    ...trusted('trust', 'config(5)', '/etc/ssl/openssl.cnf', '/etc/pki/tls/openssl.cnf'),
    ...trusted('trust', 'crypto-policies(7)', '/etc/crypto-policies/config', '/etc/crypto-policies/back-ends/*'),
    ...trusted('trust', 'package libgnutls30', '/etc/gnutls/config'),
    ...rows('trust', 'pkcs11.conf(5)', '/etc/pkcs11/modules/*', '/usr/share/p11-kit/modules/*').map(asLoaded),
  ),
  ...rows('motd', 'pam_motd(8)', '/etc/update-motd.d/*'),
  ...rows('logrotate', 'logrotate(8)', '/etc/logrotate.conf', '/etc/logrotate.d/*'),
];

const kindReaders: Readonly<Partial<Record<WatchedKind, CodeReader>>> = {
  apt: 'apt',
  dpkg: 'dpkg',
  debconf: 'debconf',
  rpm: 'rpm',
  dnf: 'dnf',
  zypp: 'zypper',
  packagekit: 'packagekit',
  package_hook: 'scripts',
};

/** Who reads the file; undefined: no package tool and no script of a package does. */
export const readerOf = ({ kind, reader }: WatchedPath): CodeReader | undefined => reader ?? kindReaders[kind];

const syntaxEffects: Readonly<Partial<Record<ConfigurationSyntax, CodeEffect>>> = {
  shell: 'sources',
  perl: 'sources',
  pth: 'loads',
  module: 'loads',
  program: 'executes',
};

/** What the file does to its reader. */
export const effectOf = ({ effect, syntax }: WatchedPath): CodeEffect =>
  effect ?? (syntax && syntaxEffects[syntax]) ?? 'configures';
