// What the script of a package leaves behind past the package database, and what honest scripts write.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const unit: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['file'], type: ['creation'], action: 'creation' },
  file: {
    path: '/etc/systemd/system/dbus-update.service',
    name: 'dbus-update.service',
    type: 'file',
  },
  process: { name: 'sh', executable: '/usr/bin/dash' },
  stepparent: {
    file: { watched: 'systemd', package: { state: 'none' } },
    lifecycle_script: { manager: 'dpkg', package: 'editor', phase: 'postinst', depth: 0 },
  },
};
const at = (watched: string, path: string): CaseEvent =>
  changed(unit, { 'stepparent.file.watched': watched, 'file.path': path, 'file.name': path.replace(/^.*\//, '') });
const link = (target: string): CaseEvent => changed(unit, { 'file.type': 'symlink', 'file.target_path': target });

export const cases: RuleCases = {
  hits: {
    'a unit': unit,
    'a unit that a child of the script moves there': changed(unit, {
      'event.action': 'rename',
      'event.type': ['change'],
      'stepparent.lifecycle_script.depth': 2,
    }),
    'an earlier unit of no package that is changed': changed(unit, {
      'event.action': 'modification',
      'event.type': ['change'],
    }),
    'a cron job': at('cron', '/etc/cron.d/update'),
    'a crontab': at('cron', '/var/spool/cron/crontabs/root'),
    'a rule of sudo': at('sudo', '/etc/sudoers.d/90-x'),
    'a key': at('ssh', '/root/.ssh/authorized_keys'),
    'a preloaded library': at('linker', '/etc/ld.so.preload'),
    'by a scriptlet of rpm': changed(unit, { 'stepparent.lifecycle_script': { manager: 'rpm', package: 'editor' } }),
    'a link to a unit somewhere else': link('/opt/x.service'),
    'a relative link to a unit somewhere else': link('../../../opt/x.service'),
    'a link that only begins in the directory of units': link('/usr/lib/systemd/../../../opt/x.service'),
  },
  misses: {
    'a file that the package brings': changed(unit, {
      'stepparent.lifecycle_script': undefined,
      'stepparent.file.package': { manager: 'dpkg', name: 'editor', state: 'unchanged' },
    }),
    'a unit of a package that its script changes': changed(unit, {
      'event.action': 'modification',
      'stepparent.file.package': { manager: 'dpkg', name: 'editor', state: 'changed' },
    }),
    'a unit that an administrator writes': changed(unit, { 'stepparent.lifecycle_script': undefined }),
    'a link that enables a unit': link('/lib/systemd/system/cron.service'),
    'a link that enables a unit below /usr': link('/usr/lib/systemd/system/cron.service'),
    'a link to a unit for users': link('/usr/share/systemd/user/x.service'),
    'a link to a unit of the administrator': link('/etc/systemd/system/x.service'),
    'a link to a transient unit': link('/run/systemd/transient/x.service'),
    'a link to a unit beside it': link('cron.service'),
    'a link to a unit above it': link('../cron.service'),
    'a link that masks a unit': link('/dev/null'),
    'a directory of links': changed(unit, { 'file.type': 'dir' }),
    'the counter of at': at('cron', '/var/spool/cron/atjobs/.SEQ'),
    'the configuration of sshd': at('ssh', '/etc/ssh/sshd_config'),
    'the configuration of PAM': at('pam', '/etc/pam.d/common-auth'),
    'a file that the script removes': changed(unit, { 'event.action': 'deletion', 'event.type': ['deletion'] }),
    'a database that could not be read': changed(unit, { 'stepparent.file.package': undefined }),
    'not Linux': changed(unit, { 'host.os.type': 'macos' }),
  },
};
