// The users that the environment of a package manager and the journal of a daemon above it name.

import { describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { openNamedCallers, withNamedCallers } from '../../../collectors/packages/named-callers.ts';
import type { ActorSnapshot, ProcessEntry } from '../../../collectors/process/process.ts';
import { entryOf, imageOf } from '../../detectors/observed-exec.ts';
import { plainHost, recordedHost } from '../../recorded-host.ts';
import { hostContext } from '../host/host-context-double.ts';

const packagekitd = '/usr/libexec/packagekitd';
const offlineUpdate = '/usr/libexec/pk-offline-update';
const atNs = 50e9;

const processOf = (pid: number, file: string): ProcessEntry => ({ ...entryOf(pid, imageOf(file)), startNs: 1e9 });

/** dpkg below the programs, nearest first. */
function actorOf(...files: string[]): ActorSnapshot {
  const entries = ['/usr/bin/dpkg', ...files].map((file, index) => processOf(30 - index, file));
  const [actor, ...ancestors] = entries.map((entry) => ({ entry, image: entry.image }));
  if (actor === undefined) throw new Error('no process');
  return { ...actor, ancestors };
}

function open(
  answers: readonly (readonly string[] | undefined)[],
  running: readonly string[] = [],
  genuine = true,
  isComplete = true,
) {
  const asked: (readonly string[])[] = [];
  const recorded = recordedHost({ files: plainHost, bootNs: 60e9 });
  const timeUs = String((recorded.clock.bootEpochMs() + 40_000) * 1000);
  const journal = async (matches: readonly string[]) => {
    const lines = answers[Math.min(asked.length, answers.length - 1)];
    asked.push(matches);
    const all = lines === undefined ? undefined : isComplete ? ['daemon start', ...lines] : lines;
    return all
      ?.map((MESSAGE) =>
        JSON.stringify({ MESSAGE, _PID: '29', _UID: '0', _EXE: packagekitd, __REALTIME_TIMESTAMP: timeUs }),
      )
      .join('\n');
  };
  const callers = openNamedCallers({
    context: { ...hostContext, host: { ...recorded, journal } },
    table: { alive: () => running.map((file, index) => processOf(100 + index, file)) },
    tools: { isGenuine: () => genuine },
  });
  return { asked, callers };
}

/** What the event has in the end. */
async function found(
  opened: ReturnType<typeof open>,
  actor: ActorSnapshot,
  variables: readonly string[] = [],
): Promise<{ named: unknown; reason: string | undefined }> {
  const callers = opened.callers.of(actor, variables, atNs);
  await callers.fromJournal?.pending;
  const { stepparent } = withNamedCallers({ stepparent: {} } as StepparentEvent, callers);
  return { named: stepparent.named_callers, reason: stepparent.unobserved?.['stepparent.named_callers'] };
}

const begun = (uid: number) => `uid ${uid} obtained auth for org.freedesktop.packagekit.package-install-untrusted`;
const daemon = actorOf(packagekitd);

describe('the environment', () => {
  const named = (variable: string, user: object) => [{ source: 'environment', variable, user }];
  test.each<[string, unknown]>([
    ['PACKAGEKIT_CALLER_UID=1000', named('PACKAGEKIT_CALLER_UID', { id: '1000', name: 'alice' })],
    ['SUDO_UID=7', named('SUDO_UID', { id: '7' })],
    ['PKEXEC_UID=0', named('PKEXEC_UID', { id: '0', name: 'root' })],
    ['DOAS_USER=alice', named('DOAS_USER', { name: 'alice' })],
    ['SUDO_UID=4294967294', named('SUDO_UID', { id: '4294967294' })],
    ['SUDO_UID=4294967295', undefined],
    ['SUDO_UID=-1', undefined],
    ['SUDO_UID=1000 ', undefined],
    ['SUDO_UID=0x10', undefined],
    ['SUDO_UID=', undefined],
    ['SUDO_UID', undefined],
    ['DOAS_USER=', undefined],
    ['SUDO_USER=alice', undefined],
    ['USER=alice', undefined],
  ])('%o', async (variable, expected) => {
    expect(await found(open([[]]), actorOf('/usr/bin/bash'), [variable])).toEqual({
      named: expected,
      reason: undefined,
    });
  });
});

describe('the journal', () => {
  const alice = [{ source: 'journal', user: { id: '1000', name: 'alice' } }];

  test('is asked for the lines of the daemon alone', async () => {
    const opened = open([[begun(1000)]]);
    expect(await found(opened, daemon)).toEqual({ named: alice, reason: undefined });
    expect(opened.asked).toEqual([
      ['_BOOT_ID=0123456789abcdef0123456789abcdef', '_PID=29', '_UID=0', `_EXE=${packagekitd}`],
    ]);
  });

  test('is asked for the lines of the first process of a daemon that forks for each request', async () => {
    const opened = open([[begun(1000)]]);
    await found(opened, actorOf(packagekitd, packagekitd, '/usr/bin/dbus-daemon', packagekitd));
    expect(opened.asked[0]).toContain('_PID=28');
  });

  test('is asked once more if the line is still to come', async () => {
    const opened = open([[], [begun(1000)]]);
    expect(await found(opened, daemon)).toEqual({ named: alice, reason: undefined });
    expect(opened.asked).toHaveLength(2);
  });

  test('is asked at a transaction of the daemon itself', async () => {
    const itself = { entry: processOf(29, packagekitd), image: imageOf(packagekitd), ancestors: [] };
    expect((await found(open([[begun(1000)]]), itself)).named).toEqual(alice);
  });

  test.each<[string, ActorSnapshot, string[]]>([
    ['no daemon is above', actorOf('/usr/bin/bash', '/tmp/packagekitd'), []],
    ['the environment names the caller', daemon, ['PACKAGEKIT_CALLER_UID=1000']],
    ['the daemon writes no such lines', actorOf('/usr/sbin/aptd'), []],
  ])('is not asked if %s', async (_, actor, variables) => {
    const opened = open([[begun(1000)]]);
    await found(opened, actor, variables);
    expect(opened.asked).toEqual([]);
  });

  test('is asked if another variable is set', async () => {
    expect((await found(open([[begun(1000)]]), daemon, ['SUDO_UID=0'])).named).toHaveLength(2);
  });

  test.each<[string, reason: string, lines: string[] | undefined]>([
    ['names none', 'caller_not_logged', []],
    ['names two', 'several_callers', [begun(1000), begun(1001)]],
    ['cannot be read', 'journal_unreadable', undefined],
  ])('that %s: %s', async (_, reason, lines) => {
    expect(await found(open([lines]), daemon)).toEqual({ named: undefined, reason });
  });

  test('without the start of the daemon says nothing', async () => {
    expect(await found(open([[begun(1000)]], [], true, false), daemon)).toEqual({
      named: undefined,
      reason: 'journal_incomplete',
    });
  });

  test('of a daemon that names its callers nowhere', async () => {
    expect((await found(open([[]]), actorOf('/usr/sbin/aptd'))).reason).toBe('caller_not_shown');
  });

  test('is asked four times at once, and not more', async () => {
    const { callers, asked } = open([[begun(1000)]]);
    const all = [1, 2, 3, 4, 5].map(() => callers.of(daemon, [], atNs).fromJournal);
    expect(asked).toHaveLength(4);
    expect(all[4]).toEqual({ value: { unobserved: 'journal_busy' }, pending: undefined });
    await Promise.all(all.map((each) => each?.pending));
    expect((await found({ callers, asked }, daemon)).named).toEqual(alice);
  });
});

describe('the distribution’s own client', () => {
  const root = { source: 'journal', user: { id: '0', name: 'root' } };
  test.each<[string, uid: number, running: string[], genuine: boolean, expected: object]>([
    ['is named if it runs', 0, ['/usr/bin/bash', offlineUpdate], true, { ...root, executable: offlineUpdate }],
    ['is not named if it does not run', 0, ['/tmp/pk-offline-update'], true, root],
    ['is not named if it is another file', 0, [offlineUpdate], false, root],
    [
      'is not named for a user',
      1000,
      [offlineUpdate],
      true,
      { source: 'journal', user: { id: '1000', name: 'alice' } },
    ],
  ])('%s', async (_, uid, running, genuine, expected) => {
    expect((await found(open([[begun(uid)]], running, genuine), daemon)).named).toEqual([expected]);
  });
});
