// The agent records every field that the queries which stepparent follows use, with ECS's name and type, and every recorded field is
// in the Elasticsearch template. Of those queries, which have their own licence, this file has only the names of fields.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EcsFlat } from '@elastic/ecs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { classFields, eventClasses, isEventField } from '../../collectors/event/event-classes.ts';
import { fields as allFields } from '../../collectors/event/fields.ts';
import { readPath } from '../../collectors/event/read-path.ts';
import { fits, unmapped, valuesOf } from '../ecs-values.ts';
import { fieldsOf } from '../maximal-documents.ts';
import { bindMount } from '../mount-namespace.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { makeParent, runBy } from './launchers.ts';
import { buildDeb, buildRpm } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { collectEvents, documents, run, testAgent, until, withAllRules } from './run-agent.ts';

const missing = endToEndMissing ?? unmet(missingTools('rpm', 'rpmbuild'));
const info = '/var/lib/dpkg/info';
const rpmDatabase = '/var/lib/rpm';
const rules = [
  'dpkg-package-installed-by-unusual-parent',
  'rpm-package-installed-by-unusual-parent',
  'unusual-dpkg-execution',
];

const words = (text: string): string[] => text.split(/\s+/).filter(Boolean);

/** The fields of each query, including those of its output and its grouping. */
const asked = {
  'rule: dpkg installs for a new parent': words(`
    host.os.type event.category event.type event.action process.name process.args process.parent.executable`),
  'rule: rpm installs for a new parent': words(`
    host.os.type event.category event.type event.action process.name process.args process.parent.executable`),
  'rule: maintainer script outside dpkg': words(`
    @timestamp event.category host.os.type event.type event.action process.executable process.session_leader.name
    process.group_leader.name process.parent.name process.parent.executable`),
  'hunt: files in package databases': words(`
    @timestamp host.os.type event.action file.path file.name agent.id process.executable`),
  'hunt: children of lifecycle scripts': words(`
    @timestamp host.os.type event.type event.action process.parent.command_line process.parent.executable agent.id
    process.executable process.command_line`),
} as const;
type Query = keyof typeof asked;

/** ECS's values for the start of a process, and Elastic Defend's for a file that appears. */
const start = { 'host.os.type': 'linux', 'event.category': 'process', 'event.type': 'start', 'event.action': 'exec' };
const file = { 'host.os.type': 'linux', 'event.action': /^(?:creation|rename)$/ };

/** Fields that Elastic Defend or a shipper fills and stepparent does not; docs/fleet.md has the reasons. */
const notFilled = words(`
  data_stream.type data_stream.dataset data_stream.namespace event.ingested event.sequence
  host.ip host.mac process.hash.sha256 process.code_signature.exists process.entry_leader.name process.thread.id
  process.exit_code process.end process.thread.capabilities.effective user.domain`);

