// What each format of configuration makes a package tool run, as the tool reads it, and what only looks like it.

import { describe, expect, test } from 'vitest';
import {
  boundedCommands,
  type ConfigurationSyntax,
  commandsIn,
  configurationSyntaxes,
  readsName,
} from '../../../collectors/hooks/configuration-commands.ts';

type Case = readonly [text: string, commands: readonly string[]];

const cases: Readonly<Partial<Record<ConfigurationSyntax, readonly Case[]>>> = {
  apt_conf: [
    ['DPkg::Post-Invoke { "/opt/x"; "/opt/y"; };', ['DPkg::Post-Invoke:: /opt/x', 'DPkg::Post-Invoke:: /opt/y']],
    ['dpkg\n{\n\tPRE-INVOKE { /opt/x; };\n};', ['dpkg::PRE-INVOKE:: /opt/x']],
    ['APT::Update::Post-Invoke-Success:: "a" "b";', ['APT::Update::Post-Invoke-Success:: ab']],
    ['DPkg::Pre-Install-Pkgs::x "sh /opt/x";', ['DPkg::Pre-Install-Pkgs::x sh /opt/x']],
    ['AptCli::Hooks::Upgrade:: "/opt/x";', ['AptCli::Hooks::Upgrade:: /opt/x']],
    ['Binary::apt::DPkg::Post-Invoke:: "/opt/x";', ['Binary::apt::DPkg::Post-Invoke:: /opt/x']],
    [
      'Dir::Bin::dpkg "/opt/x"; Dir { Bin { methods "/opt/m"; }; };',
      ['Dir::Bin::dpkg /opt/x', 'Dir::Bin::methods /opt/m'],
    ],
    [
      'Dir::Bin::dpkg "/bin/sh"; Dir::Bin::gzip "/usr/bin/../../tmp/x";',
      ['Dir::Bin::dpkg /bin/sh', 'Dir::Bin::gzip /usr/bin/../../tmp/x'],
    ],
    [
      'Acquire::http::Proxy-Auto-Detect "/opt/x"; Acquire::https::ProxyAutoDetect "/opt/y";',
      ['Acquire::http::Proxy-Auto-Detect /opt/x', 'Acquire::https::ProxyAutoDetect /opt/y'],
    ],
    [
      'DPkg::Path "/tmp:/usr/bin"; DPkg::Chroot-Directory "/srv/x";',
      ['DPkg::Path /tmp:/usr/bin', 'DPkg::Chroot-Directory /srv/x'],
    ],
    ['DPkg::Options { "--force-confold"; "--pre-invoke=/opt/x"; };', ['DPkg::Options:: --pre-invoke=/opt/x']],
    ['APT::Compressor::x { Name "x"; Binary "/opt/x"; };', ['APT::Compressor::x::Binary /opt/x']],
    [
      'APT::Solver "../../../tmp/x"; Apt::Key::gpgvcommand "/opt/x";',
      ['APT::Solver ../../../tmp/x', 'Apt::Key::gpgvcommand /opt/x'],
    ],
    ['Acquire::cdrom { /media/x { Mount "/opt/x"; }; };', ['Acquire::cdrom::/media/x::Mount /opt/x']],
    ['Dir::Etc::Parts "/opt/conf.d";', ['Dir::Etc::Parts /opt/conf.d']],
    ['#include "/opt/x.conf";', ['#include /opt/x.conf']],
    // Comments end where apt ends them.
    ['/* a\n*/ DPkg::Post-Invoke:: "x // y"; // DPkg::Post-Invoke:: "z";', ['DPkg::Post-Invoke:: x // y']],
    ['DPkg::Post-Invoke:: "# x";#clear DPkg::Post-Invoke;\n# DPkg::Post-Invoke:: "y";', ['DPkg::Post-Invoke:: # x']],
    // A quote ends with its line.
    // A quote ends with its line.
    ['DPkg::Post-Invoke\n{\n"a\nb"; };', []],
    ['DPkg::Post%2dInvoke:: "x";', ['DPkg::Post-Invoke:: x']],
    [
      'Acquire::http::Proxy "http://u:secret@h"; DPkg::Post-Invoke:: "curl http://u:secret@h";',
      ['DPkg::Post-Invoke:: curl http://u:***@h'],
    ],
    // apt stops at an error, and refuses the file.
    ['DPkg::Post-Invoke:: "x" y z; DPkg::Post-Invoke:: "b";', []],
    // Not run: the value of the list itself, an empty value, comments.
    ['DPkg::Post-Invoke "x"; DPkg::Post-Invoke:: "";', []],
    ['// DPkg::Post-Invoke { "x"; };\n# DPkg::Post-Invoke:: "y";\n/* DPkg::Post-Invoke:: "z"; */', []],
    [
      'Acquire::http::Proxy "http://proxy:3128"; APT::Install-Recommends "0"; APT::Periodic::Unattended-Upgrade "1";',
      [],
    ],
    [
      'Dir::Bin::dpkg "/usr/bin/dpkg"; Dir::Bin::methods "/usr/lib/apt/methods"; Dir::Bin::gzip "gzip"; DPkg::Path "/usr/sbin:/usr/bin";',
      [],
    ],
    [
      'Dir::Etc::Parts "/dev/null"; APT::Solver "aspcud"; APT::Compressor::rev { Binary "rev"; }; DPkg::Chroot-Directory "/";',
      [],
    ],
    ['Unattended-Upgrade::Mail "root"; pre-invoke "x"; Some::Post-Invoked:: "x";', []],
    ['DPkg::Post-Invoke { "x', []],
  ],
  dpkg_cfg: [
    ['post-invoke=sh -c "x"', ['post-invoke sh -c "x"']],
    ['pre-invoke /opt/x\nstatus-logger = /opt/y', ['pre-invoke /opt/x', 'status-logger /opt/y']],
    ['pre-invoke="/opt/x"\n', ['pre-invoke "/opt/x"']],
    // dpkg reads 1,023 bytes at once, so that a long comment can hide a line.
    [`#${'a'.repeat(1022)}pre-invoke /opt/x`, ['pre-invoke /opt/x']],
    [
      '#pre-invoke=/opt/x\nforce-confold\nno-debsig\nlog /var/log/dpkg.log\npre-invoke=\npath-exclude=/usr/share/doc/*\n',
      [],
    ],
    ['pre-invoked=x\n--pre-invoke=/opt/x\n', []],
  ],
  rpm_macros: [
    ['%_netsharedpath %(sh -c x)', ['%_netsharedpath %(sh -c x)']],
    [
      '%a x%{?b:%(touch /opt/x)}\n%c %{lua:os.execute("x")}',
      ['%a x%{?b:%(touch /opt/x)}', '%c %{lua:os.execute("x")}'],
    ],
    ['%a(n:) \\\n  b \\\n  %(c)\n%d e', ['%a \\ b \\ %(c)']],
    ['%a %{expand:\n%%(b)\n}', ['%a %{expand: %%(b) }']],
    ['%a %{load:/opt/macros}\n%b %[lua:f()]', ['%a %{load:/opt/macros}', '%b %[lua:f()]']],
    [
      '%__gpg /opt/gpg\n%__urlhelpercmd sh -c x\n%__transaction_x /opt/x.so\n%__plugindir /opt',
      ['%__gpg /opt/gpg', '%__urlhelpercmd sh -c x', '%__transaction_x /opt/x.so', '%__plugindir /opt'],
    ],
    ['%_topdir %(echo $HOME; /opt/x)', ['%_topdir %(echo $HOME; /opt/x)']],
    ['%_topdir %(echo $(x))/y', ['%_topdir %(echo $(x))/y']],
    [
      '# %(x)\n%(x)\ntext %(x)\n%_topdir %(echo $HOME)/rpmbuild\n%_smp_mflags -j%(nproc)\n%packager x\n%__gpg /usr/bin/gpg2',
      [],
    ],
    // What rpmdev-setuptree writes.
    [
      '%__arch_install_post \\\n  [ "%{buildarch}" = "noarch" ] || QA_CHECK_RPATHS=1 ; \\\n  /usr/lib/rpm/check-buildroot',
      [],
    ],
  ],
  rpmrc: [
    [
      'include: /opt/rpmrc\nmacrofiles: /usr/lib/rpm/macros:/opt/macros',
      ['include /opt/rpmrc', 'macrofiles /usr/lib/rpm/macros:/opt/macros'],
    ],
    ['optflags: x86_64 -O2\ninclude: /usr/lib/rpm/rpmrc\nmacrofiles: /usr/lib/rpm/macros:/etc/rpm/macros\n', []],
  ],
  popt: [
    ['rpm exec --x /opt/x', ['rpm exec --x /opt/x']],
    [
      'rpm\talias -q --pipe "x"\nrpm alias --y --define "a %(x)"',
      ['rpm alias -q --pipe "x"', 'rpm alias --y --define "a %(x)"'],
    ],
    ['r* alias --z \\\n --macros /opt/x', ['r* alias --z --macros /opt/x']],
    [
      'rpm exec --import rpmkeys --import\nrpm alias --scripts --qf "%{PREIN}"\n# rpm exec --x /opt/x\nother exec --x /opt/x\nrpm alias --m --macros /usr/lib/rpm/macros',
      [],
    ],
  ],
  dnf_conf: [
    [
      '[main]\npluginpath = /opt/plugins\npluginconfpath=/etc/dnf/plugins,/opt/y',
      ['pluginpath /opt/plugins', 'pluginconfpath /etc/dnf/plugins,/opt/y'],
    ],
    ['install=--setopt=pluginpath=/opt install', ['install --setopt=pluginpath=/opt install']],
    ['[command]\ncommand_format = /opt/x', ['command_format /opt/x']],
    [
      '[main]\ngpgcheck=1\nplugins=1\npluginpath=/usr/lib/python3/dist-packages/dnf-plugins\n# pluginpath=/opt\nproxy=http://x',
      [],
    ],
  ],
  actions: [
    ['# c\npre_transaction::::/bin/sh -c x\n', ['pre_transaction::::/bin/sh -c x']],
    ['*:any:touch /opt/x', ['*:any:touch /opt/x']],
    ['# a:b:c\n\n', []],
  ],
  debconf: [
    ['Name: c\nDriver: File; system("x")', ['Driver File; system("x")']],
    ['Name: config\ndriver: File\nMode: 644\n\nDriver: Stack\nDriver:  DirTree', []],
  ],
  shell: [
    ['VCS=git\n/opt/x\nA=b; c\nD=$(e)', ['/opt/x', 'A=b; c', 'D=$(e)']],
    ['# c\nVCS=git\nexport A="b c"\nB=\'$(x)\' # d\n', []],
  ],
  pth: [
    ['/opt/modules\nimport os; os.system("/opt/x")\n', ['import os; os.system("/opt/x")']],
    ['import\tx\r\n', ['import x']],
    // Python takes these as directories or comments.
    ['# import os\n import x\nimportant\n\n/usr/lib/python3/dist-packages/import x', []],
  ],
  perl: [
    [
      `system("x");\n$nrconf{a} = "@{[system 1]}";\nqr((?{system 1}))\n'a #'; system("x");`,
      ['system("x");', '$nrconf{a} = "@{[system 1]}";', 'qr((?{system 1}))', `'a #'; system("x");`],
    ],
    [
      `# c\n$nrconf{restart} = 'a';\n$nrconf{blacklist} = [\n    qr(^/usr/bin/sudo(\\.dpkg-new)?$),\n];\n$nrconf{override_rc} = {\n  qr(^dbus) => 0,\n};\n$nrconf{override_rc}{qr(^a\\.service$)} = 0;\n$nrconf{kernelhints} = -1; # d\n1;\n`,
      [],
    ],
  ],
};

