// Builds an incident: the alerts, processes, scripts and file changes of one package transaction in order, with a
// score.

import type {
  AlertState,
  InitiatorFields,
  LineageStep,
  ScriptFields,
  StepparentEvent,
  TransactionFields,
} from '../collectors/event/event.ts';
import { parseDebFile, parseInfoFile, parseRpmFile, unpackDirectory } from '../collectors/packages/tools.ts';
import { severityNumbers } from './alert.ts';
import { cutChars } from './cut-text.ts';
import { fileVerbs, whatText } from './message/what.ts';
import type { Severity } from './rules/rule.ts';

/** The part of an alert that an incident has. */
interface IncidentAlert {
  id: string;
  state: AlertState;
  '@timestamp': string;
  'rule.id': string;
  'rule.name'?: string;
  'event.risk_score': number;
  message?: string;
}

/** One event of the incident. Values are as observed, and cut. */
export interface IncidentStep {
  '@timestamp': string;
  'event.id': string;
  /**
   * `package`: a run of dpkg or rpm that changes something; `script`: a package's script; `connect`: an attempt to open
   * a connection; `running`: what the transaction left running.
   */
  kind: 'package' | 'script' | 'exec' | 'file' | 'connect' | 'running';
  'process.entity_id'?: string;
  'process.pid'?: number;
  'process.executable'?: string;
  /** The parent of the process; for a file the process that changed it. */
  by?: string;
  /** The command that ran, or the change and the file. */
  what: string;
  /** The package whose script this is, or whose script started it. */
  package?: string;
  /** Importance: at the bound, the steps with the lowest rank are left out. */
  rank: number;
  /** Ids of the rules that raised an alert for this event. */
  rules?: string[];
  /** The process is still running. */
  alive?: true;
}

/** The points that one rule adds to the score. The contributions add up to the score. */
interface Contribution {
  'rule.id': string;
  'rule.name'?: string;
  risk_score: number;
  alerts: number;
  /** Points: the rule's risk, as a percentage of the points that the contributions before it have left of 100. */
  adds: number;
}

/** The highest risk of a rule's alerts. */
type Risk = Omit<Contribution, 'adds'>;

interface IncidentScript extends Pick<ScriptFields, 'path' | 'package' | 'version' | 'state' | 'findings'> {
  /** Whether an alert is about the script or about a process that it started. */
  alerted: boolean;
}

/**
 * A package by its control file or by the files that dpkg made of that. `inferred` lists values that only the name of
 * the package file shows; an attacker can choose that name.
 */
interface IncidentPackage {
  name: string;
  version?: string;
  inferred?: ('name' | 'version')[];
}

/** An incident as a document, with ECS names where ECS defines them. */
export interface Incident {
  '@timestamp': string;
  event: {
    kind: 'alert';
    category: ['package', 'intrusion_detection'];
    /** `single-alert`: an alert without a transaction, whose id stands for that of the transaction. */
    action: 'package-transaction' | 'single-alert';
    start: string;
    end: string;
    risk_score: number;
    severity: number;
  };
  host: StepparentEvent['host'];
  /** The topmost package tool of the transaction, as far as it was observed. */
  process?: Partial<LineageStep>;
  user?: { id?: string; name?: string };
  stepparent: {
    transaction: TransactionFields;
    initiator?: InitiatorFields;
    login_user?: { id: string; name?: string };
    systemd?: { unit: string };
    /** The ancestors of that package tool, nearest first. */
    lineage: LineageStep[];
    incident: {
      severity: Severity;
      /** The contributions to the score in one line. */
      explained: string;
      contributions: Contribution[];
      alerts: IncidentAlert[];
      alerts_count: number;
      /** When the newest alert was raised. Incidents are selected and ordered by this time. */
      last_alert: string;
      operations: string[];
      packages: IncidentPackage[];
      packages_count: number;
      scripts: IncidentScript[];
      survivors: { entity_id: string; pid?: number; executable?: string; command_line?: string }[];
      survivors_count: number;
      steps: IncidentStep[];
      /** Number of steps that are left out, by kind: those with the lowest rank. */
      left_out: Partial<Record<IncidentStep['kind'], number>>;
      /** Number of later events that were not read because there are more than `mostEvents`. */
      unread?: number;
    };
  };
}

