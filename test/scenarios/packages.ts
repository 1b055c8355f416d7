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
  ...versions('vendor', all(), all('#!/bin/sh\nset -e\n: two\n'), all('#!/bin/sh\nset -e\n: three\n')),
  ...versions('library', all(), all('#!/bin/sh\nset -e\n: two\n'), all('#!/bin/sh\nset -e\n: three\n')),
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
    ...['by-hook', 'by-session', 'inner', 'by-tar'],
  ].flatMap((name) => versions(`evil-${name}`, name.endsWith('-bare') ? {} : { postinst: quiet })),
  ...versions('evil-marked', { postinst: marks('evil.ran', 'sleep 0.2\n') }),
  ...versions('evil-detached', {
    postinst: '#!/bin/sh\n( setsid sh -c "sleep 0.5; dpkg -i $DEBS/evil-inner_1.deb; :" >/dev/null 2>&1 & )\nexit 0\n',
  }),
  ...versions('evil-module', { postinst: '#!/bin/sh\nset -e\ninsmod /opt/module.ko\nexit 0\n' }),
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
  ['rpm-evil', ':'],
  ['rpm-marked', 'echo ran >>/opt/rpm-marked.ran; sleep 0.2'],
  ['rpm-detached', '( setsid /usr/bin/sleep 0.3 >/dev/null 2>&1 & )'],
]);

/** The debs in the scenarios' repository, by file name, at each of its three states. */
export const repository: Readonly<Record<1 | 2 | 3, readonly string[]>> = {
  1: ['library_1', 'service_1'],
  2: ['library_2', 'service_2', 'from-repository_1'],
  3: ['library_3'],
};