describe.skipIf(missing)(titled('recorded events', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(
    scratch,
    `directories.package_databases = ${JSON.stringify([info, '/var/lib/dpkg', rpmDatabase])}\n${withAllRules}`,
  );
  let events: StepparentEvent[];
  let alerts: StepparentEvent[];
  /** The stored events and the lines of alerts.ndjson that each query is to find. */
  let found: Record<Query, { events: StepparentEvent[]; alerts: StepparentEvent[] }>;

  beforeAll(async () => {
    enterPrivateHost(scratch);
    const database = join(scratch, 'rpm');
    mkdirSync(database);
    bindMount(database, rpmDatabase);
    // With an empty package database no script counts as unowned.
    expect(await run('dpkg', ['-i', buildDeb(scratch, 'e2e-before')])).toMatchObject({ code: 0 });
    writeFileSync(join(info, 'e2e-ghost.prerm'), '#!/bin/sh\n', { mode: 0o755 });
    await agent.start();
    const reported = collectEvents(agent, info);
    const alerted = (rule: string) =>
      until(`an alert of ${rule}`, () => agent.delivered().some((alert) => alert.rule.id === rule));
    // The agent raises this alert in its first listing; changes after it are reported as changes.
    await alerted('maintainer-script-unowned');

    const parent = makeParent(scratch, 'installer');
    const deb = buildDeb(scratch, 'e2e-ecs', {
      scripts: { postinst: '#!/bin/sh\n/bin/sleep 0.4\n/bin/sleep 0.2\n' },
    });
    const rpm = buildRpm(scratch, 'e2e-ecs', { post: '/bin/sleep 0.4\n/bin/sleep 0.2' });
    // The agent watches dpkg's unpacking directory from the first installation on, so the package is installed twice.
    expect(await runBy(parent, ['dpkg', '-i', deb])).toMatchObject({ code: 0 });
    expect(await runBy(parent, ['dpkg', '-i', deb])).toMatchObject({ code: 0 });
    expect(await runBy(parent, ['rpm', '--dbpath', rpmDatabase, '--nodeps', '-i', rpm])).toMatchObject({ code: 0 });
    const script = join(info, 'e2e-ecs.postinst');
    const hand = makeParent(scratch, 'hand');
    expect(await runBy(hand, [script, 'configure'])).toMatchObject({ code: 0 });
    // A change by hand is reported with its diff and its findings.
    await reported();
    const planted = 'echo "* * * * * root true" > /etc/cron.d/e2e-none';
    expect(await run(hand, ['-c', `echo '${planted}' >> ${script}`])).toMatchObject({ code: 0 });

    await reported();
    for (const rule of [...rules, 'maintainer-script-changed-outside-dpkg']) await alerted(rule);
    alerts = agent.delivered();
    events = await agent.events();

    const alertsOf = (rule: string | undefined) => alerts.filter((alert) => alert.rule?.id === rule);
    const execs = events.filter(({ event }) => event.action === 'exec');
    const installs = (tool: string) =>
      execs.filter(
        ({ process, stepparent }) =>
          process?.executable === tool &&
          process.parent?.executable === parent &&
          stepparent.package?.operation === 'install',
      );
    found = {
      'rule: dpkg installs for a new parent': {
        events: installs('/usr/bin/dpkg'),
        alerts: alertsOf(rules[0]),
      },
      'rule: rpm installs for a new parent': {
        events: installs('/usr/bin/rpm'),
        alerts: alertsOf(rules[1]),
      },
      'rule: maintainer script outside dpkg': {
        events: execs.filter(({ process }) => process?.executable === script && process.parent?.executable === hand),
        alerts: alertsOf(rules[2]),
      },
      'hunt: files in package databases': {
        events: events.filter(
          ({ file: changed, event }) =>
            event.category?.includes('file') &&
            (changed?.path === script || changed?.path === join(rpmDatabase, 'rpmdb.sqlite')) &&
            ['creation', 'rename'].includes(event.action ?? ''),
        ),
        alerts: alertsOf('dpkg-database-changed-by-other-program').filter(({ event }) => event.action === 'creation'),
      },
      'hunt: children of lifecycle scripts': {
        // Children of an rpm scriptlet and of a script in dpkg's directory.
        events: execs.filter(
          ({ process }) =>
            process?.name === 'sleep' &&
            (process.parent?.executable === script ||
              /(?:^| )\/var\/tmp\/rpm-tmp\.\S+/.test(process.parent?.command_line ?? '')),
        ),
        alerts: [],
      },
    };
  });
  afterAll(() => agent.stop());

  test('belong to an event class of the rule checks and have the values of that class', () => {
    const seen = new Set<string>();
    for (const event of events) {
      const { category, type, action } = event.event;
      if (!['process', 'file'].includes(category?.[0] ?? '')) continue;
      const own = eventClasses.filter(
        (each) => each.action === action && [category, type].flat().join() === `${each.category},${each.type}`,
      );
      expect([action, own.length]).toEqual([action, 1]);
      for (const [field] of valuesOf(event)) {
        const known = own[0]?.known(field);
        if (known === undefined || !(isEventField(field) || classFields.has(field))) continue;
        expect([action, field, known.value]).toEqual([action, field, readPath(event, field)]);
        seen.add(field);
      }
    }
    expect(seen).toEqual(classFields);
  });

  describe.each(Object.entries(asked) as [Query, string[]][])('%s', (query, fields) => {
    const documentsOf = () => Object.values(found[query]).flat();

    test('finds events of its subject', () => {
      const parents = new Set(found[query].events.map(({ process }) => process?.parent?.name));
      expect(found[query].events.length).toBeGreaterThan(0);
      if (query.startsWith('rule')) expect(found[query].alerts.length).toBeGreaterThan(0);
      // The parent is a shell for an rpm scriptlet, and the script itself for dpkg.
      if (query.endsWith('scripts')) expect(parents).toEqual(new Set(['e2e-ecs.postinst', 'dash']));
      if (query.endsWith('databases'))
        expect(found[query].events.map(({ file: of }) => of?.name)).toContain('rpmdb.sqlite');
    });

    test.each(fields)('%s is present with its type', (field) => {
      const type = (EcsFlat as Record<string, { type: string }>)[field]?.type;
      expect(type).toEqual(expect.any(String));
      let present = 0;
      for (const document of documentsOf()) {
        const values = valuesOf(document).get(field) ?? [];
        if (values.length === 0) {
          // The process ended before it could be read: the document notes the field, and others have it.
          const noted = Object.keys(document.stepparent.unobserved ?? {});
          // The name of the field, or of the object that has it.
          const names = [field.replace('command_line', 'args'), field.slice(0, field.lastIndexOf('.'))];
          expect(names.filter((name) => noted.includes(name))).not.toEqual([]);
          continue;
        }
        present++;
        expect({ field, unfit: values.filter((value) => !fits(type ?? '', value) || value === '') }).toEqual({
          field,
          unfit: [],
        });
        const expected = (query.startsWith('hunt: files') ? file : start) as Record<string, string | RegExp>;
        const want = expected[field];
        if (want !== undefined) expect(values).toEqual([expect.stringMatching(want)]);
        // In ES|QL no comparison with a field of several values is true.
        if (query.startsWith('hunt')) expect(values).toHaveLength(1);
      }
      expect(present).toBeGreaterThan(0);
    });
  });

  test('have the columns of the hunt over osquery’s tables', async () => {
    const columns = words('filename path atime mtime ctime btime size username groupname');
    const sql = `SELECT ${columns.join(', ')} FROM file AS f
      LEFT JOIN users AS u ON f.uid = u.uid LEFT JOIN groups AS g ON f.gid = g.gid WHERE path LIKE '${info}/e2e-%'`;
    const { code, stdout, stderr } = await agent.cli('query', '--json', sql);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const rows = documents<Record<string, unknown>>(stdout);
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(Object.entries(row).filter(([, value]) => value === null)).toEqual([]);
    expect(Object.keys(rows[0] ?? {}).sort()).toEqual(columns.sort());
  });

  test('name their kind, their dataset and the agent that wrote them', () => {
    const always = words('ecs.version event.id event.kind event.module event.dataset host.name agent.id agent.type');
    for (const document of [...events, ...alerts]) {
      const values = valuesOf(document);
      expect(always.filter((field) => values.get(field)?.length !== 1)).toEqual([]);
    }
  });

  test('lack the fields that stepparent does not fill', () => {
    const names = new Set([...events, ...alerts].flatMap((document) => [...valuesOf(document).keys()]));
    expect(notFilled.filter((field) => names.has(field))).toEqual([]);
    expect(notFilled.filter((field) => !(field in EcsFlat))).toEqual([]);
  });

  test.each([
    ['events', () => events],
    ['alerts', () => alerts],
  ])('have each field of %s as a column in SQL, with its value', async (view, documentsOf) => {
    const { code, stdout } = await agent.cli('query', '--json', '--limit', '2000', `SELECT * FROM ${view}`);
    expect(code).toBe(0);
    const rows = new Map(
      documents<Record<string, unknown>>(stdout).map((row) => [
        row[view === 'alerts' ? 'stepparent.alert.id' : 'event.id'],
        row,
      ]),
    );
    const isWhole = (field: string) =>
      allFields.some(({ name, type }) => name === field && (type === 'objects' || type === 'flattened'));
    let compared = 0;
    for (const document of documentsOf()) {
      const row = rows.get(view === 'alerts' ? document.stepparent.alert?.id : document.event.id);
      for (const field of row === undefined ? [] : fieldsOf(document, isWhole)) {
        expect(row).toHaveProperty([field]);
        const value = field.split('.').reduce((at, name) => (at as never)[name], document as unknown);
        if (typeof value === 'string' && value.length < 4096)
          expect({ field, value: row?.[field] }).toEqual({ field, value });
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(100);
  });

  test('fit the mapping of every field', () => {
    expect(unmapped([...events, ...alerts])).toEqual([]);
  });
});
