// Delivery: everything is delivered in the end, even if sinks fail meanwhile.

import { expect, onTestFinished, test, vi } from 'vitest';
import { type Delivery, type Outbox, startDelivery } from '../../../agent/daemon/delivery.ts';
import type { Delivered, Sink } from '../../../agent/sinks/sink.ts';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import type { OutboxItem } from '../../../storage/records.ts';
import { alertDocument } from '../journal/alert-document.ts';

type Row = OutboxItem & { dueMs: number };

/** The store's outbox in memory. */
function outboxOf(...sinks: string[]) {
  const rows: Row[] = [];
  const outbox: Outbox = {
    pending: (sink, limit, nowMs = Date.now()) =>
      rows.filter((row) => row.sink === sink && row.dueMs <= nowMs).slice(0, limit),
    nextDueMs: (sink) =>
      rows
        .filter((row) => row.sink === sink)
        .reduce<number | undefined>((least, { dueMs }) => Math.min(least ?? dueMs, dueMs), undefined),
    delivered: (ids) => {
      for (const id of ids)
        rows.splice(
          rows.findIndex((row) => row.id === id),
          1,
        );
    },
    failed: (ids, dueMs) => {
      for (const row of rows.filter(({ id }) => ids.includes(id)))
        Object.assign(row, { dueMs, attempts: row.attempts + 1 });
    },
  };
  let id = 0;
  const put = (message: string): void => {
    for (const sink of sinks) {
      rows.push({ id: id++, sink, document: alertDocument({ message }), attempts: 0, dueMs: 0 });
    }
  };
  return { outbox, rows, put };
}

function sinkOf(name: string, take: (message: string) => string | undefined = () => undefined) {
  const got: string[] = [];
  let closed = false;
  const deliver = async (documents: readonly StepparentEvent[]): Promise<Delivered> => {
    for (const [index, { message = '' }] of documents.entries()) {
      const trouble = take(message);
      if (trouble !== undefined) return { delivered: index, trouble };
      got.push(message);
    }
    return { delivered: documents.length };
  };
  const sink: Sink = {
    name,
    deliver,
    close: async () => {
      closed = true;
    },
  };
  return { sink, got, closed: () => closed };
}

function started(outbox: Outbox, ...sinks: Sink[]) {
  const troubles: [string, string | undefined][] = [];
  const onTrouble = (sink: string, trouble: string | undefined): void => {
    troubles.push([sink, trouble]);
  };
  const delivery: Delivery = startDelivery({ outbox, sinks, onTrouble, firstRetryMs: 1, lastRetryMs: 4 });
  onTestFinished(() => delivery.stop());
  return { delivery, troubles };
}

test('delivers waiting and later documents in order, batch by batch', async () => {
  const { outbox, rows, put } = outboxOf('a');
  const { sink, got } = sinkOf('a');
  for (let i = 0; i < 250; i++) put(`${i}`);
  const { delivery } = started(outbox, sink);
  await vi.waitFor(() => expect(rows).toEqual([]));
  put('250');
  delivery.wake();
  await vi.waitFor(() => expect(rows).toEqual([]));
  expect(got).toEqual(Array.from({ length: 251 }, (_, i) => `${i}`));
  expect(delivery.status()).toEqual([{ name: 'a', delivered: 251, failed: 0 }]);
});

test('retries a failing sink until it works, without delaying another', async () => {
  const { outbox, rows, put } = outboxOf('good', 'bad');
  let tries = 0;
  const good = sinkOf('good');
  const bad = sinkOf('bad', () => (tries++ < 5 ? 'no journald' : undefined));
  put('x');
  put('y');
  const { delivery, troubles } = started(outbox, good.sink, bad.sink);
  await vi.waitFor(() => expect(rows).toEqual([]));
  expect(good.got).toEqual(['x', 'y']);
  expect(bad.got.sort()).toEqual(['x', 'y']);
  expect(troubles).toEqual([
    ['bad', 'no journald'],
    ['bad', undefined],
  ]);
  expect(delivery.status()[1]).toMatchObject({ name: 'bad', delivered: 2, failed: 5 });
  expect(delivery.status()[1]).not.toHaveProperty('trouble');
});

