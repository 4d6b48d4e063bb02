import { text } from 'node:stream/consumers';
import { runCommandLine } from './program.ts';

process.exitCode = await runCommandLine(process.argv.slice(2), {
  readInput: async () => await text(process.stdin),
  print: (line) => {
    console.log(line);
  },
  printError: (line) => {
    console.error(line);
  },
});
