// Installations by services and people, of files that a source has or not. Where a file came from is decided by provenance.test.ts,
// and the origin by origin.test.ts.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const kind = 'stepparent.initiator.origin_kind';
const installation: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['package'], type: ['installation'], action: 'install', outcome: 'success' },
  process: { name: 'dpkg', executable: '/usr/bin/dpkg', args: ['dpkg', '-i', '/tmp/tool.deb'] },
  stepparent: {
    initiator: { executable: '/usr/sbin/nginx', origin: 'unit nginx.service', origin_kind: 'unit' },
    transaction: {
      manager: 'dpkg',
      packages: [
        { name: 'tool', version: '1', action: 'install', applied: true, source: 'local_file' },
        { name: 'other', version: '1', action: 'install', applied: true, source: 'repository' },
      ],
    },
  },
};
const withPackage = (values: object, manager = 'dpkg'): CaseEvent =>
  changed(installation, {
    'stepparent.transaction.manager': manager,
    'stepparent.transaction.test': false,
    'stepparent.transaction.packages': [{ name: 'tool', version: '1', action: 'install', applied: true, ...values }],
  });
const unsigned = withPackage({ signature: { exists: false } }, 'rpm');

export const cases: RuleCases = {
  hits: {
    'by a web server': installation,
    ...Object.fromEntries(
      [
        ...['cron', 'anacron', 'at', 'timer', 'user_unit', 'systemd_run', 'init', 'container', 'container_build'],
        ...['package_daemon', 'automatic_upgrade', 'cloud_init', 'ci_runner', 'configuration_management', 'ai_agent'],
      ].map((value) => [`by ${value}`, changed(installation, { [kind]: value })]),
    ),
    'of a file by dnf': withPackage({ source: 'local_file', signature: { exists: true, key_imported: true } }, 'rpm'),
    'of an rpm without a signature': unsigned,
    'of an rpm whose key is not known': withPackage({ signature: { exists: true, key_imported: false } }, 'rpm'),
    'an upgrade': changed(installation, { 'event.type': ['change'], 'event.action': 'upgrade' }),
    'whose origin was not observed': changed(installation, { 'stepparent.initiator.origin': undefined }),
  },
  misses: {
    'by a person over ssh': changed(installation, { [kind]: 'ssh' }),
    'by a person on the console': changed(installation, { [kind]: 'console' }),
    'by a person in a session': changed(installation, { [kind]: 'session' }),
    'by an initiator that was not observed': changed(installation, { 'stepparent.initiator': undefined }),
    'of a file in a directory of apt, which package-file-not-in-lists reports': withPackage({ source: 'unlisted' }),
    'of packages from lists': withPackage({ source: 'repository' }),
    'of a package whose source is not known': withPackage({}),
    'of an rpm whose key is known': withPackage({ signature: { exists: true, key_imported: true } }, 'rpm'),
    'a test': changed(unsigned, { 'stepparent.transaction.test': true }),
    'an installation that failed': changed(installation, { 'event.type': ['info'] }),
    'a removal': changed(installation, { 'event.type': ['deletion'], 'event.action': 'remove' }),
    'the exec of dpkg, whose result is not known yet': changed(installation, {
      'event.category': ['process'],
      'event.type': ['start'],
      'event.action': 'exec',
    }),
    'another system': changed(installation, { 'host.os.type': 'macos' }),
  },
};
