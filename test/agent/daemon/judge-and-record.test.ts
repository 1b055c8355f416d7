// The path of an event from the rules to the store, with rules that throw and a store that fails.

import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { openRecorder } from '../../../agent/daemon/recorder.ts';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { readPath } from '../../../collectors/event/read-path.ts';
import type { Scope } from '../../../collectors/event/scope.ts';
import type { ObservedExec } from '../../../collectors/process/observe-exec.ts';
import type { CausedEvent, TermStanding } from '../../../detectors/facts/term-standing.ts';
import {
  type Candidate,
  type Judge,
  type JudgeDeps,
  type JudgedEvent,
  type JudgePolicy,
  openJudge,
} from '../../../detectors/judge.ts';
import { readRules } from '../../../detectors/rules/load-rules.ts';
import type { Rule } from '../../../detectors/rules/rule.ts';
import { StoreError } from '../../../storage/store-error.ts';
import { observedExec } from '../../detectors/observed-exec.ts';
import { rulesOf } from '../../rules-of.ts';
import { exampleEvent, exampleException, exampleRule, start } from '../../storage/examples.ts';
import { temporaryStore } from '../../storage/temporary-store.ts';

interface Change extends Partial<JudgePolicy> {
  classify?(): TermStanding;
  policy?(): JudgePolicy;
  onFault?(what: string, error?: unknown): void;
  commit?(findings: readonly JudgedEvent[]): void;
}

/** Judge and recorder over a store that keeps its batches, and throws while `store.refuses`. */
function pipelineWith(rules: readonly Rule[], { classify = () => 'unlisted', policy, ...change }: Change = {}) {
  const batches: JudgedEvent[][] = [];
  const faults: [string, string][] = [];
  const store = { refuses: false, tries: 0, stumblesOver: new Set<string>() };
  const onFault = change.onFault ?? ((what: string, error: unknown) => void faults.push([what, String(error)]));
  const only: JudgePolicy = {
    rules,
    records: () => false,
    containerAlerts: false,
    exceptionFor: () => undefined,
    ...change,
  };
  const recorder = openRecorder({
    store: {
      setAside: undefined,
      damage: undefined,
      replaceDatabase() {},
      record(findings) {
        store.tries++;
        if (store.refuses) throw new StoreError('full', 'disk full');
        if (findings.some(({ event }) => store.stumblesOver.has(event.event.id))) throw new TypeError('no such thing');
        batches.push([...findings]);
        change.commit?.(findings);
        return { alerts: [] };
      },
    },
    nowMs: () => start,
    log: { error() {}, info() {} },
    onFault,
  });
  let inForce: { policy: JudgePolicy; judge: Judge } | undefined;
  const deps: JudgeDeps = { classify, onFault: (rule, error) => onFault(`rule ${rule.id} failed`, error) };
  const judge = (candidate: Candidate, cause?: CausedEvent): void => {
    const now = policy?.() ?? only;
    if (inForce?.policy !== now) inForce = { policy: now, judge: openJudge(now, deps) };
    const judged = inForce.judge(candidate, cause);
    if (judged !== undefined) recorder.add(judged);
  };
  const pipeline = {
    take: (exec: ObservedExec) => judge(exec, exec),
    takeFile: (event: StepparentEvent) =>
      judge({
        read: (field) => readPath(event, field),
        isDescribed: () => true,
        document: () => event,
        scope: () => '',
        key: undefined,
      }),
    keep: (event: StepparentEvent) => recorder.add({ event, scope: '', verdicts: [] }),
    commit: recorder.commit,
    get waiting() {
      return recorder.waiting;
    },
    get dropped() {
      return recorder.dropped;
    },
  };
  const ids = () => batches.map((batch) => batch.map(({ event }) => event.event.id));
  return { pipeline, batches, faults, store, ids };
}

const dpkg = exampleRule({ id: 'dpkg', matches: (read) => read('process.name') === 'dpkg' });
const cheapFields = { 'process.name': 'dpkg', 'process.parent.executable': '/usr/bin/python3' };
const example = (id: string, change: Partial<Parameters<typeof observedExec>[1]> = {}) =>
  observedExec(id, { cheapFields, ...change });

test('records a file event, and rules read it', () => {
  const planted = exampleRule({ id: 'planted', matches: (read) => read('file.name') === 'x.postinst' });
  const { pipeline, batches } = pipelineWith([planted]);
  const fileEvent = (id: string, name: string) => ({
    ...exampleEvent(id, start),
    file: { name, path: `/info/${name}` },
  });
  pipeline.takeFile(fileEvent('a', 'x.list'));
  pipeline.takeFile(fileEvent('b', 'x.postinst'));
  pipeline.commit();
  expect(
    batches.flat().map(({ event, verdicts }) => [event.event.id, verdicts.map(({ verdict }) => verdict.rule.id)]),
  ).toEqual([
    ['a', []],
    ['b', ['planted']],
  ]);
});

