/** The faults that Flow has to bear, by number: a test whose title begins with the number proves each of them. */

export type Numbered = {
  readonly number: string;
  /** What goes wrong, or what an attacker tries. */
  readonly what: string;
  /** Why no machine of the tests can show it; then no test is demanded. */
  readonly notHere?: string;
};

/** An engine's life: F-01 to F-22. Streams: to F-36. Scheduling: to F-50. */
const SERVING: readonly string[] = [
  'an engine is killed in the middle of a stream',
  'an engine dies in the prefill, before anything was sent',
  'an engine hangs in the middle of a stream',
  'an engine hangs before its headers',
  'an engine never becomes ready',
  'a load is slow, but alive',
  'an engine ends at once: it does not know a flag',
  'a shared library of the engine is missing',
  'the engine is missing, may not be executed, or is for another machine',
  'the port of an engine is taken',
  'a model file is cut, junk, a web page or empty',
  'a model file is deleted or replaced while it is loaded',
  'memory runs out during a load',
  'the system kills an idle engine',
  'an engine crashes again and again',
  'an engine ignores SIGTERM',
  "an engine's grandchild holds its pipes",
  "another server answers on an engine's port",
  'an engine answers a request with an error of its own',
  'the engine is replaced while one runs',
  'an engine floods its log',
  'an engine writes one line of 200 MB',
  'a client reads slowly, or not at all',
  'a client leaves while it is queued',
  'a client leaves while its model loads',
  'a client leaves in the prefill',
  'a client leaves while its answer is generated',
  'a client that leaves had sent X-Conversation-Id',
  'an engine dies of an aborted request',
  'characters are split at every byte',
  'event streams of every shape',
  'events after the end, empty choices, unknown fields',
  'an error comes with status 200, or in the middle of a stream',
  'a whole answer comes where a stream was asked for, and the reverse',
  'an upstream compresses its answer',
  'half-closed connections, HTTP/1.0, pipelining, Expect',
  '200 clients ask for one cold model',
  '200 clients ask for ten cold models, with room for two',
  'two agents take turns with models that do not fit together',
  'an unload races a request',
  'an eviction would hit an answer',
  'a person unloads a busy model',
  'a request is cancelled from outside',
  'a model needs more than the machine has',
  'the estimate was wrong',
  'one model is wanted with two sets of options',
  'more requests than the queue takes',
  'a pinned model stands in the way',
  'settings change while a model loads or works',
  'one caller floods, another asks once',
];

/** Flow's own life: F-51 to F-60. Downloads: to F-75. Settings, database, disk: to F-86. Input: to F-93. Then pages. */
const KEEPING: readonly string[] = [
  'SIGTERM while answers stream',
  'a second signal',
  'SIGKILL',
  'SIGKILL, and the guards of the engines too',
  "Flow's port is taken",
  'two Flows share a data directory',
  'a handler throws',
  'file descriptors run out',
  'the data directory cannot be written',
  'a database and settings of another version',
  'the disk is too small for a download',
  'the disk fills during a download',
  'a download is cut',
  'Flow is killed during a download',
  'a downloaded file has another digest',
  'a server answers a range with something else',
  'a remote file changes between its parts',
  'the hub refuses: no token, a bad one, gated, not found',
  'the hub asks to wait',
  'the hub fails, or cannot be reached',
  'a download stalls',
  'a part of a split model fails',
  'the same file is asked for twice',
  'a download is cancelled',
  'file names of a repository that lead elsewhere',
  'settings that are damaged, of wrong types, or newer',
  'settings are read-only, or edited by hand',
  'another program holds the database',
  'the database is damaged',
  'the disk is full for the database',
  'records of more than a year',
  'the clock jumps',
  'the machine sleeps and wakes',
  'ten thousand model files',
  'links in circles, pipes, unreadable folders',
  'the disk with the models goes away',
  'a prompt of a million tokens',
  'pictures of 100 MB, several at once',
  'bodies that are no JSON',
  'bodies that are deep, wide or name prototypes',
  'fields of wrong types',
  'clients that send a byte now and then',
  'wrong methods and odd paths',
  'a hundred open pages',
  'a page that slept while Flow was started anew',
  'hours of mixed load',
  'what Flow costs over a direct connection',
];

const NOT_HERE: Readonly<Record<string, string>> = {
  'F-29': 'known of other engines only; one that dies of it is started anew like any that crashes (F-14, F-15)',
  'F-97': 'figures come from `bun run bench`: a timed test would be wrong on a busy machine',
};

/** All faults, in order. */
export const FAULT_CASES: readonly Numbered[] = [...SERVING, ...KEEPING].map((what, index) => {
  const number = `F-${String(index + 1).padStart(2, '0')}`;
  const notHere = NOT_HERE[number];
  return notHere === undefined ? { number, what } : { number, what, notHere };
});
