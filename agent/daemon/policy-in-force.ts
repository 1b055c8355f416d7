// The policy that is in force: read at the start, and replaced as a whole by a reload.

import { errorMessage } from '../../collectors/error-message.ts';
import type { Clock } from '../../collectors/host/clock.ts';
import type { JudgePolicy } from '../../detectors/judge.ts';
import type { ReadConfiguration } from '../configuration/read-configuration.ts';
import { type AgentStatus, formatFault } from './agent-status.ts';
import type { Log } from './log.ts';
import { exceptionsOf, keysNeedingRestart, newlyRejected, type Policy, readPolicy } from './policy.ts';

export interface PolicyInForce {
  readonly current: Policy;
  /** By what events are judged now: the same object until a reload. */
  judging(): JudgePolicy;
  /**
   * Replaces it. Nothing changes where the new one cannot be read, or where a rule or hunt that is in force would be rejected: the log and
   * `report` say why. `onReplaced` is called with one line that says what is in force.
   */
  reload(readAgain: () => ReadConfiguration, onReplaced: (summary: string) => void): void;
  report(): {
    inForce: Policy;
    /** The last reload; undefined: there was none. */
    reloaded: AgentStatus['reloaded'] | undefined;
    restart_needed: string[];
  };
}

export function openPolicyInForce(read: ReadConfiguration, clock: Pick<Clock, 'nowMs'>, log: Log): PolicyInForce {
  let current = readPolicy(read);
  let judging = judgePolicyOf(current, clock);
  let reloaded: AgentStatus['reloaded'];
  logPolicy(current, log);
  const restartNeeded = (): string[] => keysNeedingRestart(read.configuration, current.configuration);
  return {
    get current() {
      return current;
    },
    judging: () => judging,
    reload(readAgain, onReplaced) {
      reloaded = { last: new Date(clock.nowMs()).toISOString() };
      try {
        const next = readPolicy(readAgain());
        const lost = newlyRejected(current, next);
        if (lost.length > 0) throw new Error(lost.map(formatFault).join('; '));
        current = next;
        judging = judgePolicyOf(next, clock);
      } catch (error) {
        reloaded.rejected = errorMessage(error);
        log.error('reload failed, keeping the previous configuration', { reason: reloaded.rejected });
        return;
      }
      log.setLevel(current.configuration.log.level);
      logPolicy(current, log);
      const { rules, hunts, exceptions, files } = current;
      const counts = `${rules.length} rules, ${hunts.length} hunts to ask, ${exceptions.length} exceptions`;
      log.info(`the configuration was read again: ${counts}`, { files: files.join(', ') || 'defaults' });
      const waiting = restartNeeded();
      if (waiting.length > 0) log.warn('this takes effect at the next restart only', { keys: waiting.join(', ') });
      onReplaced(`${counts}: ${rules.map(({ id }) => id).join(', ')}`);
    },
    report: () => ({ inForce: current, reloaded, restart_needed: restartNeeded() }),
  };
}

const judgePolicyOf = (
  { rules, records, configuration, exceptionFor }: Policy,
  clock: Pick<Clock, 'nowMs'>,
): JudgePolicy => ({
  rules,
  records,
  containerAlerts: configuration.container_alerts,
  exceptionFor: (ruleId, read) => exceptionFor(ruleId, read, clock.nowMs()),
});

function logPolicy(policy: Policy, log: Log): void {
  for (const rule of policy.rejected.rules) log.error('rule rejected', { ...rule });
  for (const hunt of policy.rejected.hunts) log.error('hunt rejected', { ...hunt });
  if (policy.rules.length === 0) log.error('no rule is loaded: nothing will be detected', {});
  for (const warning of policy.warnings) log.warn('the configuration needs a look', { warning });
  for (const warning of exceptionsOf(policy).warnings) log.warn('an exception needs a look', { warning });
}
