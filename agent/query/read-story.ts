// Reads everything about one alert from the store: its incident, packages, baseline and related alerts.

import type { StepparentEvent } from '../../collectors/event/event.ts';
import { coversAlert } from '../../detectors/baseline-pattern.ts';
import { buildIncident, type Incident } from '../../detectors/incident.ts';
import type { Rule } from '../../detectors/rules/rule.ts';
import type { AlertRecord, TermRecord } from '../../storage/records.ts';
import type { StoreReader } from '../../storage/store.ts';

type Packages = NonNullable<NonNullable<StepparentEvent['stepparent']['transaction']>['packages']>;

/** One alert with what surrounds it. */
export interface Story {
  alert: AlertRecord;
  incident: Incident;
  /** Undefined: the rule is not loaded any more, or the alert is that of a hunt. */
  rule: Rule | undefined;
  /** What the transaction did to packages, as far as such events are stored. */
  packages: Packages;
  /** The terms of the rule that were in the baseline before the alert; `pattern`: one that is allowed and covers the alert. */
  baseline: { count: number; newest: TermRecord[]; own: TermRecord | undefined; pattern?: TermRecord };
  /** Alerts of the same transaction, session, script or file, the nearest in time first. */
  related: AlertRecord[];
}

/** What an id names: an alert, or several entries. */
export type Found =
  | { id: string; alert: AlertRecord }
  | { candidates: { id: string; alert: AlertRecord | undefined }[] };

const maxEvents = 20_000;
const maxPackages = 500;
const maxNewest = 3;
/** Related alerts are looked for among the newest of the day around. */
const around = { ms: 86_400_000, alerts: 500, related: 5 };

/** The alert of the id of an alert or of a transaction, or of a prefix of it. Of a transaction it is the most severe alert. */
export function findAlert(store: StoreReader, id: string): Found {
  const prefix = id.toLowerCase();
  if (prefix === '') return { candidates: [] };
  const alerts = store.alertsByPrefix(prefix).map((alert) => ({ id: alert.id, alert }));
  const transactions = store
    .transactionsByPrefix(prefix)
    .map((each) => ({ id: each, alert: leadingAlert(store, each) }));
  const all = [...alerts, ...transactions];
  const [only = all.length === 1 ? all[0] : undefined] = all.filter((each) => each.id === prefix);
  return only?.alert === undefined ? { candidates: all } : { id: only.id, alert: only.alert };
}

/** The alerts of what was found: of a transaction all of its alerts. */
export function alertsOf(store: StoreReader, { id, alert }: Extract<Found, { alert: unknown }>): AlertRecord[] {
  if (id === alert.id) return [alert];
  return [...store.incidentAlerts(id)].flatMap(({ document: { stepparent } }) =>
    stepparent.alert === undefined ? [] : store.alertsByPrefix(stepparent.alert.id),
  );
}

/** The most severe alert of an incident; of several one about a script with suspicious lines, else the first. */
export function leadingAlert(store: StoreReader, incidentId: string): AlertRecord | undefined {
  let leading: StepparentEvent | undefined;
  for (const { document } of store.incidentAlerts(incidentId)) {
    if (leading === undefined || weightOf(document) > weightOf(leading)) leading = document;
  }
  const { id } = leading?.stepparent.alert ?? {};
  return id === undefined ? undefined : store.alertsByPrefix(id)[0];
}

const weightOf = ({ event, stepparent: { script } }: StepparentEvent): number =>
  (event.severity ?? 0) + (script?.findings?.length ? 0.5 : 0);

export function readStory(
  store: StoreReader,
  { alert, rule, isAlive }: { alert: AlertRecord; rule: Rule | undefined; isAlive(entityId: string): boolean },
): Story {
  const { document } = alert;
  const packages: Packages = [];
  const transactionId = document.stepparent.transaction?.id;
  const noted = function* (events: Iterable<StepparentEvent>) {
    for (const event of events) {
      const { packages: changed = [] } = event.stepparent.transaction ?? {};
      packages.push(...changed.slice(0, maxPackages - packages.length));
      yield event;
    }
  };
  const incident = buildIncident({
    id: transactionId ?? alert.id,
    alerts: store.incidentAlerts(transactionId ?? alert.id),
    events: noted(transactionId === undefined ? [document] : store.transactionEvents(transactionId)),
    mostEvents: maxEvents,
    eventsCount: transactionId === undefined ? 1 : store.countTransactionEvents(transactionId),
    isAlive,
  });
  if (incident === undefined) throw new Error('an incident has an alert');
  return {
    alert,
    incident,
    rule,
    packages,
    baseline: readBaseline(store, alert, rule),
    related: readRelated(store, alert),
  };
}

function readBaseline(store: StoreReader, alert: AlertRecord, rule: Rule | undefined): Story['baseline'] {
  const { ruleId, scope, terms, firstMs } = alert;
  const key = JSON.stringify(terms);
  const newest: TermRecord[] = [];
  let count = 0;
  let own: TermRecord | undefined;
  let pattern: TermRecord | undefined;
  const isCovering = ({ origin, terms: patterns }: TermRecord): boolean =>
    rule !== undefined && origin === 'pattern' && coversAlert(patterns.map(String), alert, rule.termFields);
  for (const term of store.listTerms({ ruleId, scope })) {
    if (isCovering(term)) pattern = term;
    if (JSON.stringify(term.terms) === key) own = term;
    else if (term.firstMs < firstMs) {
      count++;
      newest.unshift(term);
      if (newest.length > maxNewest) newest.pop();
    }
  }
  return { count, newest, own, ...(pattern && { pattern }) };
}

/** What two related alerts have in common. */
function keysOf({ file, process, stepparent }: StepparentEvent): string[] {
  const { transaction, script, lifecycle_script: lifecycle } = stepparent;
  const leader = process?.session_leader?.entity_id;
  return [
    ...(transaction === undefined ? [] : [`transaction ${transaction.id}`]),
    ...(leader === undefined ? [] : [`session ${leader}`]),
    ...[file?.path, script?.path, lifecycle?.path].flatMap((path) => (path === undefined ? [] : [`path ${path}`])),
  ];
}

function readRelated(store: StoreReader, { id, document, lastMs }: AlertRecord): AlertRecord[] {
  const keys = new Set(keysOf(document));
  const found: AlertRecord[] = [];
  for (const other of store.listAlerts({ sinceMs: lastMs - around.ms, limit: around.alerts })) {
    if (other.id !== id && keysOf(other.document).some((key) => keys.has(key))) found.push(other);
  }
  const distance = (other: AlertRecord): number => Math.abs(other.lastMs - lastMs);
  return found.sort((a, b) => distance(a) - distance(b)).slice(0, around.related);
}
