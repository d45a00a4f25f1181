/** @jsxImportSource @kitajs/html */
/** Turns a view into an answer: the whole page, or only its content when htmx asks for part of one. */
import type { VendorUrls } from '#src/web/vendor.ts';
import { Layout } from '#views/layout.tsx';
import type { PageName } from '#views/nav.tsx';
import { PAGE_VARIES_BY } from './compress-page.ts';
import { markupOf } from './markup.ts';

/** A page's content. */
export type Page = {
  readonly title: string;
  /** Which entry of the navigation it belongs to; null for none. */
  readonly current: PageName | null;
  readonly body: JSX.Element;
  /** What the page looks at, when that is not what its entry of the navigation is called. */
  readonly topic?: string;
  /** Files of `public/css/pages` that this page needs. */
  readonly styles: readonly string[];
  /** Scripts of `public/js` that only this page needs. */
  readonly scripts?: readonly string[];
};

export type Reply = { readonly status?: number; readonly headers?: Readonly<Record<string, string>> };

export type ShellParts = {
  readonly vendor: VendorUrls;
  /** Shown in the foot, and compared by open pages: when it changes, they offer to reload. */
  readonly version: string;
};

/** Makes HTML answers. */
export interface Shell {
  page(request: Request, page: Page, reply?: Reply): Response;
  /** Part of a page, alone. */
  fragment(markup: JSX.Element, reply?: Reply): Response;
}

const HTML_TYPE = 'text/html; charset=utf-8';

/** Makes the shell of all pages. */
export function shell({ vendor, version }: ShellParts): Shell {
  return {
    page: (request, page, reply = {}) => {
      // Asked with the layout already there (a boosted link, a form): only the content is wanted.
      if (request.headers.get('hx-request-type') === 'partial') return respond(markupOf(page.body), reply);
      // Rendered by a view: `safe` tells the escape checker so.
      const safeBody = markupOf(page.body);
      const markup = (
        <Layout
          title={page.title}
          current={page.current}
          topic={page.topic ?? page.current}
          styles={page.styles}
          scripts={page.scripts ?? []}
          vendor={vendor}
          version={version}
        >
          {safeBody}
        </Layout>
      );
      return respond(markupOf(markup), reply);
    },
    fragment: (markup, reply = {}) => respond(markupOf(markup), reply),
  };
}

function respond(html: string, { status = 200, headers = {} }: Reply): Response {
  return new Response(html, { status, headers: { ...headers, 'content-type': HTML_TYPE, vary: PAGE_VARIES_BY } });
}
