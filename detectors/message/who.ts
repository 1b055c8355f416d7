// Who is behind an event, for people: `alice over ssh`, `nginx.service`, `cron job /usr/local/bin/sync`.

import type { StepparentEvent } from '../../collectors/event/event.ts';
import { claimedOrigin, daemonOfPath, originOfPath, starterOf } from '../../collectors/packages/origins.ts';
import { type OriginParts, ownClientCaller, partsOfOrigin, unobservedCaller } from '../facts/origin.ts';
import { named, programText } from './shown.ts';

const nameBytes = 48;
const unitBytes = 64;

/** Who logged in, if that is not known. */
const unidentified = 'an unidentified user';

/** The parts of an event, or of an incident, that say who is behind it. */
export type Actors = Pick<StepparentEvent, 'container' | 'file' | 'process' | 'user'> & {
  stepparent: Pick<StepparentEvent['stepparent'], 'file' | 'inferred' | 'initiator' | 'login_user' | 'systemd'>;
};

/** Who is behind an event. An unobserved one has no name; `place` is what is still known then: `over ssh`, `in ssh.service`. */
interface Who {
  text: string;
  place?: string;
}

/**
 * The subject of the message: who, `probably` with what was inferred, and the user if it is neither root nor the same,
 * or was not observed.
 */
export function subjectText(event: Actors): string {
  return `${withDoubt(event)}${asUser(event)}`;
}

function asUser(event: Actors): string {
  const { user = event.process?.user } = event;
  if (user?.id === '0') return '';
  const name = userText(user);
  const who = whoText(event);
  if (name === undefined) {
    return isUnobservedWriter(event) || who.startsWith(unidentified) ? '' : ' as an unobserved user';
  }
  const isSame = who === name || who.startsWith(`${name} `) || who.includes(`(${name} `);
  return isSame ? ', not root,' : ` as ${name}`;
}

const isUnobservedWriter = ({ file, process }: Actors): boolean =>
  file !== undefined && process?.executable === undefined && process?.name === undefined;

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
  const { executable = '', origin = '' } = initiator;
  const program = programText(initiator.executable) ?? named(initiator.name, nameBytes) ?? 'an unobserved program';
  const starter = starterOf(executable);
  const isServiceManager = initiator.pid === 1 || program === '/usr/lib/systemd/systemd';
  const parts = partsOfOrigin(origin);
  if (origin === 'cron') return { text: starter?.role === 'job' ? 'a cron job' : `cron job ${program}` };
  const place = placeText(event, parts);
  if (place === undefined) {
    const daemon = daemonOfPath(executable);
    if (daemon !== undefined) return { text: `${unobservedCaller} through ${daemon.name}` };
    return starter === undefined
      ? { text: program }
      : { text: unidentified, place: ways[starter.name] ?? 'in a cron job' };
  }
  const isUnitsOwn = isServiceManager || place === `${program}.service`;
  const isNamed = starter !== undefined || isUnitsOwn || isOfOrigin(executable, parts);
  return { text: isNamed ? place : `${program} (${place})` };
}

/** Whether the initiator is the daemon or the nearest agent itself, which the words of the origin name. */
function isOfOrigin(executable: string, { agents, daemon }: OriginParts): boolean {
  const name = (originOfPath(executable) ?? claimedOrigin(executable, undefined))?.name;
  return name !== undefined && (agents[0]?.name ?? daemon?.name) === name;
}

/** Where the initiator comes from (`stepparent.initiator.origin`), as words: `alice over ssh through puppet`. */
function placeText(event: Actors, { agents, base, daemon }: OriginParts): string | undefined {
  const place = daemon === undefined ? baseText(event, base) : callerText(daemon);
  if (place === undefined || agents.length === 0) return place;
  const through = agents
    .filter(({ name, claimed }) => claimed || place !== `${name}.service`)
    .map(({ name, claimed }) => `${claimed ? 'what claims to be ' : ''}${name}`)
    .reverse();
  return through.length === 0 ? place : `${place} through ${through.join(' and ')}`;
}

function callerText({ name, caller, claimed }: NonNullable<OriginParts['daemon']>): string {
  if (caller === unobservedCaller) return `${caller} through ${claimed ? 'what claims to be ' : ''}${name}`;
  const user = caller === ownClientCaller ? `the ${caller}` : named(caller, nameBytes);
  return `${claimed ? 'a process that names ' : ''}${user}${claimed ? ' as its caller,' : ''} through ${name}`;
}

function baseText({ container }: Actors, origin: string): string | undefined {
  if (origin === 'container') {
    return container?.id === undefined ? 'a container' : `container ${named(container.id.slice(0, 12), nameBytes)}`;
  }
  if (origin === 'init') return 'init';
  if (origin === 'cron') return 'a cron job';
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
function unobservedWho(event: Actors): Who {
  if (isUnobservedWriter(event)) return { text: 'an unobserved process' };
  const { container, file, process, stepparent } = event;
  const { login_user: login, systemd } = stepparent;
  const parent = file === undefined ? programText(process?.parent?.executable ?? process?.parent?.name) : undefined;
  const text = `an unobserved ${parent === undefined ? 'parent' : `ancestor of ${parent}`}`;
  const person = userText(login);
  if (person !== undefined) return { text: `${person} through ${text}` };
  if (container !== undefined) return { text, place: `in ${baseText({ container, stepparent }, 'container')}` };
  return systemd === undefined ? { text } : { text, place: `in ${named(systemd.unit, unitBytes)}` };
}

function userText(user: { id?: unknown; name?: unknown } | undefined): string | undefined {
  const id = named(user?.id, nameBytes);
  return named(user?.name, nameBytes) ?? (id === undefined ? undefined : `uid ${id}`);
}
