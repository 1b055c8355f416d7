// Tells systemd how the service is (sd_notify(3)): ready, alive, what it does. Without systemd nobody listens, and that is well.

import { escapeText } from '../collectors/escape-text.ts';
import { sendDatagram } from './unix-datagram.ts';

export interface ServiceManager {
  /** True: started by a service manager that wants to be told. */
  readonly listens: boolean;
  /** The agent works; `status` is what `systemctl status` shows. */
  ready(status: string): void;
  /** New configuration is being read; `ready` or `status` ends it. */
  status(text: string): void;
  stopping(): void;
  /**
   * Says every so often that the agent lives, as long as `alive` says so; systemd ends and restarts a service that falls
   * silent (WatchdogSec=). Returns the way to end it.
   */
  watch(alive: () => boolean): () => void;
}

const maxStatusChars = 500;

/** `$NOTIFY_SOCKET` and `$WATCHDOG_USEC` are systemd's; they are taken out, so that no child speaks for the agent. */
export function openServiceManager(
  environment: Record<string, string | undefined>,
  send: (socket: string, bytes: Uint8Array) => string | undefined = sendDatagram,
): ServiceManager {
  const socket = environment.NOTIFY_SOCKET;
  const forUs = environment.WATCHDOG_PID === undefined || environment.WATCHDOG_PID === String(process.pid);
  const watchdogMs = forUs ? Number(environment.WATCHDOG_USEC ?? 0) / 1000 : 0;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name];

  const tell = (...lines: string[]): void => {
    // What cannot be sent is systemd's to notice: it has its time limits.
    if (socket) send(socket, Buffer.from(lines.join('\n')));
  };
  const statusLine = (text: string): string => `STATUS=${escapeText(text, maxStatusChars)}`;
  return {
    listens: Boolean(socket),
    ready: (text) => tell('READY=1', statusLine(text)),
    status: (text) => tell(statusLine(text)),
    stopping: () => tell('STOPPING=1'),
    watch(alive) {
      if (!socket || !(watchdogMs > 0)) return () => {};
      const feed = (): void => {
        if (alive()) tell('WATCHDOG=1');
      };
      feed();
      const timer = setInterval(feed, watchdogMs / 4);
      return () => clearInterval(timer);
    },
  };
}
