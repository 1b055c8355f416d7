// Evasions, attacks on the agent and false alarms, as data. An answer that the agent does not give yet has `fails` with the reason; the
// suite fails when the agent gives that answer.

import { noFiles, standstill } from '../../agent/daemon/self-watch.ts';
import { type Act, initiator, librpmByPython, rpmRecords } from './scenarios.ts';

/** What a case expects. Each answer is a test. */
export type Answer = {
  /** Why the agent does not give this answer yet. The test fails when it does: remove `fails` then. */
  fails?: string;
} & (
  | {
      /** New alerts that are not rate-limited, of these rules or of any rule; the alert's terms contain `term`. */
      alerts: readonly string[] | 'any';
      term?: string;
      /** The least number of sightings, over all alerts (default: 1). */
      times?: number;
    }
  /**
   * A new reason in `degraded`, or an alert of a rule that is about the agent itself and not about packages. `true`: any reason but
   * those that a busy machine causes. A pattern: a reason that it matches.
   */
  | { noticed: true | RegExp }
  /** The agent raises this number of alerts at most. */
  | { atMost: number }
  /** The script prints this line. */
  | { prints: string }
);

/** The script must exit with 0 and print a line that begins with `PROOF`, which shows that the payload ran. */
export interface Case extends Act {
  answers: readonly Answer[];
  /** Reverts what the script did to the agent; also runs when the script failed. */
  undo?: string;
  /** The case changes or damages the agent: it runs under a new agent that starts with the learned state. */
  fresh?: true;
  /** The clock of the new agent is ahead by the days in the file $CLOCK_OFFSET. */
  shiftedClock?: true;
}

/** Shell functions in addition to `prelude`. `$AGENT` is the agent's pid, `$NOBODY` a directory that every user can write to. */
export const casePrelude = `
stepparent() { "$NODE" "$CHECKOUT/agent/main.ts" "$@" --config "$CONFIG"; }
proof() { [ -s "$1" ]; echo "PROOF $(tail -n 1 "$1")"; rm -f "$1"; }
evil() { dpkg --log=/dev/null -i "$DEBS/evil-marked_1.deb" >/dev/null 2>&1; proof /opt/evil.ran; dpkg -P evil-marked >/dev/null 2>&1; }
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
no_package() { dpkg -i "/nowhere/$1.deb" 2>/dev/null || :; }
instance() { echo /sys/kernel/tracing/instances/stepparent_"$AGENT"_*; }
await() { for try in $(seq 100); do ! "$@" || return 0; sleep 0.1; done; return 1; }
`;

const scripts = 'unusual-dpkg-execution';
const reads = 'maintainer-script-read-by-interpreter';
const tampered = 'tracing-instance-tampered';
const command = 'package-tool-given-command';
const hook = 'package-tool-hook-added';
const unowned = 'package-tool-ran-unowned-program';
const impostor = 'package-tool-impostor';
const persistence = 'package-script-added-persistence';
const override = 'package-file-overridden';
const codeRun = 'package-code-run-by-unusual-initiator';

/** A case in the session of an administrator, whose installations are in the baseline. */
const login = (id: string, title: string, script: string, answers: readonly Answer[]): Case => ({
  id,
  title,
  actor: 'sshd',
  shell: 'bash',
  script,
  answers,
});

/** A case of a program that has not installed anything before. */
const daemon = (
  id: string,
  actor: string,
  title: string,
  script: string,
  answers: readonly Answer[],
  more: Partial<Case> = {},
): Case => ({ id, title, actor, shell: 'bash', script, answers, ...more });

