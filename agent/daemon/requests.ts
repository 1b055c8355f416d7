// Answers requests from the control socket and from `run`. While the agent starts or stops, the answer is an error.

import type { AgentStatus } from './agent-status.ts';

export interface Requests {
  status(): AgentStatus;
  /** Reloads the configuration. */
  reload(): void;
}

export interface OpenRequests extends Requests {
  /** The handlers for the control socket. */
  handlers: Readonly<Record<'status' | 'reload', () => AgentStatus>>;
  /** Begins to answer requests. */
  begin(answers: Requests): void;
  /** Answers later requests with an error. */
  end(): void;
}

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
