/**
 * Which ports of this thread serve somebody, found by the other end that was sent
 * away: a worker that is ended does not close its ports on every runtime.
 */

/** What serves a port. */
export interface PortPeer {
  /** The other end is gone: nothing more is to be done for it. */
  disconnect(): void;
}

const peers = new WeakMap<MessagePort, PortPeer>();

/** Notes who serves the other end of a port. */
export function notePort(port: MessagePort, peer: PortPeer): void {
  peers.set(port, peer);
}

/** Whether the other end of a port is served by this thread. */
export function servedHere(port: MessagePort): boolean {
  return peers.has(port);
}

/** Tells who serves the other end of a port that it is gone. */
export function disconnectPort(port: MessagePort): void {
  peers.get(port)?.disconnect();
}
