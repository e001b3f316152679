/** The closing handshake (RFC 6455 §1.4, §7.1) as a table. */

/**
 * Where the closing handshake stands. `failed`: the peer broke a rule and no close frame of ours has been sent yet.
 * `closed`: nothing more is sent or looked at; both close frames went by, or ours followed or preceded a failure.
 */
export type ClosingState = 'open' | 'close-sent' | 'close-received' | 'failed' | 'closed';

/** What moves it. */
export type ClosingEvent = 'send-close' | 'receive-close' | 'fail';

/** The state after each event; `undefined` where the event cannot be: it is refused or never arises. */
export const closingTransitions: Readonly<
  Record<ClosingState, Readonly<Record<ClosingEvent, ClosingState | undefined>>>
> = {
  open: { 'send-close': 'close-sent', 'receive-close': 'close-received', fail: 'failed' },
  // Our close frame is out: there is no second one, whatever comes (RFC 6455 §5.5.1).
  'close-sent': { 'send-close': undefined, 'receive-close': 'closed', fail: 'closed' },
  // After the peer's close frame nothing of it is read any more (RFC 6455 §1.4), so it cannot fail.
  'close-received': { 'send-close': 'closed', 'receive-close': undefined, fail: undefined },
  // A close frame with the fault's code should still be sent (RFC 6455 §7.1.7).
  failed: { 'send-close': 'closed', 'receive-close': undefined, fail: undefined },
  closed: { 'send-close': undefined, 'receive-close': undefined, fail: undefined },
};

/** Whether what comes from the peer is still looked at. */
export function isReceiving(state: ClosingState): boolean {
  return state === 'open' || state === 'close-sent';
}

/** Whether data, pings and pongs may still be sent: no close frame was, and the connection has not failed. */
export function isSending(state: ClosingState): boolean {
  return state === 'open' || state === 'close-received';
}
