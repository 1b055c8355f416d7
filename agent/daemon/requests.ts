// Answers requests from the control socket and from `run`. While the agent starts or stops, the answer is an error.

import type { AgentStatus } from './agent-status.ts';

/**
 * The requests that a running agent answers. `reload` does not throw if the configuration is rejected: `status` reports
 * it.
 */
export interface Requests {
  status(): AgentStatus;
  /** Reloads the configuration. */
  reload(): void;
}

/** Passes requests on to the agent between `begin` and `end`; before and after, every request throws an Error. */
export interface OpenRequests extends Requests {
  /** The handlers for the control socket. */
  handlers: Readonly<Record<'status' | 'reload', () => AgentStatus>>;
  /** Begins to answer requests. */
  begin(answers: Requests): void;
  /** Answers later requests with an error. */
  end(): void;
}

/** Starts without an agent: until `begin`, the error is that the agent is still starting. */
export function openRequests(): OpenRequests {
  const refuse = (reason: string): Requests => {
    const fail = (): never => {
      throw new Error(reason);
    };
    return { status: fail, reload: fail };
  };
  let answers = refuse('the agent is still starting');
  const status = (): AgentStatus => answers.status();
  const reload = (): void => answers.reload();
  return {
    status,
    reload,
    handlers: {
      status,
      reload() {
        reload();
        return status();
      },
    },
    begin(handlers) {
      answers = handlers;
    },
    end() {
      answers = refuse('the agent is stopping');
    },
  };
}
