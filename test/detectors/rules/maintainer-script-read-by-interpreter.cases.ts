// Interpreters that got the content of a maintainer script, and those for which that is usual.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const sourced: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['file'], type: ['access'], action: 'script-read' },
  file: { path: '/var/lib/dpkg/info/cron.postinst', name: 'cron.postinst' },
  process: {
    name: 'dash',
    executable: '/usr/bin/dash',
    args: ['sh', '-c', '. /var/lib/dpkg/info/cron.postinst'],
    parent: { name: 'gunicorn', executable: '/usr/bin/gunicorn' },
  },
  stepparent: {
    read: { by: 'interpreter', interpreter: { executable: '/usr/bin/dash' } },
    script: { path: '/var/lib/dpkg/info/cron.postinst', package: 'cron', phase: 'postinst' },
  },
};
const by = (executable: string) => ({
  'process.name': executable.split('/').at(-1),
  'process.executable': executable,
});
const listed = [
  ...['ack', 'adequate', 'borg', 'borgbackup', 'checkbashisms', 'debsums', 'duplicity', 'icdiff', 'lintian'],
  ...['pygmentize', 'rdiff-backup', 'shasum'],
].map((name) => `/usr/bin/${name}`);
const debconf = ['/usr/sbin/dpkg-preconfigure', '/usr/sbin/dpkg-reconfigure', '/usr/share/debconf/frontend'];

export const cases: RuleCases = {
  hits: {
    'sourced by a shell': sourced,
    'read by python': changed(sourced, by('/usr/bin/python3.11')),
    'piped into a shell': changed(sourced, {
      ...by('/usr/bin/cat'),
      'stepparent.read': { by: 'pipe', interpreter: { executable: '/usr/bin/dash' } },
    }),
    "substituted into a shell's code": changed(sourced, {
      ...by('/usr/bin/cat'),
      'stepparent.read': { by: 'substitution', interpreter: { executable: '/usr/bin/bash' } },
    }),
    'a list of triggers': changed(sourced, {
      'file.path': '/var/lib/dpkg/triggers/File',
      'stepparent.script': undefined,
    }),
    'by a hook of apt': changed(sourced, {
      'process.parent.executable': '/usr/bin/apt-get',
      'stepparent.transaction': { id: '1-2-3', executable: '/usr/bin/apt-get' },
    }),
    'by a program of a listed name elsewhere': changed(sourced, by('/opt/debsums')),
    "by a program with the name of one of debconf's": changed(sourced, by('/opt/dpkg-reconfigure')),
    'below a scriptlet of rpm': changed(sourced, { 'stepparent.lifecycle_script.manager': 'rpm' }),
    'by a process that was not observed': changed(sourced, { process: undefined }),
  },
  misses: {
    'below a script that dpkg runs': changed(sourced, { 'stepparent.lifecycle_script.manager': 'dpkg' }),
    ...Object.fromEntries(
      [...listed, ...debconf, '/usr/sbin/needrestart'].map((file) => [`by ${file}`, changed(sourced, by(file))]),
    ),
    'a change': changed(sourced, { 'event.action': 'modification', 'event.type': ['change'] }),
    'another type': changed(sourced, { 'event.type': ['change'] }),
    'a run: another rule': changed(sourced, {
      'event.category': ['process'],
      'event.type': ['start'],
      'event.action': 'exec',
    }),
    'not Linux': changed(sourced, { 'host.os.type': 'macos' }),
  },
};
