// An alert with every field that an event or alert can have, and the names of all fields of a document.

import { ecsVersion, type Identity, type ProcessFields, type StepparentEvent } from '../collectors/event/event.ts';

/** Requires every optional field; objects with open keys stay unchanged. A new field of the type is a type error here until it has a value. */
type Full<T> = T extends readonly (infer Item)[]
  ? Full<Item>[]
  : T extends object
    ? string extends keyof T
      ? T
      : { [Key in keyof T]-?: Full<Exclude<T[Key], undefined>> }
    : T;

const time = '2026-04-10T12:00:00.000Z';
const alice: Full<Identity> = { id: '1000', name: 'alice' };
const staff: Full<Identity> = { id: '50', name: 'staff' };

function processOf(pid: number): ProcessFields {
  return {
    entity_id: `01234567-${pid}-100`,
    pid,
    name: `program ${pid}`,
    executable: `/usr/bin/program ${pid}`,
    args: ['program', '', `x ${pid}`],
    args_count: 3,
    command_line: `program  x ${pid}`,
    start: time,
    working_directory: `/srv/${pid}`,
    interactive: false,
    user: { id: '0', name: 'root' },
    real_user: alice,
    saved_user: alice,
    group: staff,
    real_group: staff,
    saved_group: staff,
    supplemental_groups: [staff, { id: '7' }],
    tty: { char_device: { major: 136, minor: 0 } },
  };
}

type Stepparent = Full<StepparentEvent['stepparent']>;