/** An alert as it is stored. */
interface StoredAlert {
  state: AlertState;
  document: StepparentEvent;
}

/** The input of an incident: one transaction with its alerts and events. */
export interface IncidentDeps {
  /** The id of the transaction, or of an alert without one. */
  id: string;
  /** The alerts of the transaction, at least one, oldest first. */
  alerts: Iterable<StoredAlert>;
  /** The events of the transaction, oldest first; the events of the alerts may be missing. */
  events: Iterable<StepparentEvent>;
  /** Maximum number of events that are read. */
  mostEvents: number;
  /** Number of events in the transaction. */
  eventsCount: number;
  /** Whether the process with this entity_id runs now. */
  isAlive(entityId: string): boolean;
}

/** Maximum numbers of parts of one incident; parts beyond them are counted. */
const maxKept = { steps: 500, alerts: 100, packages: 500, scripts: 100, findings: 20, survivors: 50 };
const whatChars = 1000;
const valueChars = 256;
/** The risk of findings in scripts, whatever their number and kind. */
const scriptsRisk = severityNumbers.low;
/** The `rule.id` of the contribution that findings in scripts make. */
const scriptsRule = 'script findings';
/** Findings in scripts never raise a score above this when the rules have not. */
const scriptsAtMost = severityNumbers.medium;

/** The severity of a risk score, by the bands that Elastic publishes for its rules. */
export function severityOfScore(score: number): Severity {
  if (score < 22) return 'low';
  if (score < 48) return 'medium';
  return score < 74 ? 'high' : 'critical';
}

/**
 * Combines the risks of rules, each rule once: the probability in percent that at least one is right, if they were
 * independent. Contributions are sorted by risk, highest first.
 */
function combine(risks: readonly Risk[]): { score: number; contributions: Contribution[] } {
  let remainingShare = 100;
  const contributions = [...risks]
    .sort((a, b) => b.risk_score - a.risk_score || (a['rule.id'] < b['rule.id'] ? -1 : 1))
    .map((risk) => {
      const adds = (remainingShare * Math.min(Math.max(risk.risk_score, 0), 100)) / 100;
      remainingShare -= adds;
      return { ...risk, adds };
    });
  return { score: 100 - remainingShare, contributions };
}

/** The score of an incident with these risks, each rule once. `scriptFindings`: an alerted script has findings. */
export function scoreIncident(
  risks: readonly Risk[],
  scriptFindings: boolean,
): { score: number; severity: Severity; contributions: Contribution[]; explained: string } {
  const { score: byRules, contributions } = combine(risks);
  if (scriptFindings) {
    const room = Math.round(byRules) > scriptsAtMost ? 100 : scriptsAtMost - byRules;
    const adds = Math.min(((100 - byRules) * scriptsRisk) / 100, room);
    if (adds > 0) contributions.push({ 'rule.id': scriptsRule, risk_score: scriptsRisk, alerts: 0, adds });
  }
  const score = Math.round(contributions.reduce((sum, { adds }) => sum + adds, 0));
  return {
    score,
    severity: severityOfScore(score),
    contributions: contributions.map((each) => ({ ...each, adds: roundToTenth(each.adds) })),
    explained: contributions
      .map(({ 'rule.id': id, risk_score: risk, adds }) => {
        return `${roundToTenth(adds)} ${id}${roundToTenth(adds) === risk ? '' : ` (risk ${risk})`}`;
      })
      .join(' + '),
  };
}

const roundToTenth = (points: number): number => Math.round(points * 10) / 10;