const evasions: readonly Case[] = [
  login(
    'apt-hook-file',
    'a hook in apt.conf.d runs at the next apt-get update',
    `program /opt/hook.sh 'echo ran >>/opt/hook.ran; sleep 0.3'
    echo 'APT::Update::Pre-Invoke { "/opt/hook.sh"; };' >/etc/apt/apt.conf.d/01backdoor
    apt-get -q update
    rm /etc/apt/apt.conf.d/01backdoor
    proof /opt/hook.ran`,
    [{ alerts: [hook] }, { alerts: [unowned], term: '/opt/hook.sh' }],
  ),
  login(
    'apt-hook-installs',
    'a hook in apt.conf.d has apt-get update run dpkg -i',
    `echo "APT::Update::Post-Invoke { \\"exec dpkg -i $DEBS/evil-marked_1.deb >/dev/null\\"; };" >/etc/apt/apt.conf.d/02backdoor
    apt-get -q update
    rm /etc/apt/apt.conf.d/02backdoor
    proof /opt/evil.ran
    dpkg -P evil-marked`,
    [{ alerts: [hook] }, { alerts: [initiator], term: '/apt-get' }],
  ),
  login(
    'dpkg-hook-file',
    'post-invoke in dpkg.cfg.d runs at each dpkg',
    `echo 'post-invoke=sh -c "echo ran >>/opt/dpkg-hook.ran; sleep 0.3"' >/etc/dpkg/dpkg.cfg.d/99-local
    dpkg -i $DEBS/viewer_1.deb
    rm /etc/dpkg/dpkg.cfg.d/99-local
    proof /opt/dpkg-hook.ran`,
    [{ alerts: [hook] }],
  ),
  login(
    'rpm-macro-file',
    'a macro in ~/.rpmmacros runs a command at each rpm',
    `printf '%%_netsharedpath %%(sh -c "echo ran >>/opt/macro.ran; sleep 0.3")\\n' >~/.rpmmacros
    as_root env "HOME=$HOME" rpm --dbpath $RPM_DATABASE --nodeps -U --replacepkgs $RPMS/rpm-one.rpm
    rm ~/.rpmmacros
    proof /opt/macro.ran`,
    // HOME is no watched home: rpm's environment names the file.
    [{ alerts: [command] }],
  ),
  daemon(
    'renamed-own-database',
    'php-fpm',
    'a copy of dpkg under another name installs with a database of its own',
    `cp /usr/bin/dpkg updater
    mkdir -p db/info db/updates db/triggers db/parts db/alternatives; : >db/status; : >db/available
    ./updater --admindir=$WORK/db --log=/dev/null -i $DEBS/evil-marked_1.deb
    proof /opt/evil.ran`,
    [{ alerts: [impostor], term: '/updater' }, { alerts: [initiator] }],
  ),
  daemon(
    'hidden-database',
    'tomcat',
    'a process in a pid namespace, with directories mounted over the package databases, installs on the host',
    `mkdir -p db/info db/updates db/triggers db/parts db/alternatives rpm; : >db/status; : >db/available
    unshare --mount --pid --fork sh -c "mount --bind $WORK/db /var/lib/dpkg
      [ ! -d /var/lib/rpm ] || mount --bind $WORK/rpm /var/lib/rpm
      dpkg --log=/dev/null -i $DEBS/evil-marked_1.deb; :"
    proof /opt/evil.ran`,
    [{ alerts: [initiator] }],
  ),
  daemon(
    'sourced-script',
    'gunicorn',
    'a shell runs a maintainer script that is sourced, redirected, piped or passed as text',
    `sh -c ". $INFO/marked.postinst; sleep 0.3"
    sh <$INFO/marked.postinst
    cat $INFO/marked.postinst | sh
    sh -c "$(cat $INFO/marked.postinst)"
    [ "$(wc -l </opt/marked.ran)" = 4 ]
    proof /opt/marked.ran`,
    [{ alerts: [reads], times: 4 }],
  ),
  daemon(
    'short-sh-script',
    'httpd',
    'sh runs a maintainer script that ends within milliseconds, ten times',
    `for i in 1 2 3 4 5 6 7 8 9 10; do sh $INFO/short.postinst; done
    [ "$(wc -l </opt/short.ran)" = 10 ]
    proof /opt/short.ran`,
    [{ alerts: [scripts], times: 10 }],
  ),
  login(
    'service-in-package',
    'a newer version of a known package leaves a unit and a detached program',
    `dpkg -i $DEBS/editor_3.deb
    proof /etc/systemd/system/dbus-update.service`,
    [{ alerts: [persistence] }, { alerts: ['maintainer-script-with-indicator'] }],
  ),
  login(
    'alternatives-diversion',
    'update-alternatives and dpkg-divert put a program in the place of another',
    `program /opt/pager 'exit 0'
    update-alternatives --install /opt/pager-link case-pager /opt/pager 999
    echo genuine >/opt/diverted
    dpkg-divert --local --rename --divert /opt/diverted.real --add /opt/diverted
    echo "PROOF $(readlink -f /opt/pager-link) $(cat /opt/diverted.real)"
    dpkg-divert --local --rename --remove /opt/diverted
    update-alternatives --remove case-pager /opt/pager`,
    [{ alerts: [override], times: 2 }],
  ),
  daemon(
    'rpm-copy',
    'redis',
    'a copy of rpm under another name installs',
    `cp /usr/bin/rpm updater
    ./updater --dbpath $RPM_DATABASE --nodeps -i $RPMS/rpm-marked.rpm
    proof /opt/rpm-marked.ran
    rpm --dbpath $RPM_DATABASE -e rpm-marked`,
    [{ alerts: [rpmRecords], term: '/updater' }, { alerts: [impostor], term: '/updater' }, { alerts: [initiator] }],
  ),
  daemon(
    'librpm-by-ctypes',
    'postgres',
    'a program installs with librpm and starts no rpm',
    `cat >installer.py <<'PYTHON'
import ctypes, sys
rpm, io = ctypes.CDLL('librpm.so.9'), ctypes.CDLL('librpmio.so.9')
pointer = ctypes.c_void_p
rpm.rpmReadConfigFiles(None, None)
io.rpmDefineMacro(None, ('_dbpath ' + sys.argv[1]).encode(), 0)
rpm.rpmtsCreate.restype = io.Fopen.restype = rpm.rpmShowProgress.restype = pointer
transaction, header = pointer(rpm.rpmtsCreate()), pointer()
rpm.rpmtsSetVSFlags(transaction, 0xf7f00)
package = sys.argv[2].encode()
rpm.rpmReadPackageFile(transaction, pointer(io.Fopen(package, b'r.ufdio')), b'x', ctypes.byref(header))
rpm.rpmtsSetNotifyCallback(transaction, ctypes.cast(rpm.rpmShowProgress, pointer), pointer(0))
key = ctypes.create_string_buffer(package)
rpm.rpmtsAddInstallElement(transaction, header, key, 0, None)
rpm.rpmtsOrder(transaction)
rpm.rpmtsRun(transaction, None, 0)
PYTHON
    /usr/bin/python3 installer.py $RPM_DATABASE $RPMS/rpm-marked.rpm
    proof /opt/rpm-marked.ran
    rpm --dbpath $RPM_DATABASE -e rpm-marked`,
    [{ alerts: [initiator], term: 'installer.py' }],
  ),
  login(
    'trigger-file',
    'a line written into triggers/File has a postinst run after each installation',
    `file=/var/lib/dpkg/triggers/File
    [ ! -e $file ] || cp $file File
    echo '/opt victim/noawait' >>$file
    sleep 0.5
    echo "PROOF $(tail -n 1 $file)"
    if [ -e File ]; then cp File $file; else rm $file; fi`,
    [{ alerts: ['dpkg-database-changed-by-other-program'], term: '/bash' }],
  ),
  daemon(
    'rpm-eval',
    'eval-web',
    "rpm --eval '%(COMMAND)'",
    `rpm --eval "%(echo ran >/opt/eval.ran)"
    proof /opt/eval.ran`,
    [{ alerts: [command] }],
  ),
  daemon(
    'rpm-eval-text',
    'eval-web',
    "rpm --eval 'text%(COMMAND)'",
    `rpm --eval "x%(echo ran >/opt/eval.ran)"
    proof /opt/eval.ran`,
    [{ alerts: [command] }],
  ),
  daemon(
    'apt-configuration-argument',
    'config-web',
    'apt-get -c FILE update, with a hook in FILE',
    `echo 'APT::Update::Pre-Invoke { "echo ran >/opt/argument.ran; sleep 0.3"; };' >hook.conf
    apt-get -q -c hook.conf update
    proof /opt/argument.ran`,
    [{ alerts: [command] }],
  ),
  daemon(
    'dpkg-pre-invoke-two-words',
    'invoke-web',
    'dpkg --pre-invoke COMMAND -i, with the command as a separate argument',
    `dpkg --pre-invoke 'echo ran >/opt/invoke.ran' -i $DEBS/viewer_1.deb
    proof /opt/invoke.ran`,
    [{ alerts: [command] }],
  ),
  daemon(
    'spellings',
    'spelling-web',
    'dpkg by relative and indirect paths, by the dynamic linker, and with a parent that was started by a link',
    `for ld in /lib64/ld-linux*.so.* /lib/ld-linux*.so.*; do [ ! -e $ld ] || break; done
    by() { cp /bin/dash "$1"; "./$1" -c "cd /usr/bin; $2 -i $DEBS/viewer_1.deb; :"; }
    by speller1 ./dpkg
    by speller2 /usr/bin/../bin/./dpkg
    by speller3 /proc/self/root/usr/bin/dpkg
    by speller4 "$ld /usr/bin/dpkg"
    by speller5 /bin/dpkg
    cp /bin/dash speller6; ln -s speller6 link; ./link -c "dpkg -i $DEBS/viewer_1.deb; :"
    echo "PROOF $(dpkg-query -W viewer)"`,
    ['dpkg-package-installed-by-unusual-parent', initiator].map((rule) => ({
      alerts: [rule],
      term: '/speller',
      times: 6,
    })),
  ),
  daemon(
    'removal-by-service',
    'lighttpd',
    'a web server, which never installed anything, removes a package, so that its scripts run',
    `dpkg --log=/dev/null --purge short
    echo "PROOF $(dpkg-query -W short 2>&1)"`,
    [{ alerts: [codeRun], term: '/lighttpd' }],
  ),
];

