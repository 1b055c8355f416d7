// Summarizes the alerts over the rate limit in one document per rule.

import type { Database } from 'better-sqlite3';
import { alertId } from '../collectors/event/alert-id.ts';
import { escapeText } from '../collectors/event/escape-text.ts';
import type { StepparentEvent } from '../collectors/event/event.ts';
import { limits } from './limits.ts';
import { parseDocument } from './stored-json.ts';

interface RateLimitRow {
  rule_id: string;
  from_ms: number;
  last_ms: number;
  count: number;
  /** The first rate-limited alert, which has the rule and the host. */
  document: string;
}

/**
 * Puts a summary for each rule into the outbox of every sink, five minutes after its first rate-limited alert, and
 * returns the summaries. It should be called about once a minute. A summary that is due survives a restart.
 */
export function summarize(db: Database, sinks: readonly string[], nowMs: number): StepparentEvent[] {
  const due = db.prepare<[number, number], RateLimitRow>(
    'SELECT * FROM rate_limits WHERE from_ms <= ? OR from_ms > ? ORDER BY from_ms',
  );
  if (due.get(nowMs - limits.rateLimitWindowMs, nowMs) === undefined) return [];
  const insertDelivery = db.prepare('INSERT INTO outbox (sink, document, created_ms, next_ms) VALUES (?, ?, ?, ?)');
  const forget = db.prepare('DELETE FROM rate_limits WHERE rule_id = ?');
  const report = db.transaction(() =>
    due.all(nowMs - limits.rateLimitWindowMs, nowMs).map((row) => {
      const document = buildSummary(row, nowMs);
      const text = JSON.stringify(document);
      for (const sink of sinks) insertDelivery.run(sink, text, nowMs, nowMs);
      forget.run(row.rule_id);
      return document;
    }),
  );
  return report.immediate();
}

function buildSummary(row: RateLimitRow, nowMs: number): StepparentEvent {
  const alert = parseDocument(row.document);
  const { severity, risk_score } = alert.event;
  const start = new Date(row.from_ms).toISOString();
  const end = new Date(row.last_ms).toISOString();
  const ruleText = escapeText(row.rule_id, 100);
  const many = row.count === 1 ? '1 more alert' : `${row.count} more alerts`;
  return {
    '@timestamp': new Date(nowMs).toISOString(),
    ecs: alert.ecs,
    message: `${many} of ${ruleText} between ${start} and ${end} ${row.count === 1 ? 'was' : 'were'} kept and not sent one by one; see: stepparent alerts --rule ${ruleText}`,
    tags: alert.tags ?? [],
    event: {
      id: alertId(`${alert.event.id} summary`, row.rule_id),
      kind: 'alert',
      action: 'alert-summary',
      start,
      end,
      ...(severity === undefined ? {} : { severity }),
      ...(risk_score === undefined ? {} : { risk_score }),
    },
    host: alert.host,
    agent: alert.agent,
    rule: alert.rule ?? { id: row.rule_id },
    threat: alert.threat ?? [],
    stepparent: { summary: { alerts: row.count, from: start, to: end } },
  };
}
