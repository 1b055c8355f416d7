// Saves the evidence of an alert as one archive: the story, the documents, and the contents of scripts.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import type { StoreReader } from '../../storage/store.ts';
import type { Story } from '../query/read-story.ts';
import { idChars } from './alert-table.ts';
import { storyLines } from './story-lines.ts';
import { type TarArchive, writeTar } from './tar-archive.ts';

const columns = 120;
/** Events in one file, so that memory is bounded, and files of events. */
const most = { eventsOfFile: 500, files: 40, scripts: 100 };

/** Writes `stepparent-ID-TIME.tar` into the directory, mode 0600, and returns its path. Throws EEXIST rather than replace a file. */
export function saveEvidence(store: StoreReader, story: Story, directory: string, nowMs: number): string {
  const { alert, incident, rule, packages, baseline, related } = story;
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const file = join(directory, `stepparent-${alert.id.replaceAll(/[^0-9a-f]/g, '').slice(0, idChars)}-${time}.tar`);
  const hashes = new Set<string>();
  const note = ({ stepparent: { script } }: StepparentEvent): void => {
    if (script?.sha256 !== undefined && hashes.size < most.scripts) hashes.add(script.sha256);
  };
  writeTar(file, nowMs, (archive) => {
    archive.add('story.txt', `${storyLines(story, columns).join('\n')}\n`);
    archive.add('alert.json', json([alert.document]));
    archive.add('related-alerts.ndjson', json(related.map(({ document }) => document)));
    archive.add('incident.json', json([incident]));
    archive.add('packages.json', json([packages]));
    archive.add('baseline.json', json([baseline]));
    if (rule !== undefined) addRule(archive, rule.file);
    note(alert.document);
    const id = alert.document.stepparent.transaction?.id;
    if (id !== undefined) addEvents(archive, store.transactionEvents(id), note);
    for (const hash of hashes) {
      const [script] = store.scriptsByPrefix(hash);
      if (script !== undefined) archive.add(`scripts/${script.sha256}`, script.content);
    }
  });
  return file;
}

const json = (documents: readonly unknown[]): string => documents.map((each) => `${JSON.stringify(each)}\n`).join('');

function addRule(archive: TarArchive, file: string): void {
  try {
    archive.add('rule.toml', readFileSync(file));
  } catch {
    // The story has the query of the rule.
  }
}

function addEvents(
  archive: TarArchive,
  events: Iterable<StepparentEvent>,
  note: (event: StepparentEvent) => void,
): void {
  let files = 0;
  let page: StepparentEvent[] = [];
  const flush = (): void => {
    if (page.length > 0) archive.add(`events-${String(++files).padStart(2, '0')}.ndjson`, json(page));
    page = [];
  };
  for (const event of events) {
    note(event);
    page.push(event);
    if (page.length >= most.eventsOfFile) flush();
    if (files >= most.files) return;
  }
  flush();
}