/** Shell text by tool: it runs a deployment script under a name that is new each time. */
const randomNames: Readonly<Record<string, string>> = {
  terraform: 'p=/tmp/terraform_$RANDOM$RANDOM.sh; program $p "$install"; $p; rm $p',
  packer: 'p=/tmp/script_$RANDOM$RANDOM.sh; program $p "$install"; $p; rm $p',
  jenkins: 'p=/tmp/jenkins$RANDOM$RANDOM$RANDOM.sh; program $p "$install"; /bin/sh -xe $p; rm $p',
  ansible:
    'd=~/.ansible/tmp/ansible-tmp-$RANDOM.$RANDOM-$RANDOM; program $d/install.sh "$install"; $d/install.sh; rm -r $d',
  mktemp: 'd=$(mktemp -d); program $d/install.sh "$install"; $d/install.sh; rm -r $d',
};

const falseAlarms: readonly Case[] = [
  ...Object.entries(randomNames).map(([tool, once]) =>
    login(
      `random-parent-${tool}`,
      `a deployment script whose name is new each time, as ${tool} makes it: at most one alert of each rule`,
      `install="dpkg -i $DEBS/viewer_1.deb; sleep 0.3"
      for i in 1 2 3; do ${once}; done
      echo "PROOF $(dpkg-query -W viewer)"`,
      // One alert of the rule for the parent, one of the rule for the initiator; of one process they are one alert.
      [{ atMost: 2 }],
    ),
  ),
  daemon(
    'chroot-builder',
    'builder',
    'a builder installs in a chroot with /bin before /usr/bin in PATH, as debootstrap does: at most one alert of each rule',
    `root=$WORK/root
    mkdir -p $root/usr/bin $root/usr/sbin $root/usr/lib $root/usr/lib64 $root/etc $root/opt $root/tmp $root/var/log
    for name in info updates triggers parts alternatives; do mkdir -p $root/var/lib/dpkg/$name; done
    : >$root/var/lib/dpkg/status; : >$root/var/lib/dpkg/available
    for link in bin sbin lib lib64; do ln -s usr/$link $root/$link; done
    for tool in bin/dpkg bin/dpkg-deb bin/dpkg-query bin/dpkg-split bin/diff bin/rm bin/sh bin/sleep bin/tar \\
      sbin/ldconfig sbin/start-stop-daemon; do
      for file in /usr/$tool $(ldd /usr/$tool | grep -o '/[^ ]*' || :); do mkdir -p $root$(dirname $file); cp -L $file $root$file; done
    done
    for name in marked short victim copied editor viewer; do cp $DEBS/\${name}_1.deb $root/tmp; done
    PATH=/sbin:/usr/sbin:/bin:/usr/bin chroot $root sh -c 'dpkg --force-depends --install /tmp/*.deb'
    proof $root/opt/marked.ran`,
    // One alert of the rule for the parent, one of the rule for the initiator; of one process they are one alert.
    [{ atMost: 2 }],
  ),
  login(
    'allow-pattern',
    'a pattern that baseline allow takes is in force at once',
    `rule=dpkg-package-installed-by-unusual-parent
    counted() { stepparent baseline list --rule $rule | grep -Eq '×1 +pattern +/tmp/allowed_'; }
    stepparent baseline allow $rule '/tmp/allowed_*.sh'
    p=/tmp/allowed_$RANDOM.sh; program $p "dpkg -i $DEBS/viewer_1.deb; sleep 0.3"; $p; rm $p
    await counted; echo counted
    stepparent baseline remove $rule '/tmp/allowed_*.sh'
    echo "PROOF $(dpkg-query -W viewer)"`,
    // One alert of the rule for the initiator.
    [{ prints: 'counted' }, { atMost: 1 }],
  ),
];