const stepparent: Stepparent = {
  exec: { filename: './program' },
  image: { path: '/usr/bin/program' },
  program: { path: '/usr/bin/dpkg', name: 'dpkg', recognized_by: 'build_id', argument: '/tmp/a copy' },
  package: {
    manager: 'dpkg',
    operation: 'install',
    packages: ['a b.deb', 'c\\x20d.deb', '', 'é.deb'],
    packages_count: 4,
    root: '/',
    database: '/var/lib/dpkg',
    other_database: '/tmp/a b',
    dry_run: false,
    verification_off: ['nosignature', 'nodigest'],
  },
  lifecycle_script: {
    manager: 'dpkg',
    path: '/var/lib/dpkg/info/a.postinst',
    package: 'a',
    phase: 'postinst',
    depth: 0,
  },
  initiator: {
    entity_id: '01234567-4-4',
    pid: 4,
    name: 'web app',
    executable: '/opt/web app',
    origin: 'unit web.service',
    origin_kind: 'unit',
    origin_claimed: true,
    requester: {
      user: alice,
      executable: '/opt/web app',
      session: 'c2',
      elevated_by: 'sudo',
      claimed: true,
      source: 'environment',
    },
    hash: { sha256: 'e3b0c442' },
    wrappers: ['sh', 'my sudo'],
  },
  genuine: { process: true, parent: false, session_leader: true, group_leader: false },
  script: {
    path: '/var/lib/dpkg/info/a.postinst',
    sha256: 'e3b0c442',
    package: 'a',
    version: '1:2.0-1',
    phase: 'postinst',
    state: 'changed',
    copy_of: '/var/lib/dpkg/info/b.postinst',
    findings: [
      { id: 'cron', technique: 'T1053.003', line: 1, text: 'echo "* * * * *" > /etc/cron.d/x' },
      { id: 'detached-process', technique: 'T1564.011', line: 2, text: 'setsid x\ty' },
    ],
    diff: '-a\n+b\n',
  },
  override: { kind: 'diversion', action: 'add', path: '/bin/a "b"\n', target: '/bin/c' },
  verification: { off: ['allow_unauthenticated', 'no_debsig'] },
  sources: {
    added: ['a.example/debian stable [trusted=yes]', 'key ABCD'],
    unverified: ['a.example/debian stable [trusted=yes]'],
    lost_security: ['b.example/debian-security stable-security', ''],
    blocked: ['a b 1:1.0-1, stable-security has 1:2.0-1', ''],
    pins: ['a release l=Debian-Security -1', ''],
    locked: ['exclude a* of updates', ''],
    packaged: true,
  },
  unlisted: { packages: ['a b', 'c'], archives: ['/srv/a b.deb', ''], sha256: ['c'.repeat(64), ''] },
  transaction: {
    id: '01234567-3-3',
    executable: '/usr/bin/dpkg',
    manager: 'rpm',
    test: false,
    root: '/mnt/my root',
    database: '/mnt/my root/var/lib/rpm',
    packages_count: 2,
    packages: [
      {
        name: 'a b',
        version: '1:2.0-1',
        architecture: 'noarch',
        action: 'upgrade',
        former_version: '1:1.0-1',
        applied: true,
        state: 'installed',
        archive: '/srv/a b.deb',
        archive_target: '/srv/b.deb',
        sha256: 'c'.repeat(64),
        source: 'repository',
        repository: {
          id: 'up "dates"',
          site: 'deb.example.org/debian',
          suite: 'stable',
          component: 'main',
          origin: 'Debian',
          label: 'Debian "x"\ny',
          signed: true,
          key: ['0123456789ABCDEF0123456789ABCDEF01234567', '0123456789ABCDEF'],
        },
        superseded: false,
        signature: { exists: true, key: '0123456789abcdef', key_imported: true },
        cached_before: false,
      },
      {
        name: 'c',
        version: '1-1',
        architecture: 'x86_64',
        action: 'remove',
        former_version: '',
        applied: false,
        state: '',
        archive: '',
        archive_target: '',
        sha256: '',
        source: 'unlisted',
        repository: { id: '', site: '', suite: '', component: '', origin: '', label: '', signed: false, key: [] },
        superseded: true,
        signature: { exists: false, key: '', key_imported: false },
        cached_before: true,
      },
    ],
    held: ['a b 1:1.0-1', 'c "d"\n'],
    released: ['e 1'],
    blocked_fixes: ['a b 1:1.0-1, stable-security has 1:2.0-1'],
    lost_fixes: ['a b 1:1.0-1, stable-security has 1:2.0-1', 'c "d"\n'],
    downgrades: ['a b 1:2.0-1 -> 1:1.0-1', 'c 2-1 -> 1-1'],
    verified: false,
    differences: [{ package: 'a b-1:2.0-1.noarch', kind: 'not_listed' }],
    survivors: [
      {
        entity_id: '01234567-40-40',
        pid: 40,
        name: 'sleep',
        executable: '/usr/bin/sleep',
        program: '/usr/bin/dash',
        args: ['sleep', '60'],
        start: time,
        user: alice,
        working_directory: '/',
        script: { manager: 'dpkg', path: '/var/lib/dpkg/info/a.postinst', package: 'a', phase: 'postinst' },
      },
    ],
    survivors_count: 1,
  },
  file: {
    writer_source: 'kernel',
    original_path: '/var/lib/dpkg/info/old',
    moved_out: false,
    changed: ['size', 'mtime'],
    previous: { inode: '1', size: 0, mtime: time, ctime: time, mode: '0644', uid: '0', gid: '0', sha256: 'a1b2' },
    watched: 'cron',
    syntax: 'apt_conf',
    content: 'a\tb\n',
    diff: '-a\n+b\n',
    package: { manager: 'dpkg', name: 'cron', state: 'changed' },
  },
  named_configuration: { commands: ['DPkg::Pre-Invoke:: a'] },
  unowned_program: { path: '/opt/hook.sh', sha256: 'ab' },
  setuid_program: { path: '/opt/x', owned: false, sha256: 'ab' },
  hook: { commands: ['DPkg::Pre-Invoke:: a b', ''] },
  read: {
    by: 'pipe',
    interpreter: { entity_id: '01234567-5-5', pid: 5, executable: '/usr/bin/dash' },
  },
  tampering: { before: '1', after: '0', restored: true },
  found: 'comparison',
  gap: { reason: 'killed', seconds: 12 },
  review: { alert: 'a1', rule: 'r1', state: 'closed', reason: 'OPS-12 "x"', user: alice, login_user: alice },
  lineage: [
    {
      entity_id: '01234567-2-2',
      pid: 2,
      name: 'sh',
      executable: '/usr/bin/dash',
      program: '/usr/bin/bash',
      args: ['sh'],
      start: time,
      user: alice,
      working_directory: '/',
      verified: true,
      temporary_script: { path: '/tmp/x.sh', sha256: 'e3b0c442' },
    },
    {
      entity_id: '01234567-1-1',
      pid: 1,
      name: 'init',
      executable: '/sbin/init',
      program: '/usr/bin/dash',
      args: [],
      start: time,
      user: alice,
      working_directory: '/',
      verified: false,
      temporary_script: { path: '/run/y.sh', sha256: 'e3b0c442' },
    },
  ],
  login_user: alice,
  named_callers: [{ source: 'environment', variable: 'SUDO_UID', user: alice, executable: '/usr/bin/pk' }],
  systemd: { unit: 'web.service', user: alice, timer: 'web.timer' },
  terminal: 'pts/0',
  place: { kind: 'chroot', root: '/srv/a b' },
  sensor: { name: 'tracefs', lost_events: 0, reason: 'none' },
  unobserved: { 'process.args': 'process_exited', 'process.user': 'process_exited' },
  inferred: { process: 'only_package_manager' },
  truncated: { 'process.args': 262_144 },
  alert: {
    id: 'a1',
    terms: ['/usr/bin/python3', null],
    reason: 'not seen before',
    state: 'open',
    findings: [
      {
        rule: { id: 'other-rule', name: 'Other rule' },
        terms: ['/usr/sbin/nginx', null],
        reason: 'first of its kind',
        severity: 21,
        risk_score: 21,
      },
    ],
    exception: { id: 'x1', reason: 'vendor', owner: 'alice', expires: time },
  },
  hunt: { id: 'h1', row: { 'file.name': 'x', count: 0, none: null } },
  summary: { alerts: 3, from: time, to: time },
};

