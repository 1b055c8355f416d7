// Weeks of benign use, as data: the actor, the script, and the rules that are expected to fire.

/**
 * `script` is run by a shell that a process called `actor` has started in a session of its own. It finds `$DEBS`, `$RPMS` and
 * `$REPOSITORY` (packages), `$WORK` (an empty directory), `$INFO` (dpkg's directory of scripts), `$AGENT` (the agent's pid) and the
 * functions of `prelude`. The host is private: see `settings`.
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

/** Writes installer.py: it installs the package that its second argument names, with rpm's Python module, into the database of its first. */
export const librpmByPython = `cat >installer.py <<'PYTHON'
import os, rpm, sys
rpm.addMacro('_dbpath', sys.argv[1])
path, opened = sys.argv[2], []
transaction = rpm.TransactionSet()
transaction.setVSFlags(-1)
transaction.addInstall(transaction.hdrFromFdno(os.open(path, os.O_RDONLY)), path, 'u')
def step(reason, amount, total, key, data):
    if reason == rpm.RPMCALLBACK_INST_OPEN_FILE:
        opened.append(open(key))
        return opened[-1].fileno()
    if reason == rpm.RPMCALLBACK_INST_CLOSE_FILE:
        opened.pop().close()
transaction.setProbFilter(rpm.RPMPROB_FILTER_REPLACEPKG)
print(transaction.run(step, ''))
PYTHON`;

export const prelude = `
set -e
as_root() { su -s /bin/bash -c '"$@"' root -- bash "$@"; }
rpm_i() { rpm --dbpath "$RPM_DATABASE" --nodeps "$@"; }
offer() { echo "deb [trusted=yes] \${2:-file}:$REPOSITORY/$1 ./" >"$APT_SOURCES"; apt-get -q update; }
program() { mkdir -p "$(dirname "$1")"; printf '%s\\n' '#!/bin/sh' "$2" >"$1"; chmod 755 "$1"; }
`;

export const parents = ['dpkg-package-installed-by-unusual-parent', 'rpm-package-installed-by-unusual-parent'];
export const initiator = 'package-installed-by-unusual-initiator';
export const rpmRecords = 'rpm-database-changed-by-other-program';
export const byService = 'local-package-installed-by-service';

/** The rules about what is done to the agent. All others are about packages. */
export const agentRules: readonly string[] = ['tracing-instance-tampered'];

/** A scenario in the session of a user who logs in over ssh and works in bash. */
export const login = (id: string, title: string, script: string, more: Partial<Scenario> = {}): Scenario => ({
  id,
  title,
  actor: 'sshd',
  shell: 'bash',
  script,
  rules: [],
  ...more,
});

/** A scenario of a program other than a login, which runs a shell. */
export const daemon = (
  actor: string,
  id: string,
  title: string,
  script: string,
  more: Partial<Scenario> = {},
): Scenario => ({
  id,
  title,
  actor,
  shell: 'sh',
  script,
  rules: [],
  ...more,
});

const debconf = ['/usr/sbin/dpkg-reconfigure', '/usr/share/debconf/frontend'];
/** The Python module of rpm. */
export const rpmModule = ['/usr/lib/python3/dist-packages/rpm/__init__.py'];
const noPrompts = 'export DEBIAN_FRONTEND=noninteractive';

/** What the private /etc has beside the files of the host: files with their text, and directories, which end in a slash. */
export const settings: Readonly<Record<string, string>> = {
  'apt/sources.list': 'deb http://deb.example.org/debian stable main\n',
  'apt/sources.list.d/security.list': 'deb http://security.example.org/debian-security stable-security main\n',
  'apt/sources.list.d/vendor.list': 'deb http://vendor.example.org/apt stable main\n',
  'apt/trusted.gpg.d/': '',
  'apt/preferences.d/': '',
  'apt/apt.conf.d/': '',
  'dpkg/dpkg.cfg.d/': '',
  'dnf/dnf.conf': '[main]\ngpgcheck=1\nexclude=old older\n',
  'dnf/plugins/versionlock.list': '# locks\nold-0:1-1.*\n',
  'dnf/plugins/post-transaction-actions.d/': '',
  'yum.repos.d/': '',
  'rpm/macros.d/': '',
  'cron.d/': '',
  'sudoers.d/': '',
  'systemd/system/': '',
};

/** What the private /etc does not take over from the host. */
export const leftOut: readonly string[] = [
  'apt/sources.list',
  'apt/sources.list.d',
  'apt/preferences.d',
  'dnf/plugins',
  'yum.repos.d',
  'systemd/system',
];

/** The packages for which apt's lists have a security update: name and version. */
export const securityUpdates: Readonly<Record<string, string>> = { fixable: '2', fixed: '2' };

