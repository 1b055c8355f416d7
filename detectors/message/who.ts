// Who is behind an event, for people: `alice over ssh`, `nginx.service`, `cron job /usr/local/bin/sync`.

import type { StepparentEvent } from '../../collectors/event/event.ts';
import { loginKind } from '../facts/initiator.ts';
import { named, programText } from './shown.ts';

const nameBytes = 48;
const unitBytes = 64;

/** The parts of an event, or of an incident, that say who is behind it. */
export type Actors = Pick<StepparentEvent, 'container' | 'file' | 'process' | 'user'> & {
  stepparent: Pick<StepparentEvent['stepparent'], 'file' | 'inferred' | 'initiator' | 'login_user' | 'systemd'>;
};

/** The subject of the message: who, `probably` where that is a conclusion, and the user where it is neither root nor the same. */
export function subjectText(event: Actors): string {
  const { stepparent, user = event.process?.user } = event;
  const who = whoText(event);
  const isInferred =
    stepparent.inferred?.['stepparent.initiator'] !== undefined || stepparent.file?.writer_source === 'inferred';
  const name = userText(user);
  const isRoot = name === undefined || (user?.id ?? '0') === '0';
  const isSame = who === name || who.startsWith(`${name} `) || who.includes(`(${name} `);
  return `${isInferred ? 'probably ' : ''}${who}${isRoot ? '' : isSame ? ', not root,' : ` as ${name}`}`;
}

/** The person or service: never sudo, a shell or another wrapper. What was not observed is said. */
export function whoText(event: Actors): string {
  const { initiator } = event.stepparent;
  if (initiator === undefined) return unobservedText(event);
  const program = programText(initiator.executable) ?? named(initiator.name, nameBytes) ?? 'an unobserved program';
  const daemonKind = loginKind(initiator.executable ?? '');
  const isServiceManager = initiator.pid === 1 || program === '/usr/lib/systemd/systemd';
  const { origin = '' } = initiator;
  if (origin === 'cron') return daemonKind === 'cron' ? 'a cron job' : `cron job ${program}`;
  const place = placeText(event, origin);
  if (place === undefined)
    return daemonKind === undefined ? program : `an unobserved user ${ways[daemonKind] ?? 'in a cron job'}`;
  const isUnitsOwn = isServiceManager || place === `${program}.service`;
  return daemonKind !== undefined || isUnitsOwn ? place : `${program} (${place})`;
}

/** Where the initiator comes from (`stepparent.initiator.origin`), as words. */
function placeText({ container }: Actors, origin: string): string | undefined {
  if (origin === 'container') {
    return container?.id === undefined ? 'a container' : `container ${named(container.id.slice(0, 12), nameBytes)}`;
  }
  if (origin === 'init') return 'init';
  const [, kind = '', name] = /^(unit|user unit|ssh|console|session)(?: as)? (.+)$/s.exec(origin) ?? [];
  if (kind === 'unit') return named(name, unitBytes);
  if (kind === 'user unit') {
    const [, unit, user] = /^(\S+) of (.+)$/s.exec(name ?? '') ?? [];
    return `${named(unit, unitBytes)} of ${named(user, nameBytes)}`;
  }
  const way = ways[kind];
  return way && `${named(name, nameBytes)} ${way}`;
}

const ways: Readonly<Record<string, string>> = {
  ssh: 'over ssh',
  console: 'on the console',
  session: 'in a login session',
};

/** What is still known where the initiator was not observed: the user who logged in, else the container or the unit. */
function unobservedText({ container, file, process, stepparent }: Actors): string {
  if (file !== undefined && process?.executable === undefined && process?.name === undefined) {
    return 'an unobserved process';
  }
  const { login_user: login, systemd } = stepparent;
  const parent = file === undefined ? programText(process?.parent?.executable ?? process?.parent?.name) : undefined;
  const source = `an unobserved ${parent === undefined ? 'parent' : `ancestor of ${parent}`}`;
  const person = userText(login);
  if (person !== undefined) return `${person} through ${source}`;
  if (container !== undefined) return `${source} in ${placeText({ container, stepparent }, 'container')}`;
  return systemd === undefined ? source : `${source} in ${named(systemd.unit, unitBytes)}`;
}

function userText(user: { id?: unknown; name?: unknown } | undefined): string | undefined {
  const id = named(user?.id, nameBytes);
  return named(user?.name, nameBytes) ?? (id === undefined ? undefined : `uid ${id}`);
}
