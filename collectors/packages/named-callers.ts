// Finds the users that an environment or the journal of a daemon names as those who asked for a run of a package manager.
// Whether a name is believed is decided later, in detectors/facts/origin.ts.

import { type Answer, ask, known } from '../answer.ts';
import type { Identity, NamedCaller, StepparentEvent } from '../event/event.ts';
import type { UnobservedReason } from '../event/reasons.ts';
import type { HostContext } from '../host/host-context.ts';
import { executableOf } from '../process/executable.ts';
import type { ActorSnapshot, ProcessSnapshot } from '../process/process.ts';
import type { BootNs } from '../process/process-record.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { callersUntil, parseDaemonEntries } from './daemon-journal.ts';
import { callerVariables, daemonOfPath, type Origin } from './origins.ts';
import type { PackageTools } from './package-tools.ts';

/** What the journal says. */
type FromJournal = { caller: NamedCaller } | { unobserved: UnobservedReason };

/** The callers that are named at a run or transaction of a package manager. */
export interface FoundCallers {
  fromEnvironment: readonly NamedCaller[];
  /** Undefined: no daemon is above. */
  fromJournal: Answer<FromJournal> | undefined;
}

/** Finds the named callers. */
export interface NamedCallers {
  /** Whether the journal may have to be read, so that the event waits. Reads nothing. */
  mayWait(actor: ActorSnapshot): boolean;
  /**
   * `variables`: those of the process, as in `process.env_vars`. `atNs`: when the caller's request was being carried out. Reads the
   * journal if a daemon is above or is the process itself and its variable is not there.
   */
  of(actor: ActorSnapshot, variables: readonly string[], atNs: BootNs): FoundCallers;
}

interface NamedCallersDeps {
  context: Pick<HostContext, 'host' | 'bootId' | 'userName'>;
  table: Pick<ProcessTable, 'alive'>;
  tools: Pick<PackageTools, 'isGenuine'>;
}

/** The largest user id (user_namespaces(7)); the next one stands for none. */
const maxUserId = 0xff_ff_ff_fe;
/** Maximum number of runs of journalctl at once. */
const maxQueries = 4;
/** The line that names the caller may be on its way to the journal. */
const againAfterMs = 150;
const isTooEarly = (reason: UnobservedReason): boolean =>
  reason === 'caller_not_logged' || reason === 'journal_incomplete';
const fields = ['MESSAGE', '_PID', '_UID', '_EXE'] as const;