describe('an exec', () => {
  test('with the same values as a dismissed one is not judged again; one with other values is', () => {
    const asked: unknown[] = [];
    const rule = exampleRule({
      matches(read) {
        asked.push(read('process.name'));
        return read('stepparent.script.copy_of') !== undefined;
      },
    });
    const { pipeline } = pipelineWith([rule]);
    const ordinary = { 'process.name': 'true' };
    pipeline.take(observedExec('a', { cheapFields: ordinary }).exec);
    pipeline.take(observedExec('b', { cheapFields: ordinary }).exec);
    expect([asked.length, pipeline.waiting]).toEqual([1, 0]);
    pipeline.take(observedExec('c', { cheapFields: { ...ordinary, 'stepparent.script.copy_of': '/x.postinst' } }).exec);
    expect(pipeline.waiting).toBe(1);
  });

  test('that one policy dismissed is judged by the next policy', () => {
    const policyOf = (rule: Rule): JudgePolicy => ({
      rules: [rule],
      records: () => false,
      containerAlerts: false,
      exceptionFor: () => undefined,
    });
    let policy = policyOf(exampleRule({ matches: () => false }));
    const { pipeline } = pipelineWith([], { policy: () => policy });
    pipeline.take(example('a').exec);
    expect(pipeline.waiting).toBe(0);
    policy = policyOf(dpkg);
    pipeline.take(example('b').exec);
    expect(pipeline.waiting).toBe(1);
  });

  test('whose rule failed is judged again', () => {
    const rule = exampleRule({
      matches() {
        throw new Error('broken');
      },
    });
    const { pipeline, faults } = pipelineWith([rule]);
    pipeline.take(example('a').exec);
    pipeline.take(example('b').exec);
    expect(faults.length).toBe(2);
  });

  test('that a rule matches is described and committed with its verdict', () => {
    const { pipeline, batches } = pipelineWith([dpkg]);
    pipeline.take(example('a').exec);
    expect(pipeline.waiting).toBe(1);
    pipeline.commit();
    expect(batches).toEqual([
      [
        {
          event: {
            ...exampleEvent('a', start),
            stepparent: {
              ...exampleEvent('a', start).stepparent,
              unobserved: { 'stepparent.initiator': expect.any(String) },
            },
          },
          scope: '',
          verdicts: [
            {
              verdict: { rule: dpkg, terms: ['/usr/bin/python3'] },
              alert: expect.any(Function),
              known: false,
              alerting: true,
              isAllowedBy: expect.any(Function),
            },
          ],
        },
      ],
    ]);
    expect(pipeline.waiting).toBe(0);
  });

  test('that none matches is not even described', () => {
    const { pipeline, store } = pipelineWith([dpkg]);
    const { exec, counts } = example('a', { cheapFields: { 'process.name': 'bash' } });
    pipeline.take(exec);
    pipeline.commit();
    expect(counts.described).toBe(0);
    expect(store.tries).toBe(0);
  });

  test('that the policy stores is recorded without a verdict', () => {
    const { pipeline, batches } = pipelineWith([], { records: (read) => read('process.name') === 'dpkg' });
    pipeline.take(example('a').exec);
    pipeline.commit();
    expect(batches[0]?.[0]?.verdicts).toEqual([]);
  });

  test('whose full description no longer matches is dismissed', () => {
    const describedFields = { ...cheapFields, 'process.name': 'not-dpkg' };
    const { pipeline, batches } = pipelineWith([dpkg, exampleRule({ id: 'all' })]);
    pipeline.take(example('a', { describedFields }).exec);
    pipeline.commit();
    expect(batches[0]?.[0]?.verdicts.map(({ verdict }) => verdict.rule.id)).toEqual(['all']);
  });

  test('whose description contradicts a fact is not matched by any rule that read the fact', () => {
    const install = { ...cheapFields, 'process.args': ['dpkg', '-i', 'x.deb'] };
    const describedFields = { ...install, 'process.args': ['dpkg', '-r', 'x'] };
    const matches: Rule['matches'] = (read) => read('stepparent.package.operation') === 'install';
    const { pipeline, batches } = pipelineWith([
      exampleRule({ id: 'first', matches }),
      exampleRule({ id: 'second', matches }),
    ]);
    pipeline.take(example('a', { cheapFields: install, describedFields }).exec);
    pipeline.commit();
    expect(batches[0]?.[0]?.verdicts).toEqual([]);
  });

  test('has the facts and terms of its full description', () => {
    const install = { ...cheapFields, 'process.args': ['dpkg', '-i', 'x.deb'] };
    const describedFields = { ...install, 'process.parent.executable': '/tmp/x', 'process.args': ['dpkg', '-r', 'x'] };
    const asksForFact = exampleRule({ matches: (read) => read('stepparent.package.manager') === 'dpkg' });
    const { pipeline, batches } = pipelineWith([asksForFact]);
    pipeline.take(example('a', { cheapFields: install, describedFields }).exec);
    pipeline.commit();
    const [judgedEvent] = batches[0] ?? [];
    expect(judgedEvent?.event.stepparent).toMatchObject({
      package: { operation: 'remove' },
      systemd: { unit: 'ssh.service' },
    });
    expect(judgedEvent?.verdicts[0]?.verdict.terms).toEqual(['/tmp/x']);
    pipeline.take(
      example('b', { cheapFields: install, describedFields: { ...install, 'process.name': 'other' } }).exec,
    );
    pipeline.commit();
    expect(batches[1]?.[0]?.event.stepparent).not.toHaveProperty('package');
  });
});

