/** What a host function answers instead of doing its work. */
export type Fault = {
  call: string;
  /** From this call of the function on (1 = the first since the fault was set). */
  from?: number;
  /** How many calls; without it, all that follow. */
  times?: number;
  /** The status answered; the call itself is not made. */
  status?: number;
  /** Instead of a status: what becomes of the bytes handed to the guest. */
  mangle?: (bytes: Uint8Array) => Uint8Array;
};

/** Counts host calls and injects faults; one per process, so a test sees all VMs. */
export type Faults = {
  set(...faults: readonly Fault[]): void;
  clear(): void;
  /** Called by the host at each call: the fault to apply, if any. */
  match(call: string): Fault | undefined;
};

export function createFaults(): Faults {
  let active: { fault: Fault; seen: number }[] = [];
  return {
    set: (...faults) => {
      active = faults.map((fault) => ({ fault, seen: 0 }));
    },
    clear: () => {
      active = [];
    },
    match: (call) => {
      for (const entry of active) {
        if (entry.fault.call !== call) continue;
        entry.seen++;
        const from = entry.fault.from ?? 1;
        if (entry.seen >= from && entry.seen < from + (entry.fault.times ?? Infinity)) {
          return entry.fault;
        }
      }
      return undefined;
    },
  };
}