describe.each(Object.entries(cases) as [ConfigurationSyntax, readonly Case[]][])('%s', (syntax, table) => {
  test.each(table)('%j', (text, commands) => {
    expect(boundedCommands(commandsIn(syntax, text))).toEqual(commands);
  });
});

test('every format that is read by its text has cases', () => {
  const withoutText = ['program', 'module'];
  expect(Object.keys(configurationSyntaxes).filter((syntax) => !(syntax in cases))).toEqual(withoutText);
});

test('commands are short, few, on one line and each there once', () => {
  const lines = Array.from({ length: 100_000 }, (_, i) => `x${i % 40}\t${'y'.repeat(1000)}`).join('\n');
  const commands = boundedCommands(commandsIn('shell', lines));
  expect(commands).toHaveLength(16);
  expect(commands.every((command) => Buffer.byteLength(command) <= 256 && !/[\n\t]/.test(command))).toBe(true);
});

/** 64 KiB, of which a configuration is read, of what is worst for one of the readers. */
const hostile: Readonly<Record<string, string>> = {
  spaces: ' ',
  tabs: '\t',
  lines: '\n',
  NULs: '\0',
  quotes: '"',
  brackets: '[',
  opening: '{',
  'open names': 'a{',
  closing: '}',
  statements: 'a b;',
  comments: '/*',
  'comments that end': '/**/',
  directives: '#include',
  hashes: '#',
  names: 'a::',
  hooks: 'pre-invoke',
  'hooks of hooks': '::pre-invoke-',
  percent: '%',
  commands: '%(',
  'printing commands': '%(echo a ',
  macros: '%a %{',
  Lua: '%[',
  continued: 'a \\\n',
  'open definitions': '%a {\n',
  settings: 'a=',
  numbers: '1',
  'lists of numbers': '1,',
  patterns: 'qr(',
  'a pattern': 'qr((',
  plugins: 'pluginpath=/usr/',
  colons: ':',
  words: 'rpm alias ',
  pipes: ' --pipe',
  drivers: 'Driver: \n',
  URLs: 'http://a:b@',
};
const textBytes = 64 * 1024;

