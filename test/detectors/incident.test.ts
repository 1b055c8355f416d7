// Incidents from plain events: content, order, score, and the bounds under a flood of events.

import { describe, expect, test } from 'vitest';
import type { LineageStep, StepparentEvent } from '../../collectors/event/event.ts';
import { buildIncident, type IncidentDeps, scoreIncident, severityOfScore } from '../../detectors/incident.ts';
import { exampleEvent, second, start } from '../storage/examples.ts';

const id = '01234567-100-500';
const apt: LineageStep = {
  entity_id: id,
  pid: 100,
  name: 'apt-get',
  executable: '/usr/bin/apt-get',
  args: ['apt-get', '-y', 'upgrade'],
  start: new Date(start - second).toISOString(),
};
const above: LineageStep[] = [
  { entity_id: '01234567-90-400', pid: 90, name: 'sudo', executable: '/usr/bin/sudo' },
  { entity_id: '01234567-80-300', pid: 80, name: 'bash', executable: '/usr/bin/bash' },
];
const script = (pkg: string, depth: number) => ({
  manager: 'dpkg' as const,
  path: `/var/lib/dpkg/info/${pkg}.postinst`,
  package: pkg,
  phase: 'postinst',
  depth,
});

let serial = 0;
/** An exec in the transaction, `at` seconds after its start; `between` it and the tool are these. */
function execOf(
  at: number,
  args: string[],
  stepparent: Partial<StepparentEvent['stepparent']> = {},
  between: LineageStep[] = [],
): StepparentEvent {
  const pid = 1000 + ++serial;
  return {
    ...exampleEvent(`event-${serial}`, start + at * second),
    process: {
      pid,
      entity_id: `01234567-${pid}-600`,
      executable: args[0] as string,
      args,
      command_line: args.join(' '),
      parent: { executable: between[0]?.executable ?? '/usr/bin/apt-get' },
    },
    stepparent: {
      transaction: { id, executable: '/usr/bin/apt-get' },
      lineage: [...between, apt, ...above],
      login_user: { id: '1000', name: 'alice' },
      systemd: { unit: 'session-3.scope' },
      ...stepparent,
    },
  };
}
const fileOf = (at: number, name: string, action = 'rename'): StepparentEvent => {
  const event = execOf(at, ['/usr/bin/dpkg']);
  return {
    ...event,
    event: { ...event.event, category: ['file'], action },
    file: { path: `/var/lib/dpkg/info/${name}`, name, directory: '/var/lib/dpkg/info' },
  };
};
function alertOf(event: StepparentEvent, rule: string, risk: number, state: 'open' | 'rate_limited' = 'open') {
  return {
    state,
    document: {
      ...event,
      message: `${rule} fired`,
      event: { ...event.event, kind: 'alert' as const, risk_score: risk, severity: risk },
      rule: { id: rule, name: rule.toUpperCase() },
      stepparent: { ...event.stepparent, alert: { id: `alert-${serial}`, terms: [], reason: 'r', state } },
    },
  };
}
const build = (parts: Pick<IncidentDeps, 'alerts' | 'events'> & Partial<IncidentDeps>) =>
  buildIncident({ id, mostEvents: 1000, eventsCount: 0, isAlive: () => false, ...parts });

