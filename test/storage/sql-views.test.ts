// Every field that an event or an alert can have is a column under its name, with its value; or it stands here with the reason.

import { describe, expect, onTestFinished, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { fields as allFields, isOfEvent } from '../../collectors/event/fields.ts';
import { valueAt } from '../../collectors/event/read-path.ts';
import { openAlertDatabase, SqlError } from '../../storage/query-database.ts';
import { fieldsOf, maximalAlert } from '../maximal-documents.ts';

/** Columns that are whole lists or objects, as JSON. */
const isWhole = (field: string): boolean =>
  allFields.some(({ name, type }) => name === field && (type === 'objects' || type === 'flattened'));

/** Columns with the first of several values: hunts compare them. All values are in `document`. */
const firstOnly = ['event.category', 'event.type'];

/** As SQLite has it: true and false are 1 and 0, lists and objects are JSON. */
function inSql(field: string, value: unknown): unknown {
  if (firstOnly.includes(field)) return [value].flat()[0];
  if (typeof value === 'boolean') return Number(value);
  return typeof value === 'object' ? JSON.stringify(value) : value;
}

async function rowOf(view: string, document: StepparentEvent): Promise<Record<string, unknown>> {
  const database = await openAlertDatabase([document], []);
  onTestFinished(() => database.close());
  const asked = database.ask(`SELECT * FROM ${view}`, { since: 0, now: 0 });
  const [row = []] = [...asked.rows];
  return Object.fromEntries(asked.columns.map((column, i) => [column, row[i]]));
}

/** The same by a statement that names one column. */
async function columnOf(view: string, document: StepparentEvent, field: string): Promise<unknown> {
  const database = await openAlertDatabase([document], []);
  onTestFinished(() => database.close());
  return [...database.ask(`SELECT "${field}" FROM ${view}`, { since: 0, now: 0 }).rows][0]?.[0];
}

const columns = allFields.filter(({ within }) => within === undefined);
const namesOf = (list: typeof columns): string[] => list.map(({ name }) => name);

describe.each([
  ['file_events', namesOf(columns.filter(isOfEvent))],
  ['alerts', namesOf(columns)],
])('%s', (view, fields) => {
  test('every field of the largest alert is a column', async () => {
    const row = await rowOf(view, maximalAlert);
    expect(fields.filter((field) => !Object.hasOwn(row, field))).toEqual([]);
    const ofDocument = [...fieldsOf(maximalAlert, isWhole)];
    const missing = ofDocument.filter((field) => !Object.hasOwn(row, field));
    // Events are no alerts.
    expect(
      view === 'alerts'
        ? missing
        : missing.filter((field) => columns.some((each) => each.name === field && isOfEvent(each))),
    ).toEqual([]);
  });

  test('no two columns have the same name', async () => {
    const names = Object.keys(await rowOf(view, maximalAlert));
    expect(names.filter((name) => /:\d+$/.test(name))).toEqual([]);
  });

  test('every column has its value', async () => {
    const row = await rowOf(view, maximalAlert);
    expect(Object.fromEntries(fields.map((field) => [field, row[field]]))).toEqual(
      Object.fromEntries(fields.map((field) => [field, inSql(field, valueAt(maximalAlert, field))])),
    );
  });

  test.each(['stepparent.initiator.executable', 'stepparent.genuine.parent', 'stepparent.script.findings'])(
    'also where a statement names %s',
    async (field) => {
      expect(await columnOf(view, maximalAlert, field)).toEqual(inSql(field, valueAt(maximalAlert, field)));
    },
  );
});

test('a statement with few columns uses lookups after one with all columns', async () => {
  const database = await openAlertDatabase([maximalAlert], []);
  onTestFinished(() => database.close());
  const all = (sql: string) => [...database.ask(sql, { since: 0, now: 0 }).rows];
  const planOf = (sql: string) => all(`EXPLAIN QUERY PLAN ${sql}`).map((row) => row.at(-1));
  expect(all('SELECT * FROM events')).toHaveLength(1);
  expect(planOf('SELECT "file.name" FROM events').join()).not.toMatch(/parts|processes|origins/);
  expect(all('SELECT "process.pid", "stepparent.genuine.parent" FROM events')).toEqual([[30, 0]]);
  for (const refused of ['SELECT * FROM events; DELETE FROM events', 'DELETE FROM events']) {
    expect(() => all(refused)).toThrow(SqlError);
  }
  expect(all('SELECT count(*) FROM events')).toEqual([[1]]);
});