/** Builds the incident of one transaction. Memory is bounded, no matter how many events it has. Undefined: it has no alert. */
export function buildIncident(deps: IncidentDeps): Incident | undefined {
  const { id, isAlive } = deps;
  /** The topmost package tool, or the process of an alert without a transaction. */
  let headId = id;
  let action: Incident['event']['action'] = 'package-transaction';
  const risks = new Map<string, Risk>();
  const alerts: IncidentAlert[] = [];
  let alertsCount = 0;
  let lastAlert = '';
  let host: StepparentEvent['host'] = {};
  /** Ids of the rules that raised an alert for an event, by event.id. */
  const rulesOfEvent = new Map<string, string[]>();
  const alertedScripts = new Set<string>();
  const alertedProcesses = new Set<string>();

  let steps: IncidentStep[] = [];
  const leftOut: Incident['stepparent']['incident']['left_out'] = {};
  const packages = new Map<string, IncidentPackage>();
  const morePackages = new Set<string>();
  /** Packages by the names of package files on command lines, and packages that dpkg was observed to unpack. */
  const guesses = new Map<string, IncidentPackage>();
  const unpacked = new Set<string>();
  const operations = new Set<string>();
  const scripts = new Map<string, IncidentScript>();
  const survivors = new Map<string, Incident['stepparent']['incident']['survivors'][number]>();
  let moreSurvivors = 0;
  let scriptFindings = false;
  let head: Head | undefined;
  let transaction: TransactionFields = { id };
  let startMs = Number.POSITIVE_INFINITY;
  let endMs = Number.NEGATIVE_INFINITY;

  /** Leaves out the steps with the lowest rank when there are too many. */
  const shrink = (): void => {
    if (steps.length <= maxKept.steps) return;
    const kept = new Set([...steps].sort((a, b) => b.rank - a.rank).slice(0, maxKept.steps));
    for (const step of steps) {
      if (!kept.has(step)) leftOut[step.kind] = (leftOut[step.kind] ?? 0) + 1;
    }
    steps = steps.filter((one) => kept.has(one));
  };

  const addPackages = (event: StepparentEvent): void => {
    const found = packagesOf(event);
    for (const named of found.known) {
      const known = packages.get(named.name);
      if (known !== undefined) Object.assign(known, named);
      else if (packages.size < maxKept.packages) packages.set(named.name, named);
      else if (morePackages.size < 100_000) morePackages.add(named.name);
    }
    for (const name of found.unpacked) if (unpacked.size < maxKept.packages) unpacked.add(name);
    for (const guess of found.guessed) if (guesses.size < maxKept.packages) guesses.set(guess.name, guess);
    const operation = event.stepparent.package;
    if (operation !== undefined && changes(event)) operations.add(`${operation.manager} ${operation.operation}`);
  };

  const addScript = (event: StepparentEvent): void => {
    const { script } = event.stepparent;
    if (script?.findings === undefined || script.findings.length === 0) return;
    const path = script.path ?? '';
    const alerted = alertedScripts.has(path) || rulesOfEvent.has(event.event.id);
    scriptFindings ||= alerted;
    if (scripts.has(path) || scripts.size >= (alerted ? 2 : 1) * maxKept.scripts) return;
    const { package: name, version, state } = script;
    scripts.set(path, {
      ...(script.path === undefined ? {} : { path: cutChars(script.path, valueChars) }),
      ...(name === undefined ? {} : { package: name }),
      ...(version === undefined ? {} : { version }),
      ...(state === undefined ? {} : { state }),
      findings: script.findings
        .slice(0, maxKept.findings)
        .map((finding) => ({ ...finding, text: cutChars(finding.text, valueChars) })),
      alerted,
    });
  };

  const addEvent = (event: StepparentEvent): void => {
    transaction = groupOf(event) ?? transaction;
    const ms = Date.parse(event['@timestamp']);
    if (!Number.isNaN(ms)) {
      startMs = Math.min(startMs, ms);
      endMs = Math.max(endMs, ms);
    }
    head = closerHead(head, event, headId);
    addPackages(event);
    addScript(event);
    const step = stepOf(event);
    const rules = rulesOfEvent.get(event.event.id);
    if (rules !== undefined) step.rules = rules;
    const entityId = event.process?.entity_id;
    // The tool itself is not a survivor, and the writer of a file counts only if the start of its program is an event.
    const alive = entityId !== undefined && entityId !== headId && step.kind !== 'file' && isAlive(entityId);
    if (alive) {
      if (survivors.has(entityId) || survivors.size < maxKept.survivors) survivors.set(entityId, survivorOf(event));
      else moreSurvivors++;
    }
    const related =
      scriptsOf(event).some((path) => alertedScripts.has(path)) ||
      [event.process, ...(event.stepparent.lineage ?? [])].some(
        (each) => each?.entity_id !== undefined && alertedProcesses.has(each.entity_id),
      );
    step.rank =
      { file: 0, exec: 1, connect: 2, script: 2, package: 3, running: 3 }[step.kind] +
      (related ? 4 : 0) +
      (alive ? 10 : 0) +
      (rules === undefined ? 0 : 20);
    steps.push(step);
    if (steps.length >= 2 * maxKept.steps) shrink();
  };

  for (const stored of deps.alerts) {
    const { document } = stored;
    const alert = alertOf(stored);
    alertsCount++;
    if (alert['@timestamp'] > lastAlert) lastAlert = alert['@timestamp'];
    if (alerts.length < maxKept.alerts) alerts.push(alert);
    ({ host } = document);
    if (document.stepparent.transaction === undefined) {
      headId = document.process?.entity_id ?? id;
      action = 'single-alert';
    }
    const rule = alert['rule.id'];
    const known = risks.get(rule);
    risks.set(rule, {
      'rule.id': rule,
      ...(alert['rule.name'] === undefined ? {} : { 'rule.name': alert['rule.name'] }),
      risk_score: Math.max(known?.risk_score ?? 0, alert['event.risk_score']),
      alerts: (known?.alerts ?? 0) + 1,
    });
    for (const path of scriptsOf(document)) alertedScripts.add(path);
    if (document.process?.entity_id !== undefined) alertedProcesses.add(document.process.entity_id);
    const others = rulesOfEvent.get(document.event.id);
    if (others !== undefined) {
      if (!others.includes(rule)) others.push(rule);
      continue;
    }
    rulesOfEvent.set(document.event.id, [rule]);
    // The alert holds the whole event, which may no longer be stored.
    addEvent(document);
  }
  if (alertsCount === 0) return undefined;
  let read = 0;
  for (const event of deps.events) {
    if (read >= deps.mostEvents) break;
    read++;
    if (!rulesOfEvent.has(event.event.id)) addEvent(event);
  }

  addGuesses(packages, guesses, unpacked);
  shrink();
  steps.sort(byTime);
  const last = new Map(steps.map((step) => [step['process.entity_id'], step]));
  for (const entityId of survivors.keys()) {
    const step = last.get(entityId);
    if (step) step.alive = true;
  }
  const { score, severity, contributions, explained } = scoreIncident([...risks.values()], scriptFindings);
  const start = new Date(Number.isFinite(startMs) ? startMs : 0).toISOString();
  return {
    '@timestamp': start,
    event: {
      kind: 'alert',
      category: ['package', 'intrusion_detection'],
      action,
      start,
      end: new Date(Number.isFinite(endMs) ? endMs : 0).toISOString(),
      risk_score: score,
      severity: severityNumbers[severity],
    },
    host,
    ...(head?.process === undefined ? {} : { process: head.process }),
    ...(head?.user === undefined ? {} : { user: head.user }),
    stepparent: {
      transaction,
      ...head?.origin,
      lineage: head?.above ?? [],
      incident: {
        severity,
        explained,
        contributions,
        alerts,
        alerts_count: alertsCount,
        last_alert: lastAlert,
        operations: [...operations],
        packages: [...packages.values()],
        packages_count: packages.size + morePackages.size,
        scripts: [...scripts.values()],
        survivors: [...survivors.values()],
        survivors_count: survivors.size + moreSurvivors,
        steps,
        left_out: leftOut,
        ...(read < deps.eventsCount ? { unread: deps.eventsCount - read } : {}),
      },
    },
  };
}

