/**
 * Tells that a path may have come to lead to something else. It is a courtesy of the system and never to be relied on:
 * network file systems, some containers and spent limits tell nothing, so whoever uses it looks by himself, too.
 *
 * What is watched are directories and not files: a file that is replaced takes its watch away with it. And it is every
 * directory that the way to the file goes through, links and what they lead to included, because each of their entries
 * can be exchanged: Kubernetes renames the link `..data` in the directory of the links that lead through it.
 */
import { type FSWatcher, watch } from 'node:fs';
import { readlink, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, parse, sep } from 'node:path';

/** An entry of a directory that a path goes through. */
interface Step {
  /** Absolute, and free of links. */
  readonly directory: string;
  readonly name: string;
}

interface WatchedDirectory {
  readonly watcher: FSWatcher;
  /** Tells the directory from another one that came to bear its name. */
  readonly inode: string;
  names: ReadonlySet<string>;
}

/** As many links as Linux follows in one path. */
const mostLinks = 40;

/** Watches what some paths lead through. Never throws, and does not keep the process alive. */
export class PathWatch {
  readonly #onChange: () => void;
  readonly #watched = new Map<string, WatchedDirectory>();
  #closed = false;

  /** @param onChange called when an entry was changed that one of the paths goes through; also for no reason */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /**
   * Goes the ways of `paths` (absolute) and watches what they lead through now, and nothing else. To be repeated after
   * each change, because the ways have changed, too; and not before the last time is over.
   */
  async follow(paths: readonly string[]): Promise<void> {
    const wanted = new Map<string, Set<string>>();
    for (const path of paths) {
      for (const { directory, name } of await stepsOf(path)) {
        const names = wanted.get(directory) ?? new Set();
        wanted.set(directory, names.add(name));
      }
    }
    for (const [directory, names] of wanted) {
      const inode = await inodeOf(directory);
      if (this.#closed) return;
      const known = this.#watched.get(directory);
      if (known !== undefined && known.inode === inode) {
        known.names = names;
        continue;
      }
      this.#drop(directory);
      if (inode !== undefined) this.#open(directory, inode, names);
    }
    for (const directory of this.#watched.keys()) if (!wanted.has(directory)) this.#drop(directory);
  }

  #open(directory: string, inode: string, names: ReadonlySet<string>): void {
    let watcher: FSWatcher;
    try {
      watcher = watch(directory, { persistent: false }, (_event, name) => {
        const watched = this.#watched.get(directory);
        if (watched?.watcher !== watcher) return;
        // An event of the directory itself bears its own name: it was moved or removed, and its watch is good for nothing.
        if (name === basename(directory)) this.#drop(directory);
        else if (name !== null && !watched.names.has(name)) return;
        this.#onChange();
      });
    } catch {
      // It cannot be watched: no permission, or no watch left (ENOSPC, EMFILE).
      return;
    }
    watcher.on('error', () => {
      if (this.#watched.get(directory)?.watcher === watcher) this.#drop(directory);
    });
    this.#watched.set(directory, { watcher, inode, names });
  }

  #drop(directory: string): void {
    this.#watched.get(directory)?.watcher.close();
    this.#watched.delete(directory);
  }

  /** Stops watching. */
  close(): void {
    this.#closed = true;
    for (const directory of [...this.#watched.keys()]) this.#drop(directory);
  }
}

/** Returns the entries that a path goes through, in order, links resolved as the system does it. */
async function stepsOf(path: string): Promise<Step[]> {
  const steps: Step[] = [];
  let directory = parse(path).root;
  let ahead = path.slice(directory.length).split(sep);
  let links = 0;
  for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      directory = dirname(directory);
      continue;
    }
    steps.push({ directory, name });
    const entry = join(directory, name);
    const target = await readlink(entry).catch(() => undefined);
    if (target === undefined) {
      directory = entry;
      continue;
    }
    if (++links > mostLinks) break;
    const { root } = parse(target);
    if (isAbsolute(target)) directory = root;
    ahead = [...target.slice(root.length).split(sep), ...ahead];
  }
  return steps;
}

async function inodeOf(directory: string): Promise<string | undefined> {
  const stats = await stat(directory, { bigint: true }).catch(() => undefined);
  return stats?.isDirectory() ? `${stats.dev}:${stats.ino}` : undefined;
}