const unnoticed = (fails: string): Answer => ({ noticed: true, fails });
const reported: Answer = { alerts: [initiator] };
const noticed: Answer = { noticed: true };

/** Attacks on the running agent. */
const blinding: readonly Case[] = [
  daemon(
    'log-directory-covered',
    'blind-log',
    "a tmpfs over the agent's log directory: it writes into the new one",
    `mount -t tmpfs tmpfs "$LOGS"; chmod 700 "$LOGS"
    evil
    await [ -s "$LOGS/alerts.ndjson" ]`,
    [reported],
    { undo: 'umount --lazy "$LOGS"' },
  ),
  daemon(
    'forged-proc',
    'blind-proc',
    "a forged directory over /proc/PID of dpkg's parent",
    `cat >forge.sh <<'FORGE'
sleep 0.2; mkdir fake; ln -s /usr/bin/apt-get fake/exe; printf 'apt-get\\0install\\0tool\\0' >fake/cmdline
cp /proc/$$/status /proc/$$/stat fake/
mount --bind fake /proc/$$; dpkg --log=/dev/null -i "$DEBS/evil-marked_1.deb"; umount /proc/$$
FORGE
    cp /bin/dash apt-get; ./apt-get forge.sh
    proof /opt/evil.ran; dpkg -P evil-marked`,
    [{ alerts: [impostor] }],
  ),
  daemon(
    'dpkg-covered',
    'blind-bind',
    'a copy of dpkg bound over /usr/bin/dpkg in a mount namespace',
    `cp /usr/bin/dpkg dpkg
    unshare --mount sh -c "mount --bind $WORK/dpkg /usr/bin/dpkg; dpkg --log=/dev/null -i $DEBS/evil-marked_1.deb; :"
    proof /opt/evil.ran; dpkg -P evil-marked`,
    [{ alerts: [impostor] }],
  ),
  daemon(
    'exec-flood',
    'blind-execs',
    'another user starts programs as fast as it can while root installs',
    `for i in 1 2 3 4; do as_nobody timeout 2 sh -c 'while :; do /bin/true; done' & done
    sleep 0.5; evil; wait || :`,
    [reported],
  ),
  daemon(
    'file-flood',
    'blind-files',
    'another user makes and renames files in /var/tmp while root plants a maintainer script',
    `cat >/opt/flood.py <<'PYTHON'
import itertools, os, time
end = time.monotonic() + 2
for i in itertools.takewhile(lambda _: time.monotonic() < end, itertools.cycle(range(200))):
    path = '/var/tmp/rpm-tmp.%d' % i
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY)); os.rename(path, path + 'a'); os.unlink(path + 'a')
PYTHON
    as_nobody /usr/bin/python3 /opt/flood.py & sleep 0.5
    echo ': planted in a flood, harmless, and longer than sixty-four bytes of text' >$INFO/flooded.postinst
    wait; proof $INFO/flooded.postinst`,
    [{ alerts: ['maintainer-script-unowned'] }],
  ),
  daemon(
    'librpm-by-python',
    'webapp',
    "a program installs with rpm's Python module, as dnf does",
    `${librpmByPython}
    /usr/bin/python3 installer.py $RPM_DATABASE $RPMS/rpm-marked.rpm
    proof /opt/rpm-marked.ran
    rpm --dbpath $RPM_DATABASE -e rpm-marked`,
    [
      { alerts: [rpmRecords], term: '/usr/bin/python3' },
      { alerts: [initiator], term: 'installer.py' },
    ],
    // The case before may have raised the first of them, if SQLite's log was seen before rpm emptied it.
    { fresh: true },
  ),
  daemon(
    'tracing-off',
    'blind-off',
    "0 in tracing_on of the agent's instance",
    'echo 0 >$(instance)/tracing_on; evil',
    // Whether the start of dpkg is recorded depends on how soon the agent sets the file again.
    [{ alerts: [tampered] }, noticed],
    { undo: 'echo 1 >$(instance)/tracing_on', fresh: true },
  ),
  daemon(
    'event-filter',
    'blind-filter',
    'a filter of the exec event hides dpkg',
    'echo \'filename != "/usr/bin/dpkg"\' >$(instance)/events/sched/sched_process_exec/filter; evil',
    [reported, { alerts: [tampered] }, noticed],
    { undo: 'echo 0 >$(instance)/events/sched/sched_process_exec/filter', fresh: true },
  ),
  daemon(
    'event-pid',
    'blind-pid',
    'set_event_pid leaves only process 1 traced',
    'echo 1 >$(instance)/set_event_pid; evil',
    // Whether the start of dpkg is recorded depends on how soon the agent sets the file again.
    [{ alerts: [tampered] }, noticed],
    { undo: 'echo >$(instance)/set_event_pid', fresh: true },
  ),
  daemon(
    'probe-off',
    'blind-probe',
    "the probe at dpkg's entry is switched off: short runs of dpkg have no arguments",
    `group=$(basename $(instance))
    switched=0; for probe in $(instance)/events/$group/*dpkg*/enable; do echo 0 >$probe; switched=$((switched + 1)); done
    echo "PROOF probes switched off: $switched"; [ $switched -gt 0 ]
    for i in 1 2 3 4 5 6 7 8 9 10; do no_package blind-probe; done
    sleep 1
    seen=$(stepparent events --json --limit 100000 | grep -c '"/nowhere/blind-probe.deb"' || :)
    echo "$seen of 10 runs have their arguments"`,
    [{ prints: '10 of 10 runs have their arguments' }, { alerts: [tampered] }, noticed],
    {
      undo: 'for probe in $(instance)/events/$(basename $(instance))/*dpkg*/enable; do echo 1 >$probe; done',
      fresh: true,
    },
  ),
  daemon(
    'trace-clock',
    'blind-clock',
    'another trace_clock',
    'echo global >$(instance)/trace_clock; evil',
    [reported, { alerts: [tampered] }, noticed],
    { undo: 'echo boot >$(instance)/trace_clock', fresh: true },
  ),
  daemon(
    'stolen-records',
    'blind-thief',
    "another program reads the agent's trace_pipe",
    `timeout 2 cat $(instance)/trace_pipe >stolen & sleep 0.3
    for i in 1 2 3; do evil; done; wait || :
    wc -l <stolen >count; [ "$(cat count)" -gt 0 ]; proof count`,
    [{ alerts: [tampered] }, noticed],
    { fresh: true },
  ),
  daemon(
    'small-buffer',
    'blind-buffer',
    'a buffer of 4 KiB',
    'echo 4 >$(instance)/buffer_size_kb; evil',
    // Whether the records of the installation fit into such a buffer depends on what else runs.
    [{ alerts: [tampered] }, noticed],
    { undo: 'echo 1408 >$(instance)/buffer_size_kb', fresh: true },
  ),
  daemon(
    'no-descriptors',
    'blind-files-open',
    'prlimit leaves the agent without file descriptors',
    `prlimit --pid $AGENT --nofile --output SOFT --noheadings >/opt/soft-limit
    prlimit --pid $AGENT --nofile=20:
    evil
    sh $INFO/victim.postinst
    sleep 1`,
    [reported, { alerts: [scripts], term: '/victim.postinst' }, { noticed: new RegExp(noFiles) }],
    { undo: 'prlimit --pid $AGENT --nofile=$(cat /opt/soft-limit):', fresh: true },
  ),
  daemon(
    'stopped',
    'blind-stop',
    'SIGSTOP for three seconds, an installation and a maintainer script meanwhile',
    `kill -STOP $AGENT
    evil
    sh $INFO/victim.postinst
    sleep 2.5
    kill -CONT $AGENT`,
    [reported, { alerts: [scripts], term: '/victim.postinst' }, { noticed: new RegExp(standstill) }],
    { undo: 'kill -CONT $AGENT', fresh: true },
  ),
  daemon(
    'baseline-allowed',
    'blind-allow',
    'root allows its own way of installing, and installs',
    `stepparent baseline allow package-installed-by-unusual-initiator "$BIN/blind-allow" init
    evil`,
    [unnoticed('a change of the baseline is not reported')],
    { fresh: true },
  ),
  daemon(
    'alerts-deleted',
    'blind-rows',
    "alerts are deleted in the agent's database",
    `cat >delete.mjs <<'SCRIPT'
import { createRequire } from 'node:module';
const Database = createRequire(process.env.CHECKOUT + '/package.json')('better-sqlite3');
const { changes } = new Database(process.argv[2]).prepare('DELETE FROM alerts').run();
console.log('PROOF alerts deleted:', changes);
process.exitCode = changes > 0 ? 0 : 1;
SCRIPT
    "$NODE" delete.mjs "$STATE/stepparent.db"
    cp /bin/dash later; ./later -c "dpkg -i $DEBS/viewer_1.deb; :"`,
    [{ ...reported, term: '/later' }, unnoticed('the agent does not notice missing rows')],
    { fresh: true },
  ),
  daemon(
    'cap-as-shield',
    'blind-cap',
    'more alerts than the rules for parent and initiator may send together, then the real installation',
    `for i in $(seq 230); do cp /bin/dash p$i; ./p$i -c 'dpkg -i /nowhere/x.deb; :' 2>/dev/null; done
    cp /bin/dash real; ./real -c "dpkg --log=/dev/null -i $DEBS/evil-marked_1.deb; :"
    proof /opt/evil.ran`,
    [{ ...reported, term: '/real', fails: 'above the rate limits no alert of the rules is delivered' }],
    { fresh: true },
  ),
  daemon(
    'user-counts-as-root',
    'blind-su',
    "another user's dpkg right below a program of root's",
    `for i in $(seq 40); do su -s /bin/sh nobody -c 'exec dpkg -i /nowhere/blind-su.deb' 2>/dev/null || :; done
    sleep 1
    stepparent query --json "SELECT coalesce(\\"user.id\\", 'not observed') AS user, count(*) AS runs FROM process_events
      WHERE \\"process.command_line\\" = 'dpkg -i /nowhere/blind-su.deb' GROUP BY 1" >runs
    proof runs`,
    [{ prints: 'PROOF {"user":"65534","runs":40}' }],
    { fresh: true },
  ),
  daemon(
    'dpkg-flood',
    'blind-dpkg',
    'another user runs dpkg as fast as it can while root installs',
    `for i in 1 2; do as_nobody timeout 2 sh -c 'while :; do dpkg -i /nowhere/x.deb; done' 2>/dev/null & done
    sleep 0.5; evil; wait || :`,
    [reported],
    { fresh: true },
  ),
  daemon(
    'hostile-user',
    'blind-user',
    'another user runs pipes, devices and huge files as scripts, huge arguments, deep chains and odd names',
    `cat >/opt/hostile.sh <<'SCRIPT'
cd "$NOBODY"; mkfifo pipe; truncate -s 8G big
timeout 1 sh pipe & timeout 1 sh /dev/zero & timeout 1 sh big &
/usr/bin/python3 - <<'PYTHON'
import os, subprocess
big = ['x' * 120000] * 15
for i in range(5):
    subprocess.run(['/bin/true', *big])
    subprocess.run(['/usr/bin/dpkg', '-i', *big], stderr=subprocess.DEVNULL)
for name in ['a\\nb', '\\x1b[2J', '" OR 1=1', '\\udc80\\udcff']:
    os.symlink('/bin/true', name); subprocess.run(['./' + name])
PYTHON
chain() { if [ $1 -gt 0 ]; then (chain $(($1 - 1)); :); else echo 'the chain came to its end' >chain; dpkg -i /nowhere/deep.deb; fi; }
chain 300
for i in $(seq 300); do sleep 1 & done; wait
SCRIPT
    as_nobody sh /opt/hostile.sh 2>/dev/null || :
    proof $NOBODY/chain
    stepparent status >/dev/null; evil`,
    [reported],
    { fresh: true },
  ),
  daemon(
    'user-floods-alerts',
    'blind-alerts',
    "130 programs of another user's run dpkg, then root installs",
    `cat >/opt/flood.sh <<'SCRIPT'
cd "$NOBODY"; for i in $(seq 130); do cp /bin/dash q$i; ./q$i -c 'dpkg -i /nowhere/x.deb; :'; done
SCRIPT
    as_nobody sh /opt/flood.sh 2>/dev/null
    cp /bin/dash real; ./real -c "dpkg --log=/dev/null -i $DEBS/evil-marked_1.deb; :"
    proof /opt/evil.ran`,
    [{ ...reported, term: '/real' }],
    { fresh: true },
  ),
  daemon(
    'clock-ahead',
    'blind-date',
    'the clock is 400 days ahead for some seconds',
    `count() { stepparent baseline list --json | wc -l; stepparent alerts --json --limit 100000 | wc -l; }
    before=$(count | paste -s -d ' '); [ "\${before#* }" != 0 ]
    echo 400 >$CLOCK_OFFSET; sleep 4; echo 0 >$CLOCK_OFFSET; sleep 1
    proof $CLOCK_OFFSET.read
    echo "known values and alerts: $before before, $(count | paste -s -d ' ') after"
    [ "$before" != "$(count | paste -s -d ' ')" ] || echo 'the history is kept'`,
    [
      { prints: 'the history is kept', fails: 'retention goes by the wall clock only' },
      unnoticed('a step of the clock is not noticed'),
    ],
    { fresh: true, shiftedClock: true },
  ),
  daemon(
    'user-programs-count-as-root',
    'blind-user-cap',
    "another user's programs right below su are learned as root's, and use up its alerts",
    `cat >install.c <<'PROGRAM'
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
  int status;
  pid_t pid = vfork();
  if (pid == 0) { execl("/usr/bin/dpkg", "dpkg", "-i", "/nowhere/x.deb", (char *)0); _exit(1); }
  waitpid(pid, &status, 0);
}
PROGRAM
    gcc -O -o install install.c
    for i in $(seq 110); do cp install $NOBODY/r$i; done
    for i in $(seq 110); do su -s /bin/sh nobody -c "exec $NOBODY/r$i" 2>/dev/null || :; done
    evil; sleep 1
    stepparent baseline list --json >baseline
    echo "counted as root's: $(grep -c '"/opt/nobody/r[0-9]*"' baseline || :)"`,
    [{ prints: "counted as root's: 0" }, reported],
    { fresh: true },
  ),
];