/** The transaction that an event belongs to, without what an event about it has more. */
const groupOf = ({ stepparent: { transaction } }: StepparentEvent): TransactionFields | undefined =>
  transaction && {
    id: transaction.id,
    ...(transaction.executable !== undefined && { executable: transaction.executable }),
  };

/** The topmost package tool and its ancestors, from the event that is nearest to the tool. */
interface Head {
  /** Generations from the event's process up to the tool. */
  distance: number;
  /** Whether the arguments of the tool were observed. */
  hasArgs: boolean;
  process: Partial<LineageStep>;
  above: LineageStep[];
  user: Incident['user'];
  origin: Pick<StepparentEvent['stepparent'], 'initiator' | 'login_user' | 'systemd'>;
}

function closerHead(head: Head | undefined, event: StepparentEvent, id: string): Head | undefined {
  const { lineage = [], initiator, login_user, systemd } = event.stepparent;
  const isHead = event.process?.entity_id === id;
  const distance = isHead ? 0 : lineage.findIndex((step) => step.entity_id === id) + 1;
  if (!isHead && distance === 0) return head;
  const found = isHead ? headProcess(event.process) : (lineage[distance - 1] as LineageStep);
  // The lineage of a file event has names only.
  const hasArgs = found.args !== undefined;
  const initiators = [initiator, head?.origin.initiator].filter((each) => each !== undefined);
  const above = lineage.slice(distance);
  // An initiator between the tool and the event started the event, not the tool.
  const [topmost] = initiators.filter((each) => above.some((step) => step.entity_id === each.entity_id));
  if (head !== undefined && (head.hasArgs || !hasArgs) && (head.distance <= distance || head.hasArgs !== hasArgs)) {
    if (topmost !== undefined) head.origin.initiator ??= topmost;
    return head;
  }
  return {
    distance,
    hasArgs,
    process: {
      ...found,
      ...(found.args === undefined ? {} : { args: found.args.slice(0, 64).map((arg) => cutChars(arg, valueChars)) }),
    },
    above: above.map(({ args, ...step }) => step),
    user: event.user ?? event.process?.user,
    origin: {
      ...(topmost === undefined ? {} : { initiator: topmost }),
      ...(login_user === undefined ? {} : { login_user }),
      ...(systemd === undefined ? {} : { systemd }),
    },
  };
}

