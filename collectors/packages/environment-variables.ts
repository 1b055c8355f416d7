// The table of environment variables that change what package tools and their scripts do: those that the manuals of the
// tools, the dynamic linker, the shells and the interpreters name. `process.env_vars` has no others.

/** What a variable does to the program that reads it. The first ones are kept if not all variables fit into an event. */
export const variableEffects = {
  code: 'names code that the program loads or runs, or where it searches for it',
  trust: 'decides which keys, certificates or signatures count',
  files: 'names the root directory, the database or other directories that the program works on',
  origin: 'shows who asked for the run, and from where',
  network: 'names a proxy or resolves names, and so decides where packages come from',
  configuration: 'names a configuration file, or sets options',
  script: 'is set by the tool for the scripts and hooks that it runs',
} as const;

/** What a variable does, in a word. */
type VariableEffect = keyof typeof variableEffects;

/** Variables that the same programs read. */
export interface VariableGroup {
  readers: string;
  /** The manual pages, or a file of the program's source, that name the variables. */
  source: string;
  /** Names, separated by spaces. `*` at the end stands for all names that begin so. */
  variables: Readonly<Partial<Record<VariableEffect, string>>>;
}

/** The groups of the table. Each name and each beginning of a name occurs once. */
export const variableGroups: readonly VariableGroup[] = [
  {
    readers: 'most programs',
    source: 'environ(7), dpkg(1), rpm-config(5), dnf5(8)',
    variables: {
      code: 'PATH SHELL',
      files: 'TMPDIR TMP TEMP TEMPDIR',
      origin: 'USER LOGNAME',
      configuration: 'HOME XDG_CONFIG_HOME POSIXLY_CORRECT',
    },
  },
  {
    readers: 'the dynamic linker and the C library',
    source: 'ld.so(8), wiki.musl-libc.org/environment-variables.html',
    variables: {
      code: 'LD_PRELOAD LD_AUDIT LD_LIBRARY_PATH LD_ORIGIN_PATH GCONV_PATH GETCONF_DIR',
      network: 'HOSTALIASES LOCALDOMAIN NIS_PATH RES_OPTIONS RESOLV_HOST_CONF',
      configuration: 'LD_* GLIBC_TUNABLES LOCPATH MUSL_LOCPATH MALLOC_* NLSPATH TZDIR',
    },
  },
  {
    readers: 'dpkg and its tools',
    source: 'dpkg(1), dpkg-deb(1), dpkg-query(1), dpkg-maintscript-helper(1)',
    variables: {
      code: 'DPKG_PAGER',
      files: 'DPKG_ROOT DPKG_ADMINDIR DPKG_DATADIR',
      configuration: 'DPKG_* SOURCE_DATE_EPOCH',
      script:
        'DPKG_MAINTSCRIPT_* DPKG_CONFFILE_* DPKG_HOOK_ACTION DPKG_RUNNING_VERSION DPKG_SHELL_REASON DPKG_FRONTEND_LOCKED',
    },
  },
  {
    readers: 'apt and its helpers',
    source: 'apt.conf(5), apt-get(8), apt-key(8), apt-listchanges(1), apt: methods/sqv.cc',
    variables: {
      trust:
        'APT_KEY_DONT_WARN_ON_DANGEROUS_USAGE APT_KEY_NET_UPDATE_ENABLED APT_KEY_NO_LEGACY_KEYRING APT_SEQUOIA_CRYPTO_POLICY',
      configuration: 'APT_CONFIG APT_LISTBUGS_FRONTEND APT_LISTCHANGES_FRONTEND',
      script: 'APT_HOOK_INFO_FD APT_HOOK_SOCKET',
    },
  },
  {
    readers: 'debconf',
    source: 'debconf(7), debconf: Debconf/Config.pm',
    variables: {
      configuration: 'DEBIAN_FRONTEND DEBIAN_PRIORITY DEBCONF_*',
      script: 'DEBIAN_HAS_FRONTEND DEBCONF_REDIR DEBCONF_RECONFIGURE',
    },
  },
  { readers: 'ucf', source: 'ucf(1)', variables: { configuration: 'UCF_*' } },
  {
    readers: 'needrestart',
    source: 'needrestart(1)',
    variables: { configuration: 'NEEDRESTART_MODE NEEDRESTART_SUSPEND' },
  },
  {
    readers: 'rpm',
    source: 'rpm-common(8), rpm: poptALL.c, lib/rpmscript.c, rpm-sequoia: README.md',
    variables: {
      code: 'RPM_POPTEXEC_PATH',
      trust: 'RPM_SEQUOIA_CRYPTO_POLICY SEQUOIA_CRYPTO_POLICY',
      configuration: 'RPM_CONFIGDIR',
      script: 'RPM_INSTALL_PREFIX*',
    },
  },
  {
    readers: 'dnf',
    source: 'dnf5(8), dnf.conf(5), dnf: dnf/cli/aliases.py, dnf5: python_plugin_loader.cpp',
    variables: {
      code: 'DNF5_PLUGINS_DIR LIBDNF_PLUGINS_CONFIG_DIR LIBDNF_PYTHON_PLUGIN_DIR',
      network: 'DNF_VAR_* DNF0 DNF1 DNF2 DNF3 DNF4 DNF5 DNF6 DNF7 DNF8 DNF9',
      configuration: 'DNF5_FORCE_INTERACTIVE DNF_DISABLE_ALIASES',
    },
  },
  {
    readers: 'zypper',
    source: 'zypper(8), libzypp: ZConfig.cc, ZYppFactory.cc, TmpPath.cc',
    variables: { files: 'ZYPP_LOCKFILE_ROOT ZYPPTMPDIR', configuration: 'ZYPP_*' },
  },
  {
    readers: 'sh, bash, dash and zsh',
    source: 'bash(1), dash(1), zshparam(1)',
    variables: {
      code: 'ENV BASH_ENV BASH_FUNC_* BASH_LOADABLES_PATH FPATH PROMPT_COMMAND PS4 ZDOTDIR',
      configuration: 'BASHOPTS BASH_COMPAT BASH_XTRACEFD CDPATH IFS SHELLOPTS',
    },
  },
  {
    readers: 'perl',
    source: 'perlrun(1)',
    variables: {
      code: 'PERL5OPT PERL5LIB PERLLIB PERL5DB PERL5SHELL PERL_USE_UNSAFE_INC',
      configuration: 'PERLIO PERLIO_DEBUG PERL5DB_THREADED PERL_DL_NONLAZY PERL_UNICODE',
    },
  },
  {
    readers: 'python',
    source: 'python3(1)',
    variables: {
      code: 'PYTHONPATH PYTHONHOME PYTHONUSERBASE PYTHONSTARTUP PYTHONINSPECT PYTHONBREAKPOINT PYTHONWARNINGS PYTHONPLATLIBDIR PYTHONEXECUTABLE PYTHONPYCACHEPREFIX',
      configuration: 'PYTHON*',
    },
  },
  {
    readers: 'ruby',
    source: 'ruby(1), gem(1), bundle-config(1)',
    variables: { code: 'RUBYOPT RUBYLIB RUBYPATH RUBYSHELL GEM_HOME GEM_PATH BUNDLE_GEMFILE' },
  },
  {
    readers: 'node',
    source: 'node(1)',
    variables: {
      code: 'NODE_OPTIONS NODE_PATH NODE_REPL_EXTERNAL_MODULE',
      trust: 'NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED',
    },
  },
  { readers: 'php', source: 'php(1)', variables: { configuration: 'PHPRC PHP_INI_SCAN_DIR' } },
  { readers: 'lua', source: 'lua(1)', variables: { code: 'LUA_INIT* LUA_PATH* LUA_CPATH*' } },
  { readers: 'tcl', source: 'library(n), init(n)', variables: { code: 'TCLLIBPATH TCL_LIBRARY' } },
  {
    readers: 'java',
    source: 'java(1)',
    variables: { code: 'JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS CLASSPATH' },
  },
  { readers: 'awk', source: 'gawk(1)', variables: { code: 'AWKPATH AWKLIBPATH' } },
  { readers: 'make', source: 'make(1)', variables: { code: 'MAKEFILES MAKEFLAGS GNUMAKEFLAGS' } },
  {
    readers: 'tar and compressors',
    source: 'tar(1), gzip(1), bzip2(1), xz(1), zstd(1)',
    variables: {
      code: 'TAR_OPTIONS',
      configuration: 'TAPE GZIP BZIP BZIP2 XZ_DEFAULTS XZ_OPT ZSTD_CLEVEL ZSTD_NBTHREADS',
    },
  },
  {
    readers: 'pagers and editors',
    source: 'sensible-editor(1), sensible-pager(1), less(1), man(1)',
    variables: {
      code: 'PAGER EDITOR VISUAL SELECTED_EDITOR MANPAGER LESSOPEN LESSCLOSE LESSECHO LESSEDIT LESSKEY LESSKEYIN LESSKEY_SYSTEM LESSKEYIN_SYSTEM',
      configuration: 'LESS LESSSECURE',
    },
  },
  {
    readers: 'git',
    source: 'git(1), git-config(1), dpkg-source(1)',
    variables: {
      code: 'GIT_EXEC_PATH GIT_EXTERNAL_DIFF GIT_SSH GIT_SSH_COMMAND GIT_PROXY_COMMAND GIT_EDITOR GIT_PAGER GIT_ASKPASS GIT_TEMPLATE_DIR',
      files: 'GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES',
      configuration: 'GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM',
    },
  },
  {
    readers: 'gpg and OpenSSL',
    source: 'gpg(1), openssl-env(7)',
    variables: {
      code: 'OPENSSL_ENGINES OPENSSL_MODULES',
      trust: 'GNUPGHOME SSL_CERT_DIR SSL_CERT_FILE',
      configuration: 'OPENSSL_CONF OPENSSL_CONF_INCLUDE',
    },
  },
  {
    readers: 'apt, curl and wget',
    source: 'apt-transport-http(1), curl(1), wget(1)',
    variables: {
      trust: 'CURL_CA_BUNDLE',
      network:
        'http_proxy https_proxy ftp_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY',
      configuration: 'CURL_HOME WGETRC SYSTEM_WGETRC',
    },
  },
  {
    readers: 'systemd',
    source: 'systemctl(1), systemd.exec(5), pam_systemd(8)',
    variables: {
      code: 'SYSTEMD_EDITOR SYSTEMD_PAGER',
      origin: 'INVOCATION_ID JOURNAL_STREAM SYSTEMD_EXEC_PID REMOTE_ADDR REMOTE_PORT XDG_SESSION_ID container',
      configuration: 'SYSTEMD_*',
    },
  },
  {
    readers: 'programs that change the user',
    source: 'sudo(8), pkexec(1), doas(1), PackageKit: backends/apt/apt-job.cpp',
    variables: {
      code: 'SUDO_ASKPASS SUDO_EDITOR',
      origin: 'SUDO_* PKEXEC_UID DOAS_USER PACKAGEKIT_CALLER_UID',
    },
  },
  {
    readers: 'ssh',
    source: 'ssh(1), sshd(8)',
    variables: {
      code: 'SSH_ASKPASS',
      origin: 'SSH_CONNECTION SSH_CLIENT SSH_TTY SSH_ORIGINAL_COMMAND SSH_USER_AUTH',
    },
  },
];

