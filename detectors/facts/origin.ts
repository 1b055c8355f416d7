// Finds where an initiator came from, and who asked for what it did. Neither a daemon nor an agent is the last answer: both
// act for a user.

import type {
  InitiatorFields,
  LineageStep,
  NamedCaller,
  RequesterFields,
  StepparentEvent,
} from '../../collectors/event/event.ts';
import type { InferredBasis, UnobservedReason } from '../../collectors/event/reasons.ts';
import {
  claimedOrigin,
  type Origin,
  type OriginKind,
  originOfPath,
  origins,
  starterOf,
} from '../../collectors/packages/origins.ts';

/** The part of an event that its initiator is derived from. */
export type InitiatedEvent = Pick<StepparentEvent, 'process' | 'container'> & {
  event?: Pick<StepparentEvent['event'], 'category'>;
  stepparent: Pick<
    StepparentEvent['stepparent'],
    'genuine' | 'lineage' | 'login_user' | 'named_callers' | 'systemd' | 'truncated' | 'inferred' | 'unobserved'
  >;
};

/** One process of the lineage: the event's own process if it can be the initiator, and the ancestors. */
export interface OriginStep {
  step: LineageStep;
  /** The program, or the script that its interpreter runs. */
  path: string | undefined;
  /** The script that an interpreter outside of the system's directories runs, as its arguments say. */
  script: string | undefined;
  /** Whether it runs the distribution's own file. Undefined: not known. */
  verified: boolean | undefined;
}

/** The fields of an initiator that this file finds. */
export interface FoundOrigin {
  fields: Pick<InitiatorFields, 'origin' | 'origin_kind' | 'origin_claimed' | 'requester'>;
  /** Reasons by field name, below `stepparent.initiator`. */
  unobserved: Record<string, UnobservedReason>;
  inferred: Record<string, InferredBasis>;
}

type User = NonNullable<RequesterFields['user']>;

const claimedMark = ' (claimed)';
/** In place of a user, if the caller of a daemon is not known. */
export const unobservedCaller = 'an unobserved user';
/** In place of root, if the distribution's own client asked. A user's name has no space. */
export const ownClientCaller = 'offline update';

const names = origins.map(({ name }) => name).join('|');
/** An agent before the origin that it came from. Groups: name, mark, the rest. */
const agentPrefix = new RegExp(`^(${names})( \\(claimed\\))? from (.+)$`, 's');
/** A daemon and its caller. Groups: name, caller, mark. */
const daemonForm = new RegExp(`^(${names}) for (.+?)( \\(claimed\\))?$`, 's');

/** The parts of an origin's text. */
export interface OriginParts {
  /** The agents that did what the origin asked for, nearest to the process first. */
  agents: { name: string; claimed: boolean }[];
  daemon?: { name: string; caller: string; claimed: boolean };
  /** The origin of the agents, or of the initiator itself; empty if a daemon stands there. */
  base: string;
}

/** Takes the text of an origin apart. */
export function partsOfOrigin(origin: string): OriginParts {
  const agents: OriginParts['agents'] = [];
  let rest = origin;
  for (let match = agentPrefix.exec(rest); match !== null; match = agentPrefix.exec(rest)) {
    agents.push({ name: match[1] as string, claimed: match[2] !== undefined });
    rest = match[3] as string;
  }
  const [, name, caller, mark] = daemonForm.exec(rest) ?? [];
  return name === undefined || caller === undefined
    ? { agents, base: rest }
    : { agents, base: '', daemon: { name, caller, claimed: mark !== undefined } };
}

/** Whether the text has the form of an origin that `findOrigin` returns. */
export function isOrigin(text: string): boolean {
  const { base, daemon } = partsOfOrigin(text);
  return daemon !== undefined || /^(?:container|init|cron|unit \S+|user unit \S+ of .+|\S+ as .+)$/s.test(base);
}

/** Maximum number of agents in an origin. */
const maxAgents = 3;

interface Agent {
  origin: Origin;
  claimed: boolean;
  path: string | undefined;
}

/** Undefined: the step is neither a daemon nor an agent. One that is not verified claims to be it. */
function agentOf({ step, path, script, verified }: OriginStep): Agent | undefined {
  if (path === undefined) return undefined;
  const byScript = script === undefined ? undefined : claimedOrigin(script, step.args);
  if (byScript !== undefined) return { origin: byScript, claimed: true, path: script };
  const listed = originOfPath(path);
  // Only the program itself is verified, and not the script that it runs.
  const isVerified = verified === true && path === step.executable && step.program === undefined;
  const origin = listed ?? claimedOrigin(path, step.args);
  return origin?.role === 'agent' || origin?.role === 'daemon'
    ? { origin, claimed: listed === undefined || !isVerified, path }
    : undefined;
}

const starterAt = ({ step: { executable = '' }, verified }: OriginStep): Origin | undefined =>
  verified === false ? undefined : starterOf(executable);