test('an incident has provenance, packages, findings, steps in order and survivors', () => {
  const unpack = execOf(1, ['/usr/bin/dpkg', '--unpack', '/x/evil_1.2_all.deb', '/x/folder/'], {
    package: {
      manager: 'dpkg',
      operation: 'unpack',
      packages: ['/x/evil_1.2_all.deb', '/x/folder/'],
      packages_count: 2,
      dry_run: false,
    },
    initiator: {
      entity_id: '01234567-80-300',
      pid: 80,
      executable: '/usr/bin/bash',
      origin: 'ssh as alice',
      wrappers: [],
    },
  });
  const list = fileOf(2, 'quiet.list');
  const postinst = execOf(3, ['/var/lib/dpkg/info/evil.postinst', 'configure'], {
    lifecycle_script: script('evil', 0),
    script: {
      path: '/var/lib/dpkg/info/evil.postinst',
      package: 'evil',
      version: '1.2',
      state: 'first',
      findings: [{ id: 'detached', technique: 'T1059.004', line: 3, text: 'setsid /tmp/payload &' }],
    },
    // Who ran the script is not who started the transaction.
    initiator: { entity_id: '01234567-999-1', pid: 999, executable: '/tmp/helper', wrappers: [] },
  });
  const payload = execOf(4, ['/tmp/payload', '--hide'], { lifecycle_script: script('evil', 2) });
  const nested = execOf(5, ['/usr/bin/dpkg', '-i', 'other.deb'], {
    lifecycle_script: script('evil', 1),
    package: { manager: 'dpkg', operation: 'install', packages: ['other.deb'], packages_count: 1, dry_run: false },
  });
  const incident = build({
    alerts: [alertOf(nested, 'parent', 21), alertOf(payload, 'payload', 47), alertOf(nested, 'nested', 47)],
    events: [unpack, list, postinst, payload, nested],
    eventsCount: 5,
    isAlive: (entity) => entity === payload.process?.entity_id || entity === id,
  });
  expect(incident).toMatchObject({
    '@timestamp': new Date(start + second).toISOString(),
    event: { action: 'package-transaction', end: nested['@timestamp'], risk_score: 82, severity: 99 },
    host: { id: 'a1b2' },
    process: { entity_id: id, executable: '/usr/bin/apt-get', args: ['apt-get', '-y', 'upgrade'] },
    user: { name: 'root' },
    stepparent: {
      transaction: { id, executable: '/usr/bin/apt-get' },
      initiator: { executable: '/usr/bin/bash', origin: 'ssh as alice' },
      login_user: { name: 'alice' },
      systemd: { unit: 'session-3.scope' },
      lineage: above,
      incident: {
        severity: 'critical',
        explained: '47 nested + 24.9 payload (risk 47) + 5.9 parent (risk 21) + 4.7 script findings (risk 21)',
        alerts_count: 3,
        last_alert: expect.stringMatching(/^\d{4}-/),
        operations: ['dpkg install', 'dpkg unpack'],
        packages_count: 3,
        scripts: [
          {
            path: '/var/lib/dpkg/info/evil.postinst',
            alerted: true,
            findings: [{ id: 'detached', technique: 'T1059.004', line: 3 }],
          },
        ],
        survivors: [{ pid: payload.process?.pid, command_line: '/tmp/payload --hide' }],
        survivors_count: 1,
        left_out: {},
      },
    },
  });
  const { steps, packages, contributions } = incident?.stepparent.incident ?? {};
  expect(incident?.stepparent.incident).not.toHaveProperty('unread');
  expect(steps?.map(({ kind, what, rules, alive }) => [kind, what, rules, alive])).toEqual([
    ['package', '/usr/bin/dpkg --unpack /x/evil_1.2_all.deb /x/folder/', undefined, undefined],
    ['file', 'renamed a file to /var/lib/dpkg/info/quiet.list', undefined, undefined],
    ['script', '/var/lib/dpkg/info/evil.postinst configure', undefined, undefined],
    ['exec', '/tmp/payload --hide', ['payload'], true],
    ['package', '/usr/bin/dpkg -i other.deb', ['parent', 'nested'], undefined],
  ]);
  expect(packages).toContainEqual({ name: 'evil', version: '1.2' });
  expect(packages?.map(({ name }) => name).sort()).toEqual(['evil', 'other', 'quiet']);
  expect(packages).toContainEqual({ name: 'other', inferred: ['name'] });
  expect(contributions?.map((each) => [each['rule.id'], each.alerts])).toEqual([
    ['nested', 1],
    ['payload', 1],
    ['parent', 1],
    ['script findings', 0],
  ]);
});

test('steps of one millisecond are sorted by the microseconds in their ids, whichever was stored first', () => {
  const withId = (eventId: string, command: string): StepparentEvent => {
    const event = execOf(1, [command]);
    return { ...event, event: { ...event.event, id: eventId } };
  };
  const third = withId('01234567-33-9-1003', 'third');
  const events = [third, withId('01234567-file-1002-7', 'second'), withId('01234567-31-9-1001', 'first')];
  const incident = build({ alerts: [alertOf(third, 'rule', 47)], events });
  expect(incident?.stepparent.incident.steps.map(({ what }) => what)).toEqual(['first', 'second', 'third']);
});

