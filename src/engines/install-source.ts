/** What the ways to get an engine have in common: progress, and one source's part in an installation. */

export type InstallSourceName = 'release' | 'homebrew' | 'wheel';

/** What brings an engine: a source, or a Python tool. */
export type Bringer = InstallSourceName | 'uv' | 'pip';

/** How far an installation is. `totalBytes` is null until it is known; `message` is one sentence for people. */
export type InstallProgress = {
  readonly phase: 'looking' | 'downloading' | 'verifying' | 'unpacking' | 'testing' | 'done' | 'failed';
  readonly source: Bringer | null;
  readonly bytes: number;
  readonly totalBytes: number | null;
  readonly message: string;
};

export type InstallStep = Omit<InstallProgress, 'source'>;

/** An installation to be looked at and ended: the one under way, or the last one. */
export interface InstallWatch {
  /** Null before the first. */
  readonly progress: InstallProgress | null;
  /** Its last messages, oldest first. */
  readonly log: readonly string[];
  readonly isRunning: boolean;
  /** Hears every step until the returned function is called. */
  onProgress(listener: (progress: InstallProgress) => void): () => void;
  /** Ends it; its waiters get Fault('cancelled'). */
  cancel(): void;
}

export type InstallRequest = {
  /** A release such as `b11434`; null for the newest. */
  readonly version: string | null;
  /** An empty folder of its own, removed afterwards. On the same file system as the final place. */
  readonly stagingDir: string;
  readonly report: (step: InstallStep) => void;
  readonly signal: AbortSignal;
};

/**
 * What a source brought: a folder with the program in it, to be tested and kept as `id`, or a program put elsewhere.
 */
export type Fetched =
  | { readonly kind: 'folder'; readonly id: string; readonly folder: string }
  | { readonly kind: 'elsewhere'; readonly executable: string };

export interface InstallSource {
  readonly name: InstallSourceName;
  /** Whether it can serve this machine and this version at all. */
  canServe(version: string | null): boolean;
  /** Gets it. Throws a Fault that says what went wrong, 'offline' when its host cannot be reached. */
  fetch(request: InstallRequest): Promise<Fetched>;
}
