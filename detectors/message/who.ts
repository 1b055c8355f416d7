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

/** Who is behind an event. An unobserved one has no name; `place` is what is still known then: `over ssh`, `in ssh.service`. */
interface Who {
  text: string;
  place?: string;
}

/** The subject of the message: who, `probably` with what was inferred, and the user if it is neither root nor the same. */
export function subjectText(event: Actors): string {
  const { user = event.process?.user } = event;
  const who = whoText(event);
  const name = userText(user);
  const isRoot = name === undefined || (user?.id ?? '0') === '0';
  const isSame = who === name || who.startsWith(`${name} `) || who.includes(`(${name} `);
  return `${withDoubt(event)}${isRoot ? '' : isSame ? ', not root,' : ` as ${name}`}`;
}

/** An unidentified user is not inferred, only the place is: `an unidentified user, probably over ssh,`. */
function withDoubt(event: Actors): string {
  const { file, inferred } = event.stepparent;
  const isWriterInferred = file?.writer_source === 'inferred';
  const isInferred = isWriterInferred || inferred?.['stepparent.initiator'] !== undefined;
  const { text, place } = whoOf(event);
  if (isInferred && !isWriterInferred && place !== undefined) return `${text}, probably ${place},`;
  return `${isInferred ? 'probably ' : ''}${whoText(event)}`;
}

/** The person or service: never sudo, a shell or another wrapper. What was not observed is said. */
export function whoText(event: Actors): string {
  const { text, place } = whoOf(event);
  return place === undefined ? text : `${text} ${place}`;
}

function whoOf(event: Actors): Who {
  const { initiator } = event.stepparent;
  if (initiator === undefined) return unobservedWho(event);
  const program = programText(initiator.executable) ?? named(initiator.name, nameBytes) ?? 'an unobserved program';
  const daemonKind = loginKind(initiator.executable ?? '');
  const isServiceManager = initiator.pid === 1 || program === '/usr/lib/systemd/systemd';
  const { origin = '' } = initiator;
  if (origin === 'cron') return { text: daemonKind === 'cron' ? 'a cron job' : `cron job ${program}` };
  const place = placeText(event, origin);
  if (place === undefined) {
    return daemonKind === undefined
      ? { text: program }
      : { text: 'an unidentified user', place: ways[daemonKind] ?? 'in a cron job' };
  }
  const isUnitsOwn = isServiceManager || place === `${program}.service`;
  return { text: daemonKind !== undefined || isUnitsOwn ? place : `${program} (${place})` };
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
function unobservedWho({ container, file, process, stepparent }: Actors): Who {
  if (file !== undefined && process?.executable === undefined && process?.name === undefined) {
    return { text: 'an unobserved process' };
  }
  const { login_user: login, systemd } = stepparent;
  const parent = file === undefined ? programText(process?.parent?.executable ?? process?.parent?.name) : undefined;
  const text = `an unobserved ${parent === undefined ? 'parent' : `ancestor of ${parent}`}`;
  const person = userText(login);
  if (person !== undefined) return { text: `${person} through ${text}` };
  if (container !== undefined) return { text, place: `in ${placeText({ container, stepparent }, 'container')}` };
  return systemd === undefined ? { text } : { text, place: `in ${named(systemd.unit, unitBytes)}` };
}

function userText(user: { id?: unknown; name?: unknown } | undefined): string | undefined {
  const id = named(user?.id, nameBytes);
  return named(user?.name, nameBytes) ?? (id === undefined ? undefined : `uid ${id}`);
}