function headProcess({ entity_id, pid, name, executable, args, start }: StepparentEvent['process'] = {}) {
  return {
    ...(entity_id === undefined ? {} : { entity_id }),
    ...(pid === undefined ? {} : { pid }),
    ...(name === undefined ? {} : { name }),
    ...(executable === undefined ? {} : { executable }),
    ...(args === undefined ? {} : { args: [args].flat() }),
    ...(start === undefined ? {} : { start: String(start) }),
  };
}

function alertOf({ state, document }: StoredAlert): IncidentAlert {
  const { rule, event, message, stepparent } = document;
  return {
    id: stepparent.alert?.id ?? event.id,
    state,
    '@timestamp': document['@timestamp'],
    'rule.id': typeof rule?.id === 'string' ? rule.id : '(no rule)',
    ...(typeof rule?.name === 'string' ? { 'rule.name': rule.name } : {}),
    'event.risk_score': event.risk_score ?? 0,
    ...(message === undefined ? {} : { message }),
  };
}

/** The scripts that an event runs, changes, or was started by. */
const scriptsOf = ({ stepparent: { script, lifecycle_script } }: StepparentEvent): string[] =>
  [script?.path, lifecycle_script?.path].filter((path) => path !== undefined);

const changes = ({ stepparent: { package: operation } }: StepparentEvent): boolean =>
  operation !== undefined && !operation.dry_run && !/^(?:query|verify|build|other)$/.test(operation.operation);

