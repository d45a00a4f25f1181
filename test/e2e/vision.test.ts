/**
 * Pictures through a whole Flow to a real engine with a projector: every door, and a picture dropped on the chat. What
 * a model without eyes is told: test/gateway and test/e2e/ollama-sdk.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBrowser, watchedPage } from '../support/browser.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow } from '../support/running-flow.ts';
import { writeScriptedModel } from '../support/scripted-model.ts';
import { PICTURE_TOKENS, writeScriptedProjector } from '../support/scripted-vision.ts';

/** A red square of 28 by 28 pixels. */
const PNG = [
  'iVBORw0KGgoAAAANSUhEUgAAABwAAAAcCAIAAAD9b0jDAAAAJ0lEQVR4nGM8ISfHQG3ARHUTRw0dNXTU0FFDRw0dNXTU0FFD',
  'B6WhAH4EATw6hVmXAAAAAElFTkSuQmCC',
].join('');
const QUESTION = 'What is it?';
const ANSWER = 'I see a picture, or I do not.';

let dataDir: string;
let flow: RunningFlow;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'flow-vision-'));
  const folder = join(dataDir, 'models', 'seer');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'seer.gguf');
  await writeScriptedModel(path, { name: 'seer', scripts: { plain: ANSWER } });
  await writeScriptedProjector(join(folder, 'mmproj-seer.gguf'), path);
  flow = await startFlow({ engine: realEngine().executable, dataDir });
  await flow.json('/api/register-local', { path });
  await flow.json('/api/settings', { default_model: 'seer' }, 'PUT');
}, 180_000);
afterAll(async () => {
  await flow?.[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

type Door = {
  readonly path: string;
  readonly body: (hasPicture: boolean) => unknown;
  readonly read: (answer: never) => { text: string; promptTokens: number };
};

const url = `data:image/png;base64,${PNG}`;
const when = <Part>(hasPicture: boolean, part: Part): Part[] => (hasPicture ? [part] : []);

const DOORS: readonly Door[] = [
  {
    path: '/v1/chat/completions',
    body: (hasPicture) => ({
      messages: [
        {
          role: 'user',
          content: [{ type: 'text', text: QUESTION }, ...when(hasPicture, { type: 'image_url', image_url: { url } })],
        },
      ],
    }),
    read: (answer: { choices: [{ message: { content: string } }]; usage: { prompt_tokens: number } }) => ({
      text: answer.choices[0].message.content,
      promptTokens: answer.usage.prompt_tokens,
    }),
  },
  {
    path: '/v1/messages',
    body: (hasPicture) => ({
      max_tokens: 50,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: QUESTION },
            ...when(hasPicture, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } }),
          ],
        },
      ],
    }),
    read: (answer: {
      content: [{ text: string }];
      usage: { input_tokens: number; cache_read_input_tokens: number };
    }) => ({
      text: answer.content[0].text,
      promptTokens: answer.usage.input_tokens + answer.usage.cache_read_input_tokens,
    }),
  },
  {
    path: '/v1/responses',
    body: (hasPicture) => ({
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: QUESTION },
            ...when(hasPicture, { type: 'input_image', image_url: url }),
          ],
        },
      ],
    }),
    read: (answer: { output: [{ content: [{ text: string }] }]; usage: { input_tokens: number } }) => ({
      text: answer.output[0].content[0].text,
      promptTokens: answer.usage.input_tokens,
    }),
  },
  {
    path: '/api/chat',
    body: (hasPicture) => ({
      stream: false,
      messages: [{ role: 'user', content: QUESTION, ...(hasPicture ? { images: [PNG] } : {}) }],
    }),
    read: (answer: { message: { content: string }; prompt_eval_count: number }) => ({
      text: answer.message.content,
      promptTokens: answer.prompt_eval_count,
    }),
  },
];

describe('a picture', () => {
  test('makes a model with a projector one that sees', async () => {
    const { body } = await flow.json('/api/show', { model: 'seer' });
    expect(body.capabilities).toContain('vision');
  });

  for (const { path, body, read } of DOORS) {
    test(`reaches the engine through ${path}`, async () => {
      const ask = async (hasPicture: boolean) => {
        const asked = { model: 'seer', ...(body(hasPicture) as object) };
        return read((await flow.json(path, asked)).body as never);
      };
      const blind = await ask(false);
      const seeing = await ask(true);
      expect(blind.text).toBe(ANSWER);
      expect(seeing.text).toBe(ANSWER);
      // The engine's own count: it read the picture, since its patches take places.
      expect(seeing.promptTokens - blind.promptTokens).toBeGreaterThanOrEqual(PICTURE_TOKENS);
    });
  }

  test('that is none is refused in words, and the model stays', async () => {
    const content = [{ type: 'image_url', image_url: { url: 'data:image/png;base64,QUJDRA==' } }];
    const body = JSON.stringify({ model: 'seer', messages: [{ role: 'user', content }] });
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${flow.url}/v1/chat/completions`, { method: 'POST', headers, body });
    expect(response.status).toBe(400);
    expect(await response.text()).toMatch(/image/i);
    const after = await flow.json('/v1/chat/completions', { messages: [{ role: 'user', content: QUESTION }] });
    expect(JSON.stringify(after.body)).toContain(ANSWER);
  });

  test('is dropped on the chat, shown, sent and answered', async () => {
    const browser = await openBrowser();
    try {
      const { page, troubles } = await watchedPage(browser);
      await page.goto(`${flow.url}/chat`);
      await page.waitForSelector('#connection[data-state=live]');
      await page.evaluate(async (data) => {
        const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], 'red.png', { type: 'image/png' }));
        const composer = document.getElementById('composer');
        composer?.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
      }, PNG);
      await page.waitForSelector('#composer-images img');
      await page.focus('#composer-text');
      await page.keyboard.type(QUESTION);
      await page.keyboard.press('Enter');
      await page.waitForSelector('.turn[data-role=assistant][data-state=done]');
      expect(await page.locator('.turn[data-role=assistant] .prose').textContent()).toContain(ANSWER);
      expect(await page.locator('.turn__image').count()).toBe(1);
      expect(await page.locator('text=images left out').count()).toBe(0);
      expect(troubles).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
