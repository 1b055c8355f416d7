// The policy in force: read at the start, and replaced as a whole by a reload.

import { errorMessage } from '../../collectors/error-message.ts';
import type { Clock } from '../../collectors/host/clock.ts';
import type { JudgePolicy } from '../../detectors/judge.ts';
import type { ReadConfiguration } from '../configuration/read-configuration.ts';
import { type AgentStatus, formatFault } from './agent-status.ts';
import type { Log } from './log.ts';
import { exceptionsOf, keysNeedingRestart, newlyRejected, type Policy, readPolicy } from './policy.ts';

/** Holds the policy. The other parts of the agent read it here at each use, so that a reload applies to all of them. */
export interface PolicyInForce {
  readonly current: Policy;
  /** The part of the policy that judges events: the same object until a reload. */
  judging(): JudgePolicy;
  /**
   * Replaces the policy. Keeps the previous one if the new one cannot be read, or if it would reject a rule or hunt that is in force; the
   * log and `report` have the reason. `onReplaced` is called with one line that summarizes the new policy.
   */
  reload(readAgain: () => ReadConfiguration, onReplaced: (summary: string) => void): void;
  report(): {
    inForce: Policy;
    /** The last reload; undefined before the first. */
    reloaded: AgentStatus['reloaded'] | undefined;
    restart_needed: string[];
  };
}

/** Loads the rules and hunts that `read` names. Logs the rejected ones and the warnings; does not throw for them. */
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
      const counts = `${rules.length} rules, ${hunts.length} hunts, ${exceptions.length} exceptions`;
      log.info('reloaded', {
        rules: rules.length,
        hunts: hunts.length,
        exceptions: exceptions.length,
        files: files.join(', ') || 'defaults',
      });
      const waiting = restartNeeded();
      if (waiting.length > 0) log.warn('changed keys take effect at the next restart', { keys: waiting.join(', ') });
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
  if (policy.rules.length === 0) log.error('no rule is loaded: the agent detects nothing', {});
  for (const warning of policy.warnings) log.warn('configuration warning', { warning });
  for (const warning of exceptionsOf(policy).warnings) log.warn('exception warning', { warning });
}
