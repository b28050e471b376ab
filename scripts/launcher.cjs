// Head of dist/main.js. The build puts the program behind it, in a comment: Node would otherwise parse some hundred thousand
// lines before it could print a version. Runs as CommonJS (the file alone) and as an ES module (in a package), and down to
// Node 12, so that an old Node is answered with a sentence instead of a syntax error.
const argument = process.argv[2];
const node = process.versions.node.split('.').map(Number);
const floor = '__NODE_FLOOR__'.split('.').map(Number);

// Node 21 and 22.0 to 22.1 lack what 20.19 and 22.2 have.
const between = node[0] === 21 || (node[0] === 22 && node[1] < 2);

if (between || node[0] < floor[0] || (node[0] === floor[0] && node[1] < floor[1])) {
  console.error(
    `dc-agent needs Node ${floor.join('.')} or newer, and of 22 at least 22.2; this is Node ${process.versions.node} (${process.execPath}).`,
  );
  process.exitCode = 1;
} else if (process.argv.length === 3 && (argument === '--version' || argument === '-V')) {
  process.stdout.write('__DC_VERSION__\n');
} else if (typeof require === 'function') {
  runProgram(require, __filename);
} else {
  void import('node:module').then(({ createRequire }) => {
    const requireHere = createRequire(process.argv[1]);
    runProgram(requireHere, requireHere.resolve(process.argv[1]));
  });
}

/**
 * Compiles the comment at the end of this file. Line numbers in stack traces are those of the file. What outlives this function stands in
 * what it compiles: as long as the engine needs a function of this file, it keeps the text of all of it, a second time.
 */
function runProgram(requireHere, file) {
  const { Script, constants } = requireHere('node:vm');
  const text = requireHere('node:fs').readFileSync(file, 'latin1');
  const start = text.indexOf('\n/*program\n') + 1;
  const program = text.slice(start + '/*program'.length, text.lastIndexOf('*/')).replaceAll('*@/', '*/');
  const before =
    "(function (require, __filename, __dirname) { 'use strict'; let ended = false; process.once('beforeExit', () => { if (ended) return; " +
    "console.error('dc-agent: nothing is left to wait for, and the command has not ended. This is a fault of the program.'); " +
    'process.exitCode = 13; }); (async () => { ';
  const script = new Script(`${before}${program}})().finally(() => { ended = true; }); })`, {
    filename: file,
    lineOffset: text.slice(0, start).split('\n').length - 1,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  script.runInThisContext()(requireHere, file, requireHere('node:path').dirname(file));
}
