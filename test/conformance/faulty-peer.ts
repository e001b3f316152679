/**
 * An echo peer over plain TCP, for both roles, with one fault at most: conforming without it. The protocol is written out
 * here once more and in the plainest way, so that a fault is one `if`.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import * as net from 'node:net';
import { deflateRawSync, constants as zlib } from 'node:zlib';
import { type DeflateOptions, Deflater, Inflater, inflateTail } from '../../src/frame/permessage-deflate.js';
import {
  acceptResponse,
  createRequest,
  type DeflateParameters,
  examineRequest,
  examineResponse,
  HeadParser,
  negotiateDeflate,
  parseExtensions,
  refusalResponse,
} from '../../src/handshake/index.js';

/** Faults of what a peer takes from the wire and gives back. */
export type FrameFault =
  | 'takes-wrong-masking'
  | 'masks-wrongly'
  | 'takes-rsv1'
  | 'takes-rsv2'
  | 'takes-rsv3'
  | 'passes-over-reserved-data-opcodes'
  | 'passes-over-reserved-control-opcodes'
  | 'takes-length-of-2-63'
  | 'writes-long-lengths'
  | 'reads-16-bit-length-signed'
  | 'takes-long-control-frames'
  | 'takes-fragmented-control-frames'
  | 'answers-no-ping'
  | 'answers-ping-empty'
  | 'cuts-pong-payload'
  | 'takes-continuation-alone'
  | 'takes-new-message-inside'
  | 'answers-each-fragment'
  | 'loses-middle-fragments'
  | 'loses-message-at-ping'
  | 'answers-binary-as-text'
  | 'checks-no-utf8'
  | 'checks-utf8-by-fragment'
  | 'takes-surrogates'
  | 'replaces-bad-utf8'
  | 'refuses-noncharacters'
  | 'drops-byte-order-mark'
  | 'fails-without-close-frame'
  | 'never-ends-after-failure'
  | 'answers-no-close'
  | 'answers-close-with-1005'
  | 'takes-close-code-1006'
  | 'takes-close-code-999'
  | 'refuses-close-code-4999'
  | 'takes-close-body-of-1-byte'
  | 'checks-no-utf8-in-reason'
  | 'goes-on-after-close'
  | 'never-ends-after-close'
  | 'forgets-mask-phase-between-chunks'
  | 'reads-one-frame-per-chunk'
  | 'loses-split-headers'
  | 'cuts-messages-at-64-kib'
  | 'sends-unasked-text';

export type DeflateFault =
  | 'inflates-each-message-alone'
  | 'keeps-its-window-though-agreed-not-to'
  | 'exceeds-its-window'
  | 'takes-rsv1-on-continuation'
  | 'ends-at-final-block'
  | 'refuses-empty-compressed-message'
  | 'sets-no-rsv1'
  | 'leaves-the-flush-end'
  | 'ignores-bad-deflate-data'
  | 'takes-plain-messages-into-window'
  | 'compresses-pongs';

/** Faults of the opening handshake: what is let through, by the code of its refusal. */
export interface HandshakeFault {
  readonly ignores?: string;
  /** Changes what is sent. */
  readonly writes?: (head: string) => string;
  /** Refuses what is good. */
  readonly refuses?: (head: string) => boolean;
  readonly dropsBehind?: true;
}

export interface Faults {
  readonly frame?: FrameFault | DeflateFault;
  readonly handshake?: HandshakeFault;
}

const failing = { protocol: 1002, text: 1007 } as const;

/** One connection after its opening handshake. */
export class FaultyPeer {
  readonly #socket: net.Socket;
  readonly #isServer: boolean;
  readonly #fault: FrameFault | DeflateFault | undefined;
  readonly #options: DeflateOptions | undefined;
  readonly #onMessage: ((data: Buffer) => void) | undefined;
  #inflater: Inflater | undefined;
  readonly #deflater: Deflater | undefined;
  #buffer: Buffer = Buffer.alloc(0);
  #fragments: Buffer[] = [];
  #messageOpcode = 0;
  #isCompressed = false;
  #isOver = false;
  #isInflating = false;