const fileOperations = /^(?:install|upgrade|reinstall|unpack)$/;

/**
 * If a package can be installed for several architectures, dpkg writes the architecture in its file names:
 * `libc6:amd64`.
 */
const withoutArchitecture = (name: string): string => name.replace(/:[a-z0-9-]+$/, '');

/**
 * The packages of an event: `known` are named by dpkg itself, `guessed` by the names of package files, and `unpacked`
 * were unpacked by dpkg.
 */
function packagesOf(event: StepparentEvent): { known: NamedPackage[]; guessed: NamedPackage[]; unpacked: string[] } {
  const { file, stepparent } = event;
  const known: NamedPackage[] = [];
  const guessed: NamedPackage[] = [];
  const unpacked: string[] = [];
  // dpkg names the list of a package's files after the package, whatever the name of the package file is.
  const isInfo = file?.directory?.endsWith('/info') && event.event.action !== 'deletion';
  const info = isInfo && file?.name ? parseInfoFile(file.name) : undefined;
  if (info?.kind === 'list') {
    known.push({ name: info.package });
    unpacked.push(info.package);
  }
  const { lifecycle_script, script, package: operation, transaction, inferred = {} } = stepparent;
  for (const { name, version } of transaction?.packages ?? []) {
    known.push({ name, ...(version === undefined ? {} : { version }) });
    unpacked.push(name);
  }
  if (lifecycle_script?.package !== undefined) {
    const isGuess = inferred['stepparent.lifecycle_script.package'] !== undefined;
    (isGuess ? guessed : known).push({ name: withoutArchitecture(lifecycle_script.package) });
  }
  if (script?.package !== undefined) {
    const name = withoutArchitecture(script.package);
    const named = { name, ...(script.version === undefined ? {} : { version: script.version }) };
    // rpm does not say whose scriptlet it runs.
    (lifecycle_script?.manager === 'rpm' ? guessed : known).push(named);
    if (script.path?.includes(`/${unpackDirectory}/`)) unpacked.push(name);
  }
  if (kindOf(event) === 'package' && operation !== undefined) {
    for (const argument of operation.packages) {
      const parts = parseDebFile(argument) ?? parseRpmFile(argument);
      if (parts)
        guessed.push({ name: parts.package, ...(parts.version === undefined ? {} : { version: parts.version }) });
      // A file name that cannot be a package's name, such as `Tool.deb`.
      else if (argument.endsWith('.deb')) guessed.push({ name: argument.slice(argument.lastIndexOf('/') + 1, -4) });
      // Any other path is a directory with packages (--recursive).
      else if (argument.includes('/')) continue;
      else if (fileOperations.test(operation.operation)) guessed.push({ name: argument });
      else known.push({ name: withoutArchitecture(argument) });
    }
  }
  return { known: known.map(cutPackage), guessed: guessed.map(cutPackage), unpacked };
}

type NamedPackage = Pick<IncidentPackage, 'name' | 'version'>;

/**
 * Adds packages and versions by the names of package files where nothing better is known. If dpkg was observed to
 * unpack at least as many packages as there are files, a file name adds no package.
 */
function addGuesses(
  packages: Map<string, IncidentPackage>,
  guesses: ReadonlyMap<string, IncidentPackage>,
  unpacked: ReadonlySet<string>,
): void {
  const areAllKnown = unpacked.size > 0 && unpacked.size >= guesses.size;
  for (const guess of guesses.values()) {
    const known = packages.get(guess.name);
    if (known === undefined) {
      if (areAllKnown || packages.size >= maxKept.packages) continue;
      packages.set(guess.name, { ...guess, inferred: guess.version === undefined ? ['name'] : ['name', 'version'] });
    } else if (known.version === undefined && guess.version !== undefined) {
      Object.assign(known, { version: guess.version, inferred: ['version'] });
    }
  }
}