describe('in a chroot or a container', () => {
  test.each<[Scope, boolean, boolean]>([
    ['', false, true],
    ['chroot', false, true],
    ['container', false, false],
    ['container', true, true],
  ])('scope %j, configured %j: alerting %j', (scope, containerAlerts, alerting) => {
    const { pipeline, batches } = pipelineWith([dpkg], { containerAlerts });
    pipeline.take(example('a', { scope }).exec);
    pipeline.commit();
    expect(batches[0]?.[0]).toMatchObject({ scope, verdicts: [{ alerting }] });
  });
});

describe('a term that is', () => {
  test.each<[TermStanding, boolean, string]>([
    ['unlisted', false, '/usr/bin/python3'],
    ['known', true, '/usr/bin/python3'],
    ['unverified', false, '/usr/bin/python3 (unverified)'],
  ])('%s', (classify, known, term) => {
    const { pipeline, batches } = pipelineWith([dpkg], {
      classify: () => classify,
    });
    pipeline.take(example('a').exec);
    pipeline.commit();
    const [judged] = batches[0]?.[0]?.verdicts ?? [];
    expect(judged).toMatchObject({ known, verdict: { terms: [term] } });
    expect(judged?.verdict.remark !== undefined).toBe(classify === 'unverified');
  });
});

test.each([
  ['0', '/usr/bin/python3'],
  ['65534', '/usr/bin/python3 (not root)'],
  [undefined, '/usr/bin/python3 (user not observed)'],
])('user %s: the term is %s', (id, term) => {
  const { pipeline, batches } = pipelineWith([dpkg]);
  pipeline.take(example('a', { change: { user: id === undefined ? {} : { id } } }).exec);
  pipeline.commit();
  expect(batches[0]?.[0]?.verdicts[0]?.verdict.terms).toEqual([term]);
});

test("an alert of another user does not hide root's, whatever the type of the rule", () => {
  const eql = { ...dpkg, type: 'eql' as const, window: 'fixed' as const };
  const { pipeline, batches } = pipelineWith([eql]);
  for (const id of ['65534', '0']) pipeline.take(example(id, { change: { user: { id } } }).exec);
  pipeline.commit();
  const terms = batches[0]?.map(({ verdicts }) => verdicts[0]?.verdict.terms);
  expect(terms).toEqual([['/usr/bin/python3 (not root)'], ['/usr/bin/python3']]);
});

test('of two terms that are unverified the first is marked', () => {
  const pair = { ...dpkg, termFields: ['process.parent.executable', 'process.name'] };
  const { pipeline, batches } = pipelineWith([pair], {
    classify: () => 'unverified',
  });
  pipeline.take(example('a').exec);
  pipeline.commit();
  expect(batches[0]?.[0]?.verdicts[0]?.verdict.terms).toEqual(['/usr/bin/python3 (unverified)', 'dpkg']);
});