/** `index`: the position of the initiator. */
export function findOrigin(event: InitiatedEvent, steps: readonly OriginStep[], index: number): FoundOrigin {
  const found: FoundOrigin = { fields: {}, unobserved: {}, inferred: {} };
  // Every program below the initiator is a wrapper, and what starts sessions is not a wrapper.
  const starter = steps.findIndex((step) => starterAt(step) !== undefined);
  const end = starter === -1 ? steps.length : starter;
  const agents: Agent[] = [];
  let daemon: { agent: Agent; position: number } | undefined;
  for (let position = index; position < end && daemon === undefined; position++) {
    const agent = agentOf(steps[position] as OriginStep);
    if (agent === undefined) continue;
    if (agent.origin.role === 'daemon') daemon = { agent, position };
    else if (agents.length < maxAgents && agents.at(-1)?.origin !== agent.origin) agents.push(agent);
  }
  const base =
    daemon === undefined
      ? baseOf(event, steps, index, starter)
      : { ...requestOf(event, daemon.agent, daemon.position === index, found), kind: daemon.agent.origin.kind };
  const kind = agents[0]?.origin.kind ?? base.kind;
  if (kind !== undefined) found.fields.origin_kind = kind;
  if (base.text !== undefined) {
    const prefixes = agents.map(({ origin: { name }, claimed }) => `${name}${claimed ? claimedMark : ''} from `);
    found.fields.origin = `${prefixes.join('')}${base.text}`;
    if (base.claimed || agents.some(({ claimed }) => claimed)) found.fields.origin_claimed = true;
  }
  if (base.kind === 'timer' && agents.length === 0) found.inferred.origin_kind = 'unit_name';
  const { requester = daemon === undefined ? requesterOf(event, steps, index, starter) : undefined } = base;
  if (requester !== undefined) {
    const program = agents[0]?.path;
    found.fields.requester = {
      ...requester,
      ...(program !== undefined && requester.executable === undefined && { executable: program }),
    };
  }
  return found;
}

interface Base {
  text: string | undefined;
  kind: OriginKind | undefined;
  claimed?: boolean;
  requester?: RequesterFields;
}

const nothing: Base = { text: undefined, kind: undefined };

const userText = (user: { id?: unknown; name?: unknown } | undefined): string | undefined =>
  user?.name !== undefined ? String(user.name) : user?.id === undefined ? undefined : `uid ${user.id}`;

/** The origin of a daemon: its caller. `isDirect`: the daemon itself is the initiator. */
function requestOf(event: InitiatedEvent, { origin, claimed }: Agent, isDirect: boolean, found: FoundOrigin): Base {
  const { named_callers: callers = [], unobserved } = event.stepparent;
  const counts = callers.filter(({ source, variable }) => source === 'journal' || variable === origin.variable);
  const users = new Map(counts.map((caller) => [caller.user.id ?? caller.user.name, caller]));
  const [caller] = users.values();
  // What a script below the daemon starts later has the same environment, and is not what the caller asked for.
  const isClaimed = claimed || !isDirect;
  const isKnown = caller !== undefined && users.size === 1 && (!isClaimed || caller.source === 'environment');
  if (!isKnown) {
    const reason =
      users.size > 1
        ? 'several_callers'
        : (unobserved?.['stepparent.named_callers'] ?? (isClaimed ? 'daemon_unverified' : 'caller_not_shown'));
    found.unobserved.requester = reason;
    // A daemon that could name its caller has no origin without one: the baseline learns nothing then.
    if (origin.variable !== undefined || origin.callerLines !== undefined) {
      found.unobserved.origin = reason;
      return { text: undefined, kind: origin.kind };
    }
    const text = `${origin.name} for ${unobservedCaller}${isClaimed ? claimedMark : ''}`;
    return { text, kind: origin.kind, claimed: isClaimed };
  }
  const { user, source, executable } = caller;
  const name = executable === undefined ? userText(user) : ownClientCaller;
  return {
    text: `${origin.name} for ${name}${isClaimed ? claimedMark : ''}`,
    kind: origin.kind,
    claimed: isClaimed,
    requester: { user, ...(executable !== undefined && { executable }), claimed: isClaimed, source },
  };
}

/**
 * The origin without agents, such as `ssh as alice` or `unit cron.service`. No text: neither user nor unit was observed.
 */
function baseOf(event: InitiatedEvent, steps: readonly OriginStep[], index: number, starter: number): Base {
  const { systemd, login_user, unobserved } = event.stepparent;
  if (event.container !== undefined) return { text: 'container', kind: 'container' };
  const started = steps[starter] && starterAt(steps[starter]);
  if (started?.role === 'job') return { text: 'cron', kind: serviceOf(steps) ?? started.kind };
  if (started !== undefined) {
    const user = userText(login_user) ?? userText(userBelow(event, steps, starter));
    return { text: user && `${started.name} as ${user}`, kind: started.kind };
  }
  const unit = systemd?.unit;
  if (unit === undefined) {
    return unobserved?.['stepparent.systemd'] === undefined ? { text: 'init', kind: 'init' } : nothing;
  }
  if (systemd?.user !== undefined) {
    return { text: `user unit ${stableUnit(unit)} of ${userText(systemd.user)}`, kind: 'user_unit' };
  }
  if (sessionOf(unit) !== undefined) {
    const user = userText(login_user) ?? userText(steps[index]?.step.user);
    return { text: user && `session as ${user}`, kind: 'session' };
  }
  if (/\.slice$|^init\.scope$/.test(unit)) return { text: 'init', kind: 'init' };
  const stable = stableUnit(unit);
  const ofUnit = systemd?.timer === undefined ? 'unit' : 'timer';
  return { text: `unit ${stable}`, kind: serviceOf(steps) ?? (stable.startsWith('run-*') ? 'systemd_run' : ofUnit) };
}