test('reports why and since when a sink fails', async () => {
  const { outbox, put } = outboxOf('bad');
  put('x');
  const { delivery } = started(outbox, sinkOf('bad', () => 'disk full').sink);
  await vi.waitFor(() => expect(delivery.status()[0]?.failed).toBeGreaterThan(1));
  const iso = expect.stringMatching(/^\d{4}-.*Z$/);
  expect(delivery.status()[0]?.error).toEqual({ message: 'disk full', since: iso, retry: iso });
});

test('a document that always fails does not block the documents after it', async () => {
  const { outbox, rows, put } = outboxOf('a');
  const { sink, got } = sinkOf('a', (message) => (message === 'poison' ? 'too large' : undefined));
  for (const message of ['x', 'poison', 'y', 'z']) put(message);
  started(outbox, sink);
  await vi.waitFor(() => expect(got).toEqual(['x', 'y', 'z']));
  expect(rows.map((row) => row.document.message)).toEqual(['poison']);
});

test('delivers a document with a long pause after others with shorter pauses', async () => {
  const { outbox, rows, put } = outboxOf('a');
  const { sink, got } = sinkOf('a');
  for (const message of ['an agent before us put it off', 'y', 'z']) put(message);
  const nowMs = Date.now();
  for (const [index, row] of rows.entries()) row.dueMs = nowMs + ([60, 20, 40][index] ?? 0);
  started(outbox, sink);
  await vi.waitFor(() => expect(rows).toEqual([]));
  expect(got).toEqual(['y', 'z', 'an agent before us put it off']);
});

test('treats an exception of a sink or of the store as a failure', async () => {
  const { outbox, rows, put } = outboxOf('a');
  const { sink, got } = sinkOf('a');
  let faults = 0;
  const once: Sink = {
    ...sink,
    deliver: (documents) => (faults++ === 0 ? Promise.reject(new Error('thrown')) : sink.deliver(documents)),
  };
  let reads = 0;
  const pending: Outbox['pending'] = (...args) => {
    if (reads++ === 1) throw new Error('database is locked');
    return outbox.pending(...args);
  };
  put('x');
  const { troubles } = started({ ...outbox, pending }, once);
  await vi.waitFor(() => expect(rows).toEqual([]));
  expect(got).toEqual(['x']);
  expect(troubles).toEqual([
    ['a', 'thrown'],
    ['a', 'database is locked'],
    ['a', undefined],
  ]);
});

test('stop finishes the current batch and leaves the rest', async () => {
  const { outbox, rows, put } = outboxOf('a');
  const { sink, got, closed } = sinkOf('a');
  const gate = Promise.withResolvers<void>();
  const slow: Sink = { ...sink, deliver: (documents) => gate.promise.then(() => sink.deliver(documents)) };
  for (let i = 0; i < 150; i++) put(`${i}`);
  const { delivery } = started(outbox, slow);
  const stopped = delivery.stop();
  expect(closed()).toBe(false);
  gate.resolve();
  await stopped;
  expect(got).toHaveLength(100);
  expect(rows).toHaveLength(50);
  expect(closed()).toBe(true);
  delivery.wake();
  expect(got).toHaveLength(100);
});

test('does not deliver twice what could not be removed from the outbox; delivers the same ids of another database', async () => {
  const { outbox, rows, put } = outboxOf('a');
  const { sink, got } = sinkOf('a');
  let full = true;
  const broken: Outbox = {
    ...outbox,
    delivered(ids) {
      if (full) throw new Error('no space left');
      outbox.delivered(ids);
    },
  };
  put('x');
  put('y');
  const { delivery } = started(broken, sink);
  await vi.waitFor(() => expect(delivery.status()[0]?.failed).toBeGreaterThan(2));
  expect(got).toEqual(['x', 'y']);
  for (const row of rows) if (row.id === 1) row.document = alertDocument({ message: 'of another database' });
  full = false;
  await vi.waitFor(() => expect(rows).toEqual([]));
  expect(got).toEqual(['x', 'y', 'of another database']);
});
