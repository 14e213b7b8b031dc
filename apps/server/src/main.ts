import 'reflect-metadata';
import { Closers, createLog, readSettings, SettingsError } from '#libs/platform';
import { printBanner } from './banner.js';
import { explainStartError } from './explain-start-error.js';

/** Ends by itself within this of a signal, whatever hangs: with the default drain of 5 s, within 10 s. */
const EXIT_AFTER_DRAIN_MS = 4_500;

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const log = createLog(settings.logLevel);
  const closers = new Closers(log);
  const exitWithinMs = settings.gateDrainSeconds * 1_000 + EXIT_AFTER_DRAIN_MS;
  let ending = false;
  const end = (exitCode: number): void => {
    if (ending) return;
    ending = true;
    setTimeout(() => process.exit(exitCode || 1), exitWithinMs).unref();
    void closers.closeAll().then(() => process.exit(exitCode));
  };
  process.on('SIGINT', () => end(0));
  process.on('SIGTERM', () => end(0));
  try {
    // Only now: a wrong setting is told at once, without loading all of the server first.
    const { startServer } = await import('./start-server.js');
    const server = await startServer(settings, log, closers, { isTerminal: process.stdout.isTTY });
    printBanner(server, settings);
    void server.failed.then((error) => {
      if (ending) return;
      log.fatal({ error: error.message }, 'a part that the server needs has failed');
      end(1);
    });
  } catch (error) {
    if (ending) return;
    process.stderr.write(`Dockreg Keys cannot start: ${explainStartError(error, settings)}\n`);
    end(1);
  }
}

main().catch((error: unknown) => {
  const text =
    error instanceof SettingsError
      ? error.problems.map((problem) => `\n  ${problem}`).join('')
      : String(error);
  process.stderr.write(`Dockreg Keys cannot start:${text}\n`);
  process.exit(1);
});