const names = { id: ['T1'], name: ['n'], reference: ['https://example.org/'] };

export const maximalAlert = {
  '@timestamp': time,
  ecs: { version: ecsVersion },
  message: 'a ran "b"',
  tags: ['one', 'two'],
  event: {
    id: 'e1',
    kind: 'alert',
    category: ['file'],
    type: ['creation'],
    action: 'creation',
    module: 'stepparent',
    dataset: 'stepparent.file',
    provider: 'fanotify',
    outcome: 'success',
    created: time,
    severity: 73,
    risk_score: 0,
    start: time,
    end: time,
    duration: 1_500_000_000,
  },
  host: {
    hostname: 'web1',
    name: 'web1',
    id: 'a'.repeat(32),
    architecture: 'x86_64',
    boot: { id: 'b1' },
    os: { type: 'linux', platform: 'debian', name: 'Debian', version: '12', kernel: '6.1.0' },
  },
  agent: { id: 'agent-1', type: 'stepparent', version: '0.1.0', name: 'web1' },
  package: {
    type: 'rpm',
    name: ['a b', 'c'],
    version: ['1:2.0-1', ''],
    architecture: ['noarch', 'x86_64'],
    checksum: ['c'.repeat(64), ''],
  },
  process: {
    ...processOf(30),
    env_vars: ['PATH=/usr/sbin:/usr/bin', 'PERL5OPT=-Mx -d\ty', 'DPKG_ROOT='],
    parent: { ...(processOf(20) as NonNullable<ProcessFields['parent']>), hash: { sha256: 'e3b0c442' } },
    session_leader: { ...(processOf(10) as NonNullable<ProcessFields['session_leader']>), same_as_process: false },
    group_leader: { ...(processOf(30) as NonNullable<ProcessFields['group_leader']>), same_as_process: true },
  },
  user: { id: '0', name: 'root', Ext: { real: alice } },
  group: { ...staff, Ext: { real: staff } },
  file: {
    path: '/var/lib/dpkg/info/a.postinst',
    name: 'a.postinst',
    directory: '/var/lib/dpkg/info',
    extension: 'postinst',
    type: 'file',
    inode: '7',
    device: '8:1',
    mode: '0755',
    uid: '0',
    gid: '0',
    owner: 'root',
    group: 'root',
    size: 0,
    mtime: time,
    ctime: time,
    accessed: time,
    created: time,
    target_path: '/etc/a',
    hash: { sha256: 'e3b0c442' },
  },
  source: { ip: '192.0.2.1', port: 40_000 },
  destination: { ip: '2001:db8::1', port: 443 },
  network: { transport: 'tcp', type: 'ipv6', direction: 'egress' },
  container: { id: 'c0ffee' },
  rule: {
    id: 'r1',
    name: 'Rule',
    description: 'What it says.',
    version: '3',
    category: 'Persistence',
    license: 'Apache-2.0',
    author: ['a', 'b'],
    reference: 'https://example.org/',
    ruleset: 'stepparent',
  },
  threat: [
    {
      framework: 'MITRE ATT&CK',
      tactic: names,
      technique: { ...names, id: ['T1546'], subtechnique: { ...names, id: ['T1546.016'] } },
    },
  ],
  stepparent,
} as const satisfies StepparentEvent as StepparentEvent;

/** The dotted names of all values of a document. An object or list for which `isLeaf` holds is one value. */
export function fieldsOf(document: object, isLeaf: (field: string) => boolean = () => false): Set<string> {
  const fields = new Set<string>();
  const add = (field: string, value: unknown): void => {
    if (field !== '' && isLeaf(field)) fields.add(field);
    else if (Array.isArray(value)) for (const each of value) add(field, each);
    else if (typeof value !== 'object' || value === null) fields.add(field);
    else for (const [name, each] of Object.entries(value)) add(field === '' ? name : `${field}.${name}`, each);
  };
  add('', document);
  return fields;
}
