// Events about the agent itself.

import { expect, test } from 'vitest';
import { healthEvent } from '../../../collectors/event/health-event.ts';
import { hostContext } from '../host/host-context-double.ts';

test('lost records have their number and the reason', () => {
  const event = healthEvent(hostContext, 'records-lost', 'the kernel buffer overflowed', 7);
  expect(event).toEqual({
    '@timestamp': expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    ecs: { version: '9.4.0' },
    message: 'the kernel buffer overflowed',
    event: {
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      kind: 'event',
      category: ['host'],
      type: ['info'],
      action: 'records-lost',
      module: 'stepparent',
      dataset: 'stepparent.agent',
      provider: 'tracefs',
      created: event['@timestamp'],
    },
    host: hostContext.hostFields,
    agent: hostContext.agent,
    stepparent: { sensor: { name: 'tracefs', reason: 'the kernel buffer overflowed', lost_events: 7 } },
  });
});

test('a degraded sensor has no number, and each event has its own id', () => {
  const [one, two] = [1, 2].map(() => healthEvent(hostContext, 'sensor-degraded', 'no tracefs'));
  expect(one?.stepparent.sensor).toEqual({ name: 'tracefs', reason: 'no tracefs' });
  expect(one?.event.id).not.toBe(two?.event.id);
});
