/** What Flow asks of a model hub, and what it answers, in Flow's own words. */

/** A file of a repository, as listed. The path is the publisher's word: to be checked before it names anything here. */
export type HubFile = {
  readonly path: string;
  readonly sizeBytes: number;
  /** Digest of the content, 64 hexadecimal digits; null for small files, which are not kept by digest. */
  readonly sha256: string | null;
  /** What git calls the content, 40 hexadecimal digits; null for files that are kept by digest. */
  readonly gitId: string | null;
};

export type HubSort = 'downloads' | 'likes' | 'trending' | 'updated' | 'created';

export type HubQuery = {
  readonly text: string;
  readonly author: string | null;
  readonly format: 'gguf' | 'mlx' | null;
  /** Tags that a model must have, beyond its format. */
  readonly tags: readonly string[];
  /** Task that a model must be published for, for example `image-text-to-text`; null = any. */
  readonly task: string | null;
  readonly sort: HubSort;
  /** 1 to 100. */
  readonly limit: number;
  /** Where the page before ended, as that page said; null = the first. */
  readonly cursor: string | null;
};

/** `gated`: whether a licence must be accepted first, and whether that is granted by itself. */
export type HubModel = {
  readonly id: string;
  readonly author: string;
  readonly downloads: number;
  readonly likes: number;
  readonly tags: readonly string[];
  readonly task: string | null;
  readonly library: string | null;
  readonly gated: false | 'auto' | 'manual';
  readonly isPrivate: boolean;
  /** ISO 8601; null when the hub does not say. */
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
};

export type HubPage = { readonly models: readonly HubModel[]; readonly nextCursor: string | null };

export type HubRepository = HubModel & {
  /** The commit that the answer describes: a revision that does not move. */
  readonly commit: string;
  readonly licence: string | null;
  readonly licenceUrl: string | null;
  readonly languages: readonly string[];
  /** Repositories it was made from. */
  readonly baseModels: readonly string[];
};

export type HubFileName = { readonly repository: string; readonly revision: string; readonly path: string };

/** First and last byte, both counted; null = to the end. */
export type HubRange = { readonly fromByte: number; readonly toByte: number | null };

/** The content of a file, or a part of it, on its way. Whoever has it reads the body or cancels it. */
export type HubBody = {
  /** 200 = from the beginning, whatever was asked; 206 = from `fromByte`; 416 = there is nothing at that place. */
  readonly status: 200 | 206 | 416;
  /** Where the body begins in the file. */
  readonly fromByte: number;
  /** Size of the whole file; null when the host does not say. */
  readonly totalBytes: number | null;
  /** Names the content: two parts with different ones are not of one file. */
  readonly etag: string | null;
  readonly body: ReadableStream<Uint8Array>;
};

/**
 * A model hub. Every call is bounded in time and size and throws a Fault: 'offline', 'hub-token-missing',
 * 'hub-token-refused', 'hub-gated', 'hub-busy' (with its wait), 'hub-broken', 'not-found', 'cancelled', or
 * 'invalid-request' for names that no repository can have.
 */
export interface Hub {
  search(query: HubQuery, signal: AbortSignal): Promise<HubPage>;
  repository(id: string, signal: AbortSignal): Promise<HubRepository>;
  /** All files of all folders, in the hub's order. */
  files(id: string, revision: string, signal: AbortSignal): Promise<readonly HubFile[]>;
  /** Resolves with the head. The signal also ends the body; silence in the body is the reader's to notice. */
  open(file: HubFileName, range: HubRange, signal: AbortSignal): Promise<HubBody>;
}