/** A row of the table. */
export interface EnvironmentVariable {
  name: string;
  /** All names that begin with `name` are meant, unless they or a longer beginning have a row of their own. */
  isPrefix: boolean;
  effect: VariableEffect;
}

/** The rows of the table, by effect in the order of `variableEffects`, names before beginnings of names. */
export const environmentVariables: readonly EnvironmentVariable[] = (
  Object.keys(variableEffects) as VariableEffect[]
).flatMap((effect) => {
  const names = variableGroups.flatMap(({ variables }) => variables[effect]?.split(' ') ?? []);
  const rows = names.map((name) => ({ name: name.replace(/\*$/, ''), isPrefix: name.endsWith('*'), effect }));
  return [...rows.filter(({ isPrefix }) => !isPrefix), ...rows.filter(({ isPrefix }) => isPrefix)];
});

const byName = (isPrefix: boolean): Map<string, EnvironmentVariable> =>
  new Map(environmentVariables.filter((row) => row.isPrefix === isPrefix).map((row) => [row.name, row]));
const named = byName(false);
const prefixed = byName(true);
/** The longest beginning comes first, so that it is the one that matches. */
const prefixes = new RegExp(`^(?:${[...prefixed.keys()].sort((a, b) => b.length - a.length).join('|')})`);

/** The row of a variable. Undefined: the table does not have it. */
export const findVariable = (name: string): EnvironmentVariable | undefined =>
  named.get(name) ?? prefixed.get(prefixes.exec(name)?.[0] ?? '');