test('there is no incident without an alert', () => {
  expect(build({ alerts: [], events: [execOf(1, ['/usr/bin/dpkg'])] })).toBe(undefined);
});

test('an alert about the tool itself gives its ancestors, and its caller', () => {
  const own = execOf(1, ['/usr/bin/apt-get']);
  own.process = { ...own.process, entity_id: id, pid: 100, args: ['apt-get', 'install'] };
  own.stepparent.lineage = above;
  const incident = build({ alerts: [alertOf(own, 'a', 21)], events: [execOf(2, ['/bin/true'])] });
  expect(incident).toMatchObject({
    process: { pid: 100, args: ['apt-get', 'install'] },
    stepparent: { lineage: above, incident: { survivors: [] } },
  });
});

test("a truncated lineage gives only the tool's program", () => {
  const orphan = execOf(1, ['/tmp/x'], { lineage: [] });
  const incident = build({ alerts: [alertOf(orphan, 'a', 21)], events: [] });
  expect(incident).not.toHaveProperty('process');
  expect(incident?.stepparent).toMatchObject({ transaction: { executable: '/usr/bin/apt-get' }, lineage: [] });
});

describe('score', () => {
  const risks = (...all: number[]) => all.map((risk_score, i) => ({ 'rule.id': `r${i}`, risk_score, alerts: 3 }));
  test.each<[number[], boolean, number, string]>([
    [[21], false, 21, 'low'],
    [[21, 21], false, 38, 'medium'],
    [[47], false, 47, 'medium'],
    [[47, 21], false, 58, 'high'],
    [[73], false, 73, 'high'],
    [[47, 47], false, 72, 'high'],
    [[47, 47, 21], false, 78, 'critical'],
    [[99], false, 99, 'critical'],
    [[100, 100], false, 100, 'critical'],
    [[0], false, 0, 'low'],
    // Findings in scripts add, but alone they lift nothing above medium.
    [[21], true, 38, 'medium'],
    [[47], true, 47, 'medium'],
    [[40], true, 47, 'medium'],
    [[47, 21], true, 67, 'high'],
  ])('%j with findings %s', (all, findings, score, severity) => {
    const scored = scoreIncident(risks(...all), findings);
    expect(scored).toMatchObject({ score, severity });
    // What is explained adds up.
    expect(scored.contributions.reduce((sum, { adds }) => sum + adds, 0)).toBeCloseTo(score, -0.4);
  });

  test.each([
    [0, 'low'],
    [21, 'low'],
    [22, 'medium'],
    [47, 'medium'],
    [48, 'high'],
    [73, 'high'],
    [74, 'critical'],
    [100, 'critical'],
  ])('%i is %s', (score, severity) => {
    expect(severityOfScore(score)).toBe(severity);
  });

  test('a rule counts once, by the highest risk of its alerts', () => {
    const alerts = [21, 47, 21, 21].map((risk) => alertOf(execOf(1, ['/tmp/x']), 'same', risk));
    expect(build({ alerts, events: [] })?.event.risk_score).toBe(47);
    expect(build({ alerts, events: [] })?.stepparent.incident.contributions).toMatchObject([{ alerts: 4 }]);
  });

  test('findings in scripts without an alert add nothing', () => {
    const quiet = execOf(1, ['/var/lib/dpkg/info/quiet.postinst'], {
      lifecycle_script: script('quiet', 0),
      script: {
        path: '/var/lib/dpkg/info/quiet.postinst',
        findings: [{ id: 'service', technique: 'T1059.004', line: 1, text: 'systemctl' }],
      },
    });
    const incident = build({ alerts: [alertOf(execOf(2, ['/tmp/x']), 'a', 21)], events: [quiet] });
    expect(incident?.event.risk_score).toBe(21);
    expect(incident?.stepparent.incident.scripts).toMatchObject([{ alerted: false }]);
  });
});

