// Commands on a package tool's command line, and options that only look like them.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const run = (name: string, ...args: string[]): CaseEvent => ({
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['process'], type: ['start'], action: 'exec' },
  process: { name, executable: `/usr/bin/${name}`, args: [name, ...args], parent: { name: 'bash' } },
  stepparent: {},
});
const hook = run('apt-get', '-o', 'APT::Update::Post-Invoke::=/tmp/x', 'update');

export const cases: RuleCases = {
  hits: {
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
  },
  misses: {
    'an option that is none': run('apt-get', '-o', 'Acquire::Languages=none', 'update'),
    'a folder of programs': run('apt-get', '-o', 'Dir::Bin::methods=/usr/lib/apt/methods', 'update'),
    'an installation': run('dpkg', '-i', 'pre-invoke.deb'),
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
  },
};
