// Attacks with harmless payloads and weeks of benign use, as data: the actor, the script, and the rules that are expected to fire.

/**
 * `script` is run by a shell that a process called `actor` has started in a session of its own. It finds `$DEBS`, `$RPMS` and
 * `$REPOSITORY` (packages), `$WORK` (an empty directory), `$INFO` (dpkg's directory of scripts) and the functions of `prelude`.
 */
export interface Act {
  id: string;
  /** The description in the table. */
  title: string;
  actor: string;
  /** The actor's shell; a login's is bash. */
  shell: 'sh' | 'bash';
  script: string;
  /** The agent does not run during the act. */
  agentOff?: true;
  /** Files without which the scenario is not run, as the table notes. */
  needs?: readonly string[];
}

export interface Scenario extends Act {
  /** At least one of these rules must fire; none may if the list is empty. */
  rules: readonly string[];
  /** Why an attack is missed, or why benign use raises an alert. */
  because?: string;
}

export const prelude = `
set -e
as_root() { su -s /bin/bash -c '"$@"' root -- bash "$@"; }
rpm_i() { rpm --dbpath "$RPM_DATABASE" --nodeps "$@"; }
offer() { echo "deb [trusted=yes] file:$REPOSITORY/$1 ./" >"$APT_SOURCES"; apt-get -q update; }
`;

const parents = ['dpkg-package-installed-by-unusual-parent', 'rpm-package-installed-by-unusual-parent'];
export const initiator = 'package-installed-by-unusual-initiator';
const scripts = 'unusual-dpkg-execution';
const impostor = 'package-tool-impostor';
const command = 'package-tool-given-command';
const records = 'dpkg-database-changed-by-other-program';
export const rpmRecords = 'rpm-database-changed-by-other-program';
const unowned = 'maintainer-script-unowned';
const changed = 'maintainer-script-changed-outside-dpkg';
const differs = 'maintainer-script-differs-from-version';

/** The rules about what is done to the agent. All others are about packages. */
export const agentRules: readonly string[] = ['tracing-instance-tampered', 'agent-not-running'];

/** A scenario in the session of a user who logs in over ssh and works in bash. */
const login = (id: string, title: string, script: string, more: Partial<Scenario> = {}): Scenario => ({
  id,
  title,
  actor: 'sshd',
  shell: 'bash',
  script,
  rules: [],
  ...more,
});

/** A scenario of a program other than a login, which runs a shell. */
const daemon = (actor: string, id: string, title: string, script: string, more: Partial<Scenario> = {}): Scenario => ({
  id,
  title,
  actor,
  shell: 'sh',
  script,
  rules: [],
  ...more,
});

const debconf = ['/usr/sbin/dpkg-reconfigure', '/usr/share/debconf/frontend'];
const noPrompts = 'export DEBIAN_FRONTEND=noninteractive';

/** The first week: the agent learns, and its alerts do not count. */
export const firstWeek: readonly Scenario[] = [
  login(
    'learn-su',
    'an administrator installs with su and dpkg -i',
    'for p in editor viewer victim appended offline copied same-version late; do as_root dpkg -i "$DEBS/$p"_1.deb; done',
  ),
  login('learn-root', 'an administrator is root and installs', 'dpkg -i $DEBS/fleet_1.deb'),
  login('learn-apt', 'an administrator installs with apt-get', 'offer 1; as_root apt-get install library service'),
  login('learn-asking', 'a package that asks', `${noPrompts}; as_root apt-get install $DEBS/asking_1.deb`, {
    needs: debconf,
  }),
  login(
    'learn-rpm',
    'an administrator installs with su and rpm -i',
    'as_root rpm --dbpath $RPM_DATABASE --nodeps -i $RPMS/rpm-one.rpm',
  ),
  daemon(
    'cron',
    'learn-vendor',
    "a vendor's updater runs from cron",
    '/opt/vendor/update.sh $DEBS/vendor_1.deb $RPMS/rpm-vendor.rpm',
  ),
  daemon(
    'fleet-agent',
    'learn-python',
    'a management agent installs through Python',
    '/usr/bin/python3 /opt/fleet/install.py dpkg -i $DEBS/fleet_1.deb',
  ),
  daemon('fleet-agent', 'learn-fleet', 'a management agent installs through a shell', 'dpkg -i $DEBS/viewer_1.deb; :'),
];