describe('packages', () => {
  const packagesOf = (files: string[], ...events: StepparentEvent[]) => {
    const install = execOf(1, ['/usr/bin/dpkg', '-i', ...files], {
      package: { manager: 'dpkg', operation: 'install', packages: files, packages_count: files.length, dry_run: false },
    });
    const incident = build({ alerts: [alertOf(install, 'a', 21)], events });
    return incident?.stepparent.incident.packages;
  };
  const preinst = (name: string, version: string) =>
    execOf(2, ['/var/lib/dpkg/tmp.ci/preinst', 'install'], {
      script: { path: '/var/lib/dpkg/tmp.ci/preinst', package: name, version },
    });

  test('are named by their control files, whatever their file names', () => {
    expect(packagesOf(['/tmp/gamma.deb'], fileOf(2, 'gamma-tool.list'))).toEqual([{ name: 'gamma-tool' }]);
    expect(packagesOf(['/tmp/gamma_9_all.deb'], preinst('gamma-tool', '1:1.2'))).toEqual([
      { name: 'gamma-tool', version: '1:1.2' },
    ]);
    expect(packagesOf(['a.deb', 'b.deb'], fileOf(2, 'one.list'), fileOf(3, 'two:amd64.list'))).toEqual([
      { name: 'one' },
      { name: 'two' },
    ]);
    // The version of the file's name is not that of the control file.
    expect(packagesOf(['gamma_9_all.deb'], preinst('gamma', '1.2'))).toEqual([{ name: 'gamma', version: '1.2' }]);
  });

  test('are named by their files where nothing better is known, and marked as inferred', () => {
    const both: ['name', 'version'] = ['name', 'version'];
    expect(packagesOf(['/tmp/gamma.deb'])).toEqual([{ name: 'gamma', inferred: ['name'] }]);
    expect(packagesOf(['/tmp/gamma_1%3a2%3A3%7erc1_all.deb'])).toEqual([
      { name: 'gamma', version: '1:2:3~rc1', inferred: both },
    ]);
    expect(packagesOf(['gamma_1.2_all.deb'], fileOf(2, 'gamma.list'))).toEqual([
      { name: 'gamma', version: '1.2', inferred: ['version'] },
    ]);
    expect(packagesOf(['vim-2%3a9.1-1.x86_64.rpm'])).toEqual([{ name: 'vim', version: '2:9.1-1', inferred: both }]);
    expect(packagesOf(['/tmp/My Tool.deb'])).toEqual([{ name: 'My Tool', inferred: ['name'] }]);
    expect(packagesOf(['/tmp/gamma.deb/'])).toEqual([]);
    // One of two was not seen: which of the names it has is not known.
    expect(packagesOf(['a.deb', 'b.deb'], fileOf(2, 'a.list'))).toEqual([
      { name: 'a' },
      { name: 'b', inferred: ['name'] },
    ]);
    // What is installed is a file, whatever its name.
    expect(packagesOf(['a package'])).toEqual([{ name: 'a package', inferred: ['name'] }]);
    expect(packagesOf(['a package'], preinst('gamma', '1.2'))).toEqual([{ name: 'gamma', version: '1.2' }]);
    // Names that dpkg was given are names of packages.
    const removal = execOf(1, ['/usr/bin/dpkg', '-r', 'gamma:amd64'], {
      package: { manager: 'dpkg', operation: 'remove', packages: ['gamma:amd64'], packages_count: 1, dry_run: false },
    });
    const incident = build({ alerts: [alertOf(removal, 'a', 21)], events: [] });
    expect(incident?.stepparent.incident.packages).toEqual([{ name: 'gamma' }]);
  });

  test('for several architectures have one name', () => {
    const path = '/var/lib/dpkg/info/gamma:amd64.postinst';
    const postinst = execOf(3, [path, 'configure'], {
      lifecycle_script: { manager: 'dpkg', path, package: 'gamma:amd64', phase: 'postinst', depth: 0 },
      script: { path, package: 'gamma:amd64', version: '1.2' },
    });
    const events = [preinst('gamma', '1.2'), fileOf(2, 'gamma:amd64.list'), postinst];
    expect(packagesOf(['gamma_9_amd64.deb'], ...events)).toEqual([{ name: 'gamma', version: '1.2' }]);
  });

  test('of an rpm scriptlet and of a script with an inferred package are guesses', () => {
    const scriptlet = execOf(2, ['/bin/sh', '/var/tmp/rpm-tmp.x'], {
      lifecycle_script: { manager: 'rpm', package: 'delta', depth: 0 },
      script: { path: '/var/tmp/rpm-tmp.x', package: 'delta', version: '1-1' },
      inferred: { 'stepparent.lifecycle_script.package': 'package_file_name' },
    });
    expect(packagesOf([], scriptlet)).toEqual([{ name: 'delta', version: '1-1', inferred: ['name', 'version'] }]);
  });
});

