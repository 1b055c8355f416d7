// Code that the script of a package loads into the kernel, and what honest scripts do with modules.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const insmod: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['process'], type: ['start'], action: 'exec' },
  process: {
    name: 'kmod',
    executable: '/usr/bin/kmod',
    args: ['insmod', '/opt/x.ko'],
    command_line: 'insmod /opt/x.ko',
  },
  stepparent: {
    exec: { filename: '/usr/sbin/insmod' },
    lifecycle_script: { manager: 'dpkg', package: 'editor', phase: 'postinst', depth: 1 },
  },
};
const ran = (filename: string, ...args: string[]): CaseEvent =>
  changed(insmod, {
    'stepparent.exec.filename': filename,
    'process.name': filename.replace(/^.*\//, ''),
    'process.args': [filename, ...args],
  });

/** Options by which modprobe loads nothing. */
const harmless = '-n --dry-run --show -D --show-depends -R --resolve-alias -c --showconfig -r --remove'.split(' ');

export const cases: RuleCases = {
  hits: {
    insmod,
    'kmod insert': ran('/usr/bin/kmod', 'insert', '/opt/x.ko'),
    'insmod of busybox': ran('/usr/bin/busybox', 'insmod', '/opt/x.ko'),
    'insmod as a link to busybox': changed(insmod, { 'process.name': 'busybox' }),
    'modprobe with a file': ran('/usr/sbin/modprobe', '/opt/x.ko.xz'),
    'modprobe with a file here': ran('/usr/sbin/modprobe', './x.ko'),
    'modprobe with another directory': ran('/usr/sbin/modprobe', '-d', '/opt/modules', 'x'),
    'modprobe with another directory in one word': ran('/usr/sbin/modprobe', '--dirname=/opt/modules', 'x'),
    'a BPF program': ran('/usr/sbin/bpftool', 'prog', 'loadall', '/opt/x.o', '/sys/fs/bpf/x'),
    'in a scriptlet of rpm': changed(insmod, { 'stepparent.lifecycle_script': { manager: 'rpm', package: 'editor' } }),
  },
  misses: {
    'modprobe with a name': ran('/usr/sbin/modprobe', '-q', 'fuse'),
    'what a builder of an initial file system asks': ran(
      '/usr/sbin/modprobe',
      '-d',
      '/var/tmp/root',
      '--set-version=6.1.0-9-amd64',
      '--show-depends',
      'ext4',
    ),
    ...Object.fromEntries(
      harmless.map((option) => [`modprobe ${option}`, ran('/usr/sbin/modprobe', option, '-d', '/opt/modules', 'x')]),
    ),
    depmod: ran('/usr/sbin/depmod', '-a'),
    'a list of modules': ran('/usr/bin/kmod', 'list'),
    'a list of BPF programs': ran('/usr/sbin/bpftool', 'prog', 'list'),
    'outside of a package script': changed(insmod, { 'stepparent.lifecycle_script': undefined }),
    'another event': changed(insmod, { 'event.action': 'end', 'event.type': ['end'] }),
  },
};