/** The second week: benign use that must raise no alert, except for the known false alarms. */
export const benign: readonly Scenario[] = [
  login('week-su', 'ssh, bash, su, dpkg -i: a package that is new', 'as_root dpkg -i $DEBS/new-tool_1.deb'),
  login('week-upgrade', 'ssh, bash, su, dpkg -i: a newer version', 'as_root dpkg -i $DEBS/editor_2.deb'),
  login('week-again', 'the same version installed again', 'as_root dpkg -i $DEBS/editor_2.deb'),
  login(
    'week-wrapped',
    'root in bash: nice, env and a redirection',
    'nice env LC_ALL=C dpkg -i $DEBS/viewer_2.deb 2>&1',
  ),
  login(
    'week-unpack',
    'dpkg --unpack, then --configure -a',
    'as_root dpkg --unpack $DEBS/fleet_1.deb; as_root dpkg --configure -a',
  ),
  login('week-remove', 'dpkg -r, then -P', 'as_root dpkg -r new-tool; as_root dpkg -P new-tool'),
  login(
    'week-apt',
    'apt-get update, upgrade and install',
    'offer 2; as_root apt-get upgrade; as_root apt-get install from-repository',
  ),
  login(
    'week-apt-remove',
    'apt-get remove and purge',
    'as_root apt-get remove from-repository; as_root apt-get purge from-repository',
  ),
  login('week-apt-file', 'apt-get install of a local file', 'as_root apt-get install $DEBS/new-service_1.deb'),
  login(
    'week-service',
    'a package with a unit is removed and purged',
    'as_root dpkg -r new-service; as_root dpkg -P new-service',
  ),
  login('week-daemon', 'a postinst that starts a daemon', 'as_root dpkg -i $DEBS/new-daemon_1.deb; sleep 0.4'),
  login(
    'week-debconf',
    'a package that asks, without prompts',
    `${noPrompts}; as_root dpkg -i $DEBS/new-asking_1.deb`,
    {
      needs: debconf,
    },
  ),
  login('week-reconfigure', 'dpkg-reconfigure', 'as_root dpkg-reconfigure -f noninteractive new-asking asking', {
    needs: debconf,
  }),
  login(
    'week-queries',
    'dpkg -l, -s, -S, -V, -L; a dry run',
    'dpkg -l >/dev/null; dpkg -s editor; dpkg -S /etc/none || true; dpkg -V editor; dpkg -L editor; dpkg --dry-run -i $DEBS/new-tool_1.deb',
  ),
  login(
    'week-read',
    'scripts are read and summed, not run',
    'cat $INFO/editor.postinst; sha256sum $INFO/*.postinst >/dev/null; cp $INFO/editor.postinst $WORK/copy; ls -la $INFO >/dev/null',
  ),
  login(
    'week-same-lines',
    'an own script with the same few lines as a postinst',
    'printf "#!/bin/sh\\nset -e\\nexit 0\\n" >own; chmod 755 own; cmp own $INFO/appended.postinst; ./own',
  ),
  login('week-rpm', 'ssh, bash, su, rpm -i', 'as_root rpm --dbpath $RPM_DATABASE --nodeps -i $RPMS/rpm-two.rpm'),
  daemon(
    'cron',
    'week-vendor',
    "the vendor's updater, twice",
    '/opt/vendor/update.sh $DEBS/vendor_2.deb; /opt/vendor/update.sh $DEBS/vendor_3.deb',
  ),
  daemon('fleet-agent', 'week-fleet', 'the management agent, through a shell', 'dpkg -i $DEBS/new-fleet_1.deb; :'),
  login(
    'week-helpers',
    "a postinst that uses dpkg's helpers",
    'as_root dpkg -i $DEBS/new-helpers_1.deb; as_root dpkg -i $DEBS/new-helpers_2.deb',
  ),
  login('week-offline', 'a newer version is installed while no agent runs', 'as_root dpkg -i $DEBS/late_2.deb', {
    agentOff: true,
  }),
  login(
    'week-rpm-upgrade',
    'ssh, bash, su, rpm -U of what is there',
    'as_root rpm --dbpath $RPM_DATABASE --nodeps -U --replacepkgs $RPMS/rpm-one.rpm',
  ),
  daemon(
    'inventory',
    'week-inventory',
    'a new inventory program asks rpm -qa and rpm -q -i',
    '"$BIN/inventory" -c "rpm --dbpath $RPM_DATABASE -qa; rpm --dbpath $RPM_DATABASE -q -i rpm-one; :"',
  ),
  daemon(
    'backup',
    'week-backup',
    'a new backup program tries whether a package would install: dpkg --simulate -i',
    '"$BIN/backup" -c "dpkg --simulate -i $DEBS/new-tool_1.deb; dpkg --get-selections >/dev/null; :"',
  ),
  daemon('apt.systemd.daily', 'week-unattended', 'unattended-upgrade', `offer 3; /usr/bin/unattended-upgrade`, {
    needs: ['/usr/bin/unattended-upgrade'],
    rules: [initiator],
    because: 'the scenario has no systemd unit, by which the real job is known; one alert',
  }),
  daemon(
    'ansible',
    'week-new-tool',
    'a deployment tool installs for the first time',
    '"$BIN/ansible" -c "dpkg -i $DEBS/new-tool_1.deb; :"',
    {
      rules: [...parents, initiator, 'local-package-installed-by-service'],
      because: 'the first time, it looks like an attacker; one incident',
    },
  ),
];