/** The first week: the agent learns, and its alerts do not count. */
export const firstWeek: readonly Scenario[] = [
  login(
    'learn-su',
    'an administrator installs with su and dpkg -i',
    'for p in editor viewer victim appended offline copied same-version late; do as_root dpkg -i "$DEBS/$p"_1.deb; done',
  ),
  login('learn-root', 'an administrator is root and installs', 'dpkg -i $DEBS/fleet_1.deb'),
  login(
    'learn-more',
    'an administrator is root and installs more',
    'for p in reads_1 replaced_1 restored_1 fixable_1 fixed_2; do dpkg -i $DEBS/$p.deb; done',
  ),
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
  login(
    'learn-updater',
    "a vendor's program installs what an administrator asks for",
    `/opt/vendor/updater -c "dpkg -i $DEBS/vendor_1.deb; rpm --dbpath $RPM_DATABASE --nodeps --replacepkgs -U $RPMS/rpm-vendor.rpm; :"`,
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
  daemon(
    'fleet-agent',
    'week-fleet-apt',
    'the management agent, with apt-get and a local file',
    'apt-get install $DEBS/new-fleet-apt_1.deb; :',
  ),
  daemon(
    'fleet-agent',
    'week-fleet-unpack',
    'the management agent: dpkg --unpack, then --configure -a',
    'dpkg --unpack $DEBS/new-fleet_1.deb; dpkg --configure -a; :',
  ),
  daemon(
    'fleet-agent',
    'week-python',
    'the management agent, through its Python script',
    '/usr/bin/python3 /opt/fleet/install.py dpkg -i $DEBS/new-python_1.deb',
  ),
  login(
    'week-updater',
    "the vendor's program, with dpkg and rpm",
    '/opt/vendor/updater -c "dpkg -BiE $DEBS/vendor_3.deb; rpm --dbpath $RPM_DATABASE --nodeps --replacepkgs -Uvh $RPMS/rpm-vendor.rpm; :"',
  ),
  daemon(
    'cron',
    'week-vendor-rpm',
    "the vendor's updater, which also runs rpm",
    '/opt/vendor/update.sh $DEBS/vendor_3.deb $RPMS/rpm-vendor-two.rpm',
  ),
  login(
    'week-packager',
    'a packager runs the postinst of a package that is being built',
    'mkdir DEBIAN; printf "#!/bin/sh\\nset -e\\n: in the making, installed nowhere yet\\nsleep 0.3\\n" >DEBIAN/postinst; chmod 755 DEBIAN/postinst; sh DEBIAN/postinst configure; DEBIAN/postinst configure',
  ),
  login(
    'week-namesake',
    'a program with the name dpkg, which only asks dpkg what is installed',
    'mkdir d; cp /bin/dash d/dpkg; d/dpkg -c "dpkg -l >/dev/null; dpkg -s editor; :"',
  ),
  login('week-note', 'a note beside the scripts of packages', 'echo "see the wiki" >$INFO/README'),
  login(
    'week-copied-tools',
    'copies of dpkg and rpm under other names change no package',
    'cp /usr/bin/dpkg x; ./x -l >/dev/null; ./x --compare-versions 1 lt 2; cp /usr/bin/rpm y; ./y --version; ./y --eval "%{_arch}"',
  ),
  login(
    'week-options',
    'apt-get, dpkg and rpm with options that run nothing',
    `as_root apt-get -o Dpkg::Options::=--force-confold -o Acquire::Retries=0 install $DEBS/new-options_1.deb
    as_root dpkg --force-confold -i $DEBS/new-options_1.deb
    rpm --define "_topdir /opt" --eval "%{_topdir}"`,
  ),
  login(
    'week-apt-settings',
    'files in apt.conf.d and dpkg.cfg.d that run nothing',
    `echo 'Acquire::http::Proxy "http://127.0.0.1:9";' >/etc/apt/apt.conf.d/99proxy
    echo force-confold >/etc/dpkg/dpkg.cfg.d/confold
    as_root apt-get install $DEBS/new-settings_1.deb
    rm /etc/apt/apt.conf.d/99proxy /etc/dpkg/dpkg.cfg.d/confold`,
  ),
  login(
    'week-macros',
    'macros of rpm that run nothing, in /etc/rpm and in ~/.rpmmacros',
    `echo '%_topdir /opt/rpmbuild' >/etc/rpm/macros.local
    echo '%packager %{?USER}' >"$HOME/.rpmmacros"
    as_root env "HOME=$HOME" rpm --dbpath $RPM_DATABASE --nodeps -U --replacepkgs $RPMS/rpm-one.rpm
    rm /etc/rpm/macros.local "$HOME/.rpmmacros"`,
  ),
  login(
    'week-source-moved',
    "a vendor's source gets an option and moves to another file",
    `cd /etc/apt/sources.list.d; sed -i "s/^deb /deb [arch=amd64] /" vendor.list; mv vendor.list vendor-stable.list`,
  ),
  login(
    'week-force',
    'apt-get and dpkg ignore dependencies, files and versions',
    `as_root apt-get --allow-downgrades install $DEBS/new-forced_1.deb
    as_root dpkg --force-depends --force-overwrite -i $DEBS/new-forced_1.deb`,
  ),
  login(
    'week-cache',
    'apt-get downloads a package, and dpkg -i takes it from the cache',
    `offer 5 copy; as_root apt-get --download-only install cached
    as_root dpkg -i /var/cache/apt/archives/cached_1_all.deb`,
  ),
  login(
    'week-older-tried',
    'dpkg --dry-run tries an older version',
    'dpkg --dry-run -i $DEBS/editor_1.deb; dpkg --compare-versions 1 lt 2',
  ),
  login(
    'week-hold',
    'apt-mark hold and unhold of a package without a security update',
    'as_root apt-mark hold viewer; as_root apt-mark unhold viewer',
  ),
  login(
    'week-pin',
    'pins of other suites and of a package that has its security update',
    `printf 'Package: *\\nPin: release a=stable-backports\\nPin-Priority: 500\\n' >/etc/apt/preferences.d/backports
    printf 'Package: fixed\\nPin: version 2\\nPin-Priority: 1001\\n' >/etc/apt/preferences.d/fixed`,
  ),
  login(
    'week-unlock',
    'an exclude and a version lock of dnf are removed',
    'sed -i "s/^exclude=.*/exclude=old/" /etc/dnf/dnf.conf; sed -i /^old/d /etc/dnf/plugins/versionlock.list',
  ),
  login(
    'week-security-edited',
    'the source of security updates gets a comment, and a copy of its file',
    'cd /etc/apt/sources.list.d; cp security.list security.list~; sed -i "1i # updates for known vulnerabilities" security.list',
  ),
  login(
    'week-database-tools',
    "dpkg's own commands write its database, and a backup copies it",
    'dpkg --get-selections | as_root dpkg --set-selections; as_root dpkg --clear-avail; cp -a /var/lib/dpkg database',
  ),
  login(
    'week-overrides',
    "a package's script registers an alternative, a diversion and a mode",
    'as_root dpkg -i $DEBS/new-overrides_1.deb; update-alternatives --query new-pager >/dev/null; dpkg-divert --list >/dev/null; dpkg-statoverride --list >/dev/null',
  ),
  login('week-ships', 'a package ships a unit, a job and a rule of sudo', 'as_root dpkg -i $DEBS/new-ships_1.deb'),
  login('week-text', 'a postinst prints how to download something', 'as_root dpkg -i $DEBS/new-text_1.deb'),
  login(
    'week-piped',
    'scripts are piped into grep and wc, and compared',
    'cat $INFO/editor.postinst | grep -c set; grep -l exit $INFO/*.postinst | wc -l; cmp $INFO/editor.postinst $INFO/viewer.postinst || :',
  ),
  login(
    'week-namespace',
    'dpkg -i in a mount namespace of its own',
    'as_root unshare --mount dpkg -i $DEBS/new-namespace_1.deb',
  ),
  login(
    'week-environment',
    'usual variables, and a configuration that APT_CONFIG names',
    `{ cat "$APT_CONFIG"; echo 'Acquire::Retries "0";'; } >own.conf; APT_CONFIG=$WORK/own.conf apt-get -q update
    as_root env DEBIAN_FRONTEND=noninteractive DPKG_FORCE=confold LC_ALL=C.UTF-8 dpkg -i $DEBS/new-environment_1.deb`,
  ),
  login(
    'week-inspect',
    'packages are listed and read, not unpacked',
    'dpkg-deb -c $DEBS/editor_1.deb >/dev/null; dpkg-deb -f $DEBS/editor_1.deb Version; dpkg-deb -I $DEBS/editor_1.deb >/dev/null; rpm -qlp $RPMS/rpm-one.rpm',
  ),
  login(
    'week-librpm',
    "a program reads the header of a package with rpm's Python module",
    `cat >reader.py <<'PYTHON'
import os, rpm, sys
transaction = rpm.TransactionSet()
transaction.setVSFlags(-1)
print(transaction.hdrFromFdno(os.open(sys.argv[1], os.O_RDONLY))['name'])
PYTHON
    /usr/bin/python3 reader.py $RPMS/rpm-one.rpm`,
    { needs: rpmModule },
  ),
  login(
    'week-own-tracing',
    'an administrator makes a tracing instance, switches it off and removes it',
    'i=/sys/kernel/tracing/instances/of_$$; mkdir $i; echo 0 >$i/tracing_on; cat $i/tracing_on; rmdir $i',
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
      rules: [...parents, initiator, byService],
      because: 'the first time, it looks like an attacker; one incident',
    },
  ),
];
