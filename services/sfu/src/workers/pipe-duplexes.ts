import type { Duplex } from "@cation/cluster/rpc/duplex";

/**
 * Hands on what a client sends on `outer` (a server's end) to `inner` (a client's end of another stream), and back. Each
 * side waits for the other; each sees how the other ended.
 */
export function pipeDuplexes<Up, Down>(outer: Duplex<Down, Up>, inner: Duplex<Up, Down>): void {
  outer.onMessage = (message) => {
    if (!inner.write(message)) outer.pause();
  };
  inner.onDrain = () => outer.resume();
  inner.onMessage = (message) => {
    if (!outer.write(message)) inner.pause();
  };
  outer.onDrain = () => inner.resume();
  outer.onEnd = (error) => (error ? inner.abort(error) : inner.end());
  inner.onEnd = (error) => (error ? outer.abort(error) : outer.end());
}
