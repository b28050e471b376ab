import { builtinPlugins, plannedPlugins } from '../../../provisioners/index.ts';
import { type ConfigReport, configCheck, configExplain, configSchema, type LoadOptions } from '../../config/index.ts';
import { type Args, flag, type Handler } from '../command.ts';
import { serviceEnv } from '../configuration.ts';
import { EXIT } from '../exit.ts';
import type { Io } from '../io.ts';

export const check: Handler = async (args, io) => show(configCheck(args.config, optionsFor(io)), args, io);

export const explain: Handler = async (args, io) => show(configExplain(args.config, optionsFor(io)), args, io);

export const schema: Handler = async (_args, io) => {
  io.out(JSON.stringify(configSchema(builtinPlugins, plannedPlugins), null, 2));
  return EXIT.ok;
};

function optionsFor(io: Io): LoadOptions {
  return { plugins: builtinPlugins, planned: plannedPlugins, env: serviceEnv(io.env) };
}

function show(report: ConfigReport, args: Args, io: Io): typeof EXIT.ok | typeof EXIT.config {
  io.out(flag(args, 'json') ? JSON.stringify(report.json, null, 2) : report.text);
  return report.ok ? EXIT.ok : EXIT.config;
}