  constructor(
    socket: net.Socket,
    isServer: boolean,
    faults: Faults,
    agreed: DeflateParameters | undefined,
    onMessage?: (data: Buffer) => void,
  ) {
    this.#socket = socket;
    this.#isServer = isServer;
    this.#fault = faults.frame;
    this.#onMessage = onMessage;
    if (agreed !== undefined) {
      const keeps = this.#has('keeps-its-window-though-agreed-not-to');
      const wide = this.#has('exceeds-its-window');
      const [ownNone, peerNone] = isServer
        ? [agreed.serverNoContextTakeover, agreed.clientNoContextTakeover]
        : [agreed.clientNoContextTakeover, agreed.serverNoContextTakeover];
      const [ownBits, peerBits] = isServer
        ? [agreed.serverMaxWindowBits, agreed.clientMaxWindowBits]
        : [agreed.clientMaxWindowBits, agreed.serverMaxWindowBits];
      this.#options = {
        ownContextTakeover: keeps || !ownNone,
        ownWindowBits: wide ? 15 : ownBits,
        peerContextTakeover: !peerNone,
        peerWindowBits: peerBits,
        level: 6,
      };
      this.#inflater = new Inflater(this.#options, 64 * 2 ** 20);
      this.#deflater = new Deflater(this.#options);
    }
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('end', () => socket.end());
    socket.on('error', () => {});
  }

  #has(fault: FrameFault | DeflateFault): boolean {
    return this.#fault === fault;
  }

  receive(chunk: Buffer): void {
    if (this.#has('loses-split-headers') && this.#buffer.length === 1) this.#buffer = Buffer.alloc(0);
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    if (this.#has('reads-one-frame-per-chunk')) {
      this.#readFrame(chunk.length);
      return;
    }
    this.#drain(chunk.length);
  }

  #drain(chunkLength: number): void {
    while (!this.#isOver && !this.#isInflating && this.#readFrame(chunkLength));
  }

  /** Reads a frame if it is there whole; refuses it as soon as its header shows why. */
  #readFrame(chunkLength: number): boolean {
    const bytes = this.#buffer;
    if (bytes.length < 2 || this.#isOver) return false;
    const fin = (bytes[0]! & 0x80) !== 0;
    const rsv = (bytes[0]! >> 4) & 7;
    const opcode = bytes[0]! & 15;
    const isMasked = (bytes[1]! & 0x80) !== 0;
    const short = bytes[1]! & 0x7f;
    const isControl = opcode >= 8;

    if (!this.#isRsvLawful(rsv, opcode)) return this.#fail(failing.protocol);
    const isReserved = (opcode > 2 && opcode < 8) || opcode > 10;
    const passesOver = this.#has(
      isControl ? 'passes-over-reserved-control-opcodes' : 'passes-over-reserved-data-opcodes',
    );
    if (isReserved && !passesOver) return this.#fail(failing.protocol);
    if (isMasked !== this.#isServer && !this.#has('takes-wrong-masking')) return this.#fail(failing.protocol);
    if (isControl && !fin && !this.#has('takes-fragmented-control-frames')) return this.#fail(failing.protocol);
    if (isControl && short > 125 && !this.#has('takes-long-control-frames')) return this.#fail(failing.protocol);
    const isInside = this.#messageOpcode !== 0;
    if (opcode === 0 && !isInside && !this.#has('takes-continuation-alone')) return this.#fail(failing.protocol);
    if ((opcode === 1 || opcode === 2) && isInside && !this.#has('takes-new-message-inside')) {
      return this.#fail(failing.protocol);
    }

    let offset = 2;
    let length = short;
    if (short === 126) {
      if (bytes.length < 4) return false;
      length = bytes.readUInt16BE(2);
      if (this.#has('reads-16-bit-length-signed') && length > 0x7fff) length = 0x7fff;
      offset = 4;
      if (length < 126) return this.#fail(failing.protocol);
    } else if (short === 127) {
      if (bytes.length >= 3 && bytes[2]! >= 0x80 && !this.#has('takes-length-of-2-63')) {
        return this.#fail(failing.protocol);
      }
      if (bytes.length < 10) return false;
      length = Number(bytes.readBigUInt64BE(2) & 0x7fff_ffff_ffff_ffffn);
      offset = 10;
      if (length < 65_536) return this.#fail(failing.protocol);
    }
    const keyAt = offset;
    if (isMasked) offset += 4;
    if (length > 64 * 2 ** 20) return this.#fail(1009);
    if (bytes.length < offset + length) return false;
    const payload = Buffer.from(bytes.subarray(offset, offset + length));
    if (isMasked) {
      const phase =
        this.#has('forgets-mask-phase-between-chunks') && length > 0 ? Math.max(0, length - chunkLength) % 4 : 0;
      for (let i = 0; i < length; i++) payload[i]! ^= bytes[keyAt + ((i + phase) & 3)]!;
    }
    this.#buffer = bytes.subarray(offset + length);
    if (!isReserved) this.#take(opcode, fin, (rsv & 4) !== 0, payload);
    return true;
  }

  #isRsvLawful(rsv: number, opcode: number): boolean {
    const mayCompress = this.#inflater !== undefined && (opcode === 1 || opcode === 2);
    const rsv1 =
      mayCompress ||
      this.#has('takes-rsv1') ||
      (opcode === 0 && this.#inflater !== undefined && this.#has('takes-rsv1-on-continuation'));
    if ((rsv & 4) !== 0 && !rsv1) return false;
    if ((rsv & 2) !== 0 && !this.#has('takes-rsv2')) return false;
    return (rsv & 1) === 0 || this.#has('takes-rsv3');
  }

  #take(opcode: number, fin: boolean, rsv1: boolean, payload: Buffer): void {
    if (opcode === 9) return this.#answerPing(payload);
    if (opcode === 10) return;
    if (opcode === 8) return this.#answerClose(payload);
    if (opcode !== 0 || this.#messageOpcode === 0) {
      this.#messageOpcode = opcode === 0 ? 1 : opcode;
      this.#isCompressed = rsv1 && this.#inflater !== undefined;
      this.#fragments = [];
    }
    if (this.#has('checks-utf8-by-fragment') && this.#messageOpcode === 1 && !this.#isCompressed && !isUtf8(payload)) {
      this.#fail(failing.text);
      return;
    }
    if (!(this.#has('loses-middle-fragments') && opcode === 0 && !fin)) this.#fragments.push(payload);
    if (this.#has('answers-each-fragment')) fin = true;
    if (!fin) return;
    let message = Buffer.concat(this.#fragments);
    const isText = this.#messageOpcode === 1;
    this.#fragments = [];
    this.#messageOpcode = 0;
    if (!this.#isCompressed) return this.#deliver(message, isText, false);
    if (this.#has('refuses-empty-compressed-message') && message.length <= 1) {
      this.#fail(failing.text);
      return;
    }
    if (this.#has('inflates-each-message-alone')) this.#inflater = new Inflater(this.#options!, 64 * 2 ** 20);
    if (this.#has('ends-at-final-block') && (message[0]! & 1) === 1) message = message.subarray(0, -1);
    this.#isInflating = true;
    const done = (inflated: Buffer | string): void => {
      this.#isInflating = false;
      if (typeof inflated !== 'string') this.#deliver(inflated, isText, true);
      else if (!this.#has('ignores-bad-deflate-data')) this.#fail(inflated === 'invalid' ? failing.text : 1009);
    };
    const inflated = this.#inflater!.inflate(Buffer.concat([message, inflateTail]), (late) => {
      done(late);
      this.#drain(0);
    });
    if (inflated !== undefined) done(inflated);
  }

  #deliver(message: Buffer, isText: boolean, wasCompressed: boolean): void {
    let data = message;
    if (isText && !this.#has('checks-no-utf8')) {
      if (this.#has('takes-surrogates')) {
        const masked = Buffer.from(data.toString('latin1').replaceAll(/\xed[\xa0-\xbf]/g, '\xee\x80'), 'latin1');
        if (!isUtf8(masked)) return void this.#fail(failing.text);
      } else if (this.#has('replaces-bad-utf8')) data = Buffer.from(data.toString());
      else if (!isUtf8(data)) return void this.#fail(failing.text);
    }
    if (isText && this.#has('refuses-noncharacters') && data.includes(Buffer.from('\uffff'))) {
      return void this.#fail(failing.text);
    }
    if (isText && this.#has('drops-byte-order-mark') && data.toString('utf8').startsWith('\ufeff')) {
      data = data.subarray(3);
    }
    if (this.#has('cuts-messages-at-64-kib')) data = data.subarray(0, 65_535);
    if (this.#onMessage !== undefined) return this.#onMessage(data);
    const opcode = isText || this.#has('answers-binary-as-text') ? 1 : 2;
    if (!wasCompressed || data.length === 0) {
      // What goes uncompressed is not part of the window; for a peer with that fault it is.
      if (this.#has('takes-plain-messages-into-window') && this.#deflater !== undefined) this.#deflater.compress(data);
      return this.#send(opcode, data);
    }
    const { ownContextTakeover, ownWindowBits } = this.#options!;
    const payload = this.#deflater!.compress(data);
    if (payload === undefined) return this.#send(opcode, data);
    if (this.#has('sets-no-rsv1')) return this.#send(opcode, payload);
    if (this.#has('leaves-the-flush-end') && ownContextTakeover && ownWindowBits === 15) {
      const whole = deflateRawSync(data, { finishFlush: zlib.Z_SYNC_FLUSH }).subarray(0, -1);
      return this.#send(opcode, whole, 4);
    }
    this.#send(opcode, payload, 4);
  }

  #answerPing(payload: Buffer): void {
    if (this.#has('loses-message-at-ping')) this.#fragments = [];
    if (this.#has('answers-no-ping')) return;
    const answer = this.#has('answers-ping-empty')
      ? Buffer.alloc(0)
      : this.#has('cuts-pong-payload')
        ? payload.subarray(0, 124)
        : payload;
    this.#send(10, answer, this.#has('compresses-pongs') && this.#inflater !== undefined ? 4 : 0);
  }

  #answerClose(payload: Buffer): void {
    const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
    const isCodeLawful =
      payload.length === 0 ||
      (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) ||
      (code >= 3000 && code <= (this.#has('refuses-close-code-4999') ? 4998 : 4999)) ||
      (code === 1006 && this.#has('takes-close-code-1006')) ||
      (code === 999 && this.#has('takes-close-code-999')) ||
      (payload.length === 1 && this.#has('takes-close-body-of-1-byte'));
    if (!isCodeLawful) return void this.#fail(failing.protocol);
    if (!isUtf8(payload.subarray(2)) && !this.#has('checks-no-utf8-in-reason')) return void this.#fail(failing.text);
    if (this.#has('answers-no-close')) return;
    const isSendable = payload.length >= 2 && code !== 1006 && code !== 999;
    const answer = this.#has('answers-close-with-1005')
      ? Buffer.of(0x03, 0xed)
      : payload.subarray(0, isSendable ? 2 : 0);
    this.#send(8, answer);
    if (this.#has('goes-on-after-close')) return;
    this.#isOver = true;
    if (!this.#has('never-ends-after-close')) this.#socket.end();
  }

  #fail(code: number): false {
    if (this.#isOver) return false;
    if (!this.#has('fails-without-close-frame')) this.#send(8, Buffer.of(code >> 8, code & 0xff));
    this.#isOver = true;
    if (!this.#has('never-ends-after-failure')) this.#socket.end();
    return false;
  }

  #send(opcode: number, payload: Buffer, rsv: number = 0): void {
    if (this.#isOver) return;
    const masks = this.#isServer === this.#has('masks-wrongly');
    const { length } = payload;
    const maskBit = masks ? 0x80 : 0;
    let header: Buffer;
    if (length < 126 && !(this.#has('writes-long-lengths') && opcode < 8)) header = Buffer.of(0, maskBit | length);
    else if (length < 65_536) header = Buffer.of(0, maskBit | 126, length >> 8, length & 0xff);
    else {
      header = Buffer.alloc(10);
      header[1] = maskBit | 127;
      header.writeBigUInt64BE(BigInt(length), 2);
    }
    header[0] = 0x80 | (rsv << 4) | opcode;
    const key = Buffer.of(0x12, 0x34, 0x56, 0x78);
    const body = Buffer.from(payload);
    if (masks) for (let i = 0; i < length; i++) body[i]! ^= key[i & 3]!;
    this.#socket.write(Buffer.concat([header, masks ? key : Buffer.alloc(0), body]));
    if (this.#has('sends-unasked-text') && opcode < 8) this.#socket.write(Buffer.of(0x81, 0x00));
  }
}

/** Starts a server with a fault on a free port; `close` cuts what is open. */
export async function startFaultyServer(faults: Faults): Promise<{ url: string; close(): void }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    openAsServer(socket, faults);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}/`,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function openAsServer(socket: net.Socket, faults: Faults): void {
  const { ignores, writes = (head: string): string => head, refuses, dropsBehind } = faults.handshake ?? {};
  const parser = new HeadParser('request');
  let text = '';
  const onData = (chunk: Buffer): void => {
    const consumed = parser.push(chunk);
    text += chunk.toString('latin1', 0, consumed);
    if (parser.error === undefined && parser.head === undefined) return;
    socket.off('data', onData);
    if (parser.error !== undefined) return void socket.end(refusalResponse(parser.error));
    const head = parser.head!;
    const verdict = examineRequest(head);
    const mayPass = verdict.kind === 'upgrade' || (verdict.kind === 'refused' && verdict.error.code === ignores);
    if (!mayPass || refuses?.(text) === true) {
      if (verdict.kind === 'refused') {
        return void socket.end(writes(refusalResponse(verdict.error).toString('latin1')), 'latin1');
      }
      return void socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    }
    const offers = parseExtensions(head.fields.getAll('Sec-WebSocket-Extensions')) ?? [];
    const agreed = negotiateDeflate(offers);
    const key = head.fields.get('Sec-WebSocket-Key') ?? '';
    const response = acceptResponse({ key, extensions: agreed?.response }).toString('latin1');
    socket.write(writes(response), 'latin1');
    const peer = new FaultyPeer(socket, true, faults, agreed?.parameters);
    if (dropsBehind !== true && consumed < chunk.length) peer.receive(chunk.subarray(consumed));
  };
  socket.on('data', onData);
  socket.on('end', () => socket.end());
}

/** Opens a connection, with a fault or none; resolves when it is over. */
function openAsClient(url: string, faults: Faults, onMessage?: (data: Buffer) => void): Promise<void> {
  const { ignores, writes = (head: string): string => head, refuses, dropsBehind } = faults.handshake ?? {};
  const { hostname, port } = new URL(url);
  const request = createRequest({ url: url.replace(/^ws:/, 'wss:'), protocols: ['conformance'], deflate: [{}] });
  return new Promise((resolve) => {
    const socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.write(writes(request.bytes.toString('latin1')), 'latin1');
    let parser = new HeadParser('response');
    let text = '';
    const onData = (chunk: Buffer): void => {
      let position = 0;
      while (position < chunk.length) {
        const start = position;
        position += parser.push(chunk, position);
        text += chunk.toString('latin1', start, position);
        if (parser.error !== undefined) return void socket.destroy();
        const { head } = parser;
        if (head === undefined) return;
        const verdict = examineResponse(head, { ...request, key: keyOf(request.key, writes) });
        if (verdict.kind === 'interim' && refuses?.(text) !== true) {
          parser = new HeadParser('response');
          continue;
        }
        const isIgnored = verdict.kind === 'refused' && verdict.error.code === ignores;
        if (refuses?.(text) === true || (verdict.kind !== 'accepted' && !isIgnored)) return void socket.destroy();
        socket.off('data', onData);
        const peer = new FaultyPeer(
          socket,
          false,
          faults,
          verdict.kind === 'accepted' ? verdict.deflate : undefined,
          onMessage,
        );
        if (dropsBehind !== true && position < chunk.length) peer.receive(chunk.subarray(position));
        return;
      }
    };
    socket.on('data', onData);
    socket.on('end', () => socket.end());
  });
}

/** The key as it went onto the wire. */
function keyOf(key: string, writes: (head: string) => string): string {
  return /^Sec-WebSocket-Key: (.*)\r$/m.exec(writes(`\r\nSec-WebSocket-Key: ${key}\r\n`))?.[1] ?? key;
}

/** Asks for cases and goes through them, with a fault in all of them, until there are none. */
export async function driveFaultyClient(next: string, faults: Faults): Promise<void> {
  for (;;) {
    let url = '';
    await openAsClient(next, {}, (data) => {
      url = data.toString();
    });
    if (url === '') return;
    await openAsClient(url, faults);
  }
}