/** Nothing is read before the first call of a method. */
export function openNamedCallers({ context, table, tools }: NamedCallersDeps): NamedCallers {
  const { host, bootId } = context;
  let queries = 0;

  const pathOf = ({ entry, image }: ProcessSnapshot): string =>
    image === undefined ? '' : executableOf(host, entry, image).path;

  const identity = (id: number): Identity => {
    const name = context.userName(id);
    return { id: String(id), ...(name !== undefined && { name }) };
  };

  /** The nearest daemon of the table. It may fork for each request: the first process of those that follow each other writes the lines. */
  const daemonOf = (actor: ActorSnapshot): { daemon: ProcessSnapshot; origin: Origin; file: string } | undefined => {
    let found: ReturnType<typeof daemonOf>;
    for (const process of [actor, ...actor.ancestors]) {
      const file = pathOf(process);
      if (found !== undefined && file !== found.file) break;
      const origin = found?.origin ?? daemonOfPath(file);
      if (origin !== undefined) found = { daemon: process, origin, file };
    }
    return found;
  };

  const fromVariables = (variables: readonly string[]): NamedCaller[] =>
    variables.flatMap((text): NamedCaller[] => {
      const [, variable = '', value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
      if (!callerVariables.includes(variable)) return [];
      if (variable.endsWith('_USER')) {
        return value === '' ? [] : [{ source: 'environment', variable, user: { name: value } }];
      }
      const id = /^\d{1,10}$/.test(value) ? Number(value) : undefined;
      return id === undefined || id > maxUserId ? [] : [{ source: 'environment', variable, user: identity(id) }];
    });

  /** The genuine program that the distribution itself runs as a client of the daemon, if it runs now. */
  const ownClientOf = ({ ownClient = '' }: Origin): string | undefined => {
    const files = ownClient.split(' ');
    for (const entry of table.alive()) {
      const { image } = entry;
      if (image === undefined || !files.includes(image.filename)) continue;
      const file = pathOf({ entry, image });
      if (files.includes(file) && tools.isGenuine({ entry, image }, file)) return file;
    }
    return undefined;
  };

  const askOnce = async (
    pid: number,
    file: string,
    startMs: number,
    atMs: number,
    origin: Origin,
  ): Promise<FromJournal> => {
    if (origin.callerLines === undefined) return { unobserved: 'caller_not_shown' };
    const matches = [`_BOOT_ID=${bootId.replaceAll('-', '')}`, `_PID=${pid}`, '_UID=0', `_EXE=${file}`];
    const text = await host.journal(matches, fields);
    if (text === undefined) return { unobserved: 'journal_unreadable' };
    const entries = parseDaemonEntries(text, { pid, executable: file, sinceMs: startMs });
    const uids = callersUntil(entries, origin.callerLines, atMs);
    if (uids === undefined) return { unobserved: 'journal_incomplete' };
    const [uid] = uids;
    if (uid === undefined) return { unobserved: 'caller_not_logged' };
    if (uids.length > 1) return { unobserved: 'several_callers' };
    const client = uid === 0 ? ownClientOf(origin) : undefined;
    return {
      caller: { source: 'journal', user: identity(uid), ...(client !== undefined && { executable: client }) },
    };
  };

  const askJournal = async (daemon: ProcessSnapshot, file: string, origin: Origin, atNs: BootNs) => {
    const epochMs = host.clock.bootEpochMs();
    const question = () =>
      askOnce(daemon.entry.pid, file, epochMs + daemon.entry.startNs / 1e6, epochMs + atNs / 1e6, origin);
    queries++;
    try {
      const first = await question();
      if (!('unobserved' in first) || !isTooEarly(first.unobserved)) return first;
      await new Promise((resolve) => setTimeout(resolve, againAfterMs).unref());
      return await question();
    } finally {
      queries--;
    }
  };

  return {
    mayWait: (actor) => daemonOf(actor)?.origin.callerLines !== undefined,
    of(actor, variables, atNs) {
      const fromEnvironment = fromVariables(variables);
      const found = daemonOf(actor);
      if (found === undefined) return { fromEnvironment, fromJournal: undefined };
      const { daemon, file, origin } = found;
      const isNamed = fromEnvironment.some(({ variable }) => variable === origin.variable);
      if (isNamed) return { fromEnvironment, fromJournal: undefined };
      if (origin.callerLines === undefined) {
        return { fromEnvironment, fromJournal: known<FromJournal>({ unobserved: 'caller_not_shown' }) };
      }
      if (queries >= maxQueries) {
        return { fromEnvironment, fromJournal: known<FromJournal>({ unobserved: 'journal_busy' }) };
      }
      return { fromEnvironment, fromJournal: ask(askJournal(daemon, file, origin, atNs)) };
    },
  };
}

/** The event with the named callers that are known by now. */
export function withNamedCallers(
  document: StepparentEvent,
  { fromEnvironment, fromJournal }: FoundCallers,
): StepparentEvent {
  const fromDaemon = fromJournal && (fromJournal.value ?? { unobserved: 'journal_unreadable' as const });
  const callers = [
    ...fromEnvironment,
    ...(fromDaemon !== undefined && 'caller' in fromDaemon ? [fromDaemon.caller] : []),
  ];
  const reason = fromDaemon !== undefined && 'unobserved' in fromDaemon ? fromDaemon.unobserved : undefined;
  if (callers.length === 0 && reason === undefined) return document;
  const { stepparent } = document;
  return {
    ...document,
    stepparent: {
      ...stepparent,
      ...(callers.length > 0 && { named_callers: callers }),
      ...(reason !== undefined && {
        unobserved: { ...stepparent.unobserved, 'stepparent.named_callers': reason },
      }),
    },
  };
}