test.each(Object.entries(hostile))('hostile text ends and is bounded: %s', (_, part) => {
  const text = part.repeat(Math.ceil(textBytes / part.length)).slice(0, textBytes);
  for (const syntax of Object.keys(configurationSyntaxes) as ConfigurationSyntax[]) {
    for (const one of [text, `%a ${text}`, `DPkg::Post-Invoke { ${text}`, `a=${text}`]) {
      expect(boundedCommands(commandsIn(syntax, one)).length).toBeLessThanOrEqual(16);
    }
  }
});

test.each<[syntax: ConfigurationSyntax, read: string[], passed: string[]]>([
  [
    'apt_conf',
    ['01x', 'x.conf', 'a.b.conf', 'apt.conf', 'a-b_c'],
    ['x.bak', '.x', 'x.conf.dpkg-old', 'x~', 'x.dpkg-new', 'a b', '.x.conf'],
  ],
  ['dpkg_cfg', ['99-local', 'dpkg.cfg', '.dpkg.cfg'], ['x.conf', 'x.dpkg-new', '.x', 'x~']],
  ['rpm_macros', ['macros', 'macros.x', '.rpmmacros'], ['macros.rpmnew', 'macros.rpmsave', 'macros~']],
  ['pth', ['x.pth'], ['x.pth.bak', 'x.pth~']],
  ['program', ['x', 'x.py', 'x.sh'], ['x.bak', 'x.dpkg-dist', 'x.swp', '#x'.replace('#', '.#')]],
])('names that a tool passes over: %s', (syntax, read, passed) => {
  expect([...read, ...passed].filter((name) => readsName(syntax, name))).toEqual(read);
});
