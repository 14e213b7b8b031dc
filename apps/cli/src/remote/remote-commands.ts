import type { Command } from 'commander';
import { addKeysEvents } from './keys-events.js';
import { addKeysGenerate } from './keys-generate.js';
import { addKeysList } from './keys-list.js';
import { addKeysResume } from './keys-resume.js';
import { addKeysRevoke } from './keys-revoke.js';
import { addKeysShow } from './keys-show.js';
import { addKeysSuspend } from './keys-suspend.js';
import { addLogin } from './login.js';
import { addLogout } from './logout.js';
import { examples } from './options.js';
import { addRegistriesCreate } from './registries-create.js';
import { addRegistriesList } from './registries-list.js';
import { addRegistriesShow } from './registries-show.js';
import { addStatus } from './server-status.js';

/** The commands that ask a server over its API, from anywhere. */
export function addRemoteCommands(dockreg: Command): void {
  dockreg.commandsGroup('Over the API of a server (docs/cli.md):');
  addLogin(dockreg);
  addLogout(dockreg);
  addStatus(dockreg);
  const registries = dockreg.command('registries').description('the registries that you see');
  addRegistriesList(registries);
  addRegistriesShow(registries);
  addRegistriesCreate(registries);
  examples(registries, { 'dockreg registries': 'the same as dockreg registries list' });
  const keys = dockreg.command('keys').description('the keys of a registry');
  for (const add of [
    addKeysList, addKeysGenerate, addKeysShow, addKeysEvents, addKeysSuspend, addKeysResume, addKeysRevoke,
  ]) add(keys); // prettier-ignore
  examples(keys, { 'dockreg keys list --registry myapp': 'its keys' });
}
