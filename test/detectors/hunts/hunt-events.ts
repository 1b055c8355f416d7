// Events for the tests of hunts, one field changed at a time.

import { ecsVersion, type StepparentEvent } from '../../../collectors/event/event.ts';

export const nowMs = Date.parse('2026-03-10T10:00:00Z');
export const dayMs = 86_400_000;

let serial = 0;

interface Common {
  ageMs?: number;
  agent?: string;
  action?: string;
}

function common({ ageMs = 1000, agent = 'agent-1', action }: Common, category: 'file' | 'process') {
  const id = `hunted-${++serial}`;
  return {
    '@timestamp': new Date(nowMs - ageMs).toISOString(),
    ecs: { version: ecsVersion },
    event: { id, kind: 'event', category: [category], action: action ?? (category === 'file' ? 'creation' : 'exec') },
    host: { id: `host of ${agent}`, name: agent },
    agent: { type: 'stepparent', id: agent },
  } as const;
}

export function fileEvent(
  path: string,
  executable: string | null = '/usr/bin/dpkg',
  options: Common = {},
): StepparentEvent {
  return {
    ...common(options, 'file'),
    event: { ...common(options, 'file').event, category: ['file'] },
    file: { path, name: path.slice(path.lastIndexOf('/') + 1) },
    ...(executable === null ? {} : { process: { executable } }),
    stepparent: {},
  };
}

export function execEvent(
  command: string,
  change: Partial<Pick<StepparentEvent, 'process' | 'stepparent'>> = {},
  options: Common = {},
): StepparentEvent {
  const [executable = ''] = command.split(' ');
  const { process, stepparent = {} } = change;
  return {
    ...common(options, 'process'),
    event: { ...common(options, 'process').event, category: ['process'] },
    process: { pid: 7, executable, command_line: command, ...process },
    stepparent,
  };
}

/** A connection of `curl`, below a package script at that depth unless it is null. */
export function connectionEvent(
  ip: string,
  { depth = 1, executable = '/usr/bin/curl', user = '0', ...options }: ConnectionOptions = {},
): StepparentEvent {
  const event = execEvent(`${executable} https://${ip}`, {}, { action: 'connection_attempted', ...options });
  return {
    ...event,
    event: { ...event.event, category: ['network'] },
    user: { id: user },
    destination: { ip, port: 443 },
    stepparent: {
      ...(depth !== null && {
        lifecycle_script: { manager: 'dpkg', path: '/var/lib/dpkg/info/a.postinst', package: 'a', depth },
      }),
    },
  };
}

interface ConnectionOptions extends Common {
  depth?: number | null;
  executable?: string;
  user?: string;
}

/** The end of a transaction that left these programs running. */
export function survivorsEvent(
  programs: readonly string[],
  { user = '0', ...options }: Common & { user?: string } = {},
): StepparentEvent {
  const event = execEvent('/usr/bin/dpkg -i a.deb', {}, { action: 'processes-left-running', ...options });
  const script = { manager: 'dpkg', path: '/var/lib/dpkg/info/a.postinst', package: 'a', phase: 'postinst' } as const;
  return {
    ...event,
    user: { id: user },
    stepparent: {
      transaction: {
        id: 't',
        survivors: programs.map((executable, i) => ({
          entity_id: `e${i}`,
          pid: 40 + i,
          executable,
          args: [executable],
          script,
        })),
        survivors_count: programs.length,
      },
    },
  };
}