/** Enacted before the cases: it installs the packages whose scripts they use. */
export const beforeCases: Act = {
  id: 'learn-marked',
  title: 'an administrator installs what the cases use',
  actor: 'sshd',
  shell: 'bash',
  script: 'dpkg -i $DEBS/marked_1.deb $DEBS/short_1.deb; rm /opt/marked.ran /opt/short.ran',
};

/** The cases in the order in which they are enacted; those that need a new agent come last. */
export const cases: readonly Case[] = [...evasions, ...falseAlarms, ...blinding];

/**
 * Installs two packages, whose scripts end at once, in a system that is in another directory each time; `run` runs `$install` there.
 * It runs three times: nothing of the host is hit there, so that the agent may be too late for one of them on a busy machine.
 */
const inSystem = (run: string): string => `root=$WORK/system
    mv $SYSTEM $root; trap 'mv $root $SYSTEM' EXIT
    cp $DEBS/marked_1.deb $DEBS/short_1.deb $root/srv
    install='dpkg --log=/dev/null -i /srv/marked_1.deb /srv/short_1.deb'
    for time in 1 2 3; do
    ${run}
    done
    proof $root/opt/marked.ran`;

const unshared = 'unshare --mount --propagation private --pid --fork';

/** What makes or enters another system: its name, a script, and the number of alerts of its first run. */
const builders: readonly (readonly [name: string, script: string, first: number])[] = [
  // At most one of the rule for the parent and one of the rule for the initiator; of one process they are one alert.
  [
    'debootstrap',
    `debootstrap --variant=minbase --unpack-tarball=$TARBALL bookworm $WORK/root $ARCHIVE >log 2>&1 || { tail -n 5 log; false; }
    proof $WORK/root/etc/debian_version`,
    2,
  ],
  // One more about the hook that it has apt-get run.
  [
    'mmdebstrap',
    `mmdebstrap --mode=root --variant=essential bookworm $WORK/root $ARCHIVE >log 2>&1 || { tail -n 5 log; false; }
    proof $WORK/root/etc/debian_version`,
    3,
  ],
  ['chroot', inSystem('chroot $root $install'), 2],
  ['chroot-shell', inSystem('PATH=/sbin:/bin:/usr/sbin:/usr/bin chroot $root sh -c "$install"'), 2],
  [
    'schroot',
    inSystem(`printf '[system]\ntype=directory\ndirectory=%s\nroot-users=root\nprofile=minimal\n' $root >/etc/schroot/chroot.d/system
    schroot -c system -d / -- $install`),
    2,
  ],
  ['unshare', inSystem(`${unshared} --root=$root $install`), 0],
  ['unshare-user', inSystem(`${unshared} --map-root-user --root=$root sh -c "$install"`), 0],
  [
    'pivot-root',
    inSystem(`${unshared} sh -ec "mount --bind $root $root; cd $root; mkdir -p old; pivot_root . old; exec $install"`),
    0,
  ],
  ['nspawn', inSystem('systemd-nspawn -q --register=no --keep-unit --pipe -D $root $install'), 0],
  ['bubblewrap', inSystem('bwrap --bind $root / --dev /dev --proc /proc --unshare-all $install'), 0],
];

/**
 * Enacted in the tier `boot`, since they take minutes. `$SYSTEM` is a release's smallest system, `$TARBALL` has its packages, `$ARCHIVE`
 * is the URL of its archive. Each builder runs twice.
 */
export const builderCases: readonly Case[] = builders.flatMap(([name, script, first]) => [
  daemon(name, `${name}-user`, `${name} raises its alerts at the first run`, script, [{ atMost: first }]),
  daemon(`${name}-again`, `${name}-user`, `${name} raises no alert afterwards`, script, [{ atMost: 0 }]),
]);
