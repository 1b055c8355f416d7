// Waits for descriptors in Node's own event loop: uv_poll(3) of libuv, which Node exports to native addons and offers to no script.

import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

/** A fixed set of descriptors to wait for, in the main thread only. */
export interface PollSet {
  /**
   * Resolves when a descriptor has data, after `timeoutMs`, or when the set is closed. Only one wait may be pending.
   * The caller must read all data before the next wait, which otherwise resolves at once.
   */
  wait(timeoutMs?: number): Promise<void>;
  /** Must be called before the descriptors are closed. */
  close(): void;
}

/** UV_POLL and UV_READABLE of uv.h, which are part of libuv's ABI. */
const pollHandle = 8;
const readable = 1;

function bindLibuv() {
  const node = koffi.load(null);
  const onEvents = koffi.proto('void OnPollEvents(void *handle, int status, int events)');
  const handleSize = node.func('size_t uv_handle_size(int type)');
  const init = node.func('int uv_poll_init(void *loop, void *handle, int fd)');
  return {
    loop: node.func('void *uv_default_loop()')(),
    handleBytes: Number(handleSize(pollHandle)),
    onEvents: koffi.pointer(onEvents),
    init,
    start: node.func('int uv_poll_start(void *handle, int events, OnPollEvents *onEvents)'),
    stop: node.func('int uv_poll_stop(void *handle)'),
    close: node.func('void uv_close(void *handle, void *onClosed)'),
  };
}
let bound: ReturnType<typeof bindLibuv> | undefined;

/**
 * Creates a poll set. Throws if the kernel cannot poll a descriptor. The event loop polls the descriptors together with
 * its own; poll(2) in a thread of libuv's pool would cost two switches of threads for each wait.
 */
export function openPollSet(fds: readonly number[]): PollSet {
  bound ??= bindLibuv();
  const uv = bound;
  let waiter: PromiseWithResolvers<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isPolling = false;
  let isClosed = false;

  const end = (fault?: string): void => {
    clearTimeout(timer);
    const ended = waiter;
    waiter = undefined;
    if (fault === undefined) ended?.resolve();
    else ended?.reject(new Error(fault));
  };
  const stop = (): void => {
    isPolling = false;
    for (const handle of handles) uv.stop(handle);
  };
  let isEnding = false;
  const onEvents = koffi.register((_: unknown, status: number) => {
    if (isEnding) return;
    // Without a waiter libuv would report the data in each turn of the loop: stop polling.
    if (waiter === undefined) return stop();
    isEnding = true;
    // The reactions of promises do not run in a call from libuv: resolve in a later turn.
    setImmediate(() => {
      isEnding = false;
      end(status < 0 ? `poll: ${getSystemErrorName(status)}` : undefined);
    });
  }, uv.onEvents);
  const handles: Buffer[] = [];
  const close = (): void => {
    isClosed = true;
    for (const handle of handles) uv.close(handle, null);
    end();
    // libuv uses a handle until the end of the turn after the next immediate.
    setImmediate(() =>
      setImmediate(() => {
        handles.length = 0;
        koffi.unregister(onEvents);
      }),
    );
  };
  for (const fd of fds) {
    const handle = Buffer.alloc(uv.handleBytes);
    const status = uv.init(uv.loop, handle, fd);
    if (status < 0) {
      close();
      throw new Error(`poll: ${getSystemErrorName(status)}`);
    }
    handles.push(handle);
  }
  return {
    wait(timeoutMs) {
      if (isClosed) return Promise.resolve();
      waiter = Promise.withResolvers();
      if (timeoutMs !== undefined) timer = setTimeout(end, timeoutMs);
      if (!isPolling) {
        isPolling = true;
        for (const handle of handles) uv.start(handle, readable, onEvents);
      }
      return waiter.promise;
    },
    close,
  };
}