describe('a shell that is usual as parent', () => {
  const { rules } = readRules([path.join(import.meta.dirname, '../../../detectors/rules')]);
  const step = (executable: string, pid: number) => ({ entity_id: `e${pid}`, pid, executable, args: [executable] });
  const shell = { ...step('/usr/bin/dash', 20), args: ['sh', '-c', 'x'] };

  /** The alerts of a store with all rules for each of these runs: the rules that each stands for. */
  function raised(...runs: [tool: string, line: string, unit: string, above: string][]) {
    const store = temporaryStore();
    const alerts: string[][][] = [];
    const { pipeline } = pipelineWith(rules, {
      commit: (findings) =>
        void alerts.push(store.record(findings, start).alerts.map(({ document }) => rulesOf(document))),
    });
    for (const [index, [tool, line, unit, above]] of runs.entries()) {
      const process = { pid: 30, name: tool, executable: `/usr/bin/${tool}`, args: line.split(' '), parent: shell };
      const lineage = [shell, step(above, 10), step('/usr/lib/systemd/systemd', 1)];
      const event = {
        ...exampleEvent(`run-${index}`, start),
        host: { os: { type: 'linux' } },
        process,
        stepparent: { lineage, systemd: { unit } },
      };
      const { exec } = observedExec(`run-${index}`, { cheapFields: {}, change: event });
      pipeline.take({ ...exec, read: (field) => readPath(event, field) });
      pipeline.commit();
    }
    return alerts;
  }

  test('hides no other parent', () => {
    const byCron: [string, string, string, string] = ['rpm', 'rpm -i x.rpm', 'cron.service', '/usr/sbin/cron'];
    const byVendor: [string, string, string, string] = ['dpkg', 'dpkg -i x.deb', 'vendor.service', '/opt/vendor/agent'];
    const byNginx: [string, string, string, string] = ['dpkg', 'dpkg -i x.deb', 'nginx.service', '/usr/sbin/nginx'];
    const initiator = 'package-installed-by-unusual-initiator';
    expect(raised(byVendor, byNginx, byNginx, byCron, byCron)).toEqual([
      // The rule for the parent takes in what the rule for the initiator found.
      [['dpkg-package-installed-by-unusual-parent', initiator]],
      [[initiator]],
      [],
      [['rpm-package-installed-by-unusual-parent', initiator]],
      [],
    ]);
  });
});

describe('an exception', () => {
  test('reads the whole event, and is attached to the verdict that it covers', () => {
    const exception = exampleException();
    const asked: unknown[] = [];
    const { pipeline, batches } = pipelineWith([exampleRule({ id: 'all' }), dpkg], {
      exceptionFor(ruleId, read) {
        asked.push([
          ruleId,
          read('systemd.unit'),
          read('stepparent.systemd.unit'),
          read('stepparent.package.operation'),
        ]);
        return ruleId === 'dpkg' ? exception : undefined;
      },
    });
    pipeline.take(example('a', { cheapFields: { ...cheapFields, 'process.args': ['dpkg', '-i', 'x.deb'] } }).exec);
    pipeline.takeFile({ ...exampleEvent('b', start), file: { path: '/x' } });
    pipeline.commit();
    expect(asked.slice(0, 2)).toEqual([
      ['all', undefined, 'ssh.service', 'install'],
      ['dpkg', undefined, 'ssh.service', 'install'],
    ]);
    const verdicts = batches.flat().map((judgedEvent) => judgedEvent.verdicts.map((verdict) => verdict.exception));
    expect(verdicts).toEqual([
      [undefined, exception],
      [undefined, exception],
    ]);
  });

  test('for a rule counts for one that its baseline counts for, after those of that rule', () => {
    const [own, others] = [exampleException({ id: 'own' }), exampleException({ id: 'others' })];
    const runs = exampleRule({ id: 'runs', matches: dpkg.matches, knownBy: ['installs', 'more'] });
    const coveredBy = (covers: Readonly<Record<string, ReturnType<typeof exampleException>>>) => {
      const { pipeline, batches } = pipelineWith([runs], { exceptionFor: (ruleId) => covers[ruleId] });
      pipeline.take(example('a').exec);
      pipeline.commit();
      return batches[0]?.[0]?.verdicts[0]?.exception;
    };
    expect(coveredBy({ more: others })).toBe(others);
    expect(coveredBy({ runs: own, installs: others })).toBe(own);
    expect(coveredBy({ dpkg: others })).toBeUndefined();
  });

  test('is not evaluated without a match', () => {
    const { pipeline } = pipelineWith([dpkg], {
      exceptionFor: () => {
        throw new Error('asked');
      },
      records: () => true,
      onFault: (what, error) => expect.unreachable(`${what} ${error}`),
    });
    pipeline.take(example('a', { cheapFields: { 'process.name': 'bash' } }).exec);
    pipeline.commit();
  });
});