const cutPackage = ({ name, version }: NamedPackage): NamedPackage => ({
  name: cutChars(name, valueChars),
  ...(version === undefined ? {} : { version: cutChars(version, valueChars) }),
});

/** Sorts by time. Steps of the same millisecond are sorted by the microseconds since boot in event.id. */
const byTime = (a: IncidentStep, b: IncidentStep): number =>
  Number(a['@timestamp'] > b['@timestamp']) - Number(a['@timestamp'] < b['@timestamp']) ||
  bootUs(a['event.id']) - bootUs(b['event.id']);

/**
 * `BOOT-PID-START-US` of an exec, with a word and more parts of other events of a process (`BOOT-PID-START-connect-US-IP-PORT`);
 * `BOOT-file-US-SERIAL` of a file change; 0 for any other id.
 */
const bootUs = (eventId: string): number =>
  Number(/^[^-]*-(?:file|\d+-\d+(?:-[a-z]+)?)-(\d+)(?:-|$)/.exec(eventId)?.[1] ?? 0);

function kindOf(event: StepparentEvent): IncidentStep['kind'] {
  const { file, destination, stepparent } = event;
  if (file?.path !== undefined) return 'file';
  if (destination !== undefined) return 'connect';
  if (stepparent.transaction?.survivors !== undefined) return 'running';
  if (stepparent.transaction?.manager !== undefined) return 'package';
  if (changes(event)) return 'package';
  return stepparent.lifecycle_script?.depth === 0 ? 'script' : 'exec';
}

/** What an event other than an exec is about. */
function whatOf(event: StepparentEvent): string | undefined {
  const { file, destination, process, stepparent } = event;
  const { action } = event.event;
  if (file?.path !== undefined) return `${fileVerbs[action ?? ''] ?? `${action}:`} ${file.path}`;
  if (destination !== undefined)
    return `${process?.executable ?? '(program not observed)'} to ${destination.ip} port ${destination.port}`;
  const { survivors, survivors_count: count, manager } = stepparent.transaction ?? {};
  if (survivors === undefined) return manager === undefined ? undefined : whatText(event);
  const names = survivors.map(({ executable, pid }) => `${executable ?? '(program not observed)'} (pid ${pid})`);
  return `${count} left running: ${names.join(', ')}`;
}

function stepOf(event: StepparentEvent): IncidentStep {
  const { process, stepparent } = event;
  const script = stepparent.lifecycle_script;
  const kind = kindOf(event);
  const isFile = kind === 'file';
  // An event about a whole transaction has the process of the transaction itself.
  const isWhole = kind === 'running' || stepparent.transaction?.manager !== undefined;
  const actor = isWhole
    ? undefined
    : isFile
      ? process?.executable
      : (process?.parent?.executable ?? process?.parent?.name);
  const what = whatOf(event) ?? process?.command_line ?? process?.executable ?? '(program not observed)';
  return {
    '@timestamp': event['@timestamp'],
    'event.id': event.event.id,
    kind,
    ...(isFile || isWhole || process?.entity_id === undefined ? {} : { 'process.entity_id': process.entity_id }),
    ...(process?.pid === undefined ? {} : { 'process.pid': process.pid }),
    ...(process?.executable === undefined ? {} : { 'process.executable': cutChars(process.executable, valueChars) }),
    ...(actor === undefined ? {} : { by: cutChars(actor, valueChars) }),
    what: cutChars(what, whatChars),
    ...(script?.package === undefined ? {} : { package: cutChars(script.package, valueChars) }),
    rank: 0,
  };
}

const survivorOf = ({ process }: StepparentEvent) => ({
  entity_id: process?.entity_id ?? '',
  ...(process?.pid === undefined ? {} : { pid: process.pid }),
  ...(process?.executable === undefined ? {} : { executable: cutChars(process.executable, valueChars) }),
  ...(process?.command_line === undefined ? {} : { command_line: cutChars(process.command_line, whatChars) }),
});
