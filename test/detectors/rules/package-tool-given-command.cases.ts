// Commands on a package tool's command line, and options that only look like them.

import { withFacts } from '../../../detectors/facts/facts.ts';
import { type CaseEvent, changed, type RuleCases, readerOf } from './rule-cases.ts';

const run = (name: string, ...args: string[]): CaseEvent => ({
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['process'], type: ['start'], action: 'exec' },
  process: { name, executable: `/usr/bin/${name}`, args: [name, ...args], parent: { name: 'bash' } },
  stepparent: {},
});
const hook = run('apt-get', '-o', 'APT::Update::Post-Invoke::=/tmp/x', 'update');

/** The events with the fact that the rule reads. */
const withHooks = (events: Readonly<Record<string, CaseEvent>>): Record<string, CaseEvent> =>
  Object.fromEntries(
    Object.entries(events).map(([title, event]) => {
      const { read } = withFacts(readerOf(event), () => event as never);
      return [title, changed(event, { 'stepparent.hook.commands': read('stepparent.hook.commands') })];
    }),
  );
const inEnvironment = (event: CaseEvent, ...variables: string[]): CaseEvent =>
  changed(event, { 'process.env_vars': ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', ...variables] });
const update = run('apt-get', 'update');
const install = run('dpkg', '-i', 'x.deb');

export const cases: RuleCases = {
  hits: withHooks({
    'a hook of apt-get': hook,
    'in other letters': run('apt-get', '-oapt::update::PRE-INVOKE::=/tmp/x', 'update'),
    'packages handed to a program': run('apt', '-o', 'DPkg::Pre-Install-Pkgs::=sh /tmp/x', 'install', 'hello'),
    'a program in the place of dpkg': run('apt-get', '-o', 'Dir::Bin::dpkg=/tmp/x', 'install', 'hello'),
    'a hook of dpkg': run('dpkg', '--pre-invoke=/tmp/x', '-l'),
    'who hears of states': run('dpkg', '--status-logger=/tmp/x', '-i', 'x.deb'),
    'a macro of rpm': run('rpm', '--eval', '%(/tmp/x)'),
    'Lua in rpm': run('rpm', '--eval', '%{lua:os.execute("/tmp/x")}'),
    'a macro that is defined': run('rpm', '--define=_tmppath=%(/tmp/x)', '-q', 'bash'),
    'a copy of rpm under another name': changed(run('updater', '--eval', '%(/tmp/x)'), {
      'stepparent.program': { path: '/usr/bin/rpm', name: 'rpm', recognized_by: 'build_id' },
    }),
    'a copy of dpkg under another name': changed(run('updater', '--pre-invoke=/tmp/x', '-l'), {
      'stepparent.program': { path: '/usr/bin/dpkg', name: 'dpkg', recognized_by: 'build_id' },
    }),
    'a copy of apt-get under another name': changed(hook, {
      'process.name': 'updater',
      'stepparent.program': { path: '/usr/bin/apt-get', name: 'apt-get', recognized_by: 'build_id' },
    }),
    'a pager of rpm': run('rpm', '--pipe', '/tmp/x', '-qa'),
    // Every spelling that the tools take.
    'a hook as a long option': run('apt-get', '--option=DPkg::Post-Invoke::=/tmp/x', 'update'),
    'a hook as two words, with the name in other letters': run(
      'apt-cache',
      'policy',
      '--OPTION',
      'dpkg::post-invoke::=/tmp/x',
    ),
    'a hook behind other letters': run('apt-get', '-yqo', 'APT::Update::Pre-Invoke::=/tmp/x', 'update'),
    'a hook behind an equals sign': run('aptitude', '-o=DPkg::Pre-Invoke::=/tmp/x', 'install', 'hello'),
    'a hook for one program': run('apt-get', '-oBinary::apt-get::DPkg::Pre-Invoke::=/tmp/x', 'update'),
    'a proxy that a program finds': run('apt-get', '-o', 'Acquire::http::Proxy-Auto-Detect=/tmp/x', 'update'),
    'a solver in another directory': run('apt-get', '--solver', '../../../tmp/x', 'install', 'hello'),
    'methods in another directory': run('apt-config', '-o', 'Dir::Bin::Methods=/tmp/x', 'dump'),
    'a file with a hook': changed(update, { 'stepparent.named_configuration': { commands: ['DPkg::Pre-Invoke:: x'] } }),
    'a hook of dpkg as two words': run('dpkg', '--pre-invoke', '/tmp/x', '-i', 'x.deb'),
    'a hook of dpkg after the action': run('dpkg', '-i', '--post-invoke', '/tmp/x', 'x.deb'),
    'who hears of states, as two words': run('dpkg', '--status-logger', '/tmp/x', '--configure', '-a'),
    'a macro behind other text': run('rpm', '--eval', 'x%(/tmp/x)'),
    'a macro of a letter': run('rpm', '-E%(/tmp/x)'),
    'a macro in a definition': run('rpm', '-D', '_netsharedpath %(/tmp/x)', '-qa'),
    'a macro in a path': run('rpm', '--dbpath', '/var/lib/%(/tmp/x)', '-qa'),
    'Lua within a condition': run('rpm', '--eval', '%{?!x:%{lua:os.execute("x")}}'),
    'files of macros': run('rpm', '--macros', '/usr/lib/rpm/macros:/tmp/x', '-qa'),
    'a file of macros': run('rpm', '--load=/tmp/x', '-qa'),
    'a file of settings': run('rpmkeys', '--rcfile=/tmp/x', '-K', 'x.rpm'),
    'a plugin of rpm': run('rpm', '--define', '__transaction_x /tmp/x.so', '-i', 'x.rpm'),
    'a directory of plugins of rpm, in one word': run('rpm', '-vD__plugindir /tmp/x', '-i', 'x.rpm'),
    'a program of rpm that a macro names': run(
      'rpm',
      '--eval',
      '%define _urlhelper /tmp/x',
      '-i',
      'https://x.example/x.rpm',
    ),
    'a module of debconf as an option': run('dpkg-reconfigure', '--fr', 'x; system("/tmp/x")', 'tzdata'),
    'a module of debconf behind another letter': run('dpkg-preconfigure', '-ufx::y;system(id)', 'x.deb'),
    'plugins of dnf, abbreviated': run('dnf', '--seto', 'pluginpath=/tmp/x', 'install', 'hello'),
    'plugins of dnf': run('dnf', '--setopt=pluginpath=/tmp/x', 'install', 'hello'),
    'plugins of dnf as two words': run('dnf-3', '--setopt', 'main.pluginconfpath=/tmp/x', 'upgrade'),
    'a plugin as a repository': run('zypper', 'addrepo', 'plugin:../../../../tmp/x?a=b', 'x'),
    'a preloaded library': inEnvironment(update, 'LD_PRELOAD=/tmp/x.so'),
    'a preloaded library behind one of the system': inEnvironment(install, 'LD_PRELOAD=libfakeroot-sysv.so:/tmp/x.so'),
    'modules of Perl': inEnvironment(install, 'PERL5OPT=-I/tmp -Mx'),
    'modules of Python in a directory of all users': inEnvironment(run('dnf', 'upgrade'), 'PYTHONPATH=/tmp/x'),
    'a start file of bash': inEnvironment(install, 'BASH_ENV=/tmp/x'),
    'a function of bash': inEnvironment(install, 'BASH_FUNC_tar%%=() { /tmp/x; }'),
    'programs in a directory of all users': inEnvironment(install, 'PATH=/tmp/x:/usr/bin'),
    'options of tar': inEnvironment(install, 'TAR_OPTIONS=--checkpoint=1 --checkpoint-action=exec=/tmp/x'),
    'a module of debconf': inEnvironment(install, 'DEBIAN_FRONTEND=x; system("/tmp/x")'),
    'a pager in a directory of all users': inEnvironment(run('apt', 'changelog', 'hello'), 'PAGER=/tmp/x'),
    "scripts of dpkg's helpers": inEnvironment(install, 'DPKG_DATADIR=/tmp/x'),
    'macros of rpm': inEnvironment(run('rpm', '-qa'), 'RPM_CONFIGDIR=/tmp/x'),
  }),
  misses: withHooks({
    'a hook that is emptied': run('apt-get', '-o', 'DPkg::Post-Invoke=', 'update'),
    'dpkg of the system': run('apt-get', '-o', 'Dir::Bin::dpkg=/usr/bin/dpkg', 'update'),
    'options of dpkg': run('apt-get', '-y', '-o', 'Dpkg::Options::=--force-confold', 'install', 'hello'),
    'a proxy': run('apt-get', '-o', 'Acquire::http::Proxy=http://proxy.example:3128', 'update'),
    'an operand behind the options': run('apt-get', 'install', '--', '-oDPkg::Pre-Invoke::=/tmp/x'),
    'a release with the name of a hook': run('apt-get', '-t', 'DPkg::Pre-Invoke::=/tmp/x', 'update'),
    'a package behind the options of dpkg': run('dpkg', '-i', '--', '--pre-invoke=x.deb'),
    'a macro of the system': run('rpm', '--eval', '%(echo $HOME)'),
    'macros of the system': run('rpm', '--macros', '/usr/lib/rpm/macros', '-qa'),
    'a root of dnf': run('dnf', '--setopt=tsflags=nodocs', '--installroot=/srv/x', 'install', 'hello'),
    'plugins of the system': run('dnf', '--setopt=pluginpath=/usr/lib/python3/site-packages/dnf-plugins', 'upgrade'),
    'a repository': run('zypper', 'addrepo', 'https://example.org/plugin:x', 'x'),
    'a usual environment': inEnvironment(update, 'DEBIAN_FRONTEND=noninteractive', 'LD_PRELOAD=', 'PAGER=less -R'),
    fakeroot: inEnvironment(
      install,
      'LD_PRELOAD=libfakeroot-sysv.so',
      'LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu/libfakeroot',
    ),
    eatmydata: inEnvironment(update, 'LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libeatmydata.so libeatmydata.so'),
    'modules of a user': inEnvironment(update, 'PYTHONPATH=/root/src', 'PERL5LIB=/root/perl5/lib/perl5'),
    'a function of Fedora': inEnvironment(run('dnf', 'upgrade'), 'BASH_FUNC_which%%=() { x; }'),
    'a program that is no package tool': inEnvironment(run('make', 'x'), 'LD_PRELOAD=/tmp/x.so'),
    'an option that is none': run('apt-get', '-o', 'Acquire::Languages=none', 'update'),
    'a folder of programs': run('apt-get', '-o', 'Dir::Bin::methods=/usr/lib/apt/methods', 'update'),
    'an installation': run('dpkg', '-i', 'pre-invoke.deb'),
    'a macro of a place': run('rpm', '--define', '_tmppath /var/tmp', '-i', 'x.rpm'),
    'a plugin of the system': run('rpm', '-D', '__transaction_syslog /usr/lib64/rpm-plugins/syslog.so', '-i', 'x.rpm'),
    'a macro that is undefined': run('rpm', '--define', '__transaction_syslog %{nil}', '-i', 'x.rpm'),
    'a frontend of debconf': run('dpkg-reconfigure', '-f', 'noninteractive', '-plow', 'tzdata'),
    'a shell and a pager of a user': inEnvironment(install, 'SHELL=/usr/local/bin/fish', 'PAGER=less -R', 'EDITOR=vim'),
    'a macro that is read': run('rpm', '--eval', '%{_dbpath}'),
    'a query': run('rpm', '-qa', '--qf', '%{NAME}'),
    'another program': changed(hook, { 'process.name': 'echo' }),
    'a copy of another program': changed(hook, {
      'process.name': 'echo',
      'stepparent.program': { path: '/usr/bin/dash', name: 'dash', recognized_by: 'build_id' },
    }),
    'no start': changed(hook, { 'event.action': 'end' }),
    'not Linux': changed(hook, { 'host.os.type': 'macos' }),
    'no arguments seen': changed(hook, { 'process.args': undefined }),
  }),
};
