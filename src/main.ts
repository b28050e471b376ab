import { VERSION } from './host/version.ts';

const argv = process.argv.slice(2);

// Answered before anything is loaded: installers and package tests ask for it often.
if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
  process.stdout.write(`${VERSION}\n`);
} else {
  const [{ runProgram }, { processIo }] = await Promise.all([import('./cli/program.ts'), import('./cli/io.ts')]);
  // Not process.exit(): what was written has to reach its reader, and a handler that leaves something open should be seen.
  process.exitCode = await runProgram(argv, processIo(argv));
}