describe('bounds', () => {
  test('a flood keeps the steps of the highest rank and counts the others', () => {
    const alerted = execOf(3000, ['/tmp/payload'], { lifecycle_script: script('evil', 1) });
    const survivor = execOf(2999, ['/tmp/left']);
    const events = [
      ...Array.from({ length: 1200 }, (_, i) => fileOf(i, `p${i}.list`)),
      ...Array.from({ length: 300 }, (_, i) => execOf(1200 + i, ['/bin/true', 'x'.repeat(200_000)])),
      survivor,
    ];
    const incident = build({
      alerts: [alertOf(alerted, 'a', 47)],
      events,
      mostEvents: 5000,
      eventsCount: events.length,
      isAlive: (entity) => entity === survivor.process?.entity_id,
    });
    const { steps = [], left_out, packages, packages_count } = incident?.stepparent.incident ?? {};
    expect(steps).toHaveLength(500);
    expect(steps.slice(-2)).toMatchObject([{ what: '/tmp/left', alive: true }, { rules: ['a'] }]);
    expect(steps.filter(({ kind }) => kind === 'exec')).toHaveLength(302);
    expect(left_out).toEqual({ file: 1200 - 198 });
    expect(packages_count).toBe(1201);
    expect(packages).toHaveLength(500);
    expect(JSON.stringify(incident).length).toBeLessThan(1_000_000);
  });

  test('events beyond the bound are counted as unread; the alerts are always included', () => {
    const events = Array.from({ length: 50 }, (_, i) => execOf(i, ['/bin/true']));
    const late = execOf(100, ['/tmp/x']);
    const incident = build({ alerts: [alertOf(late, 'a', 21)], events, mostEvents: 10, eventsCount: 51 });
    expect(incident?.stepparent.incident).toMatchObject({ unread: 41 });
    expect(incident?.stepparent.incident.steps).toHaveLength(11);
  });
});

describe('connections and what is left running', () => {
  const connection: StepparentEvent = {
    ...execOf(5, ['/usr/bin/curl', 'https://192.0.2.1'], { lifecycle_script: script('evil', 1) }),
    destination: { ip: '192.0.2.1', port: 443 },
  };
  const run = execOf(1, ['/usr/bin/apt-get', 'upgrade']);
  const left: StepparentEvent = {
    ...run,
    '@timestamp': new Date(start + 9 * second).toISOString(),
    event: { ...run.event, id: 'left', action: 'processes-left-running' },
    stepparent: {
      ...run.stepparent,
      package: {
        manager: 'dpkg',
        operation: 'install',
        packages: ['/x/other_1_all.deb'],
        packages_count: 1,
        dry_run: false,
      },
      transaction: {
        id,
        executable: '/usr/bin/apt-get',
        survivors: [
          { entity_id: 'e1', pid: 40, executable: '/usr/bin/sleep' },
          { entity_id: 'e2', pid: 41 },
        ],
        survivors_count: 2,
      },
    },
  };
  const incident = build({ alerts: [alertOf(run, 'r', 47)], events: [connection, left] });

  test('are steps', () => {
    expect(incident?.stepparent.incident.steps.map(({ kind, what }) => [kind, what])).toEqual([
      ['exec', '/usr/bin/apt-get upgrade'],
      ['connect', '/usr/bin/curl to 192.0.2.1 port 443'],
      ['running', '2 left running: /usr/bin/sleep (pid 40), (program not observed) (pid 41)'],
    ]);
  });

  test('add nothing to the transaction and no package', () => {
    expect(incident?.stepparent.transaction).toEqual({ id, executable: '/usr/bin/apt-get' });
    expect(incident?.stepparent.incident.packages.map(({ name }) => name)).toEqual(['evil']);
  });
});
