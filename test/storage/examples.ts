// Rules, events and findings for the storage tests: plain data, one field changed at a time.

import { createHash } from 'node:crypto';
import { alertId } from '../../collectors/event/alert-id.ts';
import { ecsVersion, type StepparentEvent } from '../../collectors/event/event.ts';
import type { Scope } from '../../collectors/event/scope.ts';
import type { PackageList } from '../../collectors/provenance/package-lists.ts';
import { buildAlert } from '../../detectors/alert.ts';
import { type Exception, exceptionId } from '../../detectors/exceptions.ts';
import { foldedAlert } from '../../detectors/folded-alert.ts';
import type { JudgedEvent, Match } from '../../detectors/judge.ts';
import type { LedgerChange, LedgerEntry } from '../../detectors/package-ledger.ts';
import type { Rule, Verdict } from '../../detectors/rules/rule.ts';

export const second = 1000;
export const minute = 60 * second;
export const hour = 60 * minute;
export const day = 24 * hour;
/** A Tuesday morning, from which the tests count. */
export const start = Date.parse('2026-03-03T10:00:00Z');

export function exampleRule(change: Partial<Rule> = {}): Rule {
  return {
    id: 'dpkg-by-unusual-parent',
    name: 'DPKG Package Installed by Unusual Parent Process',
    description: 'Says when a package is installed by a parent that has not done so before.',
    version: 1,
    severity: 'low',
    riskScore: 21,
    type: 'new_terms',
    language: 'kuery',
    query: 'process.name: dpkg',
    matches: () => true,
    fields: new Set(['process.name', 'process.parent.executable']),
    termFields: ['process.parent.executable'],
    windowMs: 90 * day,
    window: 'sliding',
    knownTerms: [],
    partOf: [],
    knownBy: [],
    reason: '{process.parent.executable} has not installed a package with dpkg on this host in the last {window}',
    brief: undefined,
    threat: [
      {
        framework: 'MITRE ATT&CK',
        tactic: { id: 'TA0003', name: 'Persistence', reference: 'https://attack.mitre.org/tactics/TA0003/' },
        technique: [
          {
            id: 'T1546',
            name: 'Event Triggered Execution',
            reference: 'https://attack.mitre.org/techniques/T1546/',
            subtechnique: [
              {
                id: 'T1546.016',
                name: 'Installer Packages',
                reference: 'https://attack.mitre.org/techniques/T1546/016/',
              },
            ],
          },
        ],
      },
    ],
    tags: ['OS: Linux', 'Tactic: Persistence'],
    references: ['https://example.org/dpkg', 'https://example.org/second'],
    falsePositives: [],
    note: '',
    author: ['stepparent'],
    license: 'Apache-2.0',
    file: '/usr/lib/stepparent/rules/dpkg-by-unusual-parent.toml',
    ...change,
  };
}

/** A signed list of packages. */
export const examplePackageList: PackageList = {
  name: 'deb.example.org_debian_dists_stable_main_binary-amd64_Packages',
  identity: '1:2:3:4',
  releaseIdentity: '1:3:3:5',
  sha256: 'c'.repeat(64),
  site: 'deb.example.org/debian',
  suite: 'stable',
  component: 'main',
  origin: 'Debian',
  label: undefined,
  isSigned: true,
  keys: ['0123456789ABCDEF'],
  digestsCount: 100,
  fault: undefined,
};

/** One of many different digests. */
export const exampleDigest = (i: number): Buffer => createHash('sha256').update(`${i}`).digest();

export function exampleEvent(id: string, timeMs: number): StepparentEvent {
  return {
    '@timestamp': new Date(timeMs).toISOString(),
    ecs: { version: ecsVersion },
    event: { id, kind: 'event', category: ['process'], type: ['start'], action: 'exec' },
    host: { name: 'web1', id: 'a1b2' },
    agent: { type: 'stepparent', version: '0.1.0' },
    process: {
      pid: 4122,
      executable: '/usr/bin/dpkg',
      name: 'dpkg',
      args: ['dpkg', '-i', 'x.deb'],
      working_directory: '/root',
      parent: { pid: 4121, executable: '/usr/bin/python3', name: 'python3' },
    },
    user: { id: '0', name: 'root' },
    stepparent: { login_user: { id: '1000', name: 'alice' }, systemd: { unit: 'ssh.service' } },
  };
}

export function exampleException(change: Partial<Exception> = {}): Exception {
  const rules = [exampleRule().id];
  const when = [{ field: 'process.parent.executable', operator: 'is', values: ['/usr/bin/python3'] }] as const;
  return {
    id: exceptionId(rules, when),
    rules,
    when,
    reason: 'vendor updater',
    owner: 'alice',
    expiresMs: start + 30 * day,
    ...change,
  };
}

/** A match that alerts, with the alert that detectors build of it. */
export function exampleJudged(
  event: StepparentEvent,
  verdict: Verdict,
  {
    exception,
    known = false,
    alerting = true,
  }: Partial<Pick<Match, 'known' | 'alerting'>> & { exception?: Exception | undefined } = {},
): Match {
  const id = alertId(event.event.id, verdict.rule.id);
  const { rule } = verdict;
  const own = () => buildAlert({ event, verdict, state: 'open', id, exception });
  const alert = (parts: readonly Match[] = []) =>
    foldedAlert(
      { rule, document: own() },
      parts.map((part) => ({ rule: part.verdict.rule, document: part.alert?.() ?? own() })),
    );
  return {
    verdict,
    alert: known || !alerting ? undefined : alert,
    known,
    alerting,
    ...(exception && { exception }),
  };
}

let lastEvent = 0;

/** One event and one verdict on it. */
export function exampleFinding(
  timeMs: number,
  {
    rule = exampleRule(),
    terms = ['/usr/bin/python3'],
    eventId = `event-${++lastEvent}`,
    scope = '',
    known = false,
    alerting = true,
    exception,
  }: {
    rule?: Rule;
    terms?: (string | null)[];
    eventId?: string;
    scope?: Scope;
    known?: boolean;
    alerting?: boolean;
    exception?: Exception;
  } = {},
): JudgedEvent {
  const event = exampleEvent(eventId, timeMs);
  return { event, scope, verdicts: [exampleJudged(event, { rule, terms }, { known, alerting, exception })] };
}

/** A row of the package ledger: an installation by dpkg, with the fields of `more`. */
export const exampleChange = (name: string, version: string, more: Partial<LedgerChange> = {}): LedgerChange => ({
  name,
  architecture: 'amd64',
  version,
  formerVersion: undefined,
  action: 'install',
  applied: true,
  state: 'installed',
  archive: undefined,
  sha256: undefined,
  source: undefined,
  repository: undefined,
  signed: undefined,
  ...more,
});

/** A transaction of the package ledger. */
export const exampleEntry = (changes: LedgerChange[], more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  manager: 'dpkg',
  hostId: 'a1b2',
  hostName: 'web1',
  eventId: 'event',
  transactionId: '4122-88',
  requestedBy: 'alice over ssh',
  initiator: '/usr/bin/apt-get',
  origin: 'ssh as alice',
  userId: '0',
  userName: 'root',
  changes,
  ...more,
});
