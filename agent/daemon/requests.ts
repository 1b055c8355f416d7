// Answers requests from the control socket and from `run` itself. While the agent starts or ends, the answer is an error.

import type { AgentStatus } from './agent-status.ts';

export interface Requests {
  status(): AgentStatus;
  /** Reads the configuration again. */
  reload(): void;
}

export interface OpenRequests extends Requests {
  /** By the command of the control socket. */
  handlers: Readonly<Record<'status' | 'reload', () => AgentStatus>>;
  /** From now on requests are answered. */
  begin(answers: Requests): void;
  /** From now on they are not any more. */
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
      answers = refuse('the agent is ending');
    },
  };
}
