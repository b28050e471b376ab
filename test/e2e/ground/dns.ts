import { createSocket, type Socket } from 'node:dgram';

/** What the names of a zone say just now. */
export interface Zone {
  readonly apex: string;
  /** Where its name server is, which is this one. */
  readonly server: string;
  txt(name: string): string | undefined;
  /** Another name that this one stands for. */
  cname?(name: string): string | undefined;
}

const A = 1;
const NS = 2;
const CNAME = 5;
const SOA = 6;
const TXT = 16;
const IN = 1;

/** A name server for one zone at port 53 of one address of this host, as far as a certificate authority and its clients ask one. */
export async function startDns(zone: Zone): Promise<{ close(): Promise<void> }> {
  const socket = createSocket('udp4');
  socket.on('message', (question, { address: from, port }) => socket.send(answer(question, zone), port, from));
  await new Promise<void>((ready) => socket.bind(53, zone.server, ready));
  return { close: () => closed(socket) };
}

/** RFC 1035, 4.1: a header of twelve bytes, the question as it came, and at most one record. */
function answer(question: Buffer, zone: Zone): Buffer {
  const { name, end } = nameAt(question, 12);
  const type = question.readUInt16BE(end);
  const data = dataOf(name, type, zone);
  const header = Buffer.alloc(12);
  question.copy(header, 0, 0, 2);
  // An answer with authority, recursion as asked for.
  header.writeUInt16BE(0x8400 | (question.readUInt16BE(2) & 0x0100), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(data === undefined ? 0 : 1, 6);
  const asked = question.subarray(12, end + 4);
  return Buffer.concat([header, asked, ...(data === undefined ? [] : [record(type, data)])]);
}

function dataOf(name: string, type: number, { apex, server, txt, cname }: Zone): Buffer | undefined {
  if (type === SOA && name === apex) {
    const numbers = Buffer.alloc(20);
    for (const [index, value] of [1, 3600, 600, 86_400, 1].entries()) numbers.writeUInt32BE(value, index * 4);
    return Buffer.concat([nameBytes(`ns.${apex}`), nameBytes(`root.${apex}`), numbers]);
  }
  if (type === NS && name === apex) return nameBytes(`ns.${apex}`);
  if (type === A && name === `ns.${apex}`) return Buffer.from(server.split('.').map(Number));
  const other = type === CNAME ? cname?.(name) : undefined;
  if (other !== undefined) return nameBytes(other);
  const text = type === TXT ? txt(name) : undefined;
  return text === undefined ? undefined : Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
}

/** Its name is the question's, which begins at byte 12. */
function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(IN, 4);
  head.writeUInt32BE(1, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function nameAt(message: Buffer, start: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = message.readUInt8(at); length > 0; length = message.readUInt8(at)) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 1 };
}

function nameBytes(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

function closed(socket: Socket): Promise<void> {
  return new Promise((done) => socket.close(() => done()));
}