/** The kind of a verified service of the distribution. */
const serviceOf = (steps: readonly OriginStep[]): OriginKind | undefined =>
  steps
    .filter(({ step, path, verified }) => verified === true && path === step.executable)
    .map(({ path = '' }) => originOfPath(path))
    .find((origin) => origin?.role === 'service')?.kind;

/** The user of the process that what starts sessions or jobs has started. */
const userBelow = (event: InitiatedEvent, steps: readonly OriginStep[], starter: number): User | undefined =>
  ((starter === 0 ? event.process?.user : steps[starter - 1]?.step.user) as User | undefined) ?? undefined;

const sessionOf = (unit: string | undefined): string | undefined => /^session-(.+)\.scope$/.exec(unit ?? '')?.[1];

/** Who asked, if no daemon stands between. Undefined: not observed. */
function requesterOf(
  event: InitiatedEvent,
  steps: readonly OriginStep[],
  index: number,
  starter: number,
): RequesterFields | undefined {
  const { login_user: login, systemd, named_callers: callers = [] } = event.stepparent;
  const session = sessionOf(systemd?.unit);
  // The topmost one: below it, root may change to other users.
  const elevation = steps
    .slice(0, starter === -1 ? steps.length : starter)
    .findLastIndex(({ path = '', verified }) => verified !== false && originOfPath(path)?.role === 'elevation');
  const isElevated = elevation !== -1;
  const common = {
    ...(isElevated && { elevated_by: originOfPath(steps[elevation]?.path ?? '')?.name as string }),
    ...(session !== undefined && { session }),
  };
  const above = isElevated ? (steps[elevation + 1]?.step.user as User | undefined) : undefined;
  const started = starter === -1 ? undefined : userBelow(event, steps, starter);
  const person = login as User | undefined;
  if (person !== undefined) return { user: person, ...common, claimed: false, source: 'login' };
  if (above !== undefined || started !== undefined) {
    return { user: above ?? started ?? {}, ...common, claimed: false, source: 'lineage' };
  }
  const named = callerByVariable(callers, steps, isElevated ? elevation : -1);
  if (named !== undefined) return { ...named, ...common };
  const user = steps[index]?.step.user as User | undefined;
  return user === undefined ? undefined : { user, ...common, claimed: false, source: 'lineage' };
}

/**
 * The user whom sudo, pkexec or doas names in the environment. It counts only below a verified one: every program can set the variable.
 */
function callerByVariable(
  callers: readonly NamedCaller[],
  steps: readonly OriginStep[],
  elevation: number,
): Pick<RequesterFields, 'user' | 'claimed' | 'source'> | undefined {
  const tool = steps[elevation];
  const variable = tool && originOfPath(tool.path ?? '')?.variable;
  const elevators = origins.filter(({ role }) => role === 'elevation');
  const ofTool = callers.filter((caller) => variable !== undefined && caller.variable === variable);
  const [caller] =
    ofTool.length > 0 ? ofTool : callers.filter((one) => elevators.some((row) => row.variable === one.variable));
  if (caller === undefined) return undefined;
  const claimed = ofTool.length !== 1 || tool?.verified !== true;
  return { user: caller.user, claimed, source: 'environment' };
}

/** The unit's name with `*` for the parts that change with each run: numbers of runs, connections and processes. */
function stableUnit(unit: string): string {
  const uuidOrHash = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,}/g;
  const stable = unit
    .replace(uuidOrHash, '*')
    // systemd-run(1)
    .replace(/^run-(?:[ru]?[0-9a-f*]+|p\d+-i\d+)(?=\.)/, 'run-*')
    // An instance for each connection (systemd.socket(5), Accept=)
    .replace(/@\d+-(?:[\d_]+-\d+|.*:\d+-.*:\d+)(?=\.service$)/, '@*');
  return unit.endsWith('.scope') ? stable.replaceAll(/\d+/g, '*') : stable;
}

/** The name of a unit in the text of an origin. */
export const unitInOrigin = new RegExp(`(?<=^(?:(?:${names})(?: \\(claimed\\))? from )*(?:user )?unit )\\S+`, 'g');

/** `stepparent.initiator.origin` in the form that is compared. */
export const stableOrigin = (origin: string): string => origin.replace(unitInOrigin, (unit) => stableUnit(unit));