describe('what throws', () => {
  const failing = (what: string) => (): never => {
    throw new Error(what);
  };

  test('a failing rule does not affect the others', () => {
    const { pipeline, batches, faults } = pipelineWith([exampleRule({ id: 'bad', matches: failing('no') }), dpkg]);
    pipeline.take(example('a').exec);
    pipeline.commit();
    expect(batches[0]?.[0]?.verdicts.map(({ verdict }) => verdict.rule.id)).toEqual(['dpkg']);
    expect(faults).toEqual([['rule bad failed', 'Error: no']]);
  });
});

describe('the store', () => {
  test('receives at most 64 events within a batch of records', () => {
    const { pipeline, batches } = pipelineWith([dpkg]);
    for (let i = 0; i < 150; i++) pipeline.take(example(`e${i}`).exec);
    expect(batches.map(({ length }) => length)).toEqual([64, 64]);
    expect(pipeline.waiting).toBe(22);
    pipeline.commit();
    expect(batches.map(({ length }) => length)).toEqual([64, 64, 22]);
  });

  test('is not called without events', () => {
    const { pipeline, store } = pipelineWith([dpkg]);
    pipeline.commit();
    expect(store.tries).toBe(0);
  });

  test('that fails receives the same findings again at the next commit', () => {
    const { pipeline, store, ids, faults } = pipelineWith([dpkg]);
    store.refuses = true;
    for (let i = 0; i < 200; i++) pipeline.take(example(`e${i}`).exec);
    expect(store.tries).toBe(1);
    pipeline.commit();
    expect(store.tries).toBe(2);
    expect(pipeline.waiting).toBe(200);
    // The health check event_storage reports it while it lasts.
    expect(faults).toEqual([]);
    store.refuses = false;
    pipeline.commit();
    expect(ids()).toEqual([Array.from({ length: 200 }, (_, i) => `e${i}`)]);
    expect([pipeline.waiting, pipeline.dropped]).toEqual([0, 0]);
    for (let i = 0; i < 64; i++) pipeline.take(example(`f${i}`).exec);
    expect(ids()[1]).toHaveLength(64);
  });

  test('that fails for one finding: the finding is dropped and reported', () => {
    const { pipeline, store, ids, faults } = pipelineWith([dpkg]);
    for (let i = 0; i < 5; i++) pipeline.take(example(`e${i}`).exec);
    store.stumblesOver.add('e2');
    pipeline.commit();
    expect(ids()).toEqual([['e0'], ['e1'], ['e3'], ['e4']]);
    expect([pipeline.waiting, pipeline.dropped]).toEqual([0, 1]);
    expect(faults).toEqual([['dropped an event that cannot be stored', 'TypeError: no such thing']]);
  });

  test('that fails for each finding: the store is at fault, and all wait', () => {
    const { pipeline, store, ids } = pipelineWith([dpkg]);
    for (const id of ['e0', 'e1']) {
      pipeline.take(example(id).exec);
      store.stumblesOver.add(id);
    }
    pipeline.commit();
    expect([pipeline.waiting, pipeline.dropped]).toEqual([2, 0]);
    store.stumblesOver.clear();
    pipeline.commit();
    expect(ids()).toEqual([['e0', 'e1']]);
  });

  test('that fails for long: the oldest findings are dropped, by number', () => {
    const { pipeline, store, ids } = pipelineWith([dpkg]);
    store.refuses = true;
    for (let i = 0; i < 2003; i++) pipeline.take(example(`e${i}`).exec);
    expect([pipeline.waiting, pipeline.dropped]).toEqual([2000, 3]);
    store.refuses = false;
    pipeline.commit();
    expect(ids()[0]?.[0]).toBe('e3');
  });

  test.each([
    ['its own arguments', (text: string) => ({ process: { command_line: text } })],
    [
      "its ancestors' arguments",
      (text: string) => ({ stepparent: { lineage: [{ entity_id: '', pid: 1, args: [text] }] } }),
    ],
  ])('that fails for long: the oldest findings are dropped, by the size of %s', (_, change) => {
    const { pipeline, store } = pipelineWith([dpkg]);
    store.refuses = true;
    const text = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 20; i++) pipeline.take(example(`e${i}`, { change: change(text) }).exec);
    expect(pipeline.waiting).toBe(16);
    expect(pipeline.dropped).toBe(4);
    store.refuses = false;
    pipeline.commit();
    store.refuses = true;
    for (let i = 0; i < 16; i++) pipeline.take(example(`f${i}`, { change: change(text) }).exec);
    expect(pipeline.waiting).toBe(16);
  });
});

test('an event that no rule reads', () => {
  const { pipeline, batches } = pipelineWith([exampleRule()]);
  pipeline.keep(exampleEvent('lost', start));
  pipeline.commit();
  expect(batches).toEqual([[{ event: exampleEvent('lost', start), scope: '', verdicts: [] }]]);
});
