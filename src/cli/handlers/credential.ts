import { readFile } from 'node:fs/promises';
import { CredentialsError, openCredentials } from '../../identity/credentials.ts';
import { readSeed } from '../../identity/seed.ts';
import { parseContractId } from '../../ports/ids.ts';
import { type Handler, text } from '../command.ts';
import { readConfig } from '../configuration.ts';
import { EXIT } from '../exit.ts';
import { Failure } from '../failure.ts';
import { pickContract, readRecords } from '../records.ts';

export const credential: Handler = async (args, io) => {
  const { agent } = await readConfig(args, io);
  const records = [...((await readRecords(agent.stateDir))?.records.values() ?? [])];
  const wanted = pickContract(
    args.operands[0] ?? '',
    records.map(({ contract }) => contract),
  );
  const sealed = records.find(({ contract }) => contract === wanted)?.credential;
  if (sealed === undefined) {
    throw new Failure({
      what: `there is no sealed password of contract ${wanted}`,
      details: ['Passwords are sealed here only to a key that is known: tenant_pubkey, or reset-password --seal-for.'],
      next: 'Make a new one:',
      command: `dc-agent reset-password ${wanted.slice(0, 12)} --seal-for PUBKEY`,
    });
  }
  io.err(`sealed to ${sealed.sealedFor}`);
  io.out(sealed.envelope);
  return EXIT.ok;
};

export const openCredential: Handler = async (args, io) => {
  const id = text(args, 'contract');
  const contract = parseContractId(id);
  if (id !== undefined && contract === undefined)
    throw new Failure({ what: '--contract takes the whole id, 64 hexadecimal digits', exit: EXIT.usage });
  const from = args.operands[0] ?? '-';
  const envelope = from === '-' ? await io.input() : await read(from);
  const keyFile = text(args, 'key') ?? '';
  try {
    io.out(openCredentials(envelope.trim(), readSeed(await read(keyFile)), contract).reveal());
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error;
    throw new Failure({ what: error.message, next: `Check that ${keyFile} is the key that it was sealed to.` });
  }
  return EXIT.ok;
};

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new Failure({ what: `${path} cannot be read`, cause });
  }
}