export const attacks: readonly Scenario[] = [
  daemon(
    'nginx',
    'web-server',
    "a web server's shell runs dpkg -i; the shell is in the baseline",
    'dpkg -i $DEBS/evil-by-web-server_1.deb; :',
    {
      rules: [initiator],
    },
  ),
  daemon(
    'cron',
    'cron-job',
    'a cron job runs sh, and that rpm -i; the shell is in the baseline',
    'rpm_i -i $RPMS/rpm-evil.rpm; :',
    {
      rules: [initiator],
    },
  ),
  login(
    'implant',
    'a program in a scratch directory runs dpkg -i',
    'cp /bin/dash implant; ./implant -c "dpkg -i $DEBS/evil-by-implant_1.deb; :"',
    { rules: [...parents, initiator] },
  ),
  login(
    'implant-bundled',
    'the same with other options: dpkg -BiE',
    'cp /bin/dash implant; ./implant -c "dpkg -BiE $DEBS/evil-by-implant_1.deb; :"',
    { rules: [...parents, initiator] },
  ),
  login(
    'implant-rpm',
    'the same with rpm -Uvh',
    'cp /bin/dash implant; ./implant -c "rpm --dbpath $RPM_DATABASE --nodeps --replacepkgs -Uvh $RPMS/rpm-evil.rpm; :"',
    { rules: [...parents, initiator] },
  ),
  login(
    'python',
    'python3 /opt/x.py runs dpkg --install; Python is in the baseline',
    '/usr/bin/python3 /opt/x.py dpkg --install $DEBS/evil-by-python_1.deb',
    {
      rules: [initiator],
    },
  ),
  login('sh-script', 'sh runs a postinst by its path', 'sh $INFO/victim.postinst configure; :', { rules: [scripts] }),
  login('by-hand', 'a postinst is run by hand', '$INFO/viewer.postinst configure; :', { rules: [scripts] }),
  login(
    'fake-dpkg-parent',
    'a program called dpkg runs a maintainer script',
    'mkdir d; cp /bin/dash d/dpkg; d/dpkg -c "$INFO/victim.prerm remove; :"',
    {
      rules: [impostor, scripts, records],
    },
  ),
  login(
    'fake-dpkg-leader',
    'a session leader called dpkg, and a shell below it',
    'mkdir d; cp /bin/dash d/dpkg; setsid --wait d/dpkg -c "sh -c \\"$INFO/victim.postrm purge; :\\"; :"',
    {
      rules: [impostor, scripts],
    },
  ),
  login(
    'fake-frontend',
    'a program called frontend runs a maintainer script',
    'mkdir d; cp /bin/dash d/frontend; d/frontend -c "$INFO/victim.preinst install; :"',
    {
      rules: [impostor, scripts],
    },
  ),
  login(
    'copy-elsewhere',
    'a copy of a postinst runs from elsewhere',
    'cp $INFO/copied.postinst installer; ./installer configure; :',
    {
      rules: [scripts, 'maintainer-script-copied'],
    },
  ),
  login(
    'copy-changed',
    'the same with a line added',
    'cp $INFO/copied.postinst installer; echo : >>installer; ./installer configure; :',
    { because: 'with other content it is a script like any other' },
  ),
  login(
    'dropped',
    'a script is put into dpkg/info for a package that is not installed',
    'printf "#!/bin/sh\\n/bin/true\\n" >$INFO/libnone.postinst; chmod 755 $INFO/libnone.postinst',
    {
      rules: [unowned],
    },
  ),
  login(
    'old-mtime',
    'the same, with a modification time of 2001',
    'printf "#!/bin/sh\\n" >x; chmod 755 x; touch -d 2001-02-03 x; cp -p x $INFO/libold.prerm',
    {
      rules: [unowned],
    },
  ),
  login(
    'appended',
    "a line is appended to an installed package's postinst",
    'echo "/bin/true planted" >>$INFO/appended.postinst',
    {
      rules: [changed],
    },
  ),
  login('appended-offline', 'the same while no agent runs', 'echo "/bin/true planted" >>$INFO/offline.postinst', {
    agentOff: true,
    rules: [changed],
  }),
  daemon(
    'php-fpm',
    'apt-by-service',
    'a web application runs apt-get install ./evil.deb',
    'apt-get install $DEBS/evil-by-service-apt_1.deb; :',
    {
      rules: [initiator],
    },
  ),
  login(
    'detached',
    'a postinst leaves a shell that installs another package',
    'as_root dpkg -i $DEBS/evil-detached_1.deb; until dpkg -s evil-inner >/dev/null 2>&1; do sleep 0.1; done',
    {
      rules: [initiator],
    },
  ),
  login(
    'renamed',
    'a copy of dpkg under another name installs',
    'cp /usr/bin/dpkg x; ./x -i $DEBS/evil-by-renamed_1.deb',
    {
      rules: [impostor, scripts],
    },
  ),
  login(
    'renamed-bare',
    'the same, with a package that has no scripts',
    'cp /usr/bin/dpkg x; ./x -i $DEBS/evil-by-renamed-bare_1.deb',
    { rules: [records] },
  ),
  login(
    'same-version',
    'the same version is installed again with another postinst',
    'as_root dpkg -i $DEBS/same-version_1_other.deb',
    {
      rules: [differs],
    },
  ),
  daemon(
    'gitlab-runner',
    'unpack',
    'dpkg --unpack, then --configure -a, by a job',
    'dpkg --unpack $DEBS/evil-by-unpack_1.deb; dpkg --configure -a; :',
    {
      rules: [initiator],
    },
  ),
  daemon(
    'monit',
    'linker',
    'dpkg by way of the dynamic linker',
    'for ld in /lib64/ld-linux*.so.* /lib/ld-linux*.so.*; do [ -e $ld ] && break; done; $ld /usr/bin/dpkg -i $DEBS/evil-by-linker_1.deb; :',
    {
      rules: [initiator, scripts],
    },
  ),
  login(
    'rpm-detached',
    'an rpm scriptlet leaves a child behind',
    'as_root rpm --dbpath $RPM_DATABASE --nodeps -i $RPMS/rpm-detached.rpm; sleep 0.4',
    {
      because: 'it was installed in the usual way; the hunt lifecycle-script-children lists the child',
    },
  ),
  login(
    'stolen-session',
    "the administrator's own session installs a backdoored package",
    'as_root dpkg -i $DEBS/evil-by-session_1.deb',
    {
      because: 'only the package differs from the first week',
    },
  ),
  login(
    'apt-hook',
    'apt-get gets dpkg -i as a hook on its command line',
    'as_root apt-get -o "APT::Update::Post-Invoke::=exec dpkg -i $DEBS/evil-by-hook_1.deb" -q update',
    { rules: [command] },
  ),
  login('dpkg-deb', 'a package is unpacked without dpkg', 'dpkg-deb -x $DEBS/evil-by-tar_1.deb .', {
    because: 'no package manager runs, and no package database changes',
  }),
];
