/** Anything that takes one message and says when it left, as a gRPC stream does. */
export type Wire = { write(message: Buffer, done: () => void): void };

export type Mailbox = {
  /** Something may be due: sends it now, or as soon as the message in flight has left. */
  wake(): void;
  /** Ends it; what was due is not sent. */
  close(): void;
};

/**
 * One message in flight, and no queue: what comes next is asked for only when the wire is free,
 * so a slow client gets the newest and never a list of old ones. A message that has not left
 * after `deadlineMs` calls `onSlow` once, and the mailbox is closed.
 */
export function createMailbox(
  wire: Wire,
  takeNext: () => Buffer | null,
  deadlineMs: number,
  onSlow: () => void,
): Mailbox {
  let isBusy = false;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  const close = (): void => {
    isClosed = true;
    clearTimeout(timer);
  };
  const wake = (): void => {
    if (isBusy || isClosed) return;
    const message = takeNext();
    if (message === null) return;
    isBusy = true;
    timer = setTimeout(() => {
      close();
      onSlow();
    }, deadlineMs);
    wire.write(message, () => {
      clearTimeout(timer);
      isBusy = false;
      wake();
    });
  };
  return { wake, close };
}
