/** How the engines of tests are to be asked. */
import { SPEECH, type Speech } from '#src/engines/speech.ts';

/** llama-server's way. */
export const llamaSpeech: Speech = { ...SPEECH['llama.cpp'], modelName: null };
