import type { Context, Plugin, StreamState } from "./context.ts";
import { createVm, type Vm, type VmSurroundings } from "./vm.ts";

/** Where a VM comes from; equal keys share one VM on each worker. */
export type VmSource = {
  key: string;
  module: WebAssembly.Module;
  vmConfiguration: Buffer;
};

/** A root context with all that holds it: the running configuration and the streams it began. */
export type PluginHandle = {
  readonly vm: Vm;
  readonly root: Context;
  readonly plugin: Plugin;
  hold(): void;
  /** The last release runs the root's on_done and on_delete, when exported. */
  release(): void;
};

/** Starts and configures a root; undefined when the guest refuses or traps. */
export function startPlugin(vm: Vm, plugin: Plugin, root: Context): boolean {
  vm.call("proxy_on_context_create", root, root.id, 0);
  if (vm.failed) return false;
  if (vm.exports("proxy_on_vm_start")) {
    if (!vm.call("proxy_on_vm_start", root, root.id, 0)) return false;
  }
  if (!vm.exports("proxy_on_configure")) return true;
  root.configuration = plugin.configuration;
  const accepted = vm.call("proxy_on_configure", root, root.id, plugin.configuration.length);
  root.configuration = null;
  return accepted !== undefined && accepted !== 0;
}

/** One worker thread: its VMs and plugin handles, made on demand, dropped when unused. */
export type Worker = {
  /**
   * The handle of a plugin. One that is still held (by a stream that began under the same bytes)
   * is given again as it is, without start or configure: as Envoy does.
   */
  plugin(source: VmSource, plugin: Plugin): PluginHandle | undefined;
  openStream(handle: PluginHandle, stream: StreamState): Context;
  vms(): readonly Vm[];
};

export function createWorker(surroundings: VmSurroundings): Worker {
  const vms = new Map<string, { vm: Vm; handles: number }>();
  const handles = new Map<string, PluginHandle>();
  const vmOf = (source: VmSource): { vm: Vm; handles: number } => {
    const found = vms.get(source.key);
    if (found !== undefined && !found.vm.failed) return found;
    const made = {
      vm: createVm(source.module, surroundings, source.vmConfiguration),
      handles: 0,
    };
    vms.set(source.key, made);
    return made;
  };
  const drop = (key: string, source: VmSource, handle: PluginHandle): void => {
    if (handles.get(key) === handle) handles.delete(key);
    const { vm, root } = handle;
    if (vm.call("proxy_on_done", root, root.id) !== 0) vm.call("proxy_on_delete", root, root.id);
    vm.deleteContext(root);
    const entry = vms.get(source.key);
    if (entry?.vm === vm && --entry.handles === 0) vms.delete(source.key);
  };
  return {
    plugin: (source, plugin) => {
      const key = `${source.key}|${plugin.key}`;
      const held = handles.get(key);
      if (held !== undefined && !held.vm.failed) {
        held.hold();
        return held;
      }
      const entry = vmOf(source);
      const root = entry.vm.createContext(plugin, null);
      if (!startPlugin(entry.vm, plugin, root)) return undefined;
      entry.handles++;
      let holders = 1;
      const handle: PluginHandle = {
        vm: entry.vm,
        root,
        plugin,
        hold: () => {
          holders++;
        },
        release: () => {
          if (--holders === 0) drop(key, source, handle);
        },
      };
      handles.set(key, handle);
      return handle;
    },
    openStream: (handle, stream) => {
      const context = handle.vm.createContext(handle.plugin, stream);
      handle.vm.call("proxy_on_context_create", context, context.id, handle.root.id);
      return context;
    },
    vms: () => [...vms.values()].map(({ vm }) => vm),
  };
}
